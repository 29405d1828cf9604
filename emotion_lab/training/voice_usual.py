"""Choose how far the voice is compared with its usual answer, on corpora left out of training.

    python -m emotion_lab train voice-usual

Prints, by the share of the usual deviation that is taken off log scores and by the number of
utterances at which half of it is: mean recall of the corpora left out, each speaker saying all
clips in random order; area under the ROC curve of the label's score, right against wrong; in
everyday talk, 80 % of it neutral, recall of neutral clips and mean recall of the others; and of
ten clips with one label in a row, how many of the first three and of the last three are labelled
right, and how many of the last three are labelled neutral.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from emotion_lab.data.metrics import (
    area_under_roc,
    confusion,
    shared_scores,
    unweighted_average_recall,
)
from emotion_lab.data.voice_dialogues import dialogue_means
from emotion_lab.training.voice_calibration import AROUSAL_SHARE, Comparison, known_mean
from emotion_lab.training.voice_left_out import RUNS, LeftOut, Networks, against
from emotion_node.labels import LABELS

SHARES: Final = (0.0, 0.5, 0.7, 0.9)
WEIGHTS: Final = (2.0, 5.0, 10.0)
COLUMNS: Final = (
    'mean recall',
    'right or wrong, AUC',
    'everyday: neutral',
    'others',
    'in a row: right at first',
    'right at last',
    'neutral at last',
)


def measure(asked: Mapping[str, LeftOut], comparison: Comparison) -> list[float]:
    """Return the figures of `COLUMNS`.

    Args:
        asked: answers to each corpus by networks that do not know it.
        comparison: how they are compared; what is usual is fitted on the other corpora.
    """
    recalls, best, right = [], [], []
    names, labels, scores = [], [], []
    for corpus, one in asked.items():
        others = [other for name, other in asked.items() if name != corpus]
        known = known_mean([(other.warm, other.labels) for other in others])
        said = against(one.warm, one.heard, known, comparison)
        compared = said.logs.exp().double().numpy()
        shared = shared_scores(compared, one.labels).argmax(1)
        recalls.append(unweighted_average_recall(confusion(one.labels, shared)))
        best.append(compared.max(1))
        right.append(compared.argmax(1) == one.labels)
        talk = against(one.said, one.before, known, comparison)
        scores.append(talk.logs.exp().double().numpy())
        labels.append(one.labels[one.dialogues.rows])
        names.append(np.char.add(f'{corpus} ', one.dialogues.names))
    found = dialogue_means(np.concatenate(names), np.concatenate(labels), np.concatenate(scores))

    def in_a_row(what: str) -> float:
        keys = [f'{label}_in_a_row_{what}' for label in LABELS[1:]]
        return float(np.mean([found[key] for key in keys if key in found]))

    return [
        float(np.mean(recalls)),
        area_under_roc(np.concatenate(best), np.concatenate(right)),
        found['everyday_neutral'],
        found['everyday_others'],
        in_a_row('first'),
        in_a_row('last'),
        in_a_row('last_neutral'),
    ]


def scan(asked: Mapping[str, LeftOut]) -> list[dict[str, Any]]:
    """Return the figures of every share and weight."""
    found = []
    for share, weight in itertools.product(SHARES, WEIGHTS):
        if share or weight == WEIGHTS[0]:
            figures = measure(asked, Comparison(share, AROUSAL_SHARE, weight))
            found.append({'share': share, 'weight': weight, 'figures': figures})
    return found


def main(args: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train voice-usual',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--first', type=Path, default=Path('runs/voice/first.onnx'))
    parser.add_argument('--first-answers', type=Path, default=Path('runs/voice/first.npz'))
    parser.add_argument('--runs', type=Path, default=Path('runs/voice'))
    parser.add_argument('--spectra', type=Path, default=Path('runs/voice-store'))
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--json', action='store_true', help='print JSON')
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    names = list(RUNS.values())
    networks = Networks.load(given.first, given.first_answers, given.runs, given.spectra, names)
    found = scan(networks.ask_left_out())
    if given.json:
        print(json.dumps(found))
        return 0
    print(f'| share | utterances at half | {" | ".join(COLUMNS)} |')
    print(f'|--:|--:|{"--:|" * len(COLUMNS)}')
    for one in found:
        weight = f'{one["weight"]:g}' if one['share'] else ''
        cells = ' | '.join(f'{value:.3f}' for value in one['figures'])
        print(f'| {one["share"]:g} | {weight} | {cells} |')
    return 0
