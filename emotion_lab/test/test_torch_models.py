"""Models of torch for the benchmark: they take the time of real ones and return scores."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.scripted import utterance

from emotion_node.config import TextConfig
from emotion_node.datatypes import SAMPLE_RATE, Reason
from emotion_node.faces import FaceSequence
from emotion_node.labels import LABELS

pytest.importorskip('torch')
pytest.importorskip('transformers')
models = pytest.importorskip('emotion_lab.benchmark.torch_models')


def test_the_voice_model_returns_scores() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    voice = models.TorchVoice(1)
    said = dataclasses.replace(utterance(1, 0.0, 3.0), samples=noise)
    emotion = voice.estimate(said).emotion
    assert emotion.scores.shape == (len(LABELS),)
    assert emotion.scores.sum() == pytest.approx(1, abs=1e-5)
    assert emotion.model.version == 'torch, random weights'
    assert voice.estimate(utterance(1, 0.0, 0.2)).emotion.reason is Reason.TOO_SHORT


def test_the_face_model_returns_scores() -> None:
    face = models.TorchFace(1)
    rows = np.log(np.full((5, face.width), 1 / face.width, np.float32))
    seen = FaceSequence(np.arange(5), rows, np.ones(5, np.float32))
    emotion = face.estimate(seen)
    assert emotion.scores == pytest.approx(np.full(len(LABELS), 1 / len(LABELS)), abs=1e-5)


def test_the_text_model_is_read_by_transformers(tmp_path: Path) -> None:
    from emotion_node.backends.text_transformers import TransformersTextEmotion

    models.write_text_model(tmp_path / 'model')
    config = TextConfig(transformers_model=str(tmp_path / 'model'))
    logged: list[str] = []
    text = TransformersTextEmotion(config, logged.append)
    emotion = text.estimate('I got the job!')
    assert emotion.scores is not None
    assert logged == []  # it knows all the labels
