"""The sound of the latest speech, addressed by time."""

from __future__ import annotations

from typing import Final

import numpy as np

from emotion_node.datatypes import NS_PER_SAMPLE, SAMPLE_RATE, FloatArray

KEPT: Final = 4 * SAMPLE_RATE
"""Samples of the sound that are kept at least."""


class SpeechSound:
    """Keeps the last few seconds of one stretch of audio.

    Args:
        stamp_ns: of the first sample.
    """

    def __init__(self, stamp_ns: int) -> None:
        self.start_ns = stamp_ns
        self._samples = np.zeros(0, np.float32)

    def append(self, samples: FloatArray) -> None:
        """Take the next (n,) samples at `SAMPLE_RATE`."""
        self._samples = np.concatenate([self._samples, samples])
        beyond = len(self._samples) - 2 * KEPT
        if beyond > 0:
            drop = len(self._samples) - KEPT
            self._samples = self._samples[drop:]
            self.start_ns += drop * NS_PER_SAMPLE

    def between(self, start_ns: int, end_ns: int) -> FloatArray:
        """Return the samples in [start_ns, end_ns), as far as they are kept; empty if not."""
        first = (start_ns - self.start_ns) // NS_PER_SAMPLE
        if first < 0:
            return self._samples[:0]
        return self._samples[first : (end_ns - self.start_ns) // NS_PER_SAMPLE]

    def copy(self) -> SpeechSound:
        """Return one that does not change when this one grows."""
        same = SpeechSound(self.start_ns)
        same._samples = self._samples
        return same
