"""Where each chunk of audio belongs in time: its stamp compared with the expected one."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from emotion_node.config import AudioConfig
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, AudioChunk, ClockSource

RECEIPT_JITTER_FACTOR: Final = 10
"""Stamps taken at receipt carry the network's jitter, not just the driver's."""
SLEW_DEAD_BAND_NS: Final = NS_PER_MS
"""Deviations up to this are taken for rounding and not corrected."""
SLEW_DIVISOR: Final = 1000
"""A drifting sample clock is followed by at most 1/1000 of the audio's duration; quartz crystals
drift by 1/10,000 at most."""
SECOND_PUBLISHER_NS: Final = 5 * NS_PER_S
"""How long after an overlap a second publisher is assumed."""


class Continuity(enum.Enum):
    """How a chunk follows the audio before it."""

    CONTIGUOUS = enum.auto()
    """It continues where the last one ended, within the jitter."""
    NEW = enum.auto()
    """There is no audio before it, or it has another sample rate."""
    GAP = enum.auto()
    """Audio is missing before it."""
    OVERLAP = enum.auto()
    """Its beginning, or all of it, repeats audio heard before."""
    JUMP_BACK = enum.auto()
    """The clock was set back."""


@dataclass(frozen=True, slots=True)
class TimelineFit:
    """Where a chunk belongs on the time axis.

    Attributes:
        continuity: how it follows the audio before it.
        start_ns: stamp of its first sample to use.
        skip: samples at its beginning to leave out.
        missing_ns: audio missing before it.
    """

    continuity: Continuity
    start_ns: int
    skip: int = 0
    missing_ns: int = 0


class Timeline:
    """Follows the stamps of one microphone.

    Audio is contiguous while stamps deviate from the count of samples by no more than
    `audio.max_jitter`. Where the clock of the sound card and that of the stamps drift apart, the
    expectation follows slowly, so that no gap is found in hours; stamps that are exact to
    `SLEW_DEAD_BAND_NS` change nothing.

    Two publishers on one topic deliver more audio than time passes: stamps fall behind the count
    until they overlap it. From then on, chunks of which half or more has been heard are left out
    whole, which locks on to one of the two.
    """

    def __init__(self, config: AudioConfig) -> None:
        self._jitter_ns = round(config.max_jitter * NS_PER_S)
        self._jump_ns = round(config.max_jump_back * NS_PER_S)
        self.reset()

    def reset(self) -> None:
        """Forget the audio so far: the next chunk starts afresh at its own stamp."""
        self._origin_ns = 0
        self._rate = 0
        self._count = 0
        self._broken = False
        self._two_publishers_until_ns: int | None = None
        self.slew_ns = 0

    @property
    def expected_ns(self) -> int | None:
        """Where the next sample belongs; None before the first."""
        if not self._rate:
            return None
        return self._origin_ns + self._count * NS_PER_S // self._rate

    def interrupt(self) -> None:
        """Treat the next chunk as coming after a gap, however short."""
        self._broken = True

    def take_slew(self) -> int:
        """Return by how much the samples so far should be stamped later, and reset it to 0."""
        slew_ns, self.slew_ns = self.slew_ns, 0
        return slew_ns

    def place(self, chunk: AudioChunk) -> TimelineFit:
        """Return where the next chunk belongs.

        Args:
            chunk: not empty.
        """
        expected_ns = self.expected_ns
        if expected_ns is None:
            return self._begin(chunk, TimelineFit(Continuity.NEW, chunk.stamp_ns))
        deviation_ns = chunk.stamp_ns - expected_ns
        if deviation_ns < -self._jump_ns:
            self.reset()
            return self._begin(chunk, TimelineFit(Continuity.JUMP_BACK, chunk.stamp_ns))
        jitter_ns = self._jitter_ns
        if chunk.clock_source is ClockSource.RECEIPT:
            jitter_ns *= RECEIPT_JITTER_FACTOR
        if deviation_ns > (0 if self._broken else jitter_ns):
            gap = TimelineFit(Continuity.GAP, chunk.stamp_ns, missing_ns=deviation_ns)
            return self._begin(chunk, gap)
        skip = self._repeated_samples(chunk, expected_ns, deviation_ns, jitter_ns)
        if skip:
            self._two_publishers_until_ns = expected_ns + SECOND_PUBLISHER_NS
            if skip < len(chunk.samples) and self._starts_stretch(chunk):
                return self._begin(chunk, TimelineFit(Continuity.NEW, expected_ns, skip))
            self._count += len(chunk.samples) - skip
            return TimelineFit(Continuity.OVERLAP, expected_ns, skip)
        if self._starts_stretch(chunk):
            return self._begin(chunk, TimelineFit(Continuity.NEW, expected_ns))
        self._count += len(chunk.samples)
        if not self._two_publishers(expected_ns):
            self._follow(deviation_ns, chunk.duration_ns)
        return TimelineFit(Continuity.CONTIGUOUS, expected_ns)

    def _repeated_samples(
        self, chunk: AudioChunk, expected_ns: int, deviation_ns: int, jitter_ns: int
    ) -> int:
        """Return how many samples at the beginning of `chunk` repeat earlier audio."""
        overlap_ns = -deviation_ns
        mostly = 2 * overlap_ns >= chunk.duration_ns and overlap_ns > SLEW_DEAD_BAND_NS
        if mostly and self._two_publishers(expected_ns):
            return len(chunk.samples)
        if overlap_ns <= (0 if self._broken else jitter_ns):
            return 0
        return min(-(-overlap_ns * chunk.rate // NS_PER_S), len(chunk.samples))

    def _two_publishers(self, now_ns: int) -> bool:
        return self._two_publishers_until_ns is not None and now_ns < self._two_publishers_until_ns

    def _starts_stretch(self, chunk: AudioChunk) -> bool:
        return self._broken or chunk.rate != self._rate

    def _begin(self, chunk: AudioChunk, fit: TimelineFit) -> TimelineFit:
        """Start a new stretch of audio with a chunk, and return its place."""
        self._origin_ns = fit.start_ns
        self._rate = chunk.rate
        self._count = len(chunk.samples) - fit.skip
        self._broken = False
        self.slew_ns = 0
        return fit

    def _follow(self, deviation_ns: int, duration_ns: int) -> None:
        """Move the expectation a little towards the stamps."""
        if abs(deviation_ns) <= SLEW_DEAD_BAND_NS:
            return
        limit_ns = duration_ns // SLEW_DIVISOR
        step_ns = max(-limit_ns, min(limit_ns, deviation_ns))
        self._origin_ns += step_ns
        self.slew_ns += step_ns
