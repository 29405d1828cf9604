"""A light speaker embedding: what stays the same in a voice whatever it says.

Means and standard deviations of the cepstrum of the loud frames and of the pitch, projected such
that one unit is how much a speaker varies from one utterance to the next (linear discriminant
analysis; `emotion_lab.training.speaker_embedding` makes the table). It distinguishes a
handful of people in one room, and does not identify anybody.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.voice.prosody import pitch_contour
from emotion_node.datatypes import SAMPLE_RATE, FloatArray
from emotion_node.dsp.mel import mel_filters, power_spectra

Array = npt.NDArray[np.float64]

FILE: Final = 'speaker_embedding.npz'
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


def embed_speaker(samples: FloatArray) -> Array | None:
    """Return the (dimensions,) embedding of an utterance; None where there is too little speech.

    Args:
        samples: (n,) float32 at `SAMPLE_RATE`, speech without padding.
    """
    features = voice_statistics(samples)
    if features is None:
        return None
    mean, projection = _table()
    return np.asarray(np.where(np.isnan(features), 0.0, features - mean) @ projection)


@functools.cache
def _table() -> tuple[Array, Array]:
    """Return the mean (`FEATURES`,) and the projection (`FEATURES`, dimensions)."""
    file = resources.files('emotion_node.core.voice') / FILE
    with file.open('rb') as opened, np.load(opened) as stored:
        return stored['mean'].astype(np.float64), stored['projection'].astype(np.float64)


@functools.cache
def _filters() -> Array:
    """Return (`_FFT` / 2 + 1, `MELS`) weights."""
    return mel_filters(LOW_HZ, HIGH_HZ, MELS, _FFT)


@functools.cache
def _cosines() -> Array:
    """Return (`MELS`, `CEPSTRA`), the cosine transform without its constant, the loudness."""
    places = (np.arange(MELS)[:, None] + 0.5) * np.arange(1, CEPSTRA + 1) * np.pi / MELS
    return np.asarray(np.cos(places) * np.sqrt(2 / MELS))
