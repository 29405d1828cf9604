"""The voice activity detectors on the demo conversation, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr
from faster_whisper.vad import get_vad_model
from support.recordings import CONVERSATION, conversation_sound, conversation_utterances
from support.speech import chunks, seconds, sound, utterances

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.backends.vad_silero import SileroVad
from emotion_node.backends.vad_webrtc import WebrtcVad
from emotion_node.config import Config
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    FloatArray,
    SpeechEvent,
    Utterance,
)
from emotion_node.errors import ModelError
from emotion_node.interfaces import Vad
from emotion_node.recordings.truth import read_truth

DETECTORS: tuple[Vad, ...] = (SileroVad(), *(WebrtcVad(mode) for mode in range(4)))


@pytest.fixture(scope='module')
def speech() -> FloatArray:
    """The first half of the demo conversation."""
    samples, _ = conversation_sound()
    return samples[: 20 * SAMPLE_RATE]


def find_utterances(vad: Vad, samples: FloatArray, rate: int = SAMPLE_RATE) -> list[Utterance]:
    config = Config()
    hearing = Hearing(config.audio, config.segmenter, 0.3, vad, SoxrResampler)
    events: list[SpeechEvent] = [
        event for chunk in chunks(samples, rate=rate) for event in hearing.push(chunk)
    ]
    return utterances(events + hearing.flush())


@pytest.mark.parametrize('vad', DETECTORS[:-1], ids=lambda vad: vad.name)
def test_every_utterance_of_the_conversation_is_found_where_it_is(vad: Vad) -> None:
    samples, first_ns = conversation_sound()
    truth = read_truth(CONVERSATION / 'truth.json')
    found = find_utterances(vad, samples)
    assert len(found) == len(truth)
    for one, true in zip(found, truth, strict=True):
        assert seconds(one.start_ns) == pytest.approx(
            (true.start_ns - first_ns) / NS_PER_S, abs=0.15
        )
        assert seconds(one.end_ns) == pytest.approx((true.end_ns - first_ns) / NS_PER_S, abs=0.15)


def test_any_microphone_gives_the_same_utterances(speech: FloatArray) -> None:
    """As a telephone, a stereo sound card or an array of six would deliver them.

    A telephone has no sound above 4 kHz: consonants at the edges are found a little later.
    """
    expected = [(u.start_ns, u.end_ns) for u in find_utterances(DETECTORS[0], speech)]
    frame_ns = DETECTORS[0].frame_samples * NS_PER_SAMPLE
    for rate, channels, frames in ((8000, 1, 3), (44100, 2, 1), (48000, 6, 1)):
        converted = soxr.resample(speech, SAMPLE_RATE, rate)
        pcm = np.round(np.clip(converted, -1, 1) * 32767).astype(np.int16)
        found = find_utterances(DETECTORS[0], np.repeat(pcm[:, None], channels, axis=1), rate)
        assert len(found) == len(expected)
        for utterance, (start_ns, end_ns) in zip(found, expected, strict=True):
            assert abs(utterance.start_ns - start_ns) <= frames * frame_ns
            assert abs(utterance.end_ns - end_ns) <= frames * frame_ns


@pytest.mark.parametrize(('pause', 'count'), [(0.3, 1), (0.6, 2)])
def test_a_pause_makes_two_utterances_when_it_is_long(pause: float, count: int) -> None:
    _, speech = conversation_utterances(padding_s=0.0)[0]
    gap = np.zeros(round(pause * SAMPLE_RATE), np.float32)
    second = np.zeros(SAMPLE_RATE, np.float32)
    found = find_utterances(DETECTORS[0], np.concatenate([second, speech, gap, speech, second]))
    assert len(found) == count
    assert seconds(found[0].start_ns) == pytest.approx(1.0, abs=0.1)


def test_silero_gives_the_same_probabilities_frame_by_frame_as_at_once(speech: FloatArray) -> None:
    samples = speech[: 512 * 400]
    stream = SileroVad().stream()
    streamed = [stream.probability(frame) for frame in samples.reshape(-1, 512)]
    whole = get_vad_model()(samples.copy())  # it silences the end of what it is given
    np.testing.assert_allclose(streamed[:-1], whole[:-1], atol=1e-4)
    assert max(streamed) > 0.9


@pytest.mark.parametrize('vad', DETECTORS, ids=lambda vad: vad.name)
def test_streams_are_independent_and_reset_makes_them_new(vad: Vad) -> None:
    samples = sound((0.5, 0.0), (1.0, 0.3), (0.5, 0.01))
    count = len(samples) // vad.frame_samples
    frames = samples[: count * vad.frame_samples].reshape(count, -1)
    one, other = vad.stream(), vad.stream()
    first = [one.probability(frame) for frame in frames]
    assert [other.probability(frame) for frame in frames] == first
    one.reset()
    assert [one.probability(frame) for frame in frames] == first
    assert all(0.0 <= probability <= 1.0 for probability in first)


@pytest.mark.parametrize('frame', [0.01, 0.02, 0.03])
def test_webrtc_frames(frame: float) -> None:
    vad = WebrtcVad(2, frame)
    assert vad.frame_samples == round(frame * SAMPLE_RATE)
    stream = vad.stream()
    loud = sound((frame, 0.3))
    answers = [stream.probability(loud) for _ in range(8)]
    assert answers == sorted(answers)
    assert 0 < answers[0] < 1
    assert answers[-1] == 1


def test_webrtc_rejects_unknown_modes_and_frames() -> None:
    with pytest.raises(ValueError, match='0 to 3, got 4'):
        WebrtcVad(4)
    with pytest.raises(ValueError, match=r'got 0\.025'):
        WebrtcVad(2, 0.025)


def test_an_unusable_silero_file_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / 'silero_vad.onnx'
    with pytest.raises(ModelError, match='no such file'):
        SileroVad(damaged)
    damaged.write_bytes(b'no network')
    with pytest.raises(ModelError, match='is no ONNX model that onnxruntime'):
        SileroVad(damaged)
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ModelError, match='install faster-whisper'):
        SileroVad()


def test_silero_does_not_import_the_recogniser() -> None:
    code = (
        'import sys; from emotion_node.backends.vad_silero import SileroVad; SileroVad(); '
        "sys.exit('faster_whisper' in sys.modules)"
    )
    subprocess.run([sys.executable, '-c', code], check=True)
