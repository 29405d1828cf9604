"""Any audio classifier of Hugging Face as the voice model; needs torch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.recordings import noise
from support.tiny_classifiers import save_answering, tiny_shape

from emotion_node.config import VoiceConfig, make_config
from emotion_node.datatypes import (
    NS_PER_S,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    Reason,
    Utterance,
)
from emotion_node.errors import ModelError
from emotion_node.factory import load_models
from emotion_node.labels import LABELS

backend = pytest.importorskip(
    'emotion_node.backends.voice_transformers', exc_type=ModuleNotFoundError
)
torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')


def build(
    folder: Path, labels: Sequence[str], shares: Sequence[float], rate: int = 16_000
) -> Path:
    """Write a tiny wav2vec 2.0 that always answers with the same probabilities."""
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        conv_dim=(8, 8),
        conv_kernel=(10, 8),
        conv_stride=(5, 8),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        **tiny_shape(labels),
    )
    save_answering(transformers.Wav2Vec2ForSequenceClassification(config), shares, folder)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=rate).save_pretrained(folder)
    return folder


def load(folder: Path | str, **options: Any) -> Any:
    given = {'transformers_model': str(folder), 'transformers_device': 'cpu', **options}
    return backend.TransformersVoiceEmotion(VoiceConfig(**given), lambda text: None)


def spoken(seconds: float, level: float = 0.1) -> Utterance:
    samples = level * noise(seconds)
    end_ns = round(seconds * NS_PER_S)
    samples = samples.astype(np.float32)
    return Utterance('u1', 0, end_ns, end_ns, samples, 0, EndReason.SILENCE, ClockSource.FILE)


def test_its_labels_become_the_seven(tmp_path: Path) -> None:
    model = load(build(tmp_path, ['neu', 'hap', 'ang', 'sad'], [0.1, 0.6, 0.2, 0.1]))
    emotion = model.estimate(spoken(2.0)).emotion
    assert emotion.label == 'joy'
    assert emotion.scores is not None
    assert dict(zip(LABELS, emotion.scores, strict=True))['anger'] == pytest.approx(0.2, abs=1e-5)
    assert emotion.samples_used == 2 * SAMPLE_RATE
    assert emotion.model.name == tmp_path.name


def test_what_is_no_speech_has_no_emotion(tmp_path: Path) -> None:
    model = load(build(tmp_path, ['hap', 'other'], [0.4, 0.6]), transformers_labels='other=')
    assert model.estimate(spoken(0.2)).emotion.reason is Reason.TOO_SHORT
    assert model.estimate(spoken(2.0, 0.0)).emotion.reason is Reason.LOW_CONFIDENCE
    assert model.estimate(spoken(2.0)).emotion.reason is Reason.LOW_CONFIDENCE  # mostly "other"
    broken = spoken(2.0)
    broken.samples[7] = np.nan
    with pytest.raises(ValueError, match='1 of 32000 audio samples are not finite'):
        model.estimate(broken)


def test_a_model_that_does_not_fit_is_an_error_at_start_up(tmp_path: Path) -> None:
    other_rate = build(tmp_path / 'telephone', LABELS, [1 / 7] * 7, rate=8000)
    with pytest.raises(ModelError, match='for a sample rate of 8000 Hz, expected 16000'):
        load(other_rate)
    with pytest.raises(ModelError, match=r'no voice model .*voice\.transformers_model'):
        load('nobody/has-such-a-model')
    with pytest.raises(ModelError, match=r'unknown meaning: tired.*voice\.transformers_labels'):
        load(build(tmp_path / 'moods', ['tired', 'joy'], [0.5, 0.5]))
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match=r'voice\.transformers_device .*finds no GPU'):
            load(other_rate, transformers_device='cuda')


def test_parameters_select_it(tmp_path: Path) -> None:
    build(tmp_path / 'moods', ['neu', 'ang'], [0.3, 0.7])
    given: dict[str, object] = {
        'voice.backend': 'transformers',
        'voice.transformers_model': str(tmp_path / 'moods'),
        'text.backend': 'off',
        'transcriber.backend': 'off',
        'face.backend': 'off',
    }
    logged: list[str] = []
    models = load_models(make_config(given), logged.append)
    assert models.describe()['voice emotion'] == 'moods'
    assert models.voice is not None
    assert models.voice.estimate(spoken(1.0)).emotion.label == 'anger'
    assert 'Emotion of the voice by moods, never joy, sadness, surprise, fear, disgust' in logged
