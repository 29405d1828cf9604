"""Count how emotions follow each other in MELD train; prints `core/dialogue/transitions.toml`.

python -m emotion_lab train transitions > emotion_node/core/dialogue/transitions.toml
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from emotion_lab.data.datasets import MeldUtterance, read_meld
from emotion_lab.data.metrics import IntArray
from emotion_node.labels import LABELS


def count_transitions(utterances: Iterable[MeldUtterance]) -> tuple[IntArray, IntArray, IntArray]:
    """Return the counts of labels (7,) and of transitions (7, 7); rows are the earlier label.

    First transitions from the last turn of the same speaker, then from the last of another one.

    Args:
        utterances: in the order of speaking.
    """
    n = len(LABELS)
    shares = np.zeros(n, np.int64)
    own, other = np.zeros((n, n), np.int64), np.zeros((n, n), np.int64)
    for _, dialogue in itertools.groupby(utterances, key=lambda one: one.dialogue_id):
        past: list[MeldUtterance] = []
        for now in dialogue:
            shares[now.label] += 1
            for same, table in ((True, own), (False, other)):
                before = [one for one in past if (one.speaker == now.speaker) is same]
                if before:
                    table[before[-1].label, now.label] += 1
            past.append(now)
    return shares, own, other


def as_toml(shares: IntArray, own: IntArray, other: IntArray) -> str:
    """Return the file that `core.dialogue.transitions` reads."""
    lines = [
        '# Labels in MELD train, and how often one follows another: rows are the label before.',
        '# Generated: python -m emotion_lab train transitions',
        f'# {", ".join(LABELS)}',
        f'shares = {shares.tolist()}',
    ]
    for name, table in (('own', own), ('other', other)):
        lines += [f'{name} = [', *(f'  {row},' for row in table.tolist()), ']']
    return '\n'.join(lines) + '\n'


def main(args: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train transitions',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    given = parser.parse_args(args)
    print(as_toml(*count_transitions(read_meld('train', given.data))), end='')
    return 0
