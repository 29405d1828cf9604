"""Whether another face has taken over within one stretch of speech.

People answer each other without a pause, so silence alone does not separate their utterances. A
change is noticed when one face spoke before a moment and another one after it, each as surely as
`find_speaker` can say it of a second, while both were in view: a face that comes or goes, as in
films, is no evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from emotion_node.core.vision.active_speaker import Candidate, find_speaker
from emotion_node.core.voice.level import VoiceLevel
from emotion_node.datatypes import NS_PER_MS, NS_PER_S

BEFORE_NS: Final = 1500 * NS_PER_MS
MIN_BEFORE_NS: Final = 800 * NS_PER_MS
AFTER_NS: Final = 900 * NS_PER_MS
"""Speech before and after the moment that is looked at."""
EARLIEST_NS: Final = -200 * NS_PER_MS
LATEST_NS: Final = 700 * NS_PER_MS
"""The change lies in this stretch after the moment."""
PERIOD_NS: Final = NS_PER_S // 5
"""Time between two looks."""
SURE: Final = 0.9
"""Probability of each speaker from which on there was a change."""
SEEN: Final = 0.5
"""A face is in view when it is seen in this share of the frames."""


@dataclass(slots=True)
class SpeakerChange:
    """Looks for changes of the speaker in the speech under way."""

    _looked_ns: int | None = None
    _found_ns: int | None = None

    def find(
        self, voice: VoiceLevel, candidates: Mapping[str, Candidate], start_ns: int, now_ns: int
    ) -> tuple[int, int] | None:
        """Return a stretch of time within which another face took over; None where none did.

        Args:
            voice: level of the voice.
            candidates: what is known of each face.
            start_ns: start of the speech, or of the part of it that is known.
            now_ns: stamp up to which the faces are known.
        """
        if self._looked_ns is not None and 0 <= now_ns - self._looked_ns < PERIOD_NS:
            return None
        self._looked_ns = now_ns
        at_ns = now_ns - AFTER_NS
        if self._found_ns is not None and start_ns < self._found_ns <= now_ns:
            start_ns = self._found_ns
        if len(candidates) < 2 or at_ns - start_ns < MIN_BEFORE_NS:
            return None
        spans = (max(start_ns, at_ns - BEFORE_NS), at_ns), (at_ns, now_ns)
        parts = [_between(candidates, *span) for span in spans]
        present = set.intersection(*(set(_seen(part)) for part in parts))
        decisions = [
            find_speaker(voice, part, *span) for part, span in zip(parts, spans, strict=True)
        ]
        before, after = (one.face_id for one in decisions)
        if before == after or not {before, after} <= present:
            return None
        if min(one.confidence for one in decisions) < SURE:
            return None
        self._found_ns = now_ns
        return at_ns + EARLIEST_NS, at_ns + LATEST_NS


def _between(
    candidates: Mapping[str, Candidate], start_ns: int, end_ns: int
) -> dict[str, Candidate]:
    return {
        face_id: replace(
            one, jaw=one.jaw.between(start_ns, end_ns), scores=one.scores.between(start_ns, end_ns)
        )
        for face_id, one in candidates.items()
    }


def _seen(candidates: Mapping[str, Candidate]) -> list[str]:
    """Return the faces that are in view."""
    frames = np.array([len(one.jaw.stamps) for one in candidates.values()])
    enough = SEEN * frames.max(initial=1)
    return [name for name, count in zip(candidates, frames, strict=True) if count >= enough]
