"""The input of the voice model: log-mel spectra of a sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_node.backends.voice_features import (
    HIGH_HZ,
    HOP,
    LOW_HZ,
    MELS,
    WINDOW,
    is_silent,
    log_mel,
)
from emotion_node.datatypes import SAMPLE_RATE, FloatArray
from emotion_node.dsp.mel import mel_edges


def noise(count: int, level: float = 0.1) -> FloatArray:
    rng = np.random.default_rng(count)
    return (level * rng.standard_normal(count)).astype(np.float32)


@given(gain_db=st.floats(-45, 18))
def test_the_gain_makes_no_difference(gain_db: float) -> None:
    sound = noise(SAMPLE_RATE)
    louder = sound * np.float32(10 ** (gain_db / 20))
    np.testing.assert_allclose(log_mel(louder), log_mel(sound), atol=1e-3)


@given(count=st.integers(0, 3 * SAMPLE_RATE))
def test_any_length_gives_finite_spectra(count: int) -> None:
    spectra = log_mel(noise(count))
    assert spectra.shape == (max(count - WINDOW, 0) // HOP + 1, MELS)
    assert spectra.dtype == np.float32
    assert np.isfinite(spectra).all()
    assert np.abs(spectra).max() < 5


@pytest.mark.parametrize('hertz', [100, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_its_band(hertz: float) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    spectra = log_mel((0.1 * np.sin(2 * np.pi * hertz * time)).astype(np.float32))
    centres = mel_edges(LOW_HZ, HIGH_HZ, MELS)[1:-1]
    loudest = spectra.mean(axis=0).argmax()
    assert abs(loudest - np.abs(centres - hertz).argmin()) <= 1


def test_silence_before_speech_does_not_change_its_spectra() -> None:
    sound = noise(SAMPLE_RATE)
    padded = np.concatenate([np.zeros(16 * HOP, np.float32), sound])
    np.testing.assert_allclose(log_mel(padded)[20:], log_mel(sound)[4:], atol=0.15)


def test_silence_is_distinguished_from_faint_sound() -> None:
    assert is_silent(np.zeros(SAMPLE_RATE, np.float32))
    assert is_silent(np.zeros(0, np.float32))
    assert not is_silent(noise(SAMPLE_RATE, 1e-4))
    assert np.isfinite(log_mel(np.zeros(SAMPLE_RATE, np.float32))).all()
