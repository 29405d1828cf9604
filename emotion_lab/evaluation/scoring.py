"""Compare found utterances with true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import NS_PER_MS, NS_PER_S

MIN_OVERLAP_NS: Final = NS_PER_S // 10
"""Utterances that overlap by less than this are different ones."""
FRAME_NS: Final = NS_PER_S // 100

Span = tuple[int, int]
"""Start and end in ns."""


@dataclass(slots=True)
class Score:
    """Sums over any amount of audio; scores of parts can be added.

    Attributes:
        frames, frame_errors: frames of 10 ms, and those that are classified wrongly.
        true: true utterances.
        missed: of these, those that were not found.
        false: found utterances without a true one.
        split: true utterances that were found in several parts.
        merged: found utterances that cover several true ones.
        start_errors_ns, end_errors_ns: found minus true, where one was found as one.
        endpointing_ns: from the true end to its decision, likewise.
    """

    frames: int = 0
    frame_errors: int = 0
    true: int = 0
    missed: int = 0
    false: int = 0
    split: int = 0
    merged: int = 0
    start_errors_ns: list[int] = field(default_factory=list)
    end_errors_ns: list[int] = field(default_factory=list)
    endpointing_ns: list[int] = field(default_factory=list)

    def __iadd__(self, other: Score) -> Score:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def as_dict(self) -> dict[str, float | None]:
        """Return the figures by name, in percent and milliseconds.

        None where no utterance was found as one.
        """
        return {
            'utterances': self.true,
            'frame_error_percent': 100 * self.frame_errors / self.frames,
            'missed': self.missed,
            'false': self.false,
            'split': self.split,
            'merged': self.merged,
            'start_error_ms_median': _ms(self.start_errors_ns, 50),
            'start_error_ms_p95': _ms([abs(error) for error in self.start_errors_ns], 95),
            'end_error_ms_median': _ms(self.end_errors_ns, 50),
            'end_error_ms_p95': _ms([abs(error) for error in self.end_errors_ns], 95),
            'endpointing_ms_p95': _ms(self.endpointing_ns, 95),
        }


def score(
    truth: Sequence[Span], found: Sequence[Span], decided_ns: Sequence[int], length_ns: int
) -> Score:
    """Compare found with true utterances.

    Args:
        truth: true utterances in order, without overlap.
        found: found ones likewise.
        decided_ns: stamp at which the end of each found one was decided.
        length_ns: length of the audio, which begins at 0.
    """
    result = Score(frames=length_ns // FRAME_NS, true=len(truth))
    result.frame_errors = int(np.sum(_mask(truth, length_ns) != _mask(found, length_ns)))
    overlaps = np.array([[_overlap(a, b) for b in found] for a in truth], dtype=np.int64)
    matched = overlaps.reshape(len(truth), len(found)) >= MIN_OVERLAP_NS
    parts, wholes = matched.sum(axis=1), matched.sum(axis=0)
    result.missed = int(np.sum(parts == 0))
    result.false = int(np.sum(wholes == 0))
    result.split = int(np.sum(parts > 1))
    result.merged = int(np.sum(wholes > 1))
    for i, j in np.argwhere(matched):
        if parts[i] == wholes[j] == 1:
            result.start_errors_ns.append(found[j][0] - truth[i][0])
            result.end_errors_ns.append(found[j][1] - truth[i][1])
            result.endpointing_ns.append(decided_ns[j] - truth[i][1])
    return result


def _overlap(a: Span, b: Span) -> int:
    return min(a[1], b[1]) - max(a[0], b[0])


def _mask(spans: Sequence[Span], length_ns: int) -> npt.NDArray[np.bool_]:
    centres = np.arange(length_ns // FRAME_NS) * FRAME_NS + FRAME_NS // 2
    mask = np.zeros(len(centres), bool)
    for start, end in spans:
        mask |= (centres >= start) & (centres < end)
    return mask


def _ms(values_ns: Sequence[int], percentile: float) -> float | None:
    return float(np.percentile(values_ns, percentile)) / NS_PER_MS if values_ns else None
