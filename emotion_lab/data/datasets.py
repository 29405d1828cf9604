"""Readers for the data sets as published, with their errors.

Needs no torch. The data's root is the environment variable `EMOTION_DATA`, or `shared/data`
beside the repository; the `README.md` there describes each folder.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.errors import UserError
from emotion_node.labels import LABELS

ENVIRONMENT_VARIABLE: Final = 'EMOTION_DATA'
SPLITS: Final = ('train', 'dev', 'test')

MAX_UTTERANCE_S: Final = 60.0
"""MELD rows that claim to last longer carry wrong times: its longest real utterance is 41 s."""

_TIME = re.compile(r'(\d+):(\d\d):(\d\d),(\d{1,3})')
_STRAY = re.compile('[\x80-\x9f\udc80-\udcff]')
_MASKED: Final = {'NAME': 'Alex', 'RELIGION': 'Christian'}
_MASK = re.compile(r'\[(NAME|RELIGION)\]')
_MELD_COLUMNS = frozenset(
    ('Utterance', 'Speaker', 'Emotion', 'Dialogue_ID', 'Utterance_ID', 'StartTime', 'EndTime')
)


class DatasetError(UserError):
    """A data set is missing or is not what its reader expects; the text says what to do."""


@dataclass(frozen=True, slots=True)
class MeldUtterance:
    """One labelled utterance of MELD.

    Attributes:
        split: train, dev or test.
        dialogue_id: scene, unique within its split.
        utterance_id: place in the scene; some numbers are missing in the original.
        speaker: name as published.
        text: what was said, cleaned by `clean_text`.
        label: index into `labels.LABELS`.
        span_s: start and end in the episode, in seconds, or None where the times are wrong.
    """

    split: str
    dialogue_id: int
    utterance_id: int
    speaker: str
    text: str
    label: int
    span_s: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One labelled text without dialogue.

    Attributes:
        text: cleaned by `clean_text`.
        label: index into `labels.LABELS`.
    """

    text: str
    label: int


def data_root(root: Path | None = None) -> Path:
    """Return the folder that holds the data sets.

    Args:
        root: the folder, if the caller knows it; else `EMOTION_DATA`, else `../shared/data`
            relative to the repository.

    Raises:
        DatasetError: there is no such folder.
    """
    if root is None:
        named = os.environ.get(ENVIRONMENT_VARIABLE)
        default = Path(__file__).parents[3] / 'shared' / 'data'
        root = Path(named) if named else default
    if not root.is_dir():
        raise DatasetError(
            f'no data folder at {root}; set {ENVIRONMENT_VARIABLE} to the folder that holds '
            'meld/, ravdess/ and the other data sets'
        )
    return root


def clean_text(text: str) -> str:
    """Return `text` with stray cp1252 characters corrected and runs of white space collapsed.

    Copies of MELD contain Windows quotes, dashes and ellipses (bytes 0x80 to 0x9f): as bytes that
    are not UTF-8 (read as the surrogates U+DC80 to U+DCFF) or, where they were read as Latin-1,
    as C1 control characters. No tokenizer knows either.
    """
    return ' '.join(_STRAY.sub(_from_cp1252, text).split())


def _from_cp1252(stray: re.Match[str]) -> str:
    return bytes((ord(stray[0]) & 0xFF,)).decode('cp1252', errors='ignore')


def read_meld(split: str, root: Path | None = None) -> list[MeldUtterance]:
    """Return one split of MELD, dialogue by dialogue, in the order of speaking.

    Poria et al., "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in
    Conversations", ACL 2019.

    Raises:
        DatasetError: the file is missing or is not MELD.
    """
    if split not in SPLITS:
        raise DatasetError(f'MELD has no split {split!r}; it has {", ".join(SPLITS)}')
    path = data_root(root) / 'meld' / f'{split}_sent_emo.csv'
    if not path.is_file():
        raise DatasetError(
            f'no MELD {split} text at {path}; put MELD\'s "{path.name}" there, or set '
            f'{ENVIRONMENT_VARIABLE} to the folder that holds meld/'
        )
    return sorted(
        read_meld_file(path, split),
        key=lambda utterance: (utterance.dialogue_id, utterance.utterance_id),
    )


