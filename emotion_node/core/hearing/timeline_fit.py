"""How a chunk of audio follows the audio before it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Continuity(enum.Enum):
    """How a chunk follows the audio before it."""

    CONTIGUOUS = enum.auto()
    """It continues where the last one ended, within the jitter."""
    NEW = enum.auto()
    """There is no audio before it, or it has another sample rate."""
    HOLE = enum.auto()
    """Audio shorter than a pause is missing before it: silence replaces it."""
    GAP = enum.auto()
    """Audio as long as a pause or longer is missing before it."""
    OVERLAP = enum.auto()
    """All of it repeats audio heard before."""
    JUMP_BACK = enum.auto()
    """The clock was set back."""


@dataclass(frozen=True, slots=True)
class TimelineFit:
    """Where a chunk belongs on the time axis.

    Attributes:
        continuity: how it follows the audio before it.
        start_ns: stamp of its first sample to use; for a hole, the start of the hole.
        skip: samples at its beginning to leave out.
        missing_ns: audio missing before it.
    """

    continuity: Continuity
    start_ns: int
    skip: int = 0
    missing_ns: int = 0
