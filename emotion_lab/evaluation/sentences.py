"""Measure the text model on everyday sentences that people say to a robot.

The sentences are in `sentences.tsv` beside this file, written by hand: situations and indirect
expressions rather than names of emotions, and neutral ones with such names. Each is read with
three markings: as Whisper writes it; in lower case without punctuation; and with the marks at the
ends of its sentences swapped, since these are the recogniser's choice more than the speaker's.
Every sentence stands alone, by an unknown speaker.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_lab.data.metrics import confusion
from emotion_node.interfaces import TextEmotion
from emotion_node.labels import LABELS

SENTENCES: Final = Path(__file__).with_suffix('.tsv')
SWAPPED: Final = str.maketrans('.!?', '!..')
HALVES: Final = ('dev', 'test')


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Attributes:
        split: dev or test.
        label: index of its emotion.
        text: as Whisper writes it.
    """

    split: str
    label: int
    text: str


def as_written(text: str) -> str:
    """Return the text as it is."""
    return text


def plain(text: str) -> str:
    """Return the text in lower case, without punctuation but for apostrophes within words."""
    return re.sub(r"[^\w\s']", '', text).lower()


def swapped(text: str) -> str:
    """Return the text with "." for "!" and "?", and "!" for "." at the ends of sentences."""
    return re.sub(r'[.!?]+(?=\s|$)', lambda marks: marks.group()[:1].translate(SWAPPED), text)


MARKINGS: Final[dict[str, Callable[[str], str]]] = {
    'written': as_written,
    'plain': plain,
    'swapped': swapped,
}


def read_sentences(path: Path = SENTENCES) -> list[Sentence]:
    """Return all sentences."""
    lines = [line for line in path.read_text(encoding='utf-8').splitlines() if line[:1] != '#']
    return [
        Sentence(row['split'], LABELS.index(row['label']), row['text'])
        for row in csv.DictReader(lines, delimiter='\t', quoting=csv.QUOTE_NONE)
    ]


def sentence_figures(
    model: TextEmotion, sentences: Sequence[Sentence], split: str
) -> dict[str, Any]:
    """Return how a model reads one half of the sentences.

    Returns:
        `accuracy` by marking and their `mean`; `recall` by label, over all markings;
        `neutral_recall` by marking, and `neutral_exclaimed`: of neutral sentences that are no
        questions, ended with "!".
    """
    chosen = [one for one in sentences if one.split == split]
    truth = np.array([one.label for one in chosen], np.int64)
    answers = {}
    for name, marking in MARKINGS.items():
        scores = [model.estimate(marking(one.text), (), '').scores for one in chosen]
        answers[name] = np.array(scores, np.float64).argmax(axis=1)
    right = {name: answer == truth for name, answer in answers.items()}
    neutral = truth == LABELS.index('neutral')
    told = neutral & np.array([not one.text.endswith('?') for one in chosen])
    accuracy = {name: float(one.mean()) for name, one in right.items()}
    counts = np.sum([confusion(truth, answer) for answer in answers.values()], axis=0)
    return {
        'sentences': len(chosen),
        'accuracy': accuracy,
        'mean': float(np.mean(list(accuracy.values()))),
        'recall': dict(
            zip(LABELS, (counts.diagonal() / counts.sum(axis=1)).tolist(), strict=True)
        ),
        'neutral_recall': {name: float(one[neutral].mean()) for name, one in right.items()},
        'neutral_exclaimed': float(right['swapped'][told].mean()),
    }
