from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import whisper_tiny
from faster_whisper.transcribe import Segment
from recordings import CONVERSATION

from emotion_node.backends import asr_whisper
from emotion_node.backends.asr import choose_transcriber
from emotion_node.backends.asr_pocketsphinx import PocketsphinxTranscriber
from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.backends.hallucinations import evidence, hallucinated
from emotion_node.config import TranscriberConfig
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    FloatArray,
    Reason,
    Transcript,
)
from emotion_node.interfaces import ModelError, Transcriber, TranscriberStream
from emotion_node.offline.bag import Bag
from emotion_node.offline.media import read_audio
from emotion_node.offline.truth import read_truth
from emotion_node.training.datasets import DatasetError, data_root


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    samples: FloatArray = rng.standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)
    samples *= level
    return samples


def tone(seconds: float) -> FloatArray:
    wave = 0.3 * np.sin(0.1 * np.arange(round(seconds * SAMPLE_RATE)))
    samples: FloatArray = wave.astype(np.float32)
    return samples


def silence(seconds: float) -> FloatArray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def feed(stream: TranscriberStream, samples: FloatArray, sizes: Iterable[int] = ()) -> Transcript:
    """Give samples to a stream in chunks of the sizes given, the rest in one, and finish."""
    for size in sizes:
        stream.accept(samples[:size])
        samples = samples[size:]
    stream.accept(samples)
    return stream.finish()


# ------------------------------------------------------------------------------------- Whisper


