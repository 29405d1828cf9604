"""A small MELD."""

from __future__ import annotations

import csv
from pathlib import Path

from emotion_node.labels import LABELS

COLUMNS = (
    'Utterance',
    'Speaker',
    'Emotion',
    'Dialogue_ID',
    'Utterance_ID',
    'StartTime',
    'EndTime',
)


def write_meld(root: Path, **utterances: int) -> Path:
    """Write splits of so many utterances each, seven to a dialogue and each of another label."""
    (root / 'meld').mkdir(parents=True)
    for split, count in utterances.items():
        path = root / 'meld' / f'{split}_sent_emo.csv'
        with path.open('w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for n in range(count):
                label = LABELS[n % 7]
                writer.writerow([f'This is {label}, {n}!', 'Ross', label, n // 7, n, '', ''])
    return root
