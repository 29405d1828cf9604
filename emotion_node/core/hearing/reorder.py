"""Restores the order of chunks that arrive out of order."""

from __future__ import annotations

from typing import Final

from emotion_node.datatypes import NS_PER_MS, NS_PER_S, AudioChunk

MAX_DISORDER_NS: Final = NS_PER_S // 2
"""A chunk older than this is from a clock set back, or from another publisher."""
TOLERANCE_NS: Final = 2 * NS_PER_MS
"""Chunks out of order are a whole number of chunks apart, within this; jitter is not."""
MIN_OUT_OF_ORDER: Final = 2
"""Chunks are held back after this many out of order: a single one may be a duplicate."""


class ReorderBuffer:
    """Holds chunks back only while they arrive out of order.

    Jitter makes stamps fall back too, but by any amount: then the order of the samples is right
    and only their stamps are wrong. Chunks out of order are a whole number of chunks apart.
    """

    def __init__(self) -> None:
        self._waiting: list[AudioChunk] = []
        self.reset()

    def reset(self) -> None:
        """Drop the chunks that are held back, and hold none back from now on."""
        self._waiting.clear()
        self._newest_ns: int | None = None
        self._out_of_order = 0
        self._hold_ns = 0

    def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Take the next chunk; return those that are due, in order."""
        newest_ns = self._newest_ns
        if newest_ns is None:
            self._newest_ns = chunk.stamp_ns
            return [chunk]
        behind_ns = newest_ns - chunk.stamp_ns
        if abs(behind_ns) > MAX_DISORDER_NS or not self._is_on_grid(behind_ns, chunk.duration_ns):
            released = [*self.flush(), chunk]
            self.reset()
            self._newest_ns = chunk.stamp_ns
            return released
        if behind_ns > 0:
            self._out_of_order += 1
            if self._out_of_order >= MIN_OUT_OF_ORDER:
                self._hold_ns = max(self._hold_ns, behind_ns)
        self._newest_ns = max(newest_ns, chunk.stamp_ns)
        if not self._hold_ns:
            return [chunk]
        self._waiting.append(chunk)
        self._waiting.sort(key=lambda one: one.stamp_ns)
        due_ns = self._newest_ns - self._hold_ns
        ready = [one for one in self._waiting if one.stamp_ns <= due_ns]
        del self._waiting[: len(ready)]
        return ready

    def flush(self) -> list[AudioChunk]:
        """Return the chunks that are held back, in order."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    @staticmethod
    def _is_on_grid(distance_ns: int, duration_ns: int) -> bool:
        if not duration_ns:
            return False
        rest_ns = distance_ns % duration_ns
        return min(rest_ns, duration_ns - rest_ns) <= TOLERANCE_NS
