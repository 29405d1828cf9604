"""Who spoke the utterance before, as evidence of who speaks now.

An utterance that follows soon after another one is often by the same person, who has only paused.
A short one shows little by itself. So the speaker is the state of a hidden Markov model (Rabiner,
Proc. IEEE 77(2), 1989): it stays the same with a probability that fades with the pause, and is
otherwise drawn anew. That nobody in view speaks is carried on in the same way.

The constants were chosen on sentences that were cut into two (`docs/speaker_experiments.md`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Final

from emotion_node.core.vision.active_speaker import OFF_SCREEN, SpeakerDecision
from emotion_node.datatypes import NS_PER_S, EndReason, Utterance

SAME: Final = 0.5
FADES_S: Final = 2.0
"""Probability that the same one goes on after no pause; it falls to 1/e of that in `FADES_S`."""
MIN_SPEECH_NS: Final = NS_PER_S
MAX_UTTERANCES: Final = 64
"""Of the latest utterances, those of at least this length count for whether any face speaks."""

_ODDS: Final = exp(-OFF_SCREEN)
"""Odds of each face over the speaker being off screen, before anything is seen."""


@dataclass(frozen=True, slots=True)
class PreviousSpeaker:
    """Who spoke the utterance before.

    Attributes:
        decision: about that utterance.
        pause_ns: time from its end to the start of this one.
    """

    decision: SpeakerDecision
    pause_ns: int

    def carry(self, decision: SpeakerDecision, same: float = SAME) -> SpeakerDecision:
        """Return a decision about this utterance with the one before taken into account.

        What is known of a face that is gone says nothing about the others, and the odds of a face
        that was not there before, over nobody, stay as they are.

        Args:
            decision: about this utterance alone.
            same: probability that the same one goes on after no pause, 0..1.
        """
        before, off = self.decision.scores, self.decision.off_screen
        known = [face_id for face_id in decision.scores if face_id in before]
        if not known:
            return decision
        same *= exp(-self.pause_ns / NS_PER_S / FADES_S)
        gone = 1 - off - sum(before[face_id] for face_id in known)
        total = 1 + _ODDS * len(known)

        def factor(probability: float, prior: float) -> float:
            return same * (probability / prior + gone) + 1 - same

        neutral = factor(off, 1 / total)
        weights = {
            face_id: score
            * (factor(before[face_id], _ODDS / total) if face_id in known else neutral)
            for face_id, score in decision.scores.items()
        }
        off_screen = decision.off_screen * neutral
        total = sum(weights.values()) + off_screen
        return SpeakerDecision(
            {face_id: one / total for face_id, one in weights.items()}, off_screen / total
        )


@dataclass(frozen=True, slots=True)
class _Spoken:
    start_ns: int
    end_ns: int
    end_reason: EndReason
    decision: SpeakerDecision
    faces_seen: bool


class LatestSpeakers:
    """Remembers who spoke the latest utterances."""

    def __init__(self) -> None:
        self._spoken: dict[str, _Spoken] = {}

    def add(
        self, utterance: Utterance, decision: SpeakerDecision, faces_seen: bool
    ) -> SpeakerDecision:
        """Take who spoke an utterance; it replaces what was said of it before.

        Args:
            utterance: it.
            decision: about this utterance alone.
            faces_seen: whether there were faces during it.

        Returns:
            The decision with the utterance before taken into account.
        """
        previous = self.before(utterance.utterance_id, utterance.start_ns)
        if previous is not None:
            decision = previous.carry(decision)
        self._spoken.pop(utterance.utterance_id, None)
        self._spoken[utterance.utterance_id] = _Spoken(
            utterance.start_ns, utterance.end_ns, utterance.end_reason, decision, faces_seen
        )
        if len(self._spoken) > MAX_UTTERANCES:
            del self._spoken[next(iter(self._spoken))]
        return decision

    def before(self, utterance_id: str, start_ns: int) -> PreviousSpeaker | None:
        """Return who spoke before an utterance; None where nothing is known or nothing follows.

        Nothing follows from an utterance that was cut because another face took over.

        Args:
            utterance_id: of the utterance.
            start_ns: start of its speech.
        """
        earlier = (
            one
            for name, one in self._spoken.items()
            if name != utterance_id and one.start_ns < start_ns
        )
        last = max(earlier, key=lambda one: one.end_ns, default=None)
        if last is None or last.end_reason is EndReason.SPEAKER_CHANGE:
            return None
        return PreviousSpeaker(last.decision, max(start_ns - last.end_ns, 0))

    def count_silent(self) -> int:
        """Return the number of latest utterances that no face spoke although faces were seen."""
        latest = [
            bool(one.decision.face_id)
            for one in reversed(self._spoken.values())
            if one.faces_seen and one.end_ns - one.start_ns >= MIN_SPEECH_NS
        ]
        return latest.index(True) if True in latest else len(latest)

    def clear(self) -> None:
        """Forget all utterances."""
        self._spoken.clear()
