"""Where audio is missing in the stream."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from emotion_node.datatypes import Utterance

_MAX_HOLES: Final = 1024
"""How many holes are kept until the utterance in which they lie is reported."""


class Holes:
    """The latest holes in the audio, which silence replaces."""

    def __init__(self) -> None:
        self._spans: deque[tuple[int, int]] = deque(maxlen=_MAX_HOLES)

    def add(self, start_ns: int, end_ns: int) -> None:
        """Add a hole."""
        self._spans.append((start_ns, end_ns))

    def clear(self) -> None:
        """Forget all of them."""
        self._spans.clear()

    def mark(self, utterance: Utterance) -> Utterance:
        """Return the utterance with the duration of the audio missing in it."""
        start_ns, end_ns = utterance.samples_start_ns, utterance.samples_end_ns
        missing_ns = sum(
            max(0, min(last, end_ns) - max(first, start_ns)) for first, last in self._spans
        )
        return replace(utterance, missing_ns=missing_ns) if missing_ns else utterance
