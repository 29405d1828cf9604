"""The voice model is optional unless the parameters ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.manifests import write_manifest

from emotion_node.config import Config, make_config
from emotion_node.errors import ModelError
from emotion_node.factory import load_models


def config(folder: Path, **voice: str) -> Config:
    quiet = {'transcriber.backend': 'off', 'text.backend': 'off', 'models_dir': str(folder)}
    return make_config(quiet | {f'voice.{name}': value for name, value in voice.items()})


def test_without_a_voice_model_in_the_manifest_the_voice_is_off(tmp_path: Path) -> None:
    models = load_models(config(write_manifest(tmp_path)), print)
    assert models.voice is None
    assert models.describe()['voice emotion'] == 'off'


def test_a_requested_voice_model_must_be_in_the_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'voice' in .*, which has small"):
        load_models(config(write_manifest(tmp_path), backend='onnx'), print)


def test_a_voice_model_in_the_manifest_must_be_intact(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='is no ONNX model'):
        load_models(config(write_manifest(tmp_path), model='small'), print)
