"""When the microphone is not to be listened to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Span:
    start_ns: int | None
    """None: since ever."""
    end_ns: int | None = None
    """None: until further notice."""


class MutedSpans:
    """The robot's own voice, and the echo of the room after it.

    Args:
        release_ns: how much longer than the robot's voice its echo lasts.
    """

    def __init__(self, release_ns: int) -> None:
        self._release_ns = release_ns
        self._spans: list[_Span] = []

    def set(self, stamp_ns: int, muted: bool) -> None:
        """From `stamp_ns` on, mute or release; saying so twice changes nothing."""
        last = self._spans[-1] if self._spans else None
        if muted:
            if last is None or (last.end_ns is not None and last.end_ns < stamp_ns):
                self._spans.append(_Span(stamp_ns))
            else:
                last.end_ns = None
        elif last is not None and last.end_ns is None:
            last.end_ns = stamp_ns + self._release_ns

    def covers(self, start_ns: int, end_ns: int) -> bool:
        """Return whether any of [start_ns, end_ns) is muted, and forget what ended before it."""
        while self._spans and _before(self._spans[0].end_ns, start_ns):
            del self._spans[0]
        return bool(self._spans) and _before(self._spans[0].start_ns, end_ns - 1, always=True)

    def clock_changed(self) -> None:
        """Forget stamps: only whether it is muted now is still known."""
        self._spans = [_Span(None) for span in self._spans[-1:] if span.end_ns is None]


def _before(stamp_ns: int | None, other_ns: int, always: bool = False) -> bool:
    return always if stamp_ns is None else stamp_ns <= other_ns
