"""Whether simulated time advances."""

from __future__ import annotations

from collections import deque
from typing import Final

from emotion_node.datatypes import NS_PER_S

_WINDOW_S: Final = 5.0
_MIN_SPAN_S: Final = 2.0
_STANDS_STILL: Final = 0.02
"""Slower than this share of real time, a clock counts as standing still."""


class ClockCheck:
    """Compares simulated time with the steady clock."""

    def __init__(self) -> None:
        self._times: deque[tuple[float, int]] = deque()

    def add(self, now: float, clock_ns: int) -> None:
        """Take the steady clock in seconds, and simulated time in ns at that moment."""
        self._times.append((now, clock_ns))
        while now - self._times[0][0] > _WINDOW_S and len(self._times) > 2:
            self._times.popleft()

    def problem(self, publishers: int) -> str:
        """Return what is wrong with the clock, for a number of publishers on /clock."""
        first, last = self._times[0], self._times[-1]
        span_s, advance_s = last[0] - first[0], (last[1] - first[1]) / NS_PER_S
        if span_s < _MIN_SPAN_S or abs(advance_s) > _STANDS_STILL * span_s:
            return ''
        cause = (
            'start or resume the simulation or the playback that publishes it'
            if publishers
            else 'nobody publishes it; start the simulation, play the recording with --clock, or '
            'set use_sim_time to false'
        )
        return (
            f'use_sim_time is set, but /clock stands still at {last[1] / NS_PER_S:.1f} s: {cause}'
        )
