"""Power spectra and mel bands of sound.

The mel scale is O'Shaughnessy's (Speech Communication: Human and Machine, 1987), m = 2595
log10(1 + f / 700), with triangular filters of equal height.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from emotion_node.datatypes import SAMPLE_RATE

Floats = npt.NDArray[np.floating[Any]]


def hz_to_mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return frequencies on the mel scale."""
    return np.asarray(2595 * np.log10(1 + np.asarray(hertz, np.float64) / 700))


def mel_to_hz(mel: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return points of the mel scale as frequencies in Hz."""
    return np.asarray(700 * (10 ** (np.asarray(mel, np.float64) / 2595) - 1))


def mel_edges(low_hz: float, high_hz: float, bands: int) -> npt.NDArray[np.float64]:
    """Return (bands + 2,) frequencies in Hz, equally spaced in mel.

    Band k rises from edge k to its peak at edge k + 1 and falls to edge k + 2.
    """
    return mel_to_hz(np.linspace(hz_to_mel(low_hz), hz_to_mel(high_hz), bands + 2))


def mel_filters(
    low_hz: float, high_hz: float, bands: int, fft_size: int, rate: int = SAMPLE_RATE
) -> npt.NDArray[np.float64]:
    """Return the weights that take a power spectrum to mel bands.

    Args:
        low_hz: lower edge of the first band.
        high_hz: upper edge of the last band, at most half of `rate`.
        bands: number of bands.
        fft_size: length of the Fourier transform, in samples.
        rate: sample rate in Hz.

    Returns:
        (fft_size / 2 + 1, bands) weights, 0..1: `spectrum @ weights` are the bands.
    """
    edges = mel_edges(low_hz, high_hz, bands)
    hertz = np.arange(fft_size // 2 + 1)[:, None] * rate / fft_size
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))


def power_spectra(samples: Floats, window: Floats, hop: int, fft_size: int) -> Floats:
    """Return the power spectrum of each frame of a signal.

    Args:
        samples: (n,), n at least the window's length.
        window: (length,) weights of a frame's samples, length at most `fft_size`.
        hop: samples between the starts of two frames.
        fft_size: length of the Fourier transform; frames are zero-padded to it.

    Returns:
        (frames, fft_size / 2 + 1) squared magnitudes, in the precision of samples and window;
        frames that would reach beyond the end are left out.
    """
    frames = sliding_window_view(samples, len(window))[::hop]
    spectra = np.fft.rfft(frames * window, fft_size)
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag))
