"""When partial transcripts are made: as often as their cost allows, and never before an end."""

from __future__ import annotations

from typing import Final

from emotion_node.datatypes import NS_PER_S

FIRST_AUDIO_S: Final = 0.6
"""Audio of an utterance before its first partial pass: one or two words."""
NEW_WEIGHT: Final = 0.3
"""Weight of the latest pass in the expected time, if it took less; more counts in full at once."""
FORGOTTEN: Final = 0.2
"""Share of the expected time that is forgotten with each utterance, so that passes which took too
long once are tried again."""


class PartialPace:
    """Decides when a partial pass begins, by the measured cost of those before.

    A pass costs the time that it took, on all threads of the recogniser. After a pass, none
    begins before the cost of all is no more than the given share of the time since they began.
    Only the first pass of an utterance does not wait for that; the next ones wait longer then.

    Args:
        share: of one processor core; 0 for no partial passes.
        threads: of the recogniser.
        spare_ns: for how long after the moment at which speech pauses a partial pass may still
            run. A pass that cannot be abandoned for longer than this is not begun.
    """

    def __init__(self, share: float, threads: int, spare_ns: int) -> None:
        self._share = share
        self._threads = threads
        self._spare_ns = spare_ns
        self._free_at_ns: int | None = None
        self._step_ns = 0.0
        self._first = True

    def begin(self) -> None:
        """Begin another utterance."""
        self._step_ns *= 1.0 - FORGOTTEN
        self._first = True

    def allows(self, now_ns: int, audio_ns: int) -> bool:
        """Return whether a pass may begin.

        Args:
            now_ns: the time, on the clock that measures the passes.
            audio_ns: length of the utterance so far.
        """
        if self._share <= 0 or audio_ns < FIRST_AUDIO_S * NS_PER_S:
            return False
        if not self._first and self._free_at_ns is not None and now_ns < self._free_at_ns:
            return False
        return self._step_ns <= self._spare_ns

    def add(self, now_ns: int, took_ns: int, step_ns: int) -> None:
        """Take the cost of a pass that has ended.

        Args:
            now_ns: the time.
            took_ns: how long it took.
            step_ns: its longest part in which it cannot be abandoned.
        """
        self._step_ns = max(float(step_ns), self._step_ns + NEW_WEIGHT * (step_ns - self._step_ns))
        begun_ns = now_ns - took_ns
        paid_ns = begun_ns if self._free_at_ns is None else max(self._free_at_ns, begun_ns)
        self._free_at_ns = paid_ns + round(took_ns * self._threads / self._share)
        self._first = False
