"""How a partner's emotion changed since some moment, such as when the robot began to speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotion_node.core.dialogue.turns import DialogueTurn
from emotion_node.datatypes import NS_PER_S
from emotion_node.labels import LABELS


@dataclass(frozen=True, slots=True)
class AverageEmotion:
    """The average emotion of several utterances of one speaker.

    Attributes:
        label: most likely emotion; empty when nothing is known.
        confidence: its probability.
        valence, arousal: -1..1; 0 when nothing is known.
        scores: (7,) probabilities; None when nothing is known.
        utterance_ids: of the utterances averaged, oldest first.
    """

    label: str = ''
    confidence: float = 0.0
    valence: float = 0.0
    arousal: float = 0.0
    scores: npt.NDArray[np.float64] | None = None
    utterance_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reaction:
    """How the emotion of one speaker changed.

    Attributes:
        speaker_id: whose reaction it is; empty when unknown.
        before, after: the average emotions before and after the moment.
        valence_change, arousal_change: after minus before, -2..2; 0 unless both are known.
        strength: 0..1, how much the emotion changed: the total variation distance of the scores.
        speakers: all who spoke since, in the order of their last words.
        problem: a message for the user why `before` or `after` is unknown; empty otherwise.
    """

    speaker_id: str = ''
    before: AverageEmotion = AverageEmotion()
    after: AverageEmotion = AverageEmotion()
    valence_change: float = 0.0
    arousal_change: float = 0.0
    strength: float = 0.0
    speakers: tuple[str, ...] = ()
    problem: str = ''

    @property
    def known(self) -> bool:
        """Whether the emotions before and after are both known."""
        return self.before.scores is not None and self.after.scores is not None


def find_reaction(
    turns: Sequence[DialogueTurn],
    since_ns: int | None = None,
    speaker_id: str = '',
    half_life_ns: int = 60 * NS_PER_S,
) -> Reaction:
    """Return how the emotion of a speaker changed at a moment.

    An utterance is after the moment when it ended after it. On each side, later utterances weigh
    more: a weight halves with each `half_life_ns` by which an utterance is older than the last.

    Args:
        turns: the dialogue, oldest first.
        since_ns: the moment, on the clock of the turns; None for the one just before the last
            utterance (of the speaker, where one is named).
        speaker_id: whose reaction; empty for the speaker of the last utterance since then.
            Utterances of unknown speakers count as those of one speaker.
        half_life_ns: more than 0.
    """
    if speaker_id and all(turn.speaker_id != speaker_id for turn in turns):
        return Reaction(speaker_id, problem=f'nothing was heard of {speaker_id}')
    if not turns:
        return Reaction(problem='nothing was heard yet')
    if since_ns is None:
        own_turns = [turn for turn in turns if not speaker_id or turn.speaker_id == speaker_id]
        since_ns = own_turns[-1].end_ns - 1
    later = [turn for turn in turns if turn.end_ns > since_ns]
    speakers = tuple(reversed(dict.fromkeys(turn.speaker_id for turn in reversed(later))))
    whose = speaker_id or (speakers[-1] if speakers else turns[-1].speaker_id)
    own = [turn for turn in turns if turn.speaker_id == whose]
    earlier = [turn for turn in own if turn.end_ns <= since_ns]
    after = [turn for turn in own if turn.end_ns > since_ns]
    old = average_emotion(earlier, half_life_ns)
    new = average_emotion(after, half_life_ns)
    problem = ''
    if new.scores is None:
        problem = (
            'no emotion was perceived since then' if after else 'nothing was heard since then'
        )
    elif old.scores is None:
        problem = 'no emotion is known from before'
    if old.scores is None or new.scores is None:
        return Reaction(whose, old, new, speakers=speakers, problem=problem)
    return Reaction(
        whose,
        old,
        new,
        new.valence - old.valence,
        new.arousal - old.arousal,
        float(0.5 * np.abs(new.scores - old.scores).sum()),
        speakers,
    )


def average_emotion(
    turns: Sequence[DialogueTurn], half_life_ns: int, later_turn: float = 1.0
) -> AverageEmotion:
    """Return the average emotion of utterances, weighted by how recent they are.

    Args:
        turns: the utterances, oldest first.
        half_life_ns: age, relative to the last one, by which the weight of an utterance halves.
        later_turn: how much more an utterance weighs than the one before it.
    """
    known = [turn for turn in turns if turn.scores is not None]
    if not known:
        return AverageEmotion()
    last_ns = max(turn.end_ns for turn in known)
    weights = np.array([0.5 ** ((last_ns - turn.end_ns) / half_life_ns) for turn in known])
    weights *= later_turn ** np.arange(1.0 - len(known), 1.0)
    weights /= weights.sum()
    scores = np.asarray(weights @ np.array([turn.scores for turn in known]), np.float64)
    return AverageEmotion(
        LABELS[int(scores.argmax())],
        float(scores.max()),
        float(weights @ [turn.valence for turn in known]),
        float(weights @ [turn.arousal for turn in known]),
        scores,
        tuple(turn.utterance_id for turn in known),
    )
