"""Input of the voice model: log-mel spectra, by NumPy alone, in training as at run time.

Levels are relative to that of the louder half of the utterance, so that the gain makes no
difference: a robot's microphone and the distance to it are unknown.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from emotion_node.datatypes import FloatArray
from emotion_node.dsp.mel import mel_filters, power_spectra

WINDOW: Final = 640
"""Samples of a frame, 40 ms: long enough to resolve the harmonics of deep voices."""
HOP: Final = 200
"""Samples between frames, 12.5 ms."""
FFT: Final = 1024
MELS: Final = 64
LOW_HZ: Final = 60.0
HIGH_HZ: Final = 7600.0

FLOOR_DB: Final = -70.0
"""Minimum level, relative to that of the utterance."""
SPEECH_DB: Final = -15.0
"""Minimum level of a frame of speech, relative to the upper quartile of the levels."""
QUIET: Final = 1e-10
"""Mean square below which audio is silence; one step of 16 bit is 9e-10."""

_CENTRE_DB: Final = -35.0
_SPREAD_DB: Final = 20.0
"""Typical mean and standard deviation of levels, by which they are normalised."""


def log_mel(samples: FloatArray) -> FloatArray:
    """Return the log-mel spectra of an utterance.

    Frames with Hann windows, triangular mel bands, in dB relative to the utterance's level
    (`FLOOR_DB` at least), normalised to about zero mean and unit variance.

    Args:
        samples: (n,) float32 at `SAMPLE_RATE`; audio shorter than `WINDOW` is zero-padded.
            Samples that are not finite are taken as 0.

    Returns:
        (frames, `MELS`) float32, one frame per `HOP` samples.
    """
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    if len(samples) < WINDOW:
        samples = np.pad(samples, (0, WINDOW - len(samples)))
    power = power_spectra(samples, _hann(), HOP, FFT)
    mel = power.astype(np.float32) @ _filters()
    total = np.sort(mel.sum(axis=1))
    level = max(float(total[len(total) // 2 :].mean()), QUIET * _scale())
    db = 10.0 * np.log10(np.maximum(mel / level, 10 ** (FLOOR_DB / 10)))
    return np.asarray((db - _CENTRE_DB) / _SPREAD_DB, np.float32)


def speech_mean(spectra: FloatArray) -> FloatArray:
    """Return the (`MELS`,) mean of the frames that are speech: the colour of voice and microphone.

    Args:
        spectra: (frames, `MELS`) of an utterance, as `log_mel` returns them.
    """
    power = np.exp(spectra.astype(np.float32) * np.float32(_SPREAD_DB * np.log(10) / 10))
    total = power.sum(axis=1)
    speech = total >= np.quantile(total, 0.75) * np.float32(10 ** (SPEECH_DB / 10))
    return np.asarray(spectra[speech].mean(axis=0, dtype=np.float32))


def is_silent(samples: FloatArray) -> bool:
    """Return whether audio is digital silence: zeros, or no more than rounding errors."""
    finite = samples[np.isfinite(samples)]
    return not len(finite) or float(np.mean(np.square(finite))) < QUIET


def _scale() -> float:
    """Return the total power in a frame's spectrum of white noise with a mean square of 1."""
    return float(np.square(_hann()).sum()) * FFT / 2


@functools.cache
def _hann() -> FloatArray:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW), np.float32)


@functools.cache
def _filters() -> FloatArray:
    """Return (`FFT` / 2 + 1, `MELS`) weights."""
    return mel_filters(LOW_HZ, HIGH_HZ, MELS, FFT).astype(np.float32)
