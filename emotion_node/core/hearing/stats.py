"""Counters of one microphone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from emotion_node.datatypes import EndReason


@dataclass(slots=True)
class HearingStats:
    """Counters of one microphone since the start.

    Attributes:
        chunks: chunks received, unusable ones included.
        empty_chunks: chunks without samples; ignored.
        bad_chunks: chunks with samples that are not finite numbers, or with a sample rate out of
            range; each leaves a gap.
        samples: samples given to voice activity detection or muted, at `SAMPLE_RATE`.
        holes: places where less than a pause was missing; silence replaces it.
        gaps: places where more was missing; they end the utterance under way.
        lost_ns: audio missing in holes and gaps, and losses noticed too late to fill them.
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
