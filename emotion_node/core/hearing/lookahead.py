"""Holds a chunk back whose stamp says that audio is missing, until the next one confirms it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from emotion_node.core.hearing.reorder import is_on_grid
from emotion_node.core.hearing.timeline import Timeline
from emotion_node.datatypes import AudioChunk

MAX_HELD: Final = 4
"""Chunks that are held back at most, while an earlier one may still arrive."""


class Lookahead:
    """Tells missing audio from late and wrong stamps, and from chunks out of order.

    A chunk whose stamp is ahead of where its samples belong is held back until the next arrives:

    * Where that is ahead by as much, audio is missing.
    * Where it falls back, the driver was late, or the stamp wrong: no audio is missing.
    * Where it is earlier by whole chunks, they are out of order: they are sorted.

    All other chunks pass at once.

    Args:
        timeline: places each chunk before the next one is asked for.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._held: list[AudioChunk] = []

    def push(self, chunk: AudioChunk) -> Iterator[AudioChunk]:
        """Take the next chunk; yield those that are to be placed, in order."""
        ahead = self._timeline.is_ahead(chunk)
        if not self._held:
            if ahead:
                self._held.append(chunk)
            else:
                yield chunk
            return
        first = self._held[0]
        half_ns = chunk.duration_ns // 2
        behind_ns = [one.stamp_ns - chunk.stamp_ns for one in self._held]
        if not ahead:
            yield chunk
            yield from self._again(sorted(self._take(), key=_stamp))
        elif min(map(abs, behind_ns)) < half_ns or (
            len(self._held) == 1
            and not is_on_grid(chunk, first)
            and self._timeline.falls_back(first, chunk)
        ):
            self._held.append(chunk)
            yield from self._correct_first()
        elif max(behind_ns) > half_ns:
            self._held.append(chunk)
            if len(self._held) > MAX_HELD:
                yield from self._correct_first()
        else:
            missing, *later = sorted([*self._take(), chunk], key=_stamp)
            yield missing
            yield from self._again(later)

    def flush(self) -> Iterator[AudioChunk]:
        """Yield what is held back."""
        yield from sorted(self._take(), key=_stamp)

    def reset(self) -> None:
        """Drop what is held back."""
        self._held.clear()

    def _correct_first(self) -> Iterator[AudioChunk]:
        """Place what came first where its samples belong: its stamp was late or wrong."""
        first, *later = self._take()
        expected_ns = self._timeline.expected_ns
        assert expected_ns is not None
        yield replace(first, stamp_ns=expected_ns)
        yield from self._again(later)

    def _again(self, chunks: list[AudioChunk]) -> Iterator[AudioChunk]:
        for one in chunks:
            yield from self.push(one)

    def _take(self) -> list[AudioChunk]:
        held, self._held = self._held, []
        return held


def _stamp(chunk: AudioChunk) -> int:
    return chunk.stamp_ns
