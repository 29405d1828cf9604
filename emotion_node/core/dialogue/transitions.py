"""How emotions follow each other in a dialogue, as a prior for the next utterance.

An emotion tends to last, and to spread to others. How often each emotion follows each other one
was counted in MELD train (`emotion_lab.training.transitions` makes the table): after the same
speaker's last turn, and after the last turn of another speaker.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.config import DialogueConfig
from emotion_node.core.dialogue.turns import DialogueTurn
from emotion_node.datatypes import NS_PER_S, SCORE_FLOOR, FusedScores
from emotion_node.labels import LABELS

FILE: Final = 'transitions.toml'
SMOOTHING: Final = 1.0
"""Added to every count (Laplace)."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Transitions:
    """Probabilities of emotions, given those of earlier turns.

    Attributes:
        shares: (7,) probability of each label, whatever came before.
        own: (7, 7) probability of the column after the row in the same speaker's last turn.
        other: (7, 7) likewise after the last turn of another speaker.
    """

    shares: Array
    own: Array
    other: Array

    @classmethod
    def from_counts(cls, shares: Any, own: Any, other: Any) -> Transitions:
        """Return the probabilities for counts of shape (7,), (7, 7) and (7, 7)."""
        tables = [np.asarray(table, np.float64) + SMOOTHING for table in (shares, own, other)]
        n = len(LABELS)
        shapes = [table.shape for table in tables]
        if shapes != [(n,), (n, n), (n, n)]:
            raise ValueError(f'expected tables over {n} labels, got shapes {shapes}')
        total, rows, others = (table / table.sum(axis=-1, keepdims=True) for table in tables)
        return cls(total, rows, others)


@functools.cache
def counted_transitions() -> Transitions:
    """Return the transitions counted in MELD train."""
    file = resources.files('emotion_node.core.dialogue') / FILE
    tables = tomllib.loads(file.read_text(encoding='utf-8'))
    return Transitions.from_counts(tables['shares'], tables['own'], tables['other'])


class TransitionFilter:
    """Applies the prior of earlier turns to fused scores; causal.

    The prior is the probability of each label after the last turn of the same speaker and the last
    one of another, relative to its share in general. It is raised to a power and multiplied with
    the scores. The effect of a turn fades with its age. Scores stay unchanged where the speaker is
    unknown and before the first turn.

    Args:
        config: power and half-life.
        transitions: probabilities, by default as counted.
    """

    def __init__(self, config: DialogueConfig, transitions: Transitions | None = None) -> None:
        self._power = config.transition_power
        self._half_life_ns = config.half_life * NS_PER_S
        self._transitions = transitions or counted_transitions()

    def apply(
        self, fused: FusedScores, turns: Sequence[DialogueTurn], speaker_id: str, stamp_ns: int
    ) -> FusedScores:
        """Return fused scores with the prior of earlier turns applied.

        Args:
            fused: the scores by themselves.
            turns: the turns before it, oldest first.
            speaker_id: who speaks; empty when unknown.
            stamp_ns: start of the utterance.
        """
        if fused.scores is None or not self._power:
            return fused
        raised = self.prior(turns, speaker_id, stamp_ns) ** self._power
        scores = np.maximum(fused.scores, SCORE_FLOOR) * raised
        return dataclasses.replace(fused, scores=np.asarray(scores / scores.sum(), np.float32))

    def prior(self, turns: Sequence[DialogueTurn], speaker_id: str, stamp_ns: int) -> Array:
        """Return (7,) by which factor each label is more likely than in general."""
        ratio = np.ones(len(LABELS))
        if not speaker_id:
            return ratio
        known = [turn for turn in turns if turn.speaker_id and turn.scores is not None]
        for same, table in ((True, self._transitions.own), (False, self._transitions.other)):
            last = [turn for turn in known if (turn.speaker_id == speaker_id) is same][-1:]
            for turn in last:
                fresh = 0.5 ** (max(0, stamp_ns - turn.end_ns) / self._half_life_ns)
                expected = np.asarray(turn.scores, np.float64) @ table
                faded = fresh * expected + (1 - fresh) * self._transitions.shares
                ratio *= faded / self._transitions.shares
        return ratio
