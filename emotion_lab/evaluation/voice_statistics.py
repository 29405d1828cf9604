"""Statistics of a voice: a light speaker embedding, which the node does not use.

Means and standard deviations of the cepstrum of the loud frames and of the pitch.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.voice.prosody import pitch_contour
from emotion_node.datatypes import SAMPLE_RATE, FloatArray
from emotion_node.dsp.mel import mel_filters, power_spectra

Array = npt.NDArray[np.float64]

WINDOW: Final = SAMPLE_RATE // 40
HOP: Final = SAMPLE_RATE // 100
MELS: Final = 40
CEPSTRA: Final = 19
LOW_HZ: Final = 100.0
HIGH_HZ: Final = 7000.0
LOUD_DB: Final = 25.0
"""Frames further below the loudest, in dB, are left out."""
MIN_FRAMES: Final = 40
"""With fewer loud frames, 0.4 s, there is no embedding."""
MAX_SAMPLES: Final = 6 * SAMPLE_RATE
"""Of longer speech, only the end is used."""
FEATURES: Final = 2 * CEPSTRA + 2

_FFT: Final = 512


def voice_statistics(samples: FloatArray) -> Array | None:
    """Return what the embedding is made of; None where there is too little speech.

    Args:
        samples: (n,) float32 at `SAMPLE_RATE`, speech without padding.

    Returns:
        (`FEATURES`,) means, then standard deviations of the cepstrum, then the median and the
        standard deviation of the pitch in semitones above 100 Hz, NaN where too little is voiced.
    """
    samples = np.nan_to_num(samples[-MAX_SAMPLES:], nan=0.0, posinf=0.0, neginf=0.0)
    if len(samples) < WINDOW + MIN_FRAMES * HOP:
        return None
    power = power_spectra(samples, np.hanning(WINDOW), HOP, _FFT)
    level = power.sum(axis=1)
    loud = level > level.max() * 10 ** (-LOUD_DB / 10)
    if level.max() <= 0 or loud.sum() < MIN_FRAMES:
        return None
    mel = np.log(power[loud] @ _filters() + 1e-10)
    cepstra = mel @ _cosines()
    pitch = pitch_contour(samples)
    voiced = 12 * np.log2(pitch[~np.isnan(pitch)] / 100)
    enough = len(voiced) >= MIN_FRAMES // 4
    tone = [float(np.median(voiced)), float(voiced.std())] if enough else [np.nan, np.nan]
    return np.array([*cepstra.mean(axis=0), *cepstra.std(axis=0), *tone])


@functools.cache
def _filters() -> Array:
    """Return (`_FFT` / 2 + 1, `MELS`) weights."""
    return mel_filters(LOW_HZ, HIGH_HZ, MELS, _FFT)


@functools.cache
def _cosines() -> Array:
    """Return (`MELS`, `CEPSTRA`), the cosine transform without its constant, the loudness."""
    places = (np.arange(MELS)[:, None] + 0.5) * np.arange(1, CEPSTRA + 1) * np.pi / MELS
    return np.asarray(np.cos(places) * np.sqrt(2 / MELS))
