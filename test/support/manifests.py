"""Manifests for tests: a folder with one small model, and models with another file."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from emotion_node.labels import LABELS
from emotion_node.model_store.files import ModelFile
from emotion_node.model_store.manifest import ModelEntry

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
        'commercial = true',
        "training_data = ['MELD']",
        f"files.weights = {{ path = 'small/model.onnx', sha256 = '{digest}', size = 24 }}",
        'figures = { weighted_f1 = 0.5 }',
        extra,
    ]
    text = '\n'.join(line for line in lines if not drop or not line.startswith(drop))
    (folder / 'manifest.toml').write_text(text)
    return folder


def with_file(entry: ModelEntry, role: str, path: Path) -> ModelEntry:
    """Return a model with another file, whose checksum its manifest knows."""
    data = path.read_bytes()
    file = ModelFile(role, path, hashlib.sha256(data).hexdigest(), len(data))
    return dataclasses.replace(entry, files={**entry.files, role: file})
