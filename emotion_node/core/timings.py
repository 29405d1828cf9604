"""Durations of the stages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from emotion_node.datatypes import NS_PER_S

Clock = Callable[[], int]
"""Returns a monotonic time in nanoseconds; handed in, since the core does not read clocks."""

_RECENT = 1024


@dataclass(frozen=True, slots=True)
class StageSummary:
    """Durations of one stage in seconds; `median_s` and `p95_s` over the last 1,024 runs."""

    count: int
    total_s: float
    median_s: float
    p95_s: float


class Timings:
    """Durations by stage.

    Args:
        clock: measures them.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._count: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._recent: dict[str, deque[int]] = {}

    def add(self, stage: str, duration_ns: int) -> None:
        """Record one run of a stage."""
        self._count[stage] = self._count.get(stage, 0) + 1
        self._total[stage] = self._total.get(stage, 0) + duration_ns
        self._recent.setdefault(stage, deque(maxlen=_RECENT)).append(duration_ns)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Record how long the block takes."""
        begin = self.clock()
        try:
            yield
        finally:
            self.add(stage, self.clock() - begin)

    def summary(self) -> Mapping[str, StageSummary]:
        """Return what was measured, by stage, in the order in which stages first ran."""
        result = {}
        for stage, recent in list(self._recent.items()):
            # `list` is one call, so no other thread can add to the deque meanwhile.
            seconds = np.array(list(recent), dtype=np.float64) / NS_PER_S
            result[stage] = StageSummary(
                self._count[stage],
                self._total[stage] / NS_PER_S,
                float(np.median(seconds)),
                float(np.percentile(seconds, 95)),
            )
        return result
