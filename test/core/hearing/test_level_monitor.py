"""Audio that cannot be sound, or is far too loud or too quiet, is reported with the remedy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.recordings import conversation_sound
from support.speech import LoudnessVad, chunks, noise, silence

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import Config
from emotion_node.core.hearing.level_monitor import LevelMonitor
from emotion_node.core.hearing.level_problems import LevelProblem
from emotion_node.core.hearing.quiet_speech import QuietSpeech
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import NS_PER_SAMPLE, SAMPLE_RATE, FloatArray
from emotion_node.factory import load_vad
from emotion_node.recordings.media import read_audio

Pcm = npt.NDArray[np.int16]
Audio = Pcm | FloatArray
DATA = Path(__file__).parents[4] / 'shared' / 'data'


@cache
def conversation() -> FloatArray:
    """The first 10 s of the demo recording."""
    return conversation_sound()[0][: 10 * SAMPLE_RATE]


def louder(decibels: float) -> FloatArray:
    scaled: FloatArray = (conversation() * 10 ** (decibels / 20)).astype(np.float32)
    return scaled


def pcm(samples: FloatArray) -> Pcm:
    scaled: Pcm = np.round(samples * 32768).clip(-32768, 32767).astype(np.int16)
    return scaled


def as_int32(values: npt.NDArray[np.int32]) -> FloatArray:
    """Return samples of 32 bits as the message decoder does."""
    return (values / np.float32(2**31)).astype(np.float32)


def monitored(samples: Audio, rate: int = SAMPLE_RATE) -> LevelMonitor:
    config = Config()
    hearing = Hearing(config.audio, config.segmenter, 0.3, load_vad(config), SoxrResampler)
    for chunk in chunks(samples, rate=rate):
        hearing.push(chunk)
    hearing.flush()
    return hearing.levels


def problem(samples: Audio, rate: int = SAMPLE_RATE) -> tuple[LevelProblem, str]:
    """Return the only problem of some audio, which is known live and at the end."""
    levels = monitored(samples, rate)
    ((kind, text),) = levels.problems().items()
    assert kind in levels.summary()
    return kind, text


@pytest.mark.parametrize('seconds', [4.0, 12.5, 40.0])
def test_zeros_from_the_beginning_are_a_muted_microphone(seconds: float) -> None:
    kind, text = problem(pcm(silence(seconds)))
    assert kind is LevelProblem.CONSTANT
    assert f'all samples of the last {seconds:.0f} s are zero' in text
    assert 'muted, or another device' in text


def test_a_constant_value_is_not_sound_either() -> None:
    kind, text = problem(np.full(10 * SAMPLE_RATE, -16384, np.int16))
    assert (kind, '-0.5 of full scale' in text) == (LevelProblem.CONSTANT, True)


def test_zeros_for_some_seconds_between_sentences_are_a_noise_gate() -> None:
    voice = conversation()[: 5 * SAMPLE_RATE]
    assert not monitored(pcm(np.concatenate([voice, silence(10.0), voice]))).summary()
    kind, _ = problem(pcm(np.concatenate([voice, silence(40.0)])))
    assert kind is LevelProblem.CONSTANT


@pytest.mark.parametrize('decibels', [20, 32])
def test_clipping_is_reported_with_its_share(decibels: float) -> None:
    kind, text = problem(pcm(louder(decibels)))
    assert kind is LevelProblem.CLIPPED
    share = int(text.split(': ')[1].split(' %')[0])
    assert share > (5 if decibels == 20 else 30)
    assert 'turn its gain down' in text


@pytest.mark.parametrize('gain', [0.9, 0.5, 0.2])
def test_audio_that_was_clipped_before_it_was_attenuated_is_recognised(gain: float) -> None:
    for samples in (gain * pcm(louder(32)) / 32768, gain * louder(32).clip(-1, 1)):
        assert problem(pcm(samples.astype(np.float32)))[0] is LevelProblem.CLIPPED


def test_a_beep_is_not_clipping() -> None:
    for frequency in (100, 440, 1000, 2000, 4000):
        beep = 0.5 * np.sin(2 * np.pi * frequency * np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE)
        assert LevelProblem.CLIPPED not in monitored(beep.astype(np.float32)).summary(), frequency


def test_one_shout_at_full_scale_is_not_clipping() -> None:
    shout = conversation().copy()
    shout[50_000:50_050] = 1.0
    assert not monitored(pcm(shout)).summary()


@pytest.mark.parametrize('scale', [40.0, 128.0, 32768.0, 2.0**31])
def test_floats_beyond_full_scale_are_reported_with_their_peak(scale: float) -> None:
    samples = (conversation() * scale).astype(np.float32)
    kind, text = problem(samples)
    assert kind is LevelProblem.BEYOND_FULL_SCALE
    assert f'reach {np.abs(samples).max():.3g}' in text
    assert 'divide 16-bit values by 32768' in text


def test_16_bits_in_32_are_recognised() -> None:
    kind, text = problem(as_int32(pcm(conversation()).astype(np.int32)))
    assert kind is LevelProblem.TINY
    assert 'samples of 16 bits come as 32 bits' in text
    kind, text = problem((conversation() * 2**23).astype(np.int32) / np.float32(2**31))
    assert (kind, 'only some of their bits' in text) == (LevelProblem.QUIET_SPEECH, True)


def test_8_bits_in_16_are_far_too_quiet() -> None:
    kind, _ = problem((pcm(conversation()) // 256).astype(np.int16))
    assert kind is LevelProblem.QUIET_SPEECH


def test_16_bits_whose_bytes_are_swapped_are_recognised() -> None:
    kind, text = problem(pcm(conversation()).byteswap())
    assert kind is LevelProblem.BYTE_ORDER
    assert 'publish little-endian samples' in text


@pytest.mark.parametrize('rate', [8000, 44_100, 48_000])
def test_swapped_bytes_are_recognised_at_other_rates(rate: int) -> None:
    resampled = np.interp(
        np.arange(0, 10, 1 / rate), np.arange(len(conversation())) / SAMPLE_RATE, conversation()
    )
    kind, _ = problem(pcm(resampled.astype(np.float32)).byteswap(), rate)
    assert kind is LevelProblem.BYTE_ORDER


def test_other_formats_read_as_16_bits_are_noise_or_half_empty() -> None:
    voice = conversation() + noise(10.0, 1e-6)  # more than 16 bits
    wide = (voice * 2**31).astype(np.int32)
    readings: dict[str, Audio] = {
        'swapped 32 bits': as_int32(wide.byteswap()),
        'floats': voice.view(np.int16),
        'compressed': np.random.default_rng(1).integers(-32768, 32767, 160_000).astype(np.int16),
    }
    for name, samples in readings.items():
        kind, text = problem(samples)
        assert kind is LevelProblem.NOISE, name
        assert 'the sample format is not the one stated' in text
    padded = (pcm(voice).astype(np.int32) << 16).view(np.int16)
    assert problem(padded)[0] is LevelProblem.ALTERNATING
    left_only = np.stack([pcm(voice), np.zeros(len(voice), np.int16)], axis=1).ravel()
    assert problem(left_only)[0] is LevelProblem.ALTERNATING


def test_unsigned_samples_read_as_signed_are_recognised() -> None:
    unsigned = np.round(conversation() * 32767 + 32768).astype(np.uint16)
    kind, text = problem(unsigned.view(np.int16))
    assert (kind, 'unsigned samples' in text) == (LevelProblem.CLIPPED, True)
    shifted = (conversation() * 0.5 + 0.5).astype(np.float32)
    kind, text = problem(shifted)
    assert kind is LevelProblem.OFFSET
    assert '+0.50 of full scale' in text


@pytest.mark.parametrize('decibels', [-40, -50, -55, -60])
def test_speech_that_is_far_too_quiet_is_reported_with_its_level(decibels: float) -> None:
    kind, text = problem(pcm(louder(decibels)))
    assert kind is LevelProblem.QUIET_SPEECH
    level = int(text.split('(')[1].split(' dBFS')[0])
    assert level == pytest.approx(-24 + decibels, abs=4)
    assert 'turn the gain of the microphone up' in text


def test_one_step_of_16_bits_is_no_microphone() -> None:
    dither = np.random.default_rng(1).integers(-1, 2, 10 * SAMPLE_RATE).astype(np.int16)
    kind, text = problem(dither)
    assert (kind, '-90 dBFS' in text) == (LevelProblem.TINY, True)


@pytest.mark.parametrize('level', [0.00003, 0.0001, 0.001, 0.01])
def test_a_quiet_room_is_no_problem(level: float) -> None:
    assert not monitored(pcm(noise(40.0, level))).summary()


@pytest.mark.parametrize('level', [0.0001, 0.00005])
def test_hum_and_clicks_in_a_quiet_room_are_no_speech(level: float) -> None:
    rng = np.random.default_rng(3)
    times = np.arange(40 * SAMPLE_RATE) / SAMPLE_RATE
    hum = level * np.sin(2 * np.pi * 100 * times) * (1 + 0.5 * np.sin(2 * np.pi * 0.7 * times))
    clicks = 20 * level * (rng.random(len(times)) < 1e-4)
    room = hum + clicks + level * rng.standard_normal(len(times))
    assert not monitored(pcm(room.astype(np.float32))).summary()


def test_the_detector_is_asked_again_only_where_it_is_far_too_quiet() -> None:
    class Counting(LoudnessVad):
        asked = 0

        def probability(self, frame: FloatArray) -> float:
            Counting.asked += 1
            return super().probability(frame)

    vad = Counting()
    quiet = QuietSpeech(vad, vad.frame_samples * NS_PER_SAMPLE, 0.5)
    for level, expected in ((0.01, 0), (0.0001, 100), (0.0, 100)):
        quiet.reset()
        for frame in np.array_split(noise(5.0, level)[: 100 * vad.frame_samples], 100):
            quiet.is_speech(frame)
        assert Counting.asked == expected


@pytest.mark.parametrize('decibels', [-25, -12, 0, 6])
def test_the_demo_conversation_is_no_problem(decibels: float) -> None:
    assert not monitored(pcm(louder(decibels))).summary()
    assert not monitored(louder(decibels)).summary()


@pytest.mark.parametrize('dataset', ['ravdess', 'emodb', 'meld_wav', 'meld_clips'])
def test_recorded_speech_is_no_problem(dataset: str) -> None:
    suffixes = ('.flac', '.wav', '.mp4')
    files = [one for one in (DATA / dataset).glob('**/*') if one.suffix in suffixes]
    if not files:
        pytest.skip(f'no recordings in {DATA / dataset}')
    for file in sorted(files)[:: max(1, len(files) // 5)]:
        parts = list(read_audio(file))
        samples = np.concatenate([part.samples for part in parts])
        assert not monitored(samples, parts[0].rate).summary(), file.name


def test_only_the_channel_with_the_loudest_sound_is_judged() -> None:
    voice = pcm(conversation())
    assert not monitored(np.stack([voice, np.zeros_like(voice)], axis=1)).summary()


def test_a_problem_that_is_solved_is_no_longer_reported_but_remembered() -> None:
    levels = monitored(pcm(np.concatenate([louder(32), noise(40.0, 0.01)])))
    assert not levels.problems()
    assert list(levels.summary()) == [LevelProblem.CLIPPED]
    levels.reset()
    assert not levels.problems()
