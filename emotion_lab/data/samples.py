"""Labelled utterances with their dialogue, under the conditions of measurement or training.

Needs no torch.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotion_lab.data.datasets import MeldUtterance, read_meld
from emotion_lab.data.everyday import read_dailydialog, read_written
from emotion_lab.data.noise import Condition
from emotion_node.backends.text_input import MAX_TURNS


@dataclass(frozen=True, slots=True)
class PastTurn:
    """One past utterance: who spoke, empty when unknown, and what was said."""

    speaker_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One utterance to classify.

    Attributes:
        text: what was said.
        label: index into `labels.LABELS`.
        speaker_id: who said it; empty when unknown.
        history: the turns before it in its dialogue, oldest first.
        group: its dialogue.
        corpus: where it is from.
    """

    text: str
    label: int
    speaker_id: str = ''
    history: tuple[PastTurn, ...] = ()
    group: int = 0
    corpus: str = 'meld'


class Speakers(enum.StrEnum):
    """What is known of the speakers."""

    NAMES = 'names'
    LETTERS = 'letters'
    UNKNOWN = 'unknown'


def with_history(turns: Sequence[tuple[int, PastTurn, int]], corpus: str = 'meld') -> list[Sample]:
    """Return a sample for each turn, given as dialogue, turn and label, in order of speaking."""
    samples: list[Sample] = []
    for dialogue, said in itertools.groupby(turns, key=lambda entry: entry[0]):
        past: tuple[PastTurn, ...] = ()
        for _, turn, label in said:
            samples.append(Sample(turn.text, label, turn.speaker_id, past, dialogue, corpus))
            past = (*past, turn)[-MAX_TURNS:]
    return samples


def meld_samples(split: str, condition: Condition, root: Path | None = None) -> list[Sample]:
    """Return a split of MELD with its history, all of it under one condition."""
    return with_history(
        [
            (
                row.dialogue_id,
                PastTurn(row.speaker, condition.apply(row.text, _key(row))),
                row.label,
            )
            for row in read_meld(split, root)
        ]
    )


def dailydialog_samples(
    split: str, condition: Condition, root: Path | None = None
) -> list[Sample]:
    """Return a split of DailyDialog with its history, all of it under one condition."""
    return with_history(
        [
            (
                turn.dialogue,
                PastTurn(turn.speaker, condition.apply(turn.text, f'{split} {place}')),
                turn.label,
            )
            for place, turn in enumerate(read_dailydialog(split, root))
        ],
        'dailydialog',
    )


def written_samples(seed: int = 0) -> list[Sample]:
    """Return the project's own sentences; half of them after one or two neutral ones."""
    rng = np.random.default_rng(seed)
    texts = read_written()
    neutral = [one.text for one in texts if one.label == 0]
    samples = []
    for one in texts:
        past = tuple(
            PastTurn(('Alex', 'Robin')[rng.integers(2)], neutral[rng.integers(len(neutral))])
            for _ in range(max(0, int(rng.integers(-1, 3))))
        )
        samples.append(Sample(one.text, one.label, 'Alex', past, corpus='written'))
    return samples


def _key(row: MeldUtterance) -> str:
    return f'{row.split} {row.dialogue_id} {row.utterance_id}'


def without_speakers(sample: Sample) -> Sample:
    """Return `sample` without its speakers."""
    return Sample(
        sample.text,
        sample.label,
        '',
        tuple(PastTurn('', turn.text) for turn in sample.history),
        sample.group,
    )


def without_past(sample: Sample) -> Sample:
    """Return `sample` without its history and its speaker."""
    return Sample(sample.text, sample.label, group=sample.group)
