"""Speech degraded as microphones degrade it, and non-speech sounds: the same each time."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from emotion_lab.data.microphone import (
    Degradation,
    add_noise,
    clip_or_attenuate,
    cut_out,
    degrade,
    limit_band,
    mu_law,
    reverberate,
    through_codec,
    tilt_spectrum,
)
from emotion_lab.data.sounds import NOISES, level
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.evaluation.non_speech_signals import KINDS
from emotion_lab.evaluation.non_speech_sounds import CLIPS_PER_KIND, non_speech_sounds
from emotion_lab.training.outliers import FAMILIES, LENGTHS_S, make_outlier
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

ALWAYS = Degradation(speed=1, room=1, tilt=1, band=1, noise=1, codec=1, gain=1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope='module')
def recording() -> FloatArray:
    """Half a second of silence, a second of a voice, half a second of silence."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 20))
    voice = voice * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    silence = 1e-5 * rng().standard_normal(SAMPLE_RATE // 2)
    return np.asarray(np.concatenate([silence, 0.1 * voice, silence]), np.float32)


def test_speech_is_cut_out_with_the_requested_margins(recording: FloatArray) -> None:
    assert len(cut_out(recording, 0, 0)) == pytest.approx(SAMPLE_RATE, abs=500)
    assert len(cut_out(recording, 0.2, 0.1)) == pytest.approx(1.3 * SAMPLE_RATE, abs=500)


@pytest.mark.parametrize('kind', NOISES)
@pytest.mark.parametrize('snr_db', [20.0, 5.0])
def test_noise_has_the_requested_level(recording: FloatArray, kind: str, snr_db: float) -> None:
    noisy = add_noise(recording, kind, snr_db, [recording], 3)
    ratio = 20 * np.log10(level(recording) / level(noisy - recording))
    assert ratio == pytest.approx(snr_db, abs=0.1)
    np.testing.assert_array_equal(noisy, add_noise(recording, kind, snr_db, [recording], 3))


def test_a_room_reverberates(recording: FloatArray) -> None:
    result = reverberate(recording, rng(1))
    assert len(result) == len(recording)
    after = slice(int(1.52 * SAMPLE_RATE), int(1.6 * SAMPLE_RATE))
    assert level(result[after]) > 10 * level(recording[after])


def test_a_telephone_loses_frequencies_above_four_kilohertz() -> None:
    noise = 0.1 * rng().standard_normal(SAMPLE_RATE)
    power = np.square(np.abs(np.fft.rfft(mu_law(noise))))
    assert power[4200:].sum() < 0.01 * power[300:3400].sum()


@pytest.mark.parametrize('codec', ['libmp3lame', 'libopus'])
def test_codecs_change_the_level_little(recording: FloatArray, codec: str) -> None:
    result = through_codec(recording, codec, 24)
    assert len(result) == len(recording)
    assert level(result) == pytest.approx(level(recording), rel=0.2)


@pytest.mark.parametrize('way', [tilt_spectrum, limit_band, clip_or_attenuate, reverberate])
def test_every_degradation_leaves_finite_sound_of_the_same_length(
    recording: FloatArray, way: object
) -> None:
    assert callable(way)
    for seed in range(8):
        result = way(recording, rng(seed))
        assert result.shape == recording.shape
        assert np.isfinite(result).all()
        assert level(result) > 0


def test_the_same_seed_degrades_alike_and_another_does_not(recording: FloatArray) -> None:
    one, same, other = (degrade(recording, ALWAYS, [recording], rng(n)) for n in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.allclose(one, other)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()


def test_each_clip_has_its_own_noise_under_a_condition(recording: FloatArray) -> None:
    for name, condition in CONDITIONS.items():
        first, again, other = (
            condition.apply(recording, clip, [recording]) for clip in ('a', 'a', 'bb')
        )
        np.testing.assert_array_equal(first, again)
        assert np.isfinite(first).all()
        drawn = condition.snr_db is not None or condition.room
        assert drawn == (not np.allclose(first, other)), name


@pytest.mark.parametrize('family', FAMILIES)
def test_outliers_have_lengths_within_the_range(recording: FloatArray, family: str) -> None:
    for seed in range(3):
        sound = make_outlier(family, [recording], rng(seed))
        assert LENGTHS_S[0] <= len(sound) / SAMPLE_RATE <= LENGTHS_S[1] + 0.01
        assert np.isfinite(sound).all()
        assert level(sound) > 1e-4
        np.testing.assert_array_equal(sound, make_outlier(family, [recording], rng(seed)))


def test_non_speech_sounds_are_many_and_always_the_same() -> None:
    sounds = [one.samples for one in non_speech_sounds()]
    assert len(sounds) == CLIPS_PER_KIND * len(KINDS)
    assert len({zlib.crc32(samples.tobytes()) for samples in sounds}) > 0.9 * len(sounds)
    assert all(np.abs(samples).max() <= 1 for samples in sounds)
    silent = [samples for samples in sounds if not samples.any()]
    assert 0 < len(silent) < CLIPS_PER_KIND
    some = range(3, CLIPS_PER_KIND, 8)
    again = [one.samples for one in non_speech_sounds(some)]
    for kind in range(len(KINDS)):
        for place, clip in enumerate(some):
            np.testing.assert_array_equal(
                again[kind * len(some) + place], sounds[kind * CLIPS_PER_KIND + clip]
            )