@pytest.fixture(scope='module')
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make tiny Whisper models, each once."""
    folder = tmp_path_factory.mktemp('whisper')
    kinds: dict[str, dict[str, object]] = {
        'babble': {},
        'thanks': {'words': ['Thank', 'you']},
        'mumbled-thanks': {'words': ['Thank', 'you'], 'certainty': 2.0},
        'loop': {'words': ['over', 'and'] * 25},
        'nobody': {'certainty': 0.1, 'no_speech': 3000.0},
        'english': {'english_only': True},
    }

    def model(kind: str) -> Path:
        if not (folder / kind).exists():
            whisper_tiny.build(folder / kind, **kinds[kind])  # type: ignore[arg-type]
        return folder / kind

    return model


@pytest.fixture(scope='module')
def babble(models: Callable[..., Path]) -> WhisperTranscriber:
    return WhisperTranscriber(str(models('babble')), threads=1)


def test_whisper_hears_words_with_a_confidence_of_its_own(babble: WhisperTranscriber) -> None:
    stream = babble.stream()
    heard = feed(stream, noise(2.0))
    assert len(heard.text.split()) >= 3
    assert 0.0 < heard.confidence <= 1.0
    assert (heard.final, heard.locale, heard.reason) == (True, 'en', Reason.NONE)
    assert feed(stream, tone(2.0)).text != heard.text, 'it did not listen'


def test_whisper_runs_in_eight_bit(
    babble: WhisperTranscriber, models: Callable[..., Path]
) -> None:
    assert babble.info.version.startswith('int8')
    weights = (models('babble') / 'model.bin').stat().st_size
    vocabulary = len(json.loads((models('babble') / 'vocabulary.json').read_text()))
    assert weights < 1.5 * 2 * vocabulary * whisper_tiny.WIDTH, 'about a byte per weight'


def test_the_same_sound_gives_whisper_the_same_words_however_it_is_cut(
    babble: WhisperTranscriber,
) -> None:
    stream = babble.stream()
    whole = feed(stream, noise(2.0))
    assert feed(stream, noise(2.0), [1, 0, 511, 7000]) == whole


def test_whisper_understands_so_far_while_somebody_speaks(
    babble: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    transcribe = babble.transcribe

    def counting(samples: FloatArray, final: bool) -> Transcript:
        runs.append(len(samples))
        return transcribe(samples, final)

    monkeypatch.setattr(babble, 'transcribe', counting)
    stream = babble.stream()
    assert stream.partial().reason is Reason.NO_SPEECH_RECOGNISED
    stream.accept(noise(0.8))
    partial = stream.partial()
    assert partial.text
    assert not partial.final
    runs.clear()
    assert stream.partial() == partial
    assert not runs, 'nothing new was heard'
    stream.accept(noise(0.4, seed=1))
    stream.partial()
    assert len(runs) == 1
    assert stream.finish() == feed(
        babble.stream(), np.concatenate([noise(0.8), noise(0.4, seed=1)])
    )


def test_whisper_forgets_on_reset(babble: WhisperTranscriber) -> None:
    stream = babble.stream()
    stream.accept(noise(1.0, seed=5))
    stream.reset()
    assert feed(stream, noise(1.0)) == feed(babble.stream(), noise(1.0))
    stream.reset()
    assert stream.finish().reason is Reason.NO_SPEECH_RECOGNISED


def test_two_microphones_share_one_whisper(babble: WhisperTranscriber) -> None:
    left, right = babble.stream(), babble.stream()
    left.accept(noise(1.0))
    right.accept(noise(1.0, seed=1))
    assert left.finish() == feed(babble.stream(), noise(1.0))
    assert right.finish() == feed(babble.stream(), noise(1.0, seed=1))


@pytest.mark.parametrize('samples', [silence(0), silence(0.05), silence(2.0), noise(0.05)])
def test_whisper_is_not_asked_about_nothing(
    babble: WhisperTranscriber, samples: FloatArray
) -> None:
    assert feed(babble.stream(), samples) == Transcript(
        '', 0.0, 'en', reason=Reason.NO_SPEECH_RECOGNISED
    )


def test_what_whisper_itself_takes_for_silence_has_no_words(models: Callable[..., Path]) -> None:
    stream = WhisperTranscriber(str(models('nobody')), threads=1).stream()
    assert feed(stream, noise(1.0)).reason is Reason.NO_SPEECH_RECOGNISED


def test_a_clear_thank_you_survives_and_a_mumbled_one_does_not(
    models: Callable[..., Path],
) -> None:
    clear = feed(WhisperTranscriber(str(models('thanks')), threads=1).stream(), noise(1.0))
    assert clear.text == 'Thank you'
    assert clear.confidence > 0.9
    mumbled = WhisperTranscriber(str(models('mumbled-thanks')), threads=1)
    (raw,), _ = mumbled.model.transcribe(
        noise(1.0), language='en', temperature=0.0, without_timestamps=True, max_new_tokens=5
    )
    assert raw.text.startswith(' Thank you')
    assert feed(mumbled.stream(), noise(1.0)).reason is Reason.NO_SPEECH_RECOGNISED


def test_a_whisper_caught_in_a_loop_says_nothing(models: Callable[..., Path]) -> None:
    looping = WhisperTranscriber(str(models('loop')), threads=1)
    (raw, *_), _ = looping.model.transcribe(
        noise(3.0), language='en', temperature=0.0, without_timestamps=True
    )
    assert raw.text.startswith(' over and over and over and')
    assert feed(looping.stream(), noise(3.0)).reason is Reason.NO_SPEECH_RECOGNISED


def test_whisper_finds_the_language_when_none_is_given(models: Callable[..., Path]) -> None:
    transcriber = WhisperTranscriber(str(models('babble')), language='', threads=1)
    _, about = transcriber.model.transcribe(noise(1.0))
    heard = feed(transcriber.stream(), noise(1.0))
    assert heard.locale == about.language
    assert heard.text


def test_languages_are_bcp_47_tags(models: Callable[..., Path]) -> None:
    for tag, locale in (('nl-BE', 'nl'), ('PT_br', 'pt'), ('jv', 'jv')):
        transcriber = WhisperTranscriber(str(models('babble')), language=tag, threads=1)
        assert feed(transcriber.stream(), noise(0.5)).locale == locale
    with pytest.raises(ModelError, match="does not know language 'tlh'"):
        WhisperTranscriber(str(models('babble')), language='tlh', threads=1)


def test_an_english_whisper_knows_english_only(models: Callable[..., Path]) -> None:
    folder = str(models('english'))
    assert WhisperTranscriber(folder, language='', threads=1).transcribe(noise(1.0), True).text
    with pytest.raises(ModelError, match="does not know language 'de'; it knows: en"):
        WhisperTranscriber(folder, language='de', threads=1)


def segment(text: str, **changes: Any) -> Segment:
    clear = Segment(
        id=1,
        seek=0,
        start=0.0,
        end=2.0,
        text=text,
        tokens=[1, 2, 3],
        avg_logprob=-0.2,
        compression_ratio=1.0,
        no_speech_prob=0.02,
        words=None,
        temperature=0.0,
    )
    return dataclasses.replace(clear, **changes)


UNSURE = {'avg_logprob': -0.6, 'no_speech_prob': 0.3}


@pytest.mark.parametrize(
    'text',
    [
        ' Thank you.',
        ' You',
        ' Bye-bye!',
        ' Thanks for watching!',
        ' Thank you so much for watching.',
        " Please don't forget to like and subscribe to my channel.",
        ' Please subscribe.',
        " I'll see you in the next video.",
        ' Subtitles by the Amara.org community',
        ' Untertitel der Amara.org-Community',
        ' Untertitel im Auftrag des ZDF, 2021',
        " Sous-titrage ST' 501",
        ' Sottotitoli creati dalla comunità Amara.org',
        ' Subtítulos realizados por la comunidad de Amara.org',
        ' No no no no',
        ' I love it. I love it. I love it.',
    ],
)
def test_a_stock_phrase_needs_evidence(text: str) -> None:
    assert hallucinated(segment(text, **UNSURE), seconds=3.0)
    assert not hallucinated(segment(text), seconds=3.0)


@pytest.mark.parametrize(
    'text',
    [
        ' Thank you for watching my cat while I was away.',
        ' You are so kind.',
        ' I watch films with subtitles.',
        ' I want to subscribe to a newspaper.',
        ' No, no, you are right.',
        ' Ondanks alles ben ik blij.',
    ],
)
def test_other_sentences_survive_uncertainty(text: str) -> None:
    assert not hallucinated(segment(text, **UNSURE), seconds=3.0)


@pytest.mark.parametrize('text', [' ♪♪', ' [Music]', ' (applause)', ' *laughs*', ' ...', ''])
def test_notes_for_the_deaf_are_not_words(text: str) -> None:
    assert hallucinated(segment(text), seconds=3.0)


@pytest.mark.parametrize(
    ('changes', 'seconds'),
    [
        ({'avg_logprob': -2.5}, 3.0),
        ({'avg_logprob': -1.2, 'no_speech_prob': 0.7}, 3.0),
        ({'compression_ratio': 2.6}, 3.0),
        ({}, 0.6),
    ],
    ids=['guesses', 'silence', 'repetition', 'too fast for a person'],
)
def test_words_without_support_are_inventions(changes: dict[str, float], seconds: float) -> None:
    text = ' We went to the market to'
    assert hallucinated(segment(text, **changes), seconds)
    assert not hallucinated(segment(text), 1.5)


def test_evidence_is_a_probability() -> None:
    assert evidence(segment('a', avg_logprob=0.0, no_speech_prob=0.0)) == 1.0
    assert evidence(segment('a', avg_logprob=-1.0, no_speech_prob=0.5)) == pytest.approx(
        0.184, abs=0.001
    )


def test_confidence_weighs_segments_by_their_tokens() -> None:
    long = segment('a', tokens=[1] * 9, avg_logprob=0.0, no_speech_prob=0.0)
    short = segment('b', tokens=[1], avg_logprob=-50.0, no_speech_prob=0.0)
    assert asr_whisper._confidence([long, short]) == pytest.approx(0.9)


def test_a_folder_that_is_no_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'model\.bin, config\.json, tokenizer\.json missing'):
        WhisperTranscriber(str(tmp_path))
    with pytest.raises(ModelError, match=r'there is no folder .*nowhere.*To use Whisper'):
        WhisperTranscriber(str(tmp_path / 'nowhere'))


@pytest.mark.parametrize('name', ['model.bin', 'config.json', 'tokenizer.json'])
def test_a_damaged_model_is_an_error_that_names_the_folder(
    name: str, models: Callable[..., Path], tmp_path: Path
) -> None:
    for file in models('english').iterdir():
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(data[: len(data) // 2] if file.name == name else data)
    with pytest.raises(ModelError, match=f'{tmp_path} cannot be used'):
        WhisperTranscriber(str(tmp_path), threads=1)


def test_an_unknown_compute_type_is_an_error(models: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match='compute type int3'):
        WhisperTranscriber(str(models('english')), compute_type='int3')


def test_a_model_that_was_never_fetched_is_not_fetched(no_hub: Path) -> None:
    for name in ('base', 'nobody/no-such-whisper', 'no such size'):
        with pytest.raises(ModelError, match=r'Hugging Face cache.*whisper_local_files_only'):
            WhisperTranscriber(name)


# -------------------------------------------------------------------------------- pocketsphinx


@pytest.fixture(scope='module')
def pocketsphinx() -> PocketsphinxTranscriber:
    return PocketsphinxTranscriber()


@pytest.fixture(scope='module')
def conversation() -> list[tuple[str, FloatArray]]:
    """The utterances of the demo: their words, and their sound with a little around it."""
    if not CONVERSATION.is_dir():
        pytest.skip('the demo recording is not there: make it with demo/make_demo.py')
    with Bag(CONVERSATION) as bag:
        messages = [bag.decode(message) for message in bag.messages({'/audio'})]
    stamp = messages[0].header.stamp
    start_ns = stamp.sec * NS_PER_S + stamp.nanosec
    sound = np.concatenate([message.data for message in messages]).astype(np.float32) / 32768.0
    assert messages[0].sample_rate == SAMPLE_RATE

    def at(stamp_ns: int) -> int:
        return int((stamp_ns - start_ns) // NS_PER_SAMPLE)

    padding = SAMPLE_RATE // 5
    return [
        (
            ' '.join(re.findall(r"[a-z']+", one.text.lower())),
            sound[at(one.start_ns) - padding : at(one.end_ns) + padding],
        )
        for one in read_truth(CONVERSATION / 'truth.json')
    ]


def words_right(words: str, heard: str) -> int:
    match = difflib.SequenceMatcher(None, words.split(), heard.split(), autojunk=False)
    return sum(block.size for block in match.get_matching_blocks())


@pytest.fixture(scope='module')
def ravdess() -> Path:
    try:
        folder = data_root() / 'ravdess'
    except DatasetError as error:
        pytest.skip(str(error))
    if not folder.is_dir():
        pytest.skip(f'no recordings of RAVDESS in {folder}')
    return folder


def test_pocketsphinx_understands_most_words_of_the_conversation(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    stream = pocketsphinx.stream()
    right = total = 0
    for words, sound in conversation[:4]:
        heard = feed(stream, sound)
        assert (heard.final, heard.locale, heard.reason) == (True, 'en', Reason.NONE)
        assert 0.0 < heard.confidence <= 1.0
        right += words_right(words, heard.text)
        total += len(words.split())
    assert right / total > 0.75


def test_the_same_utterance_gives_pocketsphinx_the_same_words_whatever_came_before(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    (_, first), (_, second), *_ = conversation
    stream = pocketsphinx.stream()
    heard = feed(stream, first)
    feed(stream, second * 0.05)
    feed(stream, noise(1.0, level=0.3))
    assert feed(stream, first) == heard
    assert feed(pocketsphinx.stream(), first) == heard


def test_how_sound_is_cut_changes_nothing_for_pocketsphinx(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    _, sound = conversation[1]
    stream = pocketsphinx.stream()
    whole = feed(stream, sound)
    assert feed(stream, sound, [1, 0, 799, 801, 9_999]) == whole
    assert feed(stream, sound, [512] * (len(sound) // 512)) == whole


def test_pocketsphinx_understands_so_far_while_somebody_speaks(
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
    assert stream.finish() == feed(pocketsphinx.stream(), sound), 'looking changes nothing'


def test_pocketsphinx_forgets_on_reset(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    (_, first), (_, second), *_ = conversation
    stream = pocketsphinx.stream()
    heard = feed(stream, second)
    for length in (SAMPLE_RATE // 4, SAMPLE_RATE):  # before and after the search has begun
        stream.accept(first[:length])
        stream.reset()
        assert not stream.partial().text
        assert feed(stream, second) == heard


@pytest.mark.parametrize(
    'sound',
    [silence(0), silence(0.01), silence(0.1), silence(2.0), noise(2.0, level=1e-4)],
    ids=['nothing', 'a moment', 'a tenth', 'silence', 'a quiet room'],
)
def test_pocketsphinx_hears_no_words_in_silence(
    pocketsphinx: PocketsphinxTranscriber, sound: FloatArray
) -> None:
    assert feed(pocketsphinx.stream(), sound) == Transcript(
        '', 0.0, 'en', reason=Reason.NO_SPEECH_RECOGNISED
    )


def test_pocketsphinx_takes_sound_beyond_full_scale(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    _, sound = conversation[1]
    assert feed(pocketsphinx.stream(), sound * 30).final


@pytest.mark.parametrize(
    ('clip', 'words'),
    [
        ('03-01-02-01-01-01-23', 'kids are talking by the door'),
        ('03-01-02-01-02-01-23', 'dogs are sitting by the door'),
    ],
)
def test_pocketsphinx_understands_calm_people(
    clip: str, words: str, pocketsphinx: PocketsphinxTranscriber, ravdess: Path
) -> None:
    chunks = [chunk.samples[:, 0] for chunk in read_audio(ravdess / f'{clip}.flac')]
    sound = np.concatenate(chunks).astype(np.float32) / 32768.0
    heard = feed(pocketsphinx.stream(), sound[SAMPLE_RATE // 2 :])
    assert words_right(words, heard.text) >= 4


# ------------------------------------------------------------------------------------- choosing


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, and no way to the hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'hub'))
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'hub'


def choose(**changes: object) -> tuple[Transcriber | None, list[str]]:
    log: list[str] = []
    config = dataclasses.replace(TranscriberConfig(threads=1), **changes)  # type: ignore[arg-type]
    return choose_transcriber(config, log.append), log


@pytest.mark.parametrize('backend', ['topic', 'off'])
def test_no_recogniser_runs_when_words_come_from_elsewhere(backend: str) -> None:
    assert choose(backend=backend) == (None, [])


def test_auto_takes_the_whisper_that_is_there(models: Callable[..., Path]) -> None:
    transcriber, log = choose(whisper_model=str(models('english')))
    assert isinstance(transcriber, WhisperTranscriber)
    assert len(log) == 1
    assert 'whisper' in log[0]


def test_auto_finds_a_whisper_in_the_hub_cache(models: Callable[..., Path], no_hub: Path) -> None:
    repository = no_hub / 'models--Systran--faster-whisper-base'
    (repository / 'refs').mkdir(parents=True)
    (repository / 'refs' / 'main').write_text('1234')
    (repository / 'snapshots').mkdir()
    (repository / 'snapshots' / '1234').symlink_to(models('english'))
    transcriber, _ = choose()
    assert isinstance(transcriber, WhisperTranscriber)
    assert transcriber.info.name == 'whisper-base'


def test_auto_does_with_pocketsphinx_and_says_so_once(no_hub: Path) -> None:
    transcriber, log = choose()
    assert transcriber is not None
    assert transcriber.info.name == 'pocketsphinx'
    assert len(log) == 1
    assert 'transcriber.whisper_model' in log[0]


def test_auto_tries_the_hub_when_it_may(no_hub: Path) -> None:
    transcriber, log = choose(whisper_local_files_only=False)
    assert transcriber is not None
    assert transcriber.info.name == 'pocketsphinx'
    assert 'could not be fetched' in log[0]


def test_auto_does_not_hide_a_damaged_whisper(models: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / 'model.bin').write_bytes(b'no weights')
    with pytest.raises(ModelError, match='missing'):
        choose(whisper_model=str(tmp_path))


def test_nothing_but_whisper_understands_german(no_hub: Path) -> None:
    with pytest.raises(ModelError, match=r"English only, not 'de'.*Whisper would do"):
        choose(language='de')
    with pytest.raises(ModelError, match='English only'):
        choose(backend='pocketsphinx', language='de')
