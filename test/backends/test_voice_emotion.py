"""The voice model as the node runs it; needs one in the manifest."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.manifests import with_file
from support.recordings import conversation_utterances
from support.scripted import utterance

from emotion_node.backends.vad_silero import find_silero
from emotion_node.backends.voice_features import MELS, log_mel, speech_mean
from emotion_node.backends.voice_input import MAX_SAMPLES
from emotion_node.backends.voice_onnx import FEATURES, MIN_RELIABILITY, OnnxVoiceEmotion
from emotion_node.config import make_config
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FloatArray,
    HeardVoice,
    ModalityEmotion,
    Reason,
    Utterance,
)
from emotion_node.errors import ModelError
from emotion_node.factory import load_models
from emotion_node.labels import LABELS, Modality
from emotion_node.model_store.manifest import ModelEntry, find_model, read_manifest


@pytest.fixture(scope='module')
def entry() -> ModelEntry:
    if 'voice' not in read_manifest():
        pytest.skip('there is no voice model in the manifest')
    return find_model('voice')


@pytest.fixture(scope='module')
def model(entry: ModelEntry) -> OnnxVoiceEmotion:
    return load(entry)


def load(entry: ModelEntry) -> OnnxVoiceEmotion:
    return OnnxVoiceEmotion(entry)


@pytest.fixture(scope='module')
def speech() -> FloatArray:
    _, samples = conversation_utterances()[0]
    return samples


def as_utterance(samples: FloatArray) -> Utterance:
    """Return a sound as if all of it were speech."""
    end_ns = len(samples) * NS_PER_SAMPLE
    return Utterance('u1', 0, end_ns, end_ns, samples, 0, EndReason.SILENCE, ClockSource.FILE)


def noise(seconds: float) -> FloatArray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def scores(emotion: ModalityEmotion) -> list[float]:
    assert emotion.scores is not None
    return [float(score) for score in emotion.scores]


def test_speech_gets_probabilities_affect_and_reliability(
    model: OnnxVoiceEmotion, speech: FloatArray
) -> None:
    found = model.estimate(as_utterance(speech))
    emotion = found.emotion
    assert found.features is not None
    assert found.features.shape == (FEATURES,)
    np.testing.assert_array_equal(found.features[:MELS], speech_mean(log_mel(speech)))
    assert emotion.modality is Modality.VOICE
    assert emotion.available
    assert emotion.model == model.info
    assert sum(scores(emotion)) == pytest.approx(1, abs=1e-5)
    assert -1 <= emotion.valence <= 1
    assert -1 <= emotion.arousal <= 1
    assert 0.1 < emotion.reliability <= 1
    assert emotion.samples_used == len(speech)


@pytest.mark.parametrize('seconds', [0.5, 0.7, 2.0, 15.0, 29.0])
def test_any_length_gets_finite_answers(
    model: OnnxVoiceEmotion, speech: FloatArray, seconds: float
) -> None:
    samples = np.resize(speech, round(seconds * SAMPLE_RATE))
    answer = model.run(samples[-MAX_SAMPLES:])
    assert np.isfinite([*answer.scores, answer.valence, answer.arousal, answer.reliability]).all()
    assert np.isfinite(answer.features).all()
    emotion = model.estimate(as_utterance(samples)).emotion
    if emotion.available:
        assert emotion.samples_used == min(len(samples), MAX_SAMPLES)


@pytest.mark.parametrize('gain', [0.01, 0.1, 3.0, 30.0])
def test_the_gain_of_the_microphone_makes_no_difference(
    model: OnnxVoiceEmotion, speech: FloatArray, gain: float
) -> None:
    plain = model.estimate(as_utterance(speech)).emotion
    louder = model.estimate(as_utterance(speech * np.float32(gain))).emotion
    assert scores(louder) == pytest.approx(scores(plain), abs=1e-3)


@pytest.mark.parametrize('spoken', [utterance(length_s=0.3), as_utterance(noise(0))])
def test_too_little_speech_is_absent(model: OnnxVoiceEmotion, spoken: Utterance) -> None:
    found = model.estimate(spoken)
    assert (found.emotion.reason, found.emotion.scores) == (Reason.TOO_SHORT, None)
    assert found.emotion.model == model.info
    assert found.features is None


@pytest.mark.parametrize('sound', [np.zeros(SAMPLE_RATE, np.float32), noise(2.0)])
def test_audio_without_a_voice_is_absent(model: OnnxVoiceEmotion, sound: FloatArray) -> None:
    found = model.estimate(as_utterance(sound))
    assert (found.emotion.reason, found.emotion.scores) == (Reason.LOW_CONFIDENCE, None)
    assert found.emotion.reliability < MIN_RELIABILITY
    assert found.features is None, 'what is no voice does not add to what is usual'


def test_a_voice_is_compared_with_what_was_heard_of_it(
    model: OnnxVoiceEmotion, speech: FloatArray
) -> None:
    spoken = as_utterance(speech)
    alone = model.estimate(spoken)
    assert alone.features is not None
    shriller = np.zeros(FEATURES, np.float32)
    shriller[:MELS] = np.linspace(0.5, -0.5, MELS, dtype=np.float32)
    against_shrill = model.estimate(spoken, HeardVoice(alone.features - shriller, 20))
    against_dull = model.estimate(spoken, HeardVoice(alone.features + shriller, 20))
    assert len({one.emotion.arousal for one in (alone, against_shrill, against_dull)}) == 3


@pytest.mark.parametrize('label', LABELS)
def test_a_label_that_is_usual_of_a_speaker_says_less(
    model: OnnxVoiceEmotion, speech: FloatArray, label: str
) -> None:
    place = LABELS.index(label)
    answers = []
    for more in (2.0, 1.0, 0.0):
        usual = model.run(speech).features.copy()
        usual[MELS + place] += more
        answers.append(model.run(speech, HeardVoice(usual, 20)))
    shares = [float(one.scores[place]) for one in answers]
    assert shares == sorted(shares)
    assert shares[0] < shares[2]
    assert answers[0].features[MELS:].tolist() == answers[2].features[MELS:].tolist(), (
        'what is added to the usual is the answer before it is compared'
    )


def test_excited_speech_of_an_excited_speaker_is_less_of_a_surprise(
    model: OnnxVoiceEmotion, speech: FloatArray
) -> None:
    usual = model.run(speech).features
    excited = usual.copy()
    excited[-1] += 0.4
    less = model.run(speech, HeardVoice(excited, 20)).arousal
    assert less < model.run(speech, HeardVoice(usual, 20)).arousal


def test_samples_that_are_not_finite_are_an_error(model: OnnxVoiceEmotion) -> None:
    broken = noise(1.0)
    broken[[5, 70]] = np.nan, np.inf
    with pytest.raises(ValueError, match='2 of 16000 audio samples are not finite'):
        model.estimate(as_utterance(broken))


def test_calls_from_several_threads_do_not_mix(model: OnnxVoiceEmotion) -> None:
    sounds = [samples for _, samples in conversation_utterances()]
    alone = [model.run(sound).scores.tolist() for sound in sounds]
    with ThreadPoolExecutor(4) as pool:
        assert [answer.scores.tolist() for answer in pool.map(model.run, sounds)] == alone


def test_the_node_loads_it_unless_it_is_off(entry: ModelEntry) -> None:
    quiet = {'transcriber.backend': 'off', 'text.backend': 'off'}
    there = load_models(make_config(quiet), print)
    assert there.voice is not None
    assert there.describe()['voice emotion'] == f'{entry.name} {entry.version}'
    assert load_models(make_config({**quiet, 'voice.backend': 'off'}), print).voice is None


def test_a_file_that_is_no_voice_model_is_refused(entry: ModelEntry, tmp_path: Path) -> None:
    (tmp_path / 'file').write_bytes(b'no model at all')
    with pytest.raises(ModelError, match=r'is no ONNX model that onnxruntime .* can run'):
        load(with_file(entry, 'weights', tmp_path / 'file'))
    with pytest.raises(ModelError, match=r'a voice model takes spectra of \(batch, frames, 64\)'):
        load(with_file(entry, 'weights', find_silero()))


def test_a_model_that_takes_other_features_is_refused(entry: ModelEntry, tmp_path: Path) -> None:
    file = entry.file('weights').read()
    fixed, free = b'\x08' + bytes([FEATURES]), b'\x12\x00'  # of a dimension in the file
    place = file.index(fixed, file.rindex(b'\x05heard'))
    (tmp_path / 'other').write_bytes(file[:place] + free + file[place + len(free) :])
    message = rf'heard of \(batch, [^0-9]+\), .* takes .* heard of \(batch, {FEATURES}\)'
    with pytest.raises(ModelError, match=message):
        load(with_file(entry, 'weights', tmp_path / 'other'))


def test_a_label_table_of_another_size_or_order_is_refused(entry: ModelEntry) -> None:
    with pytest.raises(ModelError, match='model and manifest do not belong together'):
        load(dataclasses.replace(entry, labels=LABELS[:6]))
    with pytest.raises(ModelError, match=r'has the labels disgust, .*; expected neutral'):
        load(dataclasses.replace(entry, labels=tuple(reversed(LABELS))))
