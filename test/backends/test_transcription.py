"""Which recogniser is chosen, and how well pocketsphinx recognises human speech."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.recordings import conversation_utterances
from support.speech import feed, noise, silence

from emotion_node.backends.asr_pocketsphinx import PocketsphinxTranscriber
from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.config import TranscriberConfig
from emotion_node.datatypes import SAMPLE_RATE, FloatArray, Reason, Transcript
from emotion_node.errors import ModelError
from emotion_node.factory import load_transcriber
from emotion_node.interfaces import Transcriber
from emotion_node.recordings.truth import common_words, words_of


@pytest.fixture(scope='module')
def pocketsphinx() -> PocketsphinxTranscriber:
    return PocketsphinxTranscriber()


@pytest.fixture(scope='module')
def conversation() -> list[tuple[str, FloatArray]]:
    return conversation_utterances()


def test_pocketsphinx_recognises_most_words_of_the_conversation(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    stream = pocketsphinx.stream()
    right = total = 0
    for words, sound in conversation[:4]:
        transcript = feed(stream, sound)
        assert (transcript.final, transcript.locale, transcript.reason) == (
            True,
            'en',
            Reason.NONE,
        )
        assert 0.0 < transcript.confidence <= 1.0
        right += common_words(words_of(words), words_of(transcript.text))
        total += len(words_of(words))
    assert right / total > 0.75


def test_the_same_utterance_gives_pocketsphinx_the_same_words_whatever_came_before(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    (_, first), (_, second), *_ = conversation
    stream = pocketsphinx.stream()
    transcript = feed(stream, first)
    feed(stream, second * 0.05)
    feed(stream, noise(1.0, level=0.3))
    assert feed(stream, first) == transcript
    assert feed(pocketsphinx.stream(), first) == transcript


def test_pocketsphinx_does_not_depend_on_the_chunks(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    _, sound = conversation[1]
    stream = pocketsphinx.stream()
    whole = feed(stream, sound)
    assert feed(stream, sound, [1, 0, 799, 801, 9_999]) == whole
    assert feed(stream, sound, [512] * (len(sound) // 512)) == whole


def test_pocketsphinx_returns_the_words_so_far_during_an_utterance(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    _, sound = conversation[1]
    stream = pocketsphinx.stream()
    assert stream.partial() == Transcript(
        '', 0.0, 'en', final=False, reason=Reason.NO_SPEECH_RECOGNISED
    )
    lengths = []
    for begin in range(0, len(sound), SAMPLE_RATE // 4):
        stream.accept(sound[begin : begin + SAMPLE_RATE // 4])
        partial = stream.partial()
        assert not partial.final
        assert partial == stream.partial()
        lengths.append(len(partial.text.split()))
    assert lengths[-1] >= 4
    assert lengths[len(lengths) // 2] >= 1
    assert stream.finish() == feed(pocketsphinx.stream(), sound), 'partial results change nothing'


def test_pocketsphinx_forgets_on_reset(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    (_, first), (_, second), *_ = conversation
    stream = pocketsphinx.stream()
    transcript = feed(stream, second)
    for length in (SAMPLE_RATE // 4, SAMPLE_RATE):  # before and after the search has begun
        stream.accept(first[:length])
        stream.reset()
        assert not stream.partial().text
        assert feed(stream, second) == transcript


@pytest.mark.parametrize(
    'sound',
    [silence(0), silence(0.01), silence(0.1), silence(2.0), noise(2.0, level=1e-4)],
    ids=['nothing', 'a moment', 'a tenth', 'silence', 'a quiet room'],
)
def test_pocketsphinx_finds_no_words_in_silence(
    pocketsphinx: PocketsphinxTranscriber, sound: FloatArray
) -> None:
    assert feed(pocketsphinx.stream(), sound) == Transcript(
        '', 0.0, 'en', reason=Reason.NO_SPEECH_RECOGNISED
    )


def test_pocketsphinx_accepts_audio_beyond_full_scale(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    _, sound = conversation[1]
    assert feed(pocketsphinx.stream(), sound * 30).final


# ------------------------------------------------------------------------------------- choosing


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
    whole = fetched / 'config.json'
    digest = hashlib.sha256(whole.read_bytes()).hexdigest()
    models = fetched.parents[1] / 'models'
    models.mkdir()
    (models / 'manifest.toml').touch()
    (models / 'fetchable.toml').write_text(
        f"""
        [whisper-tiny]
        description = 'hears'
        licence = 'MIT'
        origin = 'this test'
        wheels = []
        files.'config.json' = {{ sha256 = '{digest}', size = 1, parts = [] }}
        """
    )
    monkeypatch.setenv('EMOTION_MODELS', str(models))
    choose(whisper_model='whisper-tiny')
    whole.write_text('{}')
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
