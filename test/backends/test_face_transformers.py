"""Any image classifier of Hugging Face as the expression model; needs torch and transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_classifiers import save_answering, tiny_shape

from emotion_node.config import FaceConfig
from emotion_node.datatypes import Reason
from emotion_node.errors import ModelError
from emotion_node.faces import FaceMesh, FaceRegion, FaceSequence

backend = pytest.importorskip(
    'emotion_node.backends.face_transformers', exc_type=ModuleNotFoundError
)
torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')


def build(folder: Path, labels: Sequence[str], shares: Sequence[float]) -> Path:
    """Write a tiny vision transformer that always answers with the same probabilities."""
    torch.manual_seed(0)
    config = transformers.ViTConfig(image_size=32, patch_size=8, **tiny_shape(labels))
    save_answering(transformers.ViTForImageClassification(config), shares, folder)
    processor = {'image_processor_type': 'ViTImageProcessor', 'size': {'height': 32, 'width': 32}}
    (folder / 'preprocessor_config.json').write_text(json.dumps(processor))
    return folder


def load(folder: Path | str, **options: Any) -> Any:
    given = {'transformers_model': str(folder), 'transformers_device': 'cpu', **options}
    return backend.TransformersFaceEmotion(FaceConfig(**given), lambda text: None)


def mesh() -> FaceMesh:
    """Return a face whose eyes and mouth are where they should be."""
    landmarks = np.zeros((478, 3), np.float32)
    places = {
        33: (70, 90),
        133: (90, 90),
        362: (130, 90),
        263: (150, 90),
        61: (95, 150),
        291: (125, 150),
    }
    for place, at in places.items():
        landmarks[place, :2] = at
    crop = np.random.default_rng(0).integers(0, 255, (220, 220, 3), np.uint8)
    return FaceMesh(landmarks, crop, FaceRegion(110.0, 110.0, 220.0, 0.0))


def seen(model: Any, quality: Sequence[float] = (1.0, 1.0, 1.0)) -> FaceSequence:
    rows = np.array([model.observe(model.keep(mesh())) for _ in quality], np.float32)
    stamps = np.arange(len(rows), dtype=np.int64) * model.period_ns
    return FaceSequence(stamps, rows, np.array(quality, np.float32))


def test_its_labels_become_the_seven_and_the_rest_lowers_the_reliability(tmp_path: Path) -> None:
    model = load(build(tmp_path, ['happy', 'sad', 'Contempt'], [0.6, 0.2, 0.2]),
                 transformers_labels='contempt=')  # fmt: skip
    assert model.observe(model.keep(mesh())).shape == (model.width,)
    emotion = model.estimate(seen(model))
    assert emotion.label == 'joy'
    assert emotion.confidence == pytest.approx(0.75, abs=0.01)
    assert emotion.reliability == pytest.approx(0.8, abs=0.01)
    assert emotion.samples_used == 3
    assert model.estimate(seen(model, [1.0])).reason is Reason.TOO_SHORT
    assert model.estimate(seen(model, [0.01] * 3)).reason is Reason.LOW_CONFIDENCE


def test_a_model_that_does_not_fit_is_an_error_at_start_up(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'no face model .*face\.transformers_model'):
        load('nobody/has-such-a-model')
    with pytest.raises(ModelError, match='is damaged: its output is not finite'):
        load(build(tmp_path, ['happy', 'sad'], [float('nan'), 0.5]))
