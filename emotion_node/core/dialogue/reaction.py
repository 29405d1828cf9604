"""What changed in a partner since some moment, such as when the robot began to speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotion_node.core.dialogue.turns import DialogueTurn
from emotion_node.labels import LABELS


@dataclass(frozen=True, slots=True)
class AverageEmotion:
    """What several utterances of one speaker express together.

    Attributes:
        label: most likely emotion; empty when nothing is known.
        confidence: its probability.
        valence, arousal: -1..1; 0 when nothing is known.
        scores: (7,) probabilities; None when nothing is known.
        utterance_ids: of those that it rests on, oldest first.
    """

    label: str = ''
    confidence: float = 0.0
    valence: float = 0.0
    arousal: float = 0.0
    scores: npt.NDArray[np.float64] | None = None
    utterance_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reaction:
    """What changed in one speaker.

    Attributes:
        speaker_id: whose reaction it is; empty when unknown.
        before, after: the moods on both sides of the moment.
        valence_change, arousal_change: after less before, -2..2; 0 unless both are known.
        strength: 0..1, how far the emotion moved: the total variation distance of the scores.
        speakers: all who spoke since, in the order of their last words.
        problem: for people, why there is no reaction or only half of one; empty otherwise.
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
        """Whether something was heard on both sides."""
        return self.before.scores is not None and self.after.scores is not None


def find_reaction(
    turns: Sequence[DialogueTurn],
    since_ns: int | None = None,
    speaker_id: str = '',
    half_life_ns: int = 60_000_000_000,
) -> Reaction:
    """Return what changed in a speaker at a moment.

    An utterance counts as after the moment when it ended after it. Of several, the nearer to the
    moment count more among those before, the later more among those after: an utterance counts
    half as much as another that ended `half_life_ns` nearer or later.

    Args:
        turns: the dialogue, oldest first.
        since_ns: the moment, on the clock of the turns; None for the one just before the last
            utterance (of the speaker, where one is named).
        speaker_id: whose reaction; empty for that of whoever spoke last since then. Utterances
            of unknown speakers are taken as those of one speaker.
        half_life_ns: more than 0.
    """
    if speaker_id and all(turn.speaker_id != speaker_id for turn in turns):
        return Reaction(speaker_id, problem=f'nothing was heard of {speaker_id}')
    if not turns:
        return Reaction(problem='nothing was heard yet')
    if since_ns is None:
        asked = [turn for turn in turns if not speaker_id or turn.speaker_id == speaker_id]
        since_ns = asked[-1].end_ns - 1
    later = [turn for turn in turns if turn.end_ns > since_ns]
    speakers = tuple(reversed(dict.fromkeys(turn.speaker_id for turn in reversed(later))))
    whose = speaker_id or (speakers[-1] if speakers else turns[-1].speaker_id)
    own = [turn for turn in turns if turn.speaker_id == whose]
    earlier = [turn for turn in own if turn.end_ns <= since_ns]
    after = [turn for turn in own if turn.end_ns > since_ns]
    old = _mood(earlier, half_life_ns)
    new = _mood(after, half_life_ns)
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


def _mood(turns: Sequence[DialogueTurn], half_life_ns: int) -> AverageEmotion:
    """Return the mean of what utterances express, weighed by how late they are."""
    known = [turn for turn in turns if turn.scores is not None]
    if not known:
        return AverageEmotion()
    last_ns = known[-1].end_ns
    weights = np.array([0.5 ** ((last_ns - turn.end_ns) / half_life_ns) for turn in known])
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
