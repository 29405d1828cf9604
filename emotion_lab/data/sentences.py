"""Everyday sentences that people say to a robot, to measure text models on.

The sentences are in `sentences.tsv` beside this file, written by hand: situations and indirect
expressions rather than names of emotions, and neutral ones with such names. Each is read with
three markings: as Whisper writes it; in lower case without punctuation; and with the marks at the
ends of its sentences swapped, since these are the recogniser's choice more than the speaker's.
Every sentence stands alone, by an unknown speaker.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
