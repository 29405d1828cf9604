"""Where each chunk of audio belongs in time: by the pace of the stream, not by one stamp.

Stamps of real drivers jitter, come in steps, stand still, or lag while the driver was busy. The
samples themselves arrive at the pace of the sound card. So the stamps of the last seconds are
compared with the samples received meanwhile: a lasting rise of the stamps against the samples
means that audio is missing, a passing one means that stamps were late.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from emotion_node.config import AudioConfig
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, AudioChunk, ClockSource

WINDOW_NS: Final = 2 * NS_PER_S
"""Stamps are judged against those of this much audio before them."""
SETTLED_NS: Final = NS_PER_S // 2
"""Before this much audio the pace of a stream is not known."""
LEAST_MARKS: Final = 5
"""Stamps from which a spread can be told."""
PRECISE_NS: Final = 20 * NS_PER_MS
"""Stamps that scatter by no more show the loss of a single chunk at once."""
LEAST_HOLE_NS: Final = 8 * NS_PER_MS
"""A rise of the stamps by less is never taken for missing audio; no driver's chunk is shorter."""
RECOVERY_NS: Final = NS_PER_S // 5
"""A driver that was late has caught up within this much audio and twice its delay; missing audio
never returns."""
SLEW_DEAD_BAND_NS: Final = NS_PER_MS
"""Deviations up to this are taken for rounding and not corrected."""
SLEW_DIVISOR: Final = 1000
"""A drifting sample clock is followed by at most 1/1000 of the audio's duration; quartz crystals
drift by 1/10,000 at most."""
SURPLUS_NS: Final = 250 * NS_PER_MS
"""More audio than time by this much comes from two publishers, not from stamps that were late."""
STEPPED_SURPLUS_NS: Final = 450 * NS_PER_MS
"""The same for stamps that come in steps."""
SECOND_PUBLISHER_NS: Final = 5 * NS_PER_S
"""For how long after an overlap a second publisher is assumed."""
RECEIPT_JITTER_NS: Final = 400 * NS_PER_MS
"""Stamps taken at receipt carry the network's jitter, not just the driver's."""


class Continuity(enum.Enum):
    """How a chunk fits to the audio before it."""

    CONTIGUOUS = enum.auto()
    """It goes on where the last one ended, give or take the jitter."""
    NEW = enum.auto()
    """There is nothing before it to fit to, or it comes at another rate."""
    HOLE = enum.auto()
    """A little audio is missing before it, less than a pause: silence stands in for it."""
    GAP = enum.auto()
    """Audio is missing before it, as long as a pause or longer."""
    OVERLAP = enum.auto()
    """All of it has been heard already."""
    JUMP_BACK = enum.auto()
    """The clock was set back."""


@dataclass(frozen=True, slots=True)
class TimelineFit:
    """What is to be done with a chunk.

    Attributes:
        continuity: how it fits to the audio before it.
        start_ns: where its first sample that is to be heard belongs; for a hole, where the hole
            begins.
        skip: samples at its beginning that are not to be heard.
        missing_ns: audio missing before it.
    """

    continuity: Continuity
    start_ns: int
    skip: int = 0
    missing_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Mark:
    """A stamp against the samples received before it.

    Attributes:
        received_ns: duration of all audio received before the chunk.
        deviation_ns: of its stamp from where the chunk was expected.
        fresh: whether the stamp differs from that of the chunk before; one that does not tells
            nothing about missing audio.
    """

    received_ns: int
    deviation_ns: int
    fresh: bool


