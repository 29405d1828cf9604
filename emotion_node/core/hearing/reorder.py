"""Audio that comes out of order, put into the order of its stamps."""

from __future__ import annotations

from typing import Final

from emotion_node.datatypes import NS_PER_S, AudioChunk

MAX_DISORDER_NS: Final = NS_PER_S // 2
"""A chunk that is older than this comes from a clock set back, or from another publisher."""
TOLERANCE_NS: Final = 2_000_000
"""How exactly stamps of chunks in disorder lie whole chunks apart; those that jitter do not."""
LEAST_HITS: Final = 2
"""Chunks out of order after which audio is held back: one may be a duplicate."""


class Reorder:
    """Holds chunks back while they come out of order, and only then.

    Jitter too makes stamps fall back, but by any amount: the order of the samples is then right
    and only their stamps are not. Chunks in disorder lie on the grid of whole chunks.
    """

    def __init__(self) -> None:
        self._waiting: list[AudioChunk] = []
        self.reset()

    def reset(self) -> None:
        """Hold nothing back, and drop what is held."""
        self._waiting.clear()
        self._newest_ns: int | None = None
        self._hits = 0
        self._hold_ns = 0

    def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Take the next chunk; return those whose turn has come, in order."""
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
            self._hits += 1
            if self._hits >= LEAST_HITS:
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
        """Return what is held back, in order."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    @staticmethod
    def _is_on_grid(distance_ns: int, duration_ns: int) -> bool:
        if not duration_ns:
            return False
        rest_ns = distance_ns % duration_ns
        return min(rest_ns, duration_ns - rest_ns) <= TOLERANCE_NS
