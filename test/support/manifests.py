"""A folder of models with one small model in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from emotion_node.labels import LABELS

WEIGHTS = b'weights of a small model'


def write_manifest(
    folder: Path, labels: tuple[str, ...] = LABELS, extra: str = '', drop: str = ''
) -> Path:
    (folder / 'small').mkdir(parents=True, exist_ok=True)
    (folder / 'small' / 'model.onnx').write_bytes(WEIGHTS)
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    lines = [
        '[small]',
        "name = 'small-one'",
        "version = '1.2.3'",
        "modality = 'text'",
        f'labels = {list(labels)}',
        "input = 'words'",
        "licence = 'Apache-2.0'",
        "training_data = ['MELD']",
        f"files.weights = {{ path = 'small/model.onnx', sha256 = '{digest}', size = 24 }}",
        'figures = { weighted_f1 = 0.5 }',
        extra,
    ]
    text = '\n'.join(line for line in lines if not drop or not line.startswith(drop))
    (folder / 'manifest.toml').write_text(text)
    return folder