class Timeline:
    """Follows the stamps of one microphone.

    * Stamps that scatter little show missing audio at once, as a step up. If the stamps come back
      soon, nothing was missing but the driver was late; the next time, only a longer delay is
      taken for a loss.
    * Stamps that scatter show missing audio after `SETTLED_NS`, when none of them comes back; it
      is then counted, and what follows is stamped right from the next silence on.
    * Of chunks that share one stamp only the first tells of missing audio; stamps that stand still
      tell nothing, and the samples are counted.
    * Where the clock of the sound card and that of the stamps drift apart, the expectation follows
      slowly, so that no gap is found in hours.
    * Two publishers on one topic deliver more audio than time. From `SURPLUS_NS` on, chunks of
      which half or more has been heard are left out whole, which locks on to one of the two.

    Args:
        config: which jump back means that the clock was set back.
        max_hole: missing audio up to this long is a hole, more is a gap, in s.
    """

    def __init__(self, config: AudioConfig, max_hole: float) -> None:
        self._jump_ns = round(config.max_jump_back * NS_PER_S)
        self._max_hole_ns = round(max_hole * NS_PER_S)
        self._late_driver_ns = 0
        self.reset()

    def reset(self) -> None:
        """Expect nothing: the next chunk begins anew wherever it is stamped."""
        self._rate = 0
        self._start(0, 0)
        self._two_publishers_until_ns: int | None = None

    def _start(self, line_ns: int, rate: int) -> None:
        self._line_ns = line_ns
        self._rate = rate
        self._count = 0
        self._last_stamp_ns: int | None = None
        self._marks: deque[_Mark] = deque()
        self._hole: tuple[int, int] | None = None
        self._surplus_ns = 0
        self._skipped_ns = 0
        self._broken = False
        self._slew_ns = 0
        self._late_loss_ns = 0

    @property
    def expected_ns(self) -> int | None:
        """Where the next sample belongs; None before the first."""
        return self._line_ns + self._received_ns if self._rate else None

    @property
    def _received_ns(self) -> int:
        return self._count * NS_PER_S // self._rate

    def interrupt(self) -> None:
        """Take the next chunk as coming after a gap, however short."""
        self._broken = True

    def take_slew(self, least_ns: int | None = None) -> int:
        """Return by how much samples heard so far should be stamped later, and start from 0.

        Args:
            least_ns: less than this is kept for the next time.
        """
        slew_ns = self._slew_ns
        if least_ns is not None:
            slew_ns = max(slew_ns, min(least_ns, 0))
        self._slew_ns -= slew_ns
        return slew_ns

    def take_late_loss(self) -> int:
        """Return how much missing audio was noticed late, in ns, and start from 0.

        Negative where audio that was reported as missing was only late.
        """
        loss_ns, self._late_loss_ns = self._late_loss_ns, 0
        return loss_ns

    def place(self, chunk: AudioChunk) -> TimelineFit:
        """Return how a chunk fits, and expect what comes after it.

        Args:
            chunk: not empty.
        """
        expected_ns = self.expected_ns
        if expected_ns is None:
            return self._begin(chunk, TimelineFit(Continuity.NEW, chunk.stamp_ns))
        deviation_ns = chunk.stamp_ns - expected_ns
        if deviation_ns < -self._jump_ns and chunk.stamp_ns != self._last_stamp_ns:
            self.reset()
            return self._begin(chunk, TimelineFit(Continuity.JUMP_BACK, chunk.stamp_ns))
        if self._broken:
            return self._resume(chunk, expected_ns, deviation_ns)
        if chunk.rate != self._rate:
            return self._begin(chunk, TimelineFit(Continuity.NEW, expected_ns))
        if self._is_heard_already(chunk, expected_ns, deviation_ns):
            return self._skip(chunk, expected_ns)
        if chunk.stamp_ns == self._last_stamp_ns:
            self._take(chunk, deviation_ns)
            return TimelineFit(Continuity.CONTIGUOUS, expected_ns)
        return self._place_by_pace(chunk, expected_ns, deviation_ns)

    def _place_by_pace(
        self, chunk: AudioChunk, expected_ns: int, deviation_ns: int
    ) -> TimelineFit:
        fresh = self._fresh(0)
        rise_ns = deviation_ns - max(fresh, default=deviation_ns)
        max_hole_ns = self._max_hole_ns
        if chunk.clock_source is ClockSource.RECEIPT:
            max_hole_ns = max(max_hole_ns, RECEIPT_JITTER_NS)
        if rise_ns > max_hole_ns:
            placed = TimelineFit(Continuity.GAP, chunk.stamp_ns, missing_ns=deviation_ns)
            return self._begin(chunk, placed)
        threshold_ns = self._loss_threshold(fresh)
        if threshold_ns is not None and rise_ns > max(threshold_ns, self._late_driver_ns):
            missing_ns = deviation_ns - median_low(fresh)
            self._hole = (self._received_ns, missing_ns)
            self._line_ns += missing_ns
            self._take(chunk, deviation_ns - missing_ns)
            return TimelineFit(Continuity.HOLE, expected_ns, missing_ns=missing_ns)
        if self._has_recovered(deviation_ns, fresh):
            assert self._hole is not None
            _, missing_ns = self._hole
            self._hole = None
            self._late_driver_ns = max(self._late_driver_ns, missing_ns * 3 // 2)
            self._late_loss_ns -= missing_ns
            self._shift(-missing_ns)
            deviation_ns += missing_ns
        elif threshold_ns is not None and self._is_again(
            chunk, deviation_ns - min(fresh), threshold_ns
        ):
            return self._skip(chunk, expected_ns)
        self._take(chunk, deviation_ns)
        if not self._two_publishers(expected_ns):
            self._follow(chunk.duration_ns)
        return TimelineFit(Continuity.CONTIGUOUS, expected_ns)

    def _resume(self, chunk: AudioChunk, expected_ns: int, deviation_ns: int) -> TimelineFit:
        """Place a chunk after an interruption: exactly where it is stamped."""
        if deviation_ns > 0:
            placed = TimelineFit(Continuity.GAP, chunk.stamp_ns, missing_ns=deviation_ns)
            return self._begin(chunk, placed)
        skip = min(-(deviation_ns * chunk.rate // NS_PER_S), len(chunk.samples))
        if skip == len(chunk.samples):
            return TimelineFit(Continuity.OVERLAP, expected_ns, skip)
        return self._begin(chunk, TimelineFit(Continuity.NEW, expected_ns, skip))

    def _fresh(self, since_ns: int, before_ns: int | None = None) -> list[int]:
        """Return the deviations of fresh stamps by when their chunks came."""
        return [
            one.deviation_ns
            for one in self._marks
            if one.fresh
            and one.received_ns >= since_ns
            and (before_ns is None or one.received_ns < before_ns)
        ]

    def _loss_threshold(self, fresh: list[int]) -> int | None:
        """Return from which rise on audio is missing; None where single stamps do not tell."""
        if self._received_ns < SETTLED_NS or len(fresh) < LEAST_MARKS:
            return None
        spread_ns = max(fresh) - min(fresh)
        return None if spread_ns > PRECISE_NS else max(LEAST_HOLE_NS, 2 * spread_ns)

    def _has_recovered(self, deviation_ns: int, fresh: list[int]) -> bool:
        return (
            self._hole is not None
            and self._received_ns - self._hole[0] < RECOVERY_NS + 2 * self._hole[1]
            and deviation_ns < median_low(fresh) - LEAST_HOLE_NS
        )

    def _two_publishers(self, now_ns: int) -> bool:
        return self._two_publishers_until_ns is not None and now_ns < self._two_publishers_until_ns

    def _is_heard_already(self, chunk: AudioChunk, expected_ns: int, deviation_ns: int) -> bool:
        """Tell whether a second publisher sends what the first one sent."""
        return self._two_publishers(expected_ns) and self._is_again(
            chunk, deviation_ns, SLEW_DEAD_BAND_NS
        )

    def _is_again(self, chunk: AudioChunk, deviation_ns: int, tolerance_ns: int) -> bool:
        return (
            2 * -deviation_ns >= chunk.duration_ns
            and -deviation_ns > tolerance_ns
            and self._skipped_ns < SETTLED_NS  # it is not all the audio that comes
        )

    def _skip(self, chunk: AudioChunk, expected_ns: int) -> TimelineFit:
        self._skipped_ns += chunk.duration_ns
        self._last_stamp_ns = chunk.stamp_ns
        self._two_publishers_until_ns = expected_ns + SECOND_PUBLISHER_NS
        return TimelineFit(Continuity.OVERLAP, expected_ns, len(chunk.samples))

    def _begin(self, chunk: AudioChunk, placed: TimelineFit) -> TimelineFit:
        self._start(placed.start_ns, chunk.rate)
        self._take(chunk, 0, placed.skip)
        return placed

    def _take(self, chunk: AudioChunk, deviation_ns: int, skip: int = 0) -> None:
        received_ns = self._received_ns
        fresh = chunk.stamp_ns != self._last_stamp_ns
        self._marks.append(_Mark(received_ns, deviation_ns, fresh))
        self._last_stamp_ns = chunk.stamp_ns
        self._skipped_ns = 0
        self._count += len(chunk.samples) - skip
        while (
            len(self._marks) > LEAST_MARKS and self._marks[0].received_ns < received_ns - WINDOW_NS
        ):
            self._marks.popleft()

    def _shift(self, by_ns: int) -> None:
        """Expect audio later; what has been heard is stamped so from the next silence on."""
        self._line_ns += by_ns
        self._slew_ns += by_ns
        self._marks = deque(
            _Mark(one.received_ns, one.deviation_ns - by_ns, one.fresh) for one in self._marks
        )

    def _follow(self, duration_ns: int) -> None:
        """Bring the expectation to the stamps of the window."""
        received_ns = self._received_ns
        offset_ns = self._offset()
        if offset_ns < -PRECISE_NS or (offset_ns < -SLEW_DEAD_BAND_NS and received_ns < WINDOW_NS):
            # The stamps before were late.
            self._surplus_ns -= offset_ns
            if self._surplus_ns > (STEPPED_SURPLUS_NS if self._in_steps() else SURPLUS_NS):
                assert self.expected_ns is not None
                self._two_publishers_until_ns = self.expected_ns + SECOND_PUBLISHER_NS
            else:
                self._shift(offset_ns)
            return
        since_ns = received_ns - SETTLED_NS
        recent, before = self._fresh(since_ns), self._fresh(0, since_ns)
        if len(recent) >= LEAST_MARKS and len(before) >= LEAST_MARKS:
            rise_ns = min(recent) - min(before)
            if rise_ns > max(PRECISE_NS, (max(before) - min(before)) // 2):
                # None of them came back.
                self._late_loss_ns += rise_ns
                self._shift(rise_ns)
                self._marks = deque(one for one in self._marks if one.received_ns >= since_ns)
                return
        if abs(offset_ns) > SLEW_DEAD_BAND_NS and received_ns >= SETTLED_NS:
            limit_ns = duration_ns // SLEW_DIVISOR
            self._shift(max(-limit_ns, min(limit_ns, offset_ns)))

    def _offset(self) -> int:
        """Return how far the stamps of the window lie from where audio is expected.

        Stamps in steps are late by up to a step, so the earliest counts; others scatter around.
        """
        fresh = self._fresh(0)
        low = min(one.deviation_ns for one in self._marks)
        if self._in_steps():
            if low - min(fresh, default=0) > -self._max_hole_ns:
                return low
        elif self._received_ns < SETTLED_NS:
            return low
        return median_low(fresh) if fresh else 0

    def _in_steps(self) -> bool:
        return 4 * len(self._fresh(0)) < 3 * len(self._marks)