def class_shares(root: Path | None = None) -> npt.NDArray[np.float64]:
    """Return (7,) shares of the classes in MELD train.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    labels = [row.label for row in read_meld('train', root)]
    return np.asarray(np.bincount(labels, minlength=len(LABELS)) / len(labels))


def read_goemotions(split: str, root: Path | None = None) -> list[LabelledText]:
    """Return the texts of GoEmotions that have exactly one label, in MELD's classes.

    Texts with several labels, 9 % of all, are left out. The masks for names and religions
    are replaced by words, since speech has no masks.

    Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions", ACL 2020, by its grouping
    into Ekman's emotions.

    Raises:
        DatasetError: a file is missing or is not GoEmotions in these classes.
    """
    if split not in SPLITS:
        raise DatasetError(f'GoEmotions has no split {split!r}; it has {", ".join(SPLITS)}')
    folder = data_root(root) / 'goemotions_ekman'
    for path in (folder / 'labels.txt', folder / f'{split}.tsv'):
        if not path.is_file():
            raise DatasetError(
                f'no {path}; put GoEmotions grouped by Ekman there, or set '
                f'{ENVIRONMENT_VARIABLE} to the folder that holds goemotions_ekman/'
            )
    names = (folder / 'labels.txt').read_text(encoding='utf-8').split()
    if sorted(names) != sorted(LABELS):
        raise DatasetError(
            f'{folder} has the labels {", ".join(names)}; expected {", ".join(LABELS)}'
        )
    chosen = []
    path = folder / f'{split}.tsv'
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
        fields = line.split('\t')
        if len(fields) != 3:
            raise DatasetError(f'{path}, row {number}: {len(fields)} fields, expected 3')
        if fields[1].isdecimal():
            text = clean_text(_MASK.sub(lambda mask: _MASKED[mask[1]], fields[0]))
            chosen.append(LabelledText(text, LABELS.index(names[int(fields[1])])))
    return chosen


def read_meld_file(path: Path, split: str) -> Iterator[MeldUtterance]:
    """Yield the rows of a table in MELD's columns, in its order.

    Args:
        path: of the CSV file.
        split: the split it belongs to.

    Raises:
        DatasetError: it does not have MELD's columns, or a row lacks a number or a known emotion.
    """
    text = path.read_text(encoding='utf-8-sig', errors='surrogateescape')
    rows = csv.DictReader(io.StringIO(text, newline=''))
    missing = _MELD_COLUMNS - set(rows.fieldnames or ())
    if missing:
        raise DatasetError(f'{path} is not MELD: it has no column {", ".join(sorted(missing))}')
    for number, row in enumerate(rows, start=2):
        emotion = (row['Emotion'] or '').strip().lower()
        if emotion not in LABELS:
            raise DatasetError(
                f'{path}, row {number}: emotion {emotion!r} is none of {", ".join(LABELS)}'
            )
        try:
            dialogue_id, utterance_id = int(row['Dialogue_ID']), int(row['Utterance_ID'])
        except (TypeError, ValueError) as error:
            raise DatasetError(
                f'{path}, row {number}: dialogue {row["Dialogue_ID"]!r} and utterance '
                f'{row["Utterance_ID"]!r} should be whole numbers'
            ) from error
        yield MeldUtterance(
            split=split,
            dialogue_id=dialogue_id,
            utterance_id=utterance_id,
            speaker=clean_text(row['Speaker'] or ''),
            text=clean_text(row['Utterance'] or ''),
            label=LABELS.index(emotion),
            span_s=_span(row['StartTime'] or '', row['EndTime'] or ''),
        )


def _span(start: str, end: str) -> tuple[float, float] | None:
    start_s, end_s = _seconds(start), _seconds(end)
    if start_s is None or end_s is None or not 0 < end_s - start_s <= MAX_UTTERANCE_S:
        return None
    return start_s, end_s


def _seconds(time: str) -> float | None:
    match = _TIME.fullmatch(time.strip())
    if match is None:
        return None
    hours, minutes, seconds, milliseconds = map(int, match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
