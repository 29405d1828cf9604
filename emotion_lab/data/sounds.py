"""Synthetic noise and babble, seeded, for training and measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import SAMPLE_RATE, FloatArray

BABBLE: Final = 'babble'
NOISES: Final = ('white', 'pink', 'hum', 'knocks', 'music', BABBLE)
BABBLE_TALKERS: Final = 8

Signal = npt.NDArray[np.floating[Any]]


def make_noise(
    kind: str, length: int, babble: Sequence[FloatArray], rng: np.random.Generator
) -> Signal:
    """Return (length,) samples of noise at any level.

    "hum" is mains hum (50 Hz with harmonics) with pink noise 10 dB below it, as of a fan;
    "knocks" are decaying resonances, two a second, as of objects put down; "music" is chords of
    plucked strings; "babble" is `BABBLE_TALKERS` people who talk without a break. All but the
    babble are synthetic.
    """
    match kind:
        case 'white':
            return rng.standard_normal(length)
        case 'pink':
            return _pink(length, rng)
        case 'hum':
            pink = _pink(length, rng)
            hum = _harmonics(length, 50.0, rng)
            return np.asarray(hum / np.std(hum) + pink / np.std(pink) * 10 ** (-10 / 20))
        case 'knocks':
            return _knocks(length, rng)
        case 'music':
            return _music(length, rng)
        case 'babble':  # BABBLE; a bare name would match anything
            return _babble(length, babble, rng)
    raise ValueError(f'noise: expected one of {NOISES}, got {kind!r}')


def _pink(length: int, rng: np.random.Generator) -> Signal:
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequency = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    pink: Signal = np.fft.irfft(spectrum * np.sqrt(20 / np.maximum(frequency, 20)), length)
    return pink


def _harmonics(length: int, pitch: float, rng: np.random.Generator) -> Signal:
    phase = 2 * np.pi * pitch * np.arange(length) / SAMPLE_RATE
    total = np.zeros(length)
    for n in range(1, 9):
        total += np.sin(n * phase + rng.uniform(0, 2 * np.pi)) / n
    return total


def _knocks(length: int, rng: np.random.Generator) -> Signal:
    total = np.zeros(length)
    for start in np.sort(rng.integers(length, size=2 * length // SAMPLE_RATE)):
        time = np.arange(min(SAMPLE_RATE // 2, length - start)) / SAMPLE_RATE
        ringing = np.sin(2 * np.pi * rng.uniform(200, 3000) * time)
        ringing += rng.standard_normal(len(time))
        total[start : start + len(time)] += ringing * np.exp(-time / rng.uniform(0.01, 0.06))
    return total


def _music(length: int, rng: np.random.Generator) -> Signal:
    scale = 110.0 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16, 19, 21, 24]) / 12)
    total = np.zeros(length)
    start = 0
    while start < length:
        size = min(SAMPLE_RATE, length - start)
        decay = np.exp(-np.arange(size) / SAMPLE_RATE / 0.4)
        for pitch in rng.choice(scale, 3, replace=False):
            total[start : start + size] += _harmonics(size, float(pitch), rng) * decay
        start += round(rng.uniform(0.2, 0.6) * SAMPLE_RATE)
    return total


def _babble(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    total = np.zeros(length)
    for _ in range(BABBLE_TALKERS):
        position = -int(rng.integers(2 * SAMPLE_RATE))
        while position < length:
            voice = voices[int(rng.integers(len(voices)))]
            part = voice[max(0, -position) : length - position]
            start = max(0, position)
            total[start : start + len(part)] += part
            position += len(voice)
    return total


def level(samples: Signal) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def scaled(samples: Signal, level_db: float) -> FloatArray:
    """Return samples with a root mean square of `level_db` dB of full scale."""
    return (samples * (10 ** (level_db / 20) / level(samples))).astype(np.float32)
