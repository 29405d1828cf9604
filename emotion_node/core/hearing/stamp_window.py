"""The stamps of the last seconds, compared with the samples received meanwhile."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from emotion_node.datatypes import NS_PER_MS, NS_PER_S

WINDOW_NS: Final = 2 * NS_PER_S
"""Stamps are compared with those of this much audio before them."""
SETTLED_NS: Final = NS_PER_S // 2
"""The pace of a stream is known after this much audio."""
MIN_STAMPS: Final = 5
"""The scatter of fewer stamps is unknown."""
PRECISE_NS: Final = 20 * NS_PER_MS
"""Stamps that scatter by no more show the loss of a single chunk at once."""
MIN_HOLE_NS: Final = 8 * NS_PER_MS
"""A smaller rise of the stamps is never missing audio; no driver's chunk is shorter."""
TOLERANCE_NS: Final = 2 * NS_PER_MS
"""Stamps of a regular stream are this precise at best: some drivers round them."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A stamp compared with the samples received before it.

    Attributes:
        received_ns: duration of all audio received before the chunk.
        deviation_ns: of the stamp from the expected one.
        fresh: whether the stamp differs from that of the chunk before; one that does not is no
            evidence of missing audio.
    """

    received_ns: int
    deviation_ns: int
    fresh: bool


class StampWindow:
    """Deviations of the latest stamps from where audio was expected."""

    def __init__(self) -> None:
        self._stamps: deque[_Stamp] = deque()
        self._fresh: list[int] | None = None

    def append(self, received_ns: int, deviation_ns: int, fresh: bool) -> None:
        """Add the stamp of the next chunk, and drop those older than the window.

        Args:
            received_ns: duration of all audio received before the chunk.
            deviation_ns: of its stamp from the expected one.
            fresh: whether the stamp differs from that of the chunk before.
        """
        stamps = self._stamps
        self._fresh = None
        stamps.append(_Stamp(received_ns, deviation_ns, fresh))
        while len(stamps) > MIN_STAMPS and stamps[0].received_ns < received_ns - WINDOW_NS:
            stamps.popleft()

    def fresh(self) -> list[int]:
        """Return the deviations of fresh stamps; not to be changed.

        They are asked for several times per chunk, and collected once.
        """
        if self._fresh is None:
            self._fresh = [one.deviation_ns for one in self._stamps if one.fresh]
        return self._fresh

    def spread(self) -> int:
        """Return by how much fresh stamps scatter, in ns."""
        fresh = self.fresh()
        return max(fresh) - min(fresh) if fresh else 0

    def loss_threshold(self, received_ns: int) -> int | None:
        """Return the rise of one stamp, in ns, above which audio is missing.

        Returns:
            None where the stamps scatter too much, or are too few, for one of them to show it.
        """
        fresh = self.fresh()
        if received_ns < SETTLED_NS or len(fresh) < MIN_STAMPS:
            return None
        spread_ns = self.spread()
        return None if spread_ns > PRECISE_NS else max(MIN_HOLE_NS, 2 * spread_ns)

    def lasting_rise(self, received_ns: int) -> int:
        """Return by how much all stamps have risen for `SETTLED_NS`, in ns.

        Returns:
            0 where the rise is within the scatter of the stamps, or is not lasting.
        """
        fresh = self.fresh()
        if not fresh or max(fresh) - min(fresh) <= PRECISE_NS:
            return 0
        since_ns = received_ns - SETTLED_NS
        recent = [
            one.deviation_ns for one in self._stamps if one.fresh and one.received_ns >= since_ns
        ]
        before = fresh[: len(fresh) - len(recent)]
        if len(recent) < MIN_STAMPS or len(before) < MIN_STAMPS:
            return 0
        rise_ns = min(recent) - min(before)
        return rise_ns if rise_ns > max(PRECISE_NS, (max(before) - min(before)) // 2) else 0

    def added_up_rise(self, received_ns: int) -> int:
        """Return by how much every stamp of a full window is late, in ns.

        Many losses within the scatter of the stamps add up to it.

        Returns:
            0 where a stamp is not late, or the window is not full yet.
        """
        if received_ns < WINDOW_NS or len(self._stamps) < MIN_STAMPS:
            return 0
        rise_ns = min(one.deviation_ns for one in self._stamps)
        return rise_ns if rise_ns > PRECISE_NS else 0

    def offset(self, received_ns: int, max_step_ns: int) -> int:
        """Return the typical deviation of the stamps, in ns.

        Stamps in steps are late by up to a step, so the earliest counts; others scatter around.

        Args:
            received_ns: duration of all audio received.
            max_step_ns: longest step.
        """
        fresh = self.fresh()
        low = min(one.deviation_ns for one in self._stamps)
        if self.in_steps():
            if low - min(fresh, default=0) > -max_step_ns:
                return low
        elif received_ns < SETTLED_NS:
            return low
        return median_low(fresh) if fresh else 0

    def in_steps(self) -> bool:
        """Return whether stamps come in steps: several chunks often share one."""
        return 4 * len(self.fresh()) < 3 * len(self._stamps)

    def shift(self, by_ns: int) -> None:
        """Take account of audio that is expected later by `by_ns`."""
        self._fresh = None
        self._stamps = deque(
            _Stamp(one.received_ns, one.deviation_ns - by_ns, one.fresh) for one in self._stamps
        )

    def drop_before(self, received_ns: int) -> None:
        """Forget the stamps of chunks before which less audio was received."""
        self._fresh = None
        self._stamps = deque(one for one in self._stamps if one.received_ns >= received_ns)
