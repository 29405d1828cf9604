"""Restores the order of chunks that arrive out of order, and corrects single wrong stamps."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from emotion_node.datatypes import NS_PER_MS, NS_PER_S, AudioChunk

MAX_DISORDER_NS: Final = NS_PER_S // 2
"""A chunk older than this, and than four chunks, is from a clock set back, or from another
publisher."""
TOLERANCE_NS: Final = 2 * NS_PER_MS
"""Chunks out of order are a whole number of chunks apart, within this; jitter is not."""
MAX_STEP_NS: Final = NS_PER_S
"""A stamp further than this, and than five chunks, from the expected one is used only when the
next stamp agrees with it."""
MIN_OUT_OF_ORDER: Final = 2
"""Chunks are held back after this many out of order: a single one may be a duplicate."""


class ReorderBuffer:
    """Holds chunks back only while they arrive out of order.

    Jitter makes stamps fall back too, but by any amount: then the order of the samples is right
    and only their stamps are wrong. Chunks out of order are a whole number of chunks apart.

    A chunk whose stamp jumps is held back until the next chunk arrives. If that agrees, the clock
    has jumped or audio is missing; otherwise the stamp was wrong and the expected one is used.
    """

    def __init__(self) -> None:
        self._waiting: list[AudioChunk] = []
        self._suspect: AudioChunk | None = None
        self.reset()

    def reset(self) -> None:
        """Drop the chunks that are held back, and hold none back from now on."""
        self._waiting.clear()
        self._suspect = None
        self._newest_ns: int | None = None
        self._next_ns = 0
        self._out_of_order = 0
        self._hold_ns = 0

    def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Take the next chunk; return those that are due, in order."""
        suspect, self._suspect = self._suspect, None
        if suspect is not None:
            expected_ns = suspect.stamp_ns + suspect.duration_ns
            if abs(chunk.stamp_ns - expected_ns) <= _max_step_ns(chunk):
                released = [*self.flush(), suspect]
                self.reset()
                self._note(suspect)
                return [*released, *self._in_order(chunk)]
            stamped = replace(suspect, stamp_ns=self._next_ns)
            return [*self._in_order(stamped), *self.push(chunk)]
        if self._newest_ns is not None and abs(chunk.stamp_ns - self._next_ns) > _max_step_ns(
            chunk
        ):
            self._suspect = chunk
            return []
        return self._in_order(chunk)

    def _note(self, chunk: AudioChunk) -> None:
        """Remember the newest stamp, and where the chunk after it should begin."""
        if self._newest_ns is None or chunk.stamp_ns >= self._newest_ns:
            self._newest_ns = chunk.stamp_ns
        self._next_ns = self._newest_ns + chunk.duration_ns

    def _in_order(self, chunk: AudioChunk) -> list[AudioChunk]:
        newest_ns = self._newest_ns
        if newest_ns is None:
            self._note(chunk)
            return [chunk]
        behind_ns = newest_ns - chunk.stamp_ns
        max_ns = max(MAX_DISORDER_NS, 4 * chunk.duration_ns + TOLERANCE_NS)
        if abs(behind_ns) > max_ns or not _is_on_grid(behind_ns, chunk.duration_ns):
            released = [*self.flush(), chunk]
            self.reset()
            self._note(chunk)
            return released
        if behind_ns > 0:
            self._out_of_order += 1
            if self._out_of_order >= MIN_OUT_OF_ORDER:
                self._hold_ns = max(self._hold_ns, behind_ns)
        self._note(chunk)
        if not self._hold_ns:
            return [chunk]
        self._waiting.append(chunk)
        self._waiting.sort(key=lambda one: one.stamp_ns)
        due_ns = max(newest_ns, chunk.stamp_ns) - self._hold_ns
        ready = [one for one in self._waiting if one.stamp_ns <= due_ns]
        del self._waiting[: len(ready)]
        return ready

    def flush(self) -> list[AudioChunk]:
        """Return what is held back, in order."""
        waiting = [*self._waiting, *([self._suspect] if self._suspect else [])]
        self._waiting.clear()
        self._suspect = None
        return waiting


def is_on_grid(chunk: AudioChunk, other: AudioChunk) -> bool:
    """Return whether two chunks are a whole number of chunks apart."""
    return _is_on_grid(other.stamp_ns - chunk.stamp_ns, chunk.duration_ns)


def _is_on_grid(distance_ns: int, duration_ns: int) -> bool:
    if not duration_ns:
        return False
    rest_ns = distance_ns % duration_ns
    return min(rest_ns, duration_ns - rest_ns) <= TOLERANCE_NS


def _max_step_ns(chunk: AudioChunk) -> int:
    return max(MAX_STEP_NS, 5 * chunk.duration_ns)
