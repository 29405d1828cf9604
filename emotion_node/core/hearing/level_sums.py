"""Sums over audio, by which its level and its sample format are judged."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.hearing.channels import Samples

LOUD_DBFS: Final = -30.0
"""Chunks from this level on are judged for clipping and noise; in quieter ones neither matters."""
FULL_SCALE: Final = 0.999
_FLAT: Final = 1 - 1e-4
"""Three samples in a row from this share of the peak on were clipped, be it below full scale: then
the signal was attenuated later."""
TINY: Final = 1e-30


@dataclass(slots=True)
class LevelSums:
    """Sums over some audio; energies are sums of squares, with full scale at 1.

    Attributes:
        samples, seconds, total: number, duration in s and sum of all samples.
        loud_samples, loud_seconds, loud_energy: of the chunks from `LOUD_DBFS` on. What follows,
            apart from speech, is over these chunks, too.
        clipped, beyond: samples that are clipped, and beyond full scale.
        neighbours, swapped: sums of the correlation of neighbouring samples, as they came and with
            their bytes swapped, each chunk weighted by its length.
        neighbours_weight, swapped_weight: sums of these weights.
        larger_energy, smaller_energy: of every other sample, the larger and the smaller.
        speech_seconds, speech_energy: duration of detected speech in s, and its mean square times
            the duration.
    """

    samples: float = 0.0
    seconds: float = 0.0
    total: float = 0.0
    loud_samples: float = 0.0
    loud_seconds: float = 0.0
    loud_energy: float = 0.0
    clipped: float = 0.0
    beyond: float = 0.0
    neighbours: float = 0.0
    neighbours_weight: float = 0.0
    swapped: float = 0.0
    swapped_weight: float = 0.0
    larger_energy: float = 0.0
    smaller_energy: float = 0.0
    speech_seconds: float = 0.0
    speech_energy: float = 0.0

    def add(self, other: LevelSums) -> None:
        """Add the sums over other audio."""
        for name in _SUM_NAMES:
            added = getattr(other, name)
            if added:
                setattr(self, name, getattr(self, name) + added)


_SUM_NAMES: Final = tuple(entry.name for entry in fields(LevelSums))


def measure(one: npt.NDArray[np.float64], raw: Samples, rate: int) -> LevelSums:
    """Return the sums over the samples of one channel, as floats and as they came."""
    sums = LevelSums(samples=len(one), seconds=len(one) / rate, total=float(one.sum()))
    energy = float(np.vdot(one, one))
    if not len(one) or decibels(energy / len(one)) < LOUD_DBFS:
        return sums
    size = np.abs(one)
    sums.loud_samples = len(one)
    sums.loud_seconds = len(one) / rate
    sums.loud_energy = energy
    sums.clipped = float(np.count_nonzero(size >= FULL_SCALE))
    if not sums.clipped:
        sums.clipped = _flat(one, _FLAT * float(np.max(size)))
    sums.beyond = float(np.count_nonzero(size > 1.0))
    # Sums of one chunk weigh alike, so that single wild samples do not dominate.
    sums.neighbours, sums.neighbours_weight = _correlation(one)
    even, odd = (float(np.vdot(half, half)) for half in (one[::2], one[1::2]))
    sums.larger_energy, sums.smaller_energy = max(even, odd), min(even, odd)
    if raw.dtype == np.int16:
        sums.swapped, sums.swapped_weight = _correlation(raw.byteswap().astype(np.float64))
    return sums


def _flat(samples: npt.NDArray[np.float64], level: float) -> float:
    """Return how many samples stand beyond a level, of either sign, between two that do too."""
    return sum(
        float(np.count_nonzero(beyond[:-2] & beyond[1:-1] & beyond[2:]))
        for beyond in (samples >= level, samples <= -level)
    )


def _correlation(samples: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the correlation of neighbouring samples, and its weight, both by the length."""
    energy = float(np.vdot(samples, samples))
    if len(samples) < 2 or not energy:
        return 0.0, 0.0
    return len(samples) * float(np.vdot(samples[1:], samples[:-1])) / energy, float(len(samples))


def decibels(energy: float) -> float:
    """Return a mean square as a level in dBFS."""
    return 10 * math.log10(max(energy, TINY))
