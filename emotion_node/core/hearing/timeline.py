"""Where each chunk of audio belongs in time: by the pace of the stream, not by one stamp.

Stamps of real drivers jitter, come in steps, stand still, or are late while the driver is busy.
The samples themselves arrive at the pace of the sound card. So the stamps of the last seconds are
compared with the samples received meanwhile: a lasting rise of the stamps against the samples
means that audio is missing, a passing one that stamps were late.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median_low
from typing import Final

from emotion_node.config import AudioConfig
from emotion_node.core.hearing.stamp_window import (
    MIN_HOLE_NS,
    PRECISE_NS,
    SETTLED_NS,
    TOLERANCE_NS,
    WINDOW_NS,
    StampWindow,
)
from emotion_node.core.hearing.timeline_fit import Continuity, TimelineFit
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, AudioChunk, ClockSource

RECOVERY_NS: Final = NS_PER_S // 5
"""A late driver has caught up within this much audio plus twice its delay; missing audio never
returns."""
SLEW_DEAD_BAND_NS: Final = NS_PER_MS
"""Deviations up to this are treated as rounding and not corrected."""
SLEW_DIVISOR: Final = 1000
"""A drifting sample clock is followed by at most 1/1000 of the audio's duration; quartz crystals
drift by 1/10,000 at most."""
SURPLUS_NS: Final = 250 * NS_PER_MS
"""This much more audio than time comes from two publishers, not from late stamps."""
STEPPED_SURPLUS_NS: Final = 450 * NS_PER_MS
"""The same for stamps that come in steps."""
SECOND_PUBLISHER_NS: Final = 5 * NS_PER_S
"""How long after an overlap a second publisher is assumed."""
RECEIPT_JITTER_NS: Final = 400 * NS_PER_MS
"""Jitter of stamps taken at receipt: that of the network, not only of the driver."""


@dataclass(frozen=True, slots=True)
class _Hole:
    """A hole that may turn out to be a late stamp.

    Attributes:
        received_ns: duration of all audio received before it.
        missing_ns: its length.
    """

    received_ns: int
    missing_ns: int


class Timeline:
    """Follows the stamps of one microphone.

    * Stamps that scatter little show missing audio at once, as a step up. If the stamps fall back
      soon, nothing was missing and the driver was late; from then on only a longer delay counts
      as a loss.
    * Stamps that scatter show missing audio after `SETTLED_NS`, when none of them has fallen back;
      it is then counted, and later audio has the correct stamps from the next silence on. Losses
      too small for that are counted when they have added up.
    * Of chunks that share one stamp only the first can show missing audio. While stamps stand
      still, the samples are counted.
    * Where the clock of the sound card and that of the stamps drift apart, the expected stamp
      follows slowly, so that no gap is found in hours.
    * Two publishers on one topic deliver more audio than time passes. From `SURPLUS_NS` on, chunks
      of which half or more has been heard are left out whole, which locks on to one of the two.

    Args:
        config: which jump back means that the clock was set back.
        max_hole: missing audio up to this long is a hole, more is a gap, in s.
    """

    def __init__(self, config: AudioConfig, max_hole: float) -> None:
        self._jump_ns = round(config.max_jump_back * NS_PER_S)
        self._max_hole_ns = round(max_hole * NS_PER_S)
        self._known_delay_ns = 0
        self.reset()

    def reset(self) -> None:
        """Forget the audio so far: the next chunk starts afresh at its own stamp."""
        self._rate = 0
        self._start(0, 0)
        self._two_publishers_until_ns: int | None = None

    def _start(self, origin_ns: int, rate: int) -> None:
        self._origin_ns = origin_ns
        self._rate = rate
        self._count = 0
        self._last_stamp_ns: int | None = None
        self._window = StampWindow()
        self._hole: _Hole | None = None
        self._surplus_ns = 0
        self._skipped_ns = 0
        self._broken = False
        self._slew_ns = 0
        self._late_loss_ns = 0

    @property
    def expected_ns(self) -> int | None:
        """Where the next sample belongs; None before the first."""
        return self._origin_ns + self._received_ns if self._rate else None

    @property
    def _received_ns(self) -> int:
        return self._count * NS_PER_S // self._rate

    def interrupt(self) -> None:
        """Treat the next chunk as coming after a gap, however short."""
        self._broken = True

    def take_slew(self, min_ns: int | None = None) -> int:
        """Return by how much the samples so far should be stamped later, and reset it.

        Args:
            min_ns: lower limit of a negative correction, in ns; the rest is kept for the next
                call. None for no limit.
        """
        slew_ns = self._slew_ns
        if min_ns is not None:
            slew_ns = max(slew_ns, min(min_ns, 0))
        self._slew_ns -= slew_ns
        return slew_ns

    def take_late_loss(self) -> int:
        """Return how much missing audio was noticed late, in ns, and reset it.

        Negative where audio that was reported as missing was only late.
        """
        loss_ns, self._late_loss_ns = self._late_loss_ns, 0
        return loss_ns

    def place(self, chunk: AudioChunk) -> TimelineFit:
        """Return where the next chunk belongs.

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
        if self._two_publishers(expected_ns) and self._is_repeated(
            chunk, deviation_ns, SLEW_DEAD_BAND_NS
        ):
            return self._skip(chunk, expected_ns)
        if chunk.stamp_ns == self._last_stamp_ns:
            self._take(chunk, deviation_ns)
            return TimelineFit(Continuity.CONTIGUOUS, expected_ns)
        return self._place_by_pace(chunk, expected_ns, deviation_ns)

    def is_ahead(self, chunk: AudioChunk) -> bool:
        """Return whether `place` would find audio missing before a chunk, by its stamp alone."""
        expected_ns = self.expected_ns
        if expected_ns is None or self._broken or chunk.rate != self._rate:
            return False
        deviation_ns = chunk.stamp_ns - expected_ns
        if deviation_ns <= MIN_HOLE_NS or chunk.stamp_ns == self._last_stamp_ns:
            return False
        rise_ns = deviation_ns - max(self._window.fresh(), default=deviation_ns)
        threshold_ns = self._window.loss_threshold(self._received_ns)
        return rise_ns > self._max_hole_of(chunk) or self._shows_hole(rise_ns, threshold_ns)

    def falls_back(self, chunk: AudioChunk, following: AudioChunk) -> bool:
        """Return whether the stamp after a chunk is too early for the chunk's own to be right."""
        early_ns = chunk.stamp_ns + chunk.duration_ns - following.stamp_ns
        scatter_ns = min(self._window.spread(), chunk.duration_ns // 2)
        return early_ns > max(TOLERANCE_NS, scatter_ns)

    def _place_by_pace(
        self, chunk: AudioChunk, expected_ns: int, deviation_ns: int
    ) -> TimelineFit:
        fresh = self._window.fresh()
        rise_ns = deviation_ns - max(fresh, default=deviation_ns)
        if rise_ns > self._max_hole_of(chunk):
            gap = TimelineFit(Continuity.GAP, chunk.stamp_ns, missing_ns=deviation_ns)
            return self._begin(chunk, gap)
        threshold_ns = self._window.loss_threshold(self._received_ns)
        if self._shows_hole(rise_ns, threshold_ns):
            missing_ns = deviation_ns - median_low(fresh)
            self._hole = _Hole(self._received_ns, missing_ns)
            self._origin_ns += missing_ns
            self._take(chunk, deviation_ns - missing_ns)
            return TimelineFit(Continuity.HOLE, expected_ns, missing_ns=missing_ns)
        hole = self._hole
        if hole is not None and self._was_late(hole, deviation_ns, fresh):
            missing_ns = hole.missing_ns
            self._hole = None
            self._known_delay_ns = max(self._known_delay_ns, missing_ns * 3 // 2)
            self._late_loss_ns -= missing_ns
            self._shift(-missing_ns)
            deviation_ns += missing_ns
        elif threshold_ns is not None and self._is_repeated(
            chunk, deviation_ns - min(fresh), threshold_ns
        ):
            return self._skip(chunk, expected_ns)
        self._take(chunk, deviation_ns)
        if not self._two_publishers(expected_ns):
            self._follow(chunk.duration_ns)
        return TimelineFit(Continuity.CONTIGUOUS, expected_ns)

    def _max_hole_of(self, chunk: AudioChunk) -> int:
        receipt = chunk.clock_source is ClockSource.RECEIPT
        return max(self._max_hole_ns, RECEIPT_JITTER_NS * receipt)

    def _shows_hole(self, rise_ns: int, threshold_ns: int | None) -> bool:
        return threshold_ns is not None and rise_ns > max(threshold_ns, self._known_delay_ns)

    def _resume(self, chunk: AudioChunk, expected_ns: int, deviation_ns: int) -> TimelineFit:
        """Return the place of a chunk after an interruption: exactly where it is stamped."""
        if deviation_ns > 0:
            gap = TimelineFit(Continuity.GAP, chunk.stamp_ns, missing_ns=deviation_ns)
            return self._begin(chunk, gap)
        skip = min(-(deviation_ns * chunk.rate // NS_PER_S), len(chunk.samples))
        if skip == len(chunk.samples):
            return TimelineFit(Continuity.OVERLAP, expected_ns, skip)
        return self._begin(chunk, TimelineFit(Continuity.NEW, expected_ns, skip))

    def _was_late(self, hole: _Hole, deviation_ns: int, fresh: list[int]) -> bool:
        """Return whether nothing was missing in a hole, since the stamps have fallen back."""
        return (
            self._received_ns - hole.received_ns < RECOVERY_NS + 2 * hole.missing_ns
            and deviation_ns < median_low(fresh) - MIN_HOLE_NS
        )

    def _two_publishers(self, now_ns: int) -> bool:
        return self._two_publishers_until_ns is not None and now_ns < self._two_publishers_until_ns

    def _is_repeated(self, chunk: AudioChunk, deviation_ns: int, tolerance_ns: int) -> bool:
        """Return whether half of a chunk or more has been heard before."""
        return (
            2 * -deviation_ns >= chunk.duration_ns
            and -deviation_ns > tolerance_ns
            and self._skipped_ns < SETTLED_NS  # some other audio is used
        )

    def _skip(self, chunk: AudioChunk, expected_ns: int) -> TimelineFit:
        self._skipped_ns += chunk.duration_ns
        self._last_stamp_ns = chunk.stamp_ns
        self._two_publishers_until_ns = expected_ns + SECOND_PUBLISHER_NS
        return TimelineFit(Continuity.OVERLAP, expected_ns, len(chunk.samples))

    def _begin(self, chunk: AudioChunk, fit: TimelineFit) -> TimelineFit:
        """Start a new stretch of audio with a chunk, and return its place."""
        self._start(fit.start_ns, chunk.rate)
        self._take(chunk, 0, fit.skip)
        return fit

    def _take(self, chunk: AudioChunk, deviation_ns: int, skip: int = 0) -> None:
        fresh = chunk.stamp_ns != self._last_stamp_ns
        self._window.append(self._received_ns, deviation_ns, fresh)
        self._last_stamp_ns = chunk.stamp_ns
        self._skipped_ns = 0
        self._count += len(chunk.samples) - skip

    def _shift(self, by_ns: int) -> None:
        """Expect audio later; samples are stamped accordingly from the next silence on."""
        self._origin_ns += by_ns
        self._slew_ns += by_ns
        self._window.shift(by_ns)

    def _follow(self, duration_ns: int) -> None:
        """Adapt the expected stamp to the stamps of the window."""
        received_ns = self._received_ns
        offset_ns = self._window.offset(received_ns, self._max_hole_ns)
        if offset_ns < -PRECISE_NS or (offset_ns < -SLEW_DEAD_BAND_NS and received_ns < WINDOW_NS):
            # The stamps before these were late.
            self._surplus_ns -= offset_ns
            if self._surplus_ns > (STEPPED_SURPLUS_NS if self._window.in_steps() else SURPLUS_NS):
                assert self.expected_ns is not None
                self._two_publishers_until_ns = self.expected_ns + SECOND_PUBLISHER_NS
            else:
                self._shift(offset_ns)
            return
        rise_ns = self._window.lasting_rise(received_ns)
        if rise_ns:
            self._late_loss_ns += rise_ns
            self._shift(rise_ns)
            self._window.drop_before(received_ns - SETTLED_NS)
            return
        rise_ns = self._window.added_up_rise(received_ns)
        if rise_ns:
            self._late_loss_ns += rise_ns
            self._shift(rise_ns)
            return
        if abs(offset_ns) > SLEW_DEAD_BAND_NS and received_ns >= SETTLED_NS:
            limit_ns = duration_ns // SLEW_DIVISOR
            self._shift(max(-limit_ns, min(limit_ns, offset_ns)))
