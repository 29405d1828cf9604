"""Whether audio arrives as fast as its stated sample rate."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Final

from emotion_node.datatypes import NS_PER_S, AudioChunk

WINDOW_NS: Final = 5 * NS_PER_S
MIN_SPAN_NS: Final = 3 * NS_PER_S
"""No ratio is given over less than this: receipt times jitter."""
TOLERANCE: Final = 1.2
"""No sound card is off by a fifth, and no two usual sample rates are closer."""


class RateCheck:
    """Compares the samples of the last seconds with the stamps they came with."""

    def __init__(self) -> None:
        self._ends: deque[tuple[int, int]] = deque()

    def add(self, chunk: AudioChunk) -> None:
        """Take the next chunk; after a pause or a jump of the stamps, measuring starts again."""
        end_ns = chunk.stamp_ns + chunk.duration_ns
        if self._ends:
            step_ns = end_ns - self._ends[-1][0]
            if not 0 <= step_ns <= chunk.duration_ns + NS_PER_S:
                self._ends.clear()
        self._ends.append((end_ns, chunk.duration_ns))
        while end_ns - self._ends[0][0] > WINDOW_NS:
            self._ends.popleft()

    def ratio(self) -> float | None:
        """Return the measured sample rate over the stated one; None while it is not known."""
        ends = list(self._ends)
        span_ns = ends[-1][0] - ends[0][0] if ends else 0
        if span_ns < MIN_SPAN_NS:
            return None
        return sum(duration_ns for _, duration_ns in ends[1:]) / span_ns

    def mismatch(self) -> float | None:
        """Return `ratio` when it is further from 1 than clocks or jitter explain, else None."""
        ratio = self.ratio()
        if ratio is None or 1 / TOLERANCE <= ratio <= TOLERANCE:
            return None
        return ratio


class RateRecord:
    """Judges the sample rate of a whole recording.

    A single stall of the driver is no wrong rate: the ratio has to be wrong most of the time.
    """

    def __init__(self) -> None:
        self._check = RateCheck()
        self._next_ns: int | None = None
        self._checks = 0
        self._wrong: list[float] = []

    def add(self, chunk: AudioChunk) -> None:
        """Take the next chunk."""
        self._check.add(chunk)
        if self._next_ns is not None and 0 <= self._next_ns - chunk.stamp_ns < 2 * NS_PER_S:
            return
        self._next_ns = chunk.stamp_ns + NS_PER_S
        if self._check.ratio() is not None:
            self._checks += 1
            ratio = self._check.mismatch()
            if ratio is not None:
                self._wrong.append(ratio)

    def mismatch(self) -> float | None:
        """Return the usual ratio when it was wrong most of the time, else None."""
        return median(self._wrong) if 2 * len(self._wrong) > self._checks else None


def mismatch_text(ratio: float, topic: str) -> str:
    """Return what to tell the user about a wrong ratio of the sample rates."""
    lost = ', or audio is lost on the way' if ratio < 1 else ''
    return (
        f'{ratio:.2f} times as many samples arrive on {topic} as their sample rate implies: it is '
        f'wrong (audio.sample_rate, audio.channels or the driver){lost}'
    )
