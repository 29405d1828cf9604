"""When partial transcripts are made: as often as their cost allows, and never before an end."""

from __future__ import annotations

from collections import deque
from statistics import median_low
from typing import Final

from emotion_node.datatypes import NS_PER_S

FIRST_AUDIO_S: Final = 0.6
"""Audio of an utterance before its first partial pass: one or two words."""
SEARCH_GAP_S: Final = 0.2
"""Audio that is new in the next pass, as long as no words have been found."""
SEARCH_S: Final = 2.0
"""In longer audio without words, passes wait for their payment as all others do: music and noise
have none."""
REMEMBERED: Final = 3
"""Passes by which the time of the next one is expected. One that took long for reasons of its own
does not count."""
FORGOTTEN: Final = 0.2
"""Share of the expected time that is forgotten with each utterance, so that passes which took too
long once are tried again."""


class PartialPace:
    """Decides when a partial pass begins, by the measured cost of those before.

    A pass costs the time that it took, on all threads of the recogniser. After a pass, none
    begins before the cost of all is no more than the given share of the time since they began.
    Only passes that look for the first words of an utterance do not wait for that; the next ones
    wait longer then.

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
        self._steps: deque[float] = deque(maxlen=REMEMBERED)
        self._next_audio_ns = 0
        self._searching = True
        self.begin()

    def begin(self) -> None:
        """Begin another utterance."""
        self._steps = deque((one * (1 - FORGOTTEN) for one in self._steps), REMEMBERED)
        self._next_audio_ns = 0
        self._searching = True

    def allows(self, now_ns: int, audio_ns: int) -> bool:
        """Return whether a pass may begin; if so, it is expected to.

        Args:
            now_ns: the time, on the clock that measures the passes.
            audio_ns: length of the utterance so far.
        """
        if self._share <= 0 or audio_ns < FIRST_AUDIO_S * NS_PER_S:
            return False
        if self._searching and audio_ns <= SEARCH_S * NS_PER_S:
            if audio_ns < self._next_audio_ns:
                return False
        elif self._free_at_ns is not None and now_ns < self._free_at_ns:
            return False
        if self._steps and median_low(self._steps) > self._spare_ns:
            return False
        self._next_audio_ns = audio_ns + round(SEARCH_GAP_S * NS_PER_S)
        return True

    def found_words(self) -> None:
        """Take note that the utterance has words, by whatever pass."""
        self._searching = False

    def add(self, now_ns: int, took_ns: int, step_ns: int) -> None:
        """Take the cost of a pass that has ended.

        Args:
            now_ns: the time.
            took_ns: how long it took.
            step_ns: its longest part in which it cannot be abandoned.
        """
        self._steps.append(float(step_ns))
        begun_ns = now_ns - took_ns
        paid_ns = begun_ns if self._free_at_ns is None else max(self._free_at_ns, begun_ns)
        self._free_at_ns = paid_ns + round(took_ns * self._threads / self._share)
