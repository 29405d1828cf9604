"""How a speaker seems to feel now."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from emotion_node.core.dialogue.reaction import average_emotion
from emotion_node.core.dialogue.turns import DialogueTurn
from emotion_node.datatypes import NS_PER_S
from emotion_node.labels import LABELS

MIN_CONFIDENCE: Final = 0.3
"""Below this the label is unknown: about twice the probability of a guess."""
LATER_TURN: Final = 2.0
"""How much more an utterance counts than the one before it: the last one is half or more."""
TREND: Final = 0.15
"""Difference in valence that is a trend."""


class Trend(enum.StrEnum):
    """The last utterance of a speaker beside those before it, by valence."""

    UNKNOWN = ''
    MORE_POSITIVE = 'more_positive'
    MORE_NEGATIVE = 'more_negative'
    STEADY = 'steady'


@dataclass(frozen=True, slots=True)
class SpeakerState:
    """How a speaker seems to feel at a moment.

    Attributes:
        speaker_id: who it is about; empty when unknown.
        label: most likely emotion; empty when unknown.
        confidence: its probability; 0 when unknown.
        valence, arousal: -1..1; 0 when unknown.
        trend: how the last utterance differs.
        age_ns: since the end of the last utterance, 0 or more; None when nothing was heard.
        utterance_ids: of the utterances used, oldest first.
    """

    speaker_id: str = ''
    label: str = ''
    confidence: float = 0.0
    valence: float = 0.0
    arousal: float = 0.0
    trend: Trend = Trend.UNKNOWN
    age_ns: int | None = None
    utterance_ids: tuple[str, ...] = ()


def find_state(
    turns: Sequence[DialogueTurn],
    now_ns: int,
    speaker_id: str = '',
    half_life_ns: int = 60 * NS_PER_S,
) -> SpeakerState:
    """Return how a speaker seems to feel now.

    The scores of their utterances are averaged, the last one counting most, and fade with the
    time since then: towards equal probabilities, by half in each half-life.

    Args:
        turns: the dialogue, oldest first.
        now_ns: the moment, on the clock of the turns.
        speaker_id: who; empty for the one who spoke last. Utterances of unknown speakers count
            as those of one speaker.
        half_life_ns: more than 0.
    """
    whose = speaker_id or (turns[-1].speaker_id if turns else '')
    own = [turn for turn in turns if turn.speaker_id == whose]
    if not own:
        return SpeakerState(whose)
    age_ns = max(now_ns - own[-1].end_ns, 0)
    mean = average_emotion(own, half_life_ns, LATER_TURN)
    if mean.scores is None:
        return SpeakerState(whose, age_ns=age_ns)
    share = 0.5 ** (age_ns / half_life_ns)
    scores = share * mean.scores + (1 - share) / len(LABELS)
    confidence = float(scores.max())
    if confidence < MIN_CONFIDENCE:
        return SpeakerState(whose, age_ns=age_ns, utterance_ids=mean.utterance_ids)
    return SpeakerState(
        whose,
        LABELS[int(scores.argmax())],
        confidence,
        share * mean.valence,
        share * mean.arousal,
        _trend(own, half_life_ns),
        age_ns,
        mean.utterance_ids,
    )


def _trend(own: Sequence[DialogueTurn], half_life_ns: int) -> Trend:
    known = [turn for turn in own if turn.scores is not None]
    if len(known) < 2:
        return Trend.UNKNOWN
    change = known[-1].valence - average_emotion(known[:-1], half_life_ns, LATER_TURN).valence
    if abs(change) < TREND:
        return Trend.STEADY
    return Trend.MORE_POSITIVE if change > 0 else Trend.MORE_NEGATIVE
