"""Folders of labelled clips: MELD's own, or clips with a manifest. Needs no torch.

MELD's own layout is as published: `train_sent_emo.csv`, `dev_sent_emo.csv` and
`test_sent_emo.csv`, and clips `dia{D}_utt{U}.mp4` in one folder per split whose name contains that
of the split (`train_splits`, `dev_splits_complete`, `output_repeated_splits_test`). Any other
CSV with MELD's columns works too; if there is only one, its clips may be in any folder below.

Otherwise a `manifest.csv` lists the clips in the columns file and emotion. It may have a column
dialogue and one whose name begins with split.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from emotion_lab.data.datasets import SPLITS, DatasetError, read_meld_file
from emotion_node.labels import LABELS

MANIFEST: Final = 'manifest.csv'
WAYS: Final = ('given', 'dialogue', 'none')
"""How clips are split: as in the folder, drawn by dialogue, or not at all (all for training)."""
DEV_SHARE, TEST_SHARE = 0.1, 0.2
"""Shares of the dialogues, when splits are drawn."""

_CLIP: Final = re.compile(r'dia(\d+)_utt(\d+)\.(?:mp4|mkv|mov|avi|webm)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """One clip.

    Attributes:
        path: of the file, which may be missing.
        name: unique within its folder of clips.
        split: train, dev or test.
        dialogue: unique within the folder of clips.
        label: index into `labels.LABELS`.
    """

    path: Path
    name: str
    split: str
    dialogue: str
    label: int


def read_clips(folder: Path, way: str = 'given', seed: int = 0) -> list[LabelledClip]:
    """Return all labelled clips of a folder, also those whose files are missing.

    Args:
        folder: of clips, laid out as above.
        way: one of `WAYS`.
        seed: of the drawn splits.

    Raises:
        DatasetError: there are none, or a table is wrong.
    """
    if way not in WAYS:
        raise DatasetError(f'split is {way!r}, expected one of {", ".join(WAYS)}')
    if not folder.is_dir():
        raise DatasetError(f'no folder of clips at {folder}')
    if (folder / MANIFEST).is_file():
        clips = _read_manifest(folder / MANIFEST)
    else:
        clips = _read_meld_layout(folder)
    if not clips:
        raise DatasetError(f'no clip is named in {folder}')
    if way == 'none':
        return [dataclasses.replace(clip, split='train') for clip in clips]
    return split_dialogues(clips, seed) if way == 'dialogue' else clips


def split_dialogues(clips: Sequence[LabelledClip], seed: int) -> list[LabelledClip]:
    """Return the same clips with whole dialogues drawn for dev and test."""
    dialogues = sorted({clip.dialogue for clip in clips})
    order = np.random.default_rng(seed).permutation(len(dialogues))
    dev = max(round(DEV_SHARE * len(order)), 1)
    test = dev + max(round(TEST_SHARE * len(order)), 1)
    split = {}
    for place, number in enumerate(order):
        split[dialogues[number]] = 'dev' if place < dev else 'test' if place < test else 'train'
    return [dataclasses.replace(clip, split=split[clip.dialogue]) for clip in clips]


def _read_manifest(path: Path) -> list[LabelledClip]:
    with path.open(encoding='utf-8-sig', errors='replace', newline='') as file:
        rows = csv.DictReader(file)
        columns = list(rows.fieldnames or ())
        if missing := {'file', 'emotion'} - set(columns):
            raise DatasetError(f'{path} has no column {", ".join(sorted(missing))}')
        split_column = next((name for name in columns if name.startswith('split')), '')
        clips = []
        for number, row in enumerate(rows, start=2):
            emotion = (row['emotion'] or '').strip().lower()
            split = (row.get(split_column) or 'train').strip().lower()
            if emotion not in LABELS or split not in SPLITS:
                raise DatasetError(
                    f'{path}, row {number}: emotion {emotion!r} or split {split!r} is unknown; '
                    f'expected {", ".join(LABELS)} and {", ".join(SPLITS)}'
                )
            name = row['file'].strip()
            dialogue = f'{split} {row.get("dialogue") or name}'
            label = LABELS.index(emotion)
            stem = str(Path(name).with_suffix(''))
            clips.append(LabelledClip(path.parent / name, stem, split, dialogue, label))
    return clips


def _read_meld_layout(folder: Path) -> list[LabelledClip]:
    tables: dict[str, Path] = {}
    for path in sorted(folder.rglob('*.csv')):
        if path.name.startswith('.'):  # resource forks of macOS
            continue
        split = next((split for split in SPLITS if path.name.startswith(split)), '')
        if split in tables:
            raise DatasetError(
                f'{path} and {tables[split]} are both of {split or "no split by their names"}; '
                'keep one'
            )
        tables[split] = path
    if not tables:
        raise DatasetError(
            f'no table in {folder}; expected {MANIFEST}, or train_sent_emo.csv and so on as '
            'in MELD'
        )
    files = [path for path in folder.rglob('*') if _CLIP.fullmatch(path.name)]
    clips = []
    for split, path in tables.items():
        places = _find(files, folder, split if len(tables) > 1 else '')
        seen = set()
        for row in read_meld_file(path, split or 'train'):
            key = row.dialogue_id, row.utterance_id
            if key in seen:
                continue
            seen.add(key)
            stem = f'dia{key[0]}_utt{key[1]}'
            place = places.get(key, folder / f'{stem}.mp4')
            clips.append(
                LabelledClip(
                    place, f'{row.split}/{stem}', row.split, f'{row.split} {key[0]}', row.label
                )
            )
    return clips


def _find(files: Iterable[Path], folder: Path, split: str) -> dict[tuple[int, int], Path]:
    """Return the clips of a split by dialogue and utterance; of all when there is one table."""
    found = {}
    for path in sorted(files, reverse=True):
        match = _CLIP.fullmatch(path.name)
        if match and split in str(path.parent.relative_to(folder)):
            found[int(match[1]), int(match[2])] = path
    return found
