"""When the microphone is muted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Span:
    start_ns: int | None
    """None: from the beginning."""
    end_ns: int | None = None
    """None: until further notice."""


class MutedSpans:
    """Spans of time in which the microphone is ignored: the robot speaks, or its echo lasts.

    Args:
        release_ns: how much longer than the robot's voice its echo lasts.

    Attributes:
        release_ns: the same; may be changed.
    """

    def __init__(self, release_ns: int) -> None:
        self.release_ns = release_ns
        self._spans: list[_Span] = []

    def set(self, stamp_ns: int, muted: bool) -> None:
        """Mute or release from `stamp_ns` on; repeating it changes nothing."""
        last = self._spans[-1] if self._spans else None
        if muted:
            if last is None or (last.end_ns is not None and last.end_ns < stamp_ns):
                self._spans.append(_Span(stamp_ns))
            else:
                last.end_ns = None
        elif last is not None and last.end_ns is None:
            last.end_ns = stamp_ns + self.release_ns

    def covers(self, start_ns: int, end_ns: int) -> bool:
        """Return whether any of [start_ns, end_ns) is muted, and forget earlier spans."""
        while self._spans and _before(self._spans[0].end_ns, start_ns):
            del self._spans[0]
        return bool(self._spans) and _before(self._spans[0].start_ns, end_ns - 1, always=True)

    def forget_stamps(self) -> None:
        """Forget all stamps, since the clock has changed; keep whether it is muted now."""
        self._spans = [_Span(None) for span in self._spans[-1:] if span.end_ns is None]


def _before(stamp_ns: int | None, other_ns: int, always: bool = False) -> bool:
    return always if stamp_ns is None else stamp_ns <= other_ns
