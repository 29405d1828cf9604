"""Active speaker detection: whose mouth talks with the voice.

Each face's jaw is correlated with the level of the voice (`jaw_sync`).

The probability that a face is the speaker's depends on that correlation, which is stronger
evidence the longer somebody has spoken, and on whether the mouth talks at all: on how much the jaw
moves or, where a learned detector has run (`talking_faces`), on its answer. The detector tells
talking from chewing, laughing and listening, but takes a mouth that says other words for the
speaker's; the correlation tells those apart, but is low for many people in films. So where only
one of the faces talks, a low correlation does not count against it: it is usually the speaker.
That the speaker is off screen is one of the answers.

The constants were chosen on scenes made of the GRID corpus, leaving out one person after the other
(`python -m emotion_lab evaluate speaker`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from emotion_node.core.trace import Stamps
from emotion_node.core.vision.jaw_sync import AudioVisualSync, Jaw, measure_sync
from emotion_node.core.voice.level import HOP_NS, VoiceLevel
from emotion_node.datatypes import FloatArray

OFF_SCREEN: Final = 1.5
"""Log odds that the speaker is off screen, relative to a face of which only the jaw is known."""
SOLE: Final = 1.5
"""What is added for such a face if it is the only one in view, near, turned to the camera, and
moves its mouth."""
MIN_VISIBILITY: Final = 0.7
"""Visibility of a face from which on it is near and turned to the camera."""
TALKING_WEIGHT: Final = 0.7
TALKING_RANGE: Final = (-6.0, 3.0)
SOLE_MAX: Final = 5.0
"""Weight of the mean log odds that the learned detector gives, and their limits; the upper one is
higher for the only face that talks."""
VOICED_DB: Final = 15.0
FULL_SCORES: Final = 15
"""They are the mean over the frames in which the voice is no further below its loudest, and count
in full once there are so many: the first ones, without what follows, are often wrong."""
TALKING_WEIGHT_PER_S: Final = 12.0
TALKING_NEUTRAL_CORRELATION: Final = 0.45
TALKING_OFF_SCREEN: Final = 1.0
"""Weight of the correlation per second of speech, neutral correlation, and log odds that the
speaker is off screen, where the learned detector has run."""
MIN_SCORES: Final = 3
SAME_TIME: Final = 0.5
"""Another face is in view together with a face when it is seen in this share of its frames."""
MOVING: Final = -0.3
"""Movement from which on a mouth may be talking."""


@dataclass(frozen=True, slots=True)
class TalkingScores:
    """Log odds that a face talks with the voice.

    Attributes:
        stamps: (n,) int64, rising.
        values: (n,) float32.
    """

    stamps: Stamps = field(default_factory=lambda: np.zeros(0, np.int64))
    values: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))

    def between(self, start_ns: int, end_ns: int) -> TalkingScores:
        """Return those in [start_ns, end_ns]."""
        inside = (self.stamps >= start_ns) & (self.stamps <= end_ns)
        return TalkingScores(self.stamps[inside], self.values[inside])

    def while_voiced(self, voice: VoiceLevel) -> FloatArray:
        """Return (m,) those where there is a voice."""
        if not len(voice.levels):
            return self.values[:0]
        windows = np.clip((self.stamps - voice.first_ns) // HOP_NS, 0, len(voice.levels) - 1)
        levels = voice.levels[windows]
        return np.asarray(self.values[levels >= levels.max(initial=-np.inf) - VOICED_DB])


@dataclass(frozen=True, slots=True)
class Candidate:
    """A face that may be the speaker's.

    Attributes:
        jaw: its movement.
        visibility: 0..1, how well it shows, as `geometry.visibility` measures it.
        scores: log odds that it talks with the voice, of the learned detector, by time; none where
            that has not run.
    """

    jaw: Jaw
    visibility: float = 0.0
    scores: TalkingScores = TalkingScores()


@dataclass(frozen=True, slots=True)
class SpeakerDecision:
    """Who speaks.

    Attributes:
        scores: probability by face that it is the speaker's; with `off_screen`, they sum to 1.
        off_screen: probability that the speaker is none of them.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    off_screen: float = 1.0

    @property
    def face_id(self) -> str:
        """The speaker's face; empty when the speaker is most likely off screen."""
        best = max(self.scores, key=self.scores.__getitem__, default='')
        return best if best and self.scores[best] > self.off_screen else ''

    @property
    def confidence(self) -> float:
        """Probability that `face_id` is the speaker's; 0 when it is empty."""
        return self.scores[self.face_id] if self.face_id else 0.0


def find_speaker(
    voice: VoiceLevel, candidates: Mapping[str, Candidate], start_ns: int, end_ns: int
) -> SpeakerDecision:
    """Return whose mouth talks with the voice.

    Args:
        voice: level of the voice, from the start of speech on.
        candidates: what is known of each face.
        start_ns: start of the speech, or of the part of it to use.
        end_ns: end of the same.
    """
    if not candidates:
        return SpeakerDecision()
    seen = {
        face_id: _Seen(
            measure_sync(voice, one.jaw, start_ns, end_ns), one, one.scores.while_voiced(voice)
        )
        for face_id, one in candidates.items()
    }
    odds = [one.log_odds(_is_sole(seen, face_id)) for face_id, one in seen.items()]
    weights = np.array([*odds, 0.0])
    likely = np.exp(weights - weights.max())
    likely /= likely.sum()
    scores = {face_id: float(share) for face_id, share in zip(candidates, likely, strict=False)}
    return SpeakerDecision(scores, float(likely[-1]))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A candidate with what was measured of it, and its scores while there was a voice."""

    sync: AudioVisualSync
    candidate: Candidate
    scores: FloatArray

    @property
    def talking(self) -> float | None:
        """Mean of the scores; None of too few."""
        return float(self.scores.mean()) if len(self.scores) >= MIN_SCORES else None

    def log_odds(self, sole: bool) -> float:
        """Return the log odds of this face over the speaker being off screen."""
        by_jaw = self.sync.log_odds() - OFF_SCREEN
        shown = self.candidate.visibility >= MIN_VISIBILITY and self.sync.motion > MOVING
        if sole and shown:
            by_jaw += SOLE - min(self.sync.evidence(), 0.0)
        talking = self.talking
        if talking is None:
            return by_jaw
        in_time = self.sync.evidence(TALKING_WEIGHT_PER_S, TALKING_NEUTRAL_CORRELATION)
        low, high = TALKING_RANGE
        if sole and talking > 0:
            in_time, high = max(in_time, 0.0), SOLE_MAX
        learned = in_time + TALKING_WEIGHT * min(max(talking, low), high) - TALKING_OFF_SCREEN
        share = min(len(self.scores) / FULL_SCORES, 1.0)
        return share * learned + (1 - share) * by_jaw


def _is_sole(seen: Mapping[str, _Seen], face_id: str) -> bool:
    """Return whether no other face is in view that may be talking."""
    own = seen[face_id]
    for other_id, other in seen.items():
        if other_id == face_id or own.candidate.jaw.time_with(other.candidate.jaw) < SAME_TIME:
            continue
        if other.talking is None:
            may_talk = own.talking is None or other.sync.motion > MOVING
        else:
            may_talk = other.talking > 0
        if may_talk:
            return False
    return True
