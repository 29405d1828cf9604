"""Mel bands: equally spaced for the ear, and no sound between them is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_node.dsp.mel import hz_to_mel, mel_edges, mel_filters, mel_to_hz, power_spectra

FFT = 1024
RATE = 16_000


@given(hertz=st.floats(0, 24_000))
def test_mel_and_back_is_the_same_frequency(hertz: float) -> None:
    assert float(mel_to_hz(hz_to_mel(hertz))) == pytest.approx(hertz, abs=1e-6)


def test_the_scale_is_that_of_the_literature() -> None:
    """1000 Hz are 1000 mel; above, an octave is ever more of it."""
    assert float(hz_to_mel(1000)) == pytest.approx(1000, abs=0.1)
    assert hz_to_mel(200) - hz_to_mel(100) < hz_to_mel(2000) - hz_to_mel(1000)


@given(
    low=st.floats(0, 300), high=st.floats(4000, RATE / 2), bands=st.integers(2, 40)
)  # fmt: skip
def test_neighbouring_bands_share_every_frequency_between_their_peaks(
    low: float, high: float, bands: int
) -> None:
    filters = mel_filters(low, high, bands, FFT, RATE)
    assert filters.shape == (FFT // 2 + 1, bands)
    assert filters.min() >= 0
    assert filters.max() <= 1
    edges = mel_edges(low, high, bands)
    hertz = np.arange(FFT // 2 + 1) * RATE / FFT
    between = (hertz >= edges[1]) & (hertz <= edges[-2])
    np.testing.assert_allclose(filters[between].sum(axis=1), 1, atol=1e-9)
    outside = (hertz <= edges[0]) | (hertz >= edges[-1])
    assert not filters[outside].any()


@given(hertz=st.floats(150, 7000))
def test_a_tone_is_loudest_in_the_band_whose_peak_is_nearest(hertz: float) -> None:
    bands = 20
    tone = np.sin(2 * np.pi * hertz * np.arange(FFT) / RATE).astype(np.float32)
    power = power_spectra(tone, np.hanning(FFT), FFT, FFT)
    loudness = (power @ mel_filters(100, 7500, bands, FFT, RATE))[0]
    peaks = mel_edges(100, 7500, bands)[1:-1]
    distances = np.abs(peaks - hertz)
    # Half-way between two peaks, either may be the louder.
    assert distances[loudness.argmax()] <= 1.2 * distances.min() + RATE / FFT


@given(count=st.integers(100, 2000), hop=st.integers(1, 100), skip=st.integers(0, 20))
def test_frames_lie_a_hop_apart_and_none_reaches_beyond_the_end(
    count: int, hop: int, skip: int
) -> None:
    window = np.hanning(100)
    samples = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    spectra = power_spectra(samples, window, hop, 128)
    assert spectra.shape == ((count - 100) // hop + 1, 65)
    skip = min(skip, len(spectra) - 1)
    later = power_spectra(samples[skip * hop :], window, hop, 128)
    np.testing.assert_array_equal(later, spectra[skip:])


def test_the_spectrum_holds_the_energy_of_the_sound() -> None:
    """Parseval's theorem."""
    samples = np.random.default_rng(0).standard_normal(256)
    (power,) = power_spectra(samples, np.ones(256), 256, 256)
    doubled = 2 * power.sum() - power[0] - power[-1]
    assert doubled / 256 == pytest.approx(np.square(samples).sum())
