"""Readers for everyday language: DailyDialog, ISEAR and the sentences of this project.

Needs no torch. The folders are those of `datasets`; the project's own sentences are in
`everyday.txt` beside this file.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from emotion_lab.data.datasets import (
    ENVIRONMENT_VARIABLE,
    DatasetError,
    LabelledText,
    clean_text,
    data_root,
)
from emotion_node.labels import LABELS

WRITTEN: Final = Path(__file__).with_suffix('.txt')
EXPANSIONS: Final = 24
"""Largest number of sentences from one line of `everyday.txt`."""

_DAILYDIALOG_FILES: Final = {'train': 'dailydialog_train.json', 'dev': 'dailydialog_valid.json'}
_DAILYDIALOG_LABELS: Final = {
    'happiness': 'joy',
    'happy': 'joy',
    'excited': 'joy',
    'sad': 'sadness',
    'angry': 'anger',
    'surprised': 'surprise',
}
_BEFORE_MARK: Final = re.compile(r"\s+([.,!?;:%)]|n't\b|'(?:s|m|re|ve|ll|d|t)\b)")
_SPLIT_APOSTROPHE: Final = re.compile(r"(\w)\s*'\s+(s|m|re|ve|ll|d|t|clock|am)\b", re.IGNORECASE)
_AFTER_MARK: Final = re.compile(r'(\w[?!]|[a-z]{2}[.,])(?=[A-Za-z])')

_ISEAR_LABELS: Final = ('joy', 'fear', 'anger', 'sadness', 'disgust')
_ISEAR_BREAK: Final = 'á'
_ISEAR_OPENING: Final = re.compile(
    r'^(?:when(?:ever)?|the time when|the time)\s+(?=i\b|my\b|we\b)', re.IGNORECASE
)
_ISEAR_EMPTY: Final = re.compile(r'no response|never (?:felt|experienced)|blank|not applicable')
MIN_WORDS, MAX_WORDS = 4, 45

_CHOICE: Final = re.compile(r'\{([^{}]*)\}')


@dataclass(frozen=True, slots=True)
class DailyTurn:
    """One labelled turn of DailyDialog.

    Attributes:
        dialogue: its number in the file.
        speaker: 'A' or 'B'.
        text: what was said, with punctuation as people write it.
        label: index into `labels.LABELS`.
    """

    dialogue: int
    speaker: str
    text: str
    label: int


def read_dailydialog(split: str, root: Path | None = None) -> list[DailyTurn]:
    """Return the emotional part of DailyDialog, dialogue by dialogue, in the order of speaking.

    Li et al., "DailyDialog: A Manually Labelled Multi-turn Dialogue Dataset", IJCNLP 2017; the
    part that Poria et al., "Recognizing Emotion Cause in Conversations", 2021, chose. Happiness
    is read as joy.

    Args:
        split: train or dev (the published valid); there is no test part here.
        root: folder of the data sets, as in `data_root`.

    Raises:
        DatasetError: the file is missing or is not DailyDialog.
    """
    if split not in _DAILYDIALOG_FILES:
        raise DatasetError(f'DailyDialog has no split {split!r} here; it has train and dev')
    path = data_root(root) / 'dailydialog_reccon' / _DAILYDIALOG_FILES[split]
    if not path.is_file():
        raise DatasetError(
            f'no DailyDialog at {path}; put the file of RECCON there, or set '
            f'{ENVIRONMENT_VARIABLE} to the folder that holds dailydialog_reccon/'
        )
    turns = []
    try:
        dialogues = [one for part in json.loads(path.read_bytes()).values() for one in part]
        for number, dialogue in enumerate(dialogues):
            for turn in dialogue:
                name = _DAILYDIALOG_LABELS.get(turn['emotion'], turn['emotion'])
                text = untokenised(turn['utterance'])
                turns.append(DailyTurn(number, turn['speaker'], text, LABELS.index(name)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f'{path} is not DailyDialog as RECCON publishes it: {error}') from error
    return turns


def untokenised(text: str) -> str:
    """Return a tokenised text as people write it: "I ' m here , Tom ." as "I'm here, Tom."."""
    text = _SPLIT_APOSTROPHE.sub(r"\1'\2", clean_text(text).replace('’', "'"))
    return _AFTER_MARK.sub(r'\1 ', _BEFORE_MARK.sub(r'\1', text))


def read_isear(root: Path | None = None) -> list[LabelledText]:
    """Return ISEAR's memories of joy, fear, anger, sadness and disgust.

    Scherer and Wallbott, "Evidence for universality and cultural variation of differential
    emotion response patterning", 1994. Shame and guilt are left out: they are none of the labels,
    and people tell of them without anger or sadness that others would hear. "When I ..." at the
    beginning becomes "I ...", which is how people talk; memories with fewer than 4 or more than
    45 words, and notes that there was none, are left out.

    Raises:
        DatasetError: the file is missing or is not ISEAR.
    """
    path = data_root(root) / 'isear' / 'isear.csv'
    if not path.is_file():
        raise DatasetError(
            f'no ISEAR at {path}; put it there, or set {ENVIRONMENT_VARIABLE} to the folder '
            'that holds isear/'
        )
    with path.open(encoding='utf-8', errors='replace', newline='') as file:
        rows = csv.DictReader(file, delimiter='|', quoting=csv.QUOTE_NONE)
        if not {'Field1', 'SIT'} <= set(rows.fieldnames or ()):
            raise DatasetError(f'{path} is not ISEAR: it has no columns Field1 and SIT')
        found = []
        for row in rows:
            text = clean_text((row['SIT'] or '').replace(_ISEAR_BREAK, ' ')).strip('"[] ')
            text = _ISEAR_OPENING.sub('', text[:1].lower() + text[1:])
            text = text[:1].upper() + text[1:]
            if row['Field1'] not in _ISEAR_LABELS or _ISEAR_EMPTY.search(text.lower()):
                continue
            if MIN_WORDS <= len(text.split()) <= MAX_WORDS:
                found.append(LabelledText(text, LABELS.index(row['Field1'])))
    return found


def read_written(path: Path = WRITTEN, expansions: int = EXPANSIONS) -> list[LabelledText]:
    """Return the sentences of `everyday.txt`.

    Its lines stand under their label in brackets; each gives up to `expansions` different
    sentences, in which `{a|b}` is one of its parts, drawn by the line's number.

    Raises:
        DatasetError: a line stands under no label.
    """
    label = None
    found = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
        if not line.strip() or line.startswith('#'):
            continue
        if line.startswith('['):
            name = line.strip('[] ')
            label = LABELS.index(name) if name in LABELS else None
            continue
        if label is None:
            raise DatasetError(f'{path}, line {number} stands under no label')
        rng = np.random.default_rng(number)
        drawn = dict.fromkeys(_expand(line, rng) for _ in range(2 * expansions))
        found += [LabelledText(text, label) for text in list(drawn)[:expansions]]
    return found


def _expand(line: str, rng: np.random.Generator) -> str:
    def choose(match: re.Match[str]) -> str:
        parts = match[1].split('|')
        return parts[int(rng.integers(len(parts)))]

    return _CHOICE.sub(choose, line)
