"""Mel-frequency cepstral coefficients, as the package python_speech_features computes them.

Davis and Mermelstein, IEEE Transactions on Acoustics, Speech and Signal Processing 28(4), 1980.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from emotion_node.datatypes import SAMPLE_RATE, FloatArray

COUNT: Final = 13
HOP: Final = SAMPLE_RATE // 100
WINDOW: Final = SAMPLE_RATE // 40
"""`HOP` samples from one window to the next, 10 ms, and `WINDOW` samples in each, 25 ms."""

_FFT: Final = 512
_FILTERS: Final = 26
_PREEMPHASIS: Final = 0.97
_LIFTER: Final = 22
_FULL_SCALE: Final = 32768.0
"""Amplitudes are those of 16-bit integers."""
_TINY: Final = float(np.finfo(np.float64).eps)


def _filter_bank() -> FloatArray:
    """Return (257, 26) triangular filters, evenly spaced in mel from 0 to 8 kHz."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, _FILTERS + 2) / 2595) - 1)
    edges = np.floor((_FFT + 1) * hertz / SAMPLE_RATE)
    bins = np.arange(_FFT // 2 + 1)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    inside = (bins >= low) & (bins < high)
    return np.where(inside, np.where(bins < middle, rising, falling), 0.0).astype(np.float32)


def _cosines() -> FloatArray:
    """Return (26, 13) of the orthonormal discrete cosine transform (type II), lifted."""
    order = np.arange(COUNT)
    place = np.arange(_FILTERS)[:, None] + 0.5
    cosines = np.cos(np.pi * order * place / _FILTERS) * np.sqrt(2 / _FILTERS)
    cosines[:, 0] /= np.sqrt(2)
    lift = 1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER)
    return np.asarray(cosines * lift, np.float32)


_BANK: Final = _filter_bank()
_COSINES: Final = _cosines()


def cepstra(samples: FloatArray) -> FloatArray:
    """Return the cepstra of a stretch of audio, the first of them the logarithm of the energy.

    Args:
        samples: (n,) float32 -1..1 at `SAMPLE_RATE`.

    Returns:
        (m, 13) float32, one row per complete window of `WINDOW` samples, every `HOP`.
    """
    count = max(0, (len(samples) - WINDOW) // HOP + 1)
    if not count:
        return np.zeros((0, COUNT), np.float32)
    loud = samples * np.float32(_FULL_SCALE)
    sharp = np.append(loud[:1], loud[1:] - np.float32(_PREEMPHASIS) * loud[:-1])
    windows = np.lib.stride_tricks.sliding_window_view(sharp, WINDOW)[::HOP][:count]
    spectra = np.fft.rfft(windows, _FFT)
    power = (spectra.real**2 + spectra.imag**2) / _FFT
    energy = power.sum(axis=1)
    bands = np.log(np.maximum(power @ _BANK, _TINY))
    found: FloatArray = (bands @ _COSINES).astype(np.float32)
    found[:, 0] = np.log(np.maximum(energy, _TINY))
    return found
