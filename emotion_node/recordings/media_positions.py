"""Positions in a media file: they may start again, jump or be missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from emotion_node.datatypes import NS_PER_S

RESTART_NS: Final = NS_PER_S
"""Positions that jump back by more than this start again."""
MAX_GAP_NS: Final = 600 * NS_PER_S
"""Positions that jump ahead by more than this are damaged or on another clock."""
_JITTER_NS: Final = NS_PER_S // 50
"""Positions are rounded by less than this."""
_MAX_SKEW_NS: Final = 10 * NS_PER_S
"""Tracks of one file start again at most this far apart."""


@dataclass(slots=True)
class Timeline:
    """What the tracks of one file share.

    Attributes:
        offsets_ns: what is added to the positions of each part of the file.
        restarts_ns: where positions started again or jumped, on the continuous timeline.
    """

    offsets_ns: list[int] = field(default_factory=lambda: [0])
    restarts_ns: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Track:
    """One track's way along the timeline.

    Attributes:
        timeline: shared with the other tracks of the file.
        offset_ns: what is added to the positions of the current part.
        end_ns: where the track ends so far, on the continuous timeline.
        parts: number of parts that ended.
        missing_ns: length of the gaps between its frames.
    """

    timeline: Timeline
    offset_ns: int = 0
    end_ns: int = 0
    parts: int = 0
    missing_ns: int = 0
    _position_ns: int = 0

    def place(self, position_ns: int | None, duration_ns: int) -> int:
        """Return the place of a frame on the continuous timeline.

        Args:
            position_ns: as the file states it; None when it does not.
            duration_ns: of the frame.
        """
        if position_ns is None:
            position_ns = self.end_ns - self.offset_ns
        step_ns = position_ns - self._position_ns
        if step_ns < -RESTART_NS or step_ns > MAX_GAP_NS:
            self._restart(position_ns)
        self._position_ns = position_ns
        stamp_ns = position_ns + self.offset_ns
        if stamp_ns > self.end_ns + _JITTER_NS and self.end_ns:
            self.missing_ns += stamp_ns - self.end_ns
        self.end_ns = max(self.end_ns, stamp_ns + duration_ns)
        return stamp_ns

    def _restart(self, position_ns: int) -> None:
        offsets = self.timeline.offsets_ns
        self.parts += 1
        own_ns = self.end_ns - position_ns
        if self.parts == len(offsets):
            offsets.append(own_ns)
            self.timeline.restarts_ns.append(self.end_ns)
        shared_ns = offsets[self.parts]
        self.offset_ns = shared_ns if abs(shared_ns - own_ns) < _MAX_SKEW_NS else own_ns
