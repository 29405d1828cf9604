"""Which models are loaded: the parameters decide, and what is on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.manifests import write_manifest

from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.config import Config, TranscriberConfig, make_config
from emotion_node.errors import ModelError
from emotion_node.factory import load_models, load_transcriber
from emotion_node.interfaces import Transcriber


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


def choose(**changes: object) -> tuple[Transcriber | None, list[str]]:
    log: list[str] = []
    config = dataclasses.replace(TranscriberConfig(threads=1), **changes)  # type: ignore[arg-type]
    return load_transcriber(config, log.append), log


@pytest.mark.parametrize('backend', ['topic', 'off'])
def test_no_recogniser_is_loaded_for_topic_and_off(backend: str) -> None:
    assert choose(backend=backend) == (None, [])


def test_auto_takes_the_whisper_that_is_there(tiny_whisper: Callable[..., Path]) -> None:
    transcriber, log = choose(whisper_model=str(tiny_whisper('english')))
    assert isinstance(transcriber, WhisperTranscriber)
    assert len(log) == 1
    assert 'whisper' in log[0]


def test_auto_finds_a_whisper_in_the_hub_cache(
    tiny_whisper: Callable[..., Path], no_hub: Path
) -> None:
    repository = no_hub / 'models--Systran--faster-whisper-base'
    (repository / 'refs').mkdir(parents=True)
    (repository / 'refs' / 'main').write_text('1234')
    (repository / 'snapshots').mkdir()
    (repository / 'snapshots' / '1234').symlink_to(tiny_whisper('english'))
    transcriber, _ = choose()
    assert isinstance(transcriber, WhisperTranscriber)
    assert transcriber.info.name == 'whisper-base'


@pytest.fixture
def fetched(
    tiny_whisper: Callable[..., Path], no_hub: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder of a whisper-tiny that was fetched, and no other model."""
    cache = no_hub.parent / 'cache'
    shutil.copytree(tiny_whisper('english'), cache / 'whisper-tiny')
    monkeypatch.setenv('EMOTION_MODELS_CACHE', str(cache))
    return cache / 'whisper-tiny'


@pytest.mark.parametrize('name', ['whisper-tiny', 'tiny'])
def test_auto_finds_a_whisper_that_was_fetched(name: str, fetched: Path) -> None:
    transcriber, log = choose(whisper_model=name)
    assert isinstance(transcriber, WhisperTranscriber)
    assert transcriber.info.name == 'whisper-tiny'
    assert 'whisper-tiny' in log[0]


def test_a_damaged_fetched_whisper_is_an_error_at_start_up(
    fetched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intact = fetched / 'config.json'
    digest = hashlib.sha256(intact.read_bytes()).hexdigest()
    size = intact.stat().st_size
    models = fetched.parents[1] / 'models'
    models.mkdir()
    (models / 'manifest.toml').touch()
    (models / 'fetchable.toml').write_text(
        f"""
        [whisper-tiny]
        description = 'speech recognition'
        licence = 'MIT'
        origin = 'this test'
        files.'config.json' = {{ sha256 = '{digest}', size = {size} }}
        sources = [{{ urls = {{ 'config.json' = 'https://example.org/config.json' }} }}]
        """
    )
    monkeypatch.setenv('EMOTION_MODELS', str(models))
    choose(whisper_model='whisper-tiny')
    intact.write_text('{}')
    with pytest.raises(ModelError, match=r'config\.json is damaged.*models fetch whisper-tiny'):
        choose(whisper_model='whisper-tiny')


def test_auto_falls_back_to_pocketsphinx_and_logs_it_once(no_hub: Path) -> None:
    transcriber, log = choose()
    assert transcriber is not None
    assert transcriber.info.name == 'pocketsphinx'
    assert len(log) == 1
    assert 'models fetch whisper-base' in log[0]


def test_auto_tries_the_hub_where_downloads_are_allowed(no_hub: Path) -> None:
    transcriber, log = choose(whisper_local_files_only=False)
    assert transcriber is not None
    assert transcriber.info.name == 'pocketsphinx'
    assert 'cannot be downloaded' in log[0]


def test_auto_does_not_hide_a_damaged_whisper(
    tiny_whisper: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / 'model.bin').write_bytes(b'no weights')
    with pytest.raises(ModelError, match='missing'):
        choose(whisper_model=str(tmp_path))


def test_only_whisper_supports_german(no_hub: Path) -> None:
    with pytest.raises(ModelError, match=r"English only, not 'de'.*Whisper is not available"):
        choose(language='de')
    with pytest.raises(ModelError, match='English only'):
        choose(backend='pocketsphinx', language='de')


def test_a_requested_pocketsphinx_that_is_not_installed_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, 'pocketsphinx', None)  # as where it is not installed
    monkeypatch.delitem(sys.modules, 'emotion_node.backends.asr_pocketsphinx', raising=False)
    with pytest.raises(ModelError, match='pip install pocketsphinx, or set'):
        choose(backend='pocketsphinx')
