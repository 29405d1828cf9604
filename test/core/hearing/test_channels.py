"""From several channels to mono: their mean, the loudest, or one of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.speech import STAMP, LoudnessVad, chunks, noise, sound, utterances

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import AudioConfig, SegmenterConfig
from emotion_node.core.hearing.channels import BLOCKS_PER_S, ChannelMixer, mix_down
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import NS_PER_S, SAMPLE_RATE, AudioChunk, FloatArray

BLOCK = SAMPLE_RATE // BLOCKS_PER_S
SPEECH = ((1.0, 0.0), (1.5, 0.2), (0.8, 0.0), (1.0, 0.2), (1.0, 0.0))


def mixed(
    samples: npt.NDArray[np.int16] | FloatArray, channel: str = 'mean', sizes: tuple[int, ...] = ()
) -> FloatArray:
    mixer = ChannelMixer(channel)
    parts = []
    for chunk in chunks(samples, sizes):
        used = mixer.select(chunk.samples)
        assert used is not None
        parts.append(mixer.process(used, SAMPLE_RATE))
    return np.concatenate(parts)


def pcm(samples: FloatArray) -> npt.NDArray[np.int16]:
    scaled: npt.NDArray[np.int16] = np.round(samples * 32767).astype(np.int16)
    return scaled


def columns(*channels: FloatArray) -> FloatArray:
    return np.stack(channels, axis=1).astype(np.float32)


def rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def test_channels_are_mixed_to_their_mean() -> None:
    left_right = np.array([[32767, -32768], [16384, 0], [-32768, -32768]], np.int16)
    mono = mix_down(left_right)
    assert mono is not None
    np.testing.assert_allclose(mono, [-1 / 65536, 0.25, -1.0])
    floats = mix_down(np.array([[0.5, 0.25, 0.0], [3.0, 3.0, 3.0]], np.float32))
    assert floats is not None
    np.testing.assert_allclose(floats, [0.25, 1.0])


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(bad: float) -> None:
    samples = np.zeros((10, 2), np.float32)
    samples[3, 1] = bad
    assert mix_down(samples) is None
    assert ChannelMixer('mean').select(samples) is None
    assert ChannelMixer('0').select(samples) is not None, 'the faulty channel is not used'


@pytest.mark.parametrize('gain', [1.0, 0.8, 0.95])
@pytest.mark.parametrize('as_pcm', [False, True])
def test_opposite_phase_does_not_cancel(gain: float, as_pcm: bool) -> None:
    voice = noise(2.0, 0.1)
    stereo = columns(voice, -gain * voice)
    mono = mixed(pcm(stereo) if as_pcm else stereo)
    np.testing.assert_allclose(mono[2 * BLOCK :], voice[2 * BLOCK :], atol=1e-4)


def test_the_loudest_channel_is_kept_through_a_pause_with_room_noise() -> None:
    voice = sound((1.0, 0.2), (5.0, 0.0), (1.0, 0.2))
    stereo = columns(voice + noise(7.0, 0.002, 1), -voice + noise(7.0, 0.002, 2))
    mono = mixed(stereo)
    np.testing.assert_array_equal(mono[2 * BLOCK :], stereo[2 * BLOCK :, 0])


def test_the_mean_returns_when_the_phase_is_right_again() -> None:
    voice = noise(4.0, 0.1)
    sign = np.where(np.arange(len(voice)) < 2 * SAMPLE_RATE, -1, 1)
    stereo = columns(voice, (sign * voice * 0.5).astype(np.float32))
    mono = mixed(stereo)
    np.testing.assert_allclose(mono[-SAMPLE_RATE:], 0.75 * voice[-SAMPLE_RATE:], rtol=1e-5)
    step = float(np.max(np.abs(np.diff(mono))))
    assert step < 1.5 * float(np.max(np.abs(np.diff(voice)))), 'the change does not click'


@pytest.mark.parametrize('channels', [2, 4, 6, 32])
def test_unrelated_channels_and_those_with_one_live_microphone_are_averaged(
    channels: int,
) -> None:
    unrelated = columns(*(noise(3.0, 0.1, seed) for seed in range(channels)))
    expected = mix_down(unrelated)
    assert expected is not None
    np.testing.assert_array_equal(mixed(unrelated), expected)
    one_live = np.zeros_like(unrelated)
    one_live[:, -1] = unrelated[:, -1]
    np.testing.assert_allclose(mixed(one_live), one_live[:, -1] / channels, atol=1e-6)


def test_a_delay_between_two_microphones_is_not_opposite_phase() -> None:
    rng = np.random.default_rng(4)
    voice = np.convolve(rng.standard_normal(3 * SAMPLE_RATE), np.ones(8) / 8, 'same') * 0.1
    stereo = columns(voice, np.roll(voice, 3))
    expected = mix_down(stereo)
    assert expected is not None
    np.testing.assert_array_equal(mixed(stereo), expected)


def test_the_loudest_channel_can_be_chosen_and_follows_the_sound() -> None:
    left = sound((2.0, 0.2), (2.0, 0.01))
    right = sound((2.0, 0.01), (2.0, 0.2), seed=1)
    mono = mixed(columns(left, right), 'loudest')
    np.testing.assert_array_equal(mono[2 * BLOCK : 2 * SAMPLE_RATE], left[2 * BLOCK : 2 * 16000])
    np.testing.assert_array_equal(mono[-SAMPLE_RATE:], right[-SAMPLE_RATE:])


def test_two_channels_of_almost_the_same_level_do_not_alternate() -> None:
    voice = noise(4.0, 0.1)
    wobble = 1 + 0.2 * np.sin(np.arange(len(voice)) / 4000)
    stereo = columns(voice, -voice * wobble.astype(np.float32))
    mono = mixed(stereo, 'loudest')
    np.testing.assert_array_equal(mono, stereo[:, 0])


def test_a_channel_with_what_the_robot_plays_is_left_out_by_number() -> None:
    partner = noise(2.0, 0.05)
    robot = noise(2.0, 0.15, 1)
    array = columns(*[partner] * 5, robot)
    np.testing.assert_allclose(mixed(pcm(array), '0'), partner, atol=1e-4)
    np.testing.assert_allclose(mixed(pcm(array), '5'), robot, atol=1e-4)
    assert ChannelMixer('6').select(array) is None


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=5), st.sampled_from(['mean', 'loudest'])
)
def test_how_audio_is_cut_into_chunks_changes_no_sample(sizes: list[int], channel: str) -> None:
    left = sound((0.3, 0.2), (0.3, 0.01), (0.3, 0.2))
    right = sound((0.3, 0.01), (0.6, 0.2), seed=1)
    right[-4800:] = -left[-4800:]
    samples = columns(left, right)
    whole = mixed(samples, channel, (len(samples),))
    np.testing.assert_array_equal(mixed(samples, channel, (*sizes, 100)), whole)


def hearing(channel: str) -> Hearing:
    config = AudioConfig(channel=channel)
    return Hearing(config, SegmenterConfig(), 0.3, LoudnessVad(), SoxrResampler)


@pytest.mark.parametrize('channel', ['mean', 'loudest', '1'])
def test_stereo_of_opposite_phase_gives_the_utterances_of_mono(channel: str) -> None:
    voice = sound(*SPEECH)
    edges = []
    for samples in (columns(voice), columns(voice, -voice)):
        one = hearing(channel if samples.shape[1] > 1 else 'mean')
        events = [event for chunk in chunks(pcm(samples)) for event in one.push(chunk)]
        found = utterances([*events, *one.flush()])
        edges.append([(u.start_ns - STAMP, u.end_ns - STAMP) for u in found])
    np.testing.assert_allclose(edges[1], edges[0], atol=0.03 * NS_PER_S)


def test_audio_without_the_channel_that_is_set_is_a_bad_chunk() -> None:
    one = hearing('2')
    assert one.push(AudioChunk(STAMP, np.zeros((320, 2), np.int16), SAMPLE_RATE)) == []
    assert one.stats.bad_chunks == 1
