"""The last seconds of one microphone, addressed by time."""

from __future__ import annotations

import numpy as np

from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    FloatArray,
)


class AudioBuffer:
    """A ring buffer of mono audio at `SAMPLE_RATE`, without holes on the time axis.

    Args:
        capacity: at least this many of the latest seconds are held.
    """

    def __init__(self, capacity: float) -> None:
        self._held = round(capacity * SAMPLE_RATE)
        # Twice the space: the latest half moves to the front when the end is reached. So any
        # stretch held is one contiguous view, and a sample is moved once on average.
        self._samples = np.zeros(2 * self._held, np.float32)
        self.begin(0, ClockSource.HEADER)

    def begin(self, stamp_ns: int, clock_source: ClockSource) -> None:
        """Forget everything; the next sample appended has the stamp `stamp_ns`."""
        self._first_ns = stamp_ns
        self._size = 0
        self.clock_source = clock_source

    @property
    def start_ns(self) -> int:
        """Stamp of the oldest sample held."""
        return self._first_ns

    @property
    def end_ns(self) -> int:
        """Stamp of the next sample."""
        return self._first_ns + self._size * NS_PER_SAMPLE

    def shift(self, by_ns: int) -> None:
        """Add `by_ns` to all stamps, of the samples held and of those to come."""
        self._first_ns += by_ns

    def align(self, stamp_ns: int) -> int:
        """Return the first stamp of a sample at or after `stamp_ns`."""
        return stamp_ns + (self._first_ns - stamp_ns) % NS_PER_SAMPLE

    def append(self, samples: FloatArray) -> None:
        """Append (n,) samples, in pieces if they exceed the capacity."""
        for start in range(0, len(samples), self._held):
            self._append(samples[start : start + self._held])

    def _append(self, samples: FloatArray) -> None:
        if self._size + len(samples) > len(self._samples):
            keep = self._held
            self._first_ns += (self._size - keep) * NS_PER_SAMPLE
            self._samples[:keep] = self._samples[self._size - keep : self._size]
            self._size = keep
        self._samples[self._size : self._size + len(samples)] = samples
        self._size += len(samples)

    def read(self, start_ns: int, end_ns: int) -> FloatArray:
        """Return the samples of [start_ns, end_ns) as a view, valid until the next `append`.

        Raises:
            ValueError: part of it is not held.
        """
        first = -((self._first_ns - start_ns) // NS_PER_SAMPLE)
        last = -((self._first_ns - end_ns) // NS_PER_SAMPLE)
        if not 0 <= first <= last <= self._size:
            raise ValueError(
                f'audio buffer holds [{self.start_ns}, {self.end_ns}) ns, '
                f'asked for [{start_ns}, {end_ns})'
            )
        return self._samples[first:last]
