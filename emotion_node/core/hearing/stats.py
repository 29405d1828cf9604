"""Counters of one microphone, and how much of its audio is missing."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from emotion_node.core.hearing.timeline_fit import Continuity, TimelineFit
from emotion_node.datatypes import NS_PER_S, EndReason

MAX_LOSS: Final = 0.02
"""Share of missing audio from which words suffer and people should know."""
_WINDOW_NS: Final = 60 * NS_PER_S
_STEP_NS: Final = NS_PER_S
_LEAST_NS: Final = 5 * NS_PER_S
"""Over less audio, a single loss weighs too much."""


@dataclass(slots=True)
class HearingStats:
    """Counters of one microphone since the start.

    Attributes:
        chunks: chunks received, unusable ones included.
        empty_chunks: chunks without samples; ignored.
        bad_chunks: chunks without the channel that is set, with samples that are not finite
            numbers, or with a sample rate out of range. Silence replaces them; a rate out of
            range, and as many as last for a pause, leave a gap.
        samples: samples given to voice activity detection or muted, at `SAMPLE_RATE`.
        holes: places where less than a pause was missing; silence replaces it.
        gaps: places where more was missing; they end the utterance under way.
        lost_ns: audio missing in bad chunks, holes and gaps, and losses noticed too late to fill
            them.
        overlaps, overlap_ns: chunks that repeated earlier audio in part or whole, and how much.
        jumps_back: how often the clock was set back.
        rate_changes: how often the sample rate changed without a gap.
        muted_ns: audio that was muted.
        utterances, dropped_utterances: complete utterances, and those too short to be one.
        end_reasons: complete utterances by why they ended.
    """

    chunks: int = 0
    empty_chunks: int = 0
    bad_chunks: int = 0
    samples: int = 0
    holes: int = 0
    gaps: int = 0
    lost_ns: int = 0
    overlaps: int = 0
    overlap_ns: int = 0
    jumps_back: int = 0
    rate_changes: int = 0
    muted_ns: int = 0
    utterances: int = 0
    dropped_utterances: int = 0
    end_reasons: Counter[EndReason] = field(default_factory=Counter)

    def count(self, fit: TimelineFit, rate: int, first: bool) -> None:
        """Count what is irregular in the place of a chunk.

        Args:
            fit: its place.
            rate: of its samples.
            first: whether there is no stretch of audio that it could continue.
        """
        match fit.continuity:
            case Continuity.HOLE:
                self.holes += 1
            case Continuity.GAP:
                self.gaps += 1
            case Continuity.JUMP_BACK:
                self.jumps_back += 1
            case Continuity.NEW if not first:
                self.rate_changes += 1
        self.lost_ns += fit.missing_ns
        if fit.skip:
            self.overlaps += 1
            self.overlap_ns += fit.skip * NS_PER_S // rate


def bad_chunks_text(count: int) -> str:
    """Return what to tell the user about chunks that could not be used."""
    return (
        f'{count} chunks of audio replaced by silence: samples that are not finite numbers '
        '(floats in the wrong byte order?)'
    )


class RecentLoss:
    """The share of audio that is missing over the last minute."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque()

    def reset(self) -> None:
        """Forget the audio so far."""
        self._marks.clear()

    def update(self, heard_ns: int, lost_ns: int) -> None:
        """Take the stamp up to which audio has been processed, and all that was lost so far."""
        marks = self._marks
        if len(marks) > 1 and heard_ns - marks[-2][0] < _STEP_NS:
            marks[-1] = heard_ns, lost_ns
        else:
            marks.append((heard_ns, lost_ns))
        while heard_ns - marks[0][0] > _WINDOW_NS:
            marks.popleft()

    @property
    def share(self) -> float:
        """Missing audio as a share of the time that passed, 0..1; 0 while too little is known."""
        if not self._marks:
            return 0.0
        (first_ns, lost_before_ns), (last_ns, lost_ns) = self._marks[0], self._marks[-1]
        span_ns = last_ns - first_ns
        if span_ns < _LEAST_NS:
            return 0.0
        return min(max(0.0, (lost_ns - lost_before_ns) / span_ns), 1.0)
