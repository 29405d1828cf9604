"""How emotions follow each other in a dialogue, as a prior for the next utterance.

People stay in a mood, and catch each other's. How often which emotion follows which was counted
in MELD train (`emotion_lab.training.transitions` makes the table): after the same speaker's last
turn, and after the last turn of somebody else.
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
from emotion_node.datatypes import SCORE_FLOOR, FusedScores
from emotion_node.labels import LABELS

FILE: Final = 'transitions.toml'
SMOOTHING: Final = 1.0
"""Added to every count (Laplace)."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Transitions:
    """What follows what.

    Attributes:
        shares: (7,) how often each label is met at all.
        own: (7, 7) probability of the column after the row in the same speaker's last turn.
        other: (7, 7) likewise after the last turn of somebody else.
    """

    shares: Array
    own: Array
    other: Array

    @classmethod
    def from_counts(cls, shares: Any, own: Any, other: Any) -> Transitions:
        """Return the probabilities of counts (7,), (7, 7) and (7, 7)."""
        tables = [np.asarray(table, np.float64) + SMOOTHING for table in (shares, own, other)]
        n = len(LABELS)
        if [table.shape for table in tables] != [(n,), (n, n), (n, n)]:
            raise ValueError(f'expected tables over {n} labels')
        total, rows, others = (table / table.sum(axis=-1, keepdims=True) for table in tables)
        return cls(total, rows, others)


@functools.cache
def counted_transitions() -> Transitions:
    """Return what was counted in MELD train."""
    file = resources.files('emotion_node.core.dialogue') / FILE
    tables = tomllib.loads(file.read_text(encoding='utf-8'))
    return Transitions.from_counts(tables['shares'], tables['own'], tables['other'])


class TransitionFilter:
    """Holds an answer against the emotions of the turns before it; causal.

    The probabilities that the last turn of the same speaker and the last of another one give to
    the labels, relative to how often they are met at all, are raised to a power and multiplied
    onto the answer. What a turn said fades with its age. Where nobody is known, and before
    anything was said, an answer stays as it is.

    Args:
        config: power and half-life.
        transitions: what follows what, by default as counted.
    """

    def __init__(self, config: DialogueConfig, transitions: Transitions | None = None) -> None:
        self._power = config.transition_power
        self._half_life_ns = config.half_life * 1e9
        self._transitions = transitions or counted_transitions()

    def apply(
        self, fused: FusedScores, turns: Sequence[DialogueTurn], speaker_id: str, stamp_ns: int
    ) -> FusedScores:
        """Return the answer as it is after those turns.

        Args:
            fused: the answer by itself.
            turns: those before it, oldest first.
            speaker_id: who speaks; empty when unknown.
            stamp_ns: start of the utterance.
        """
        if fused.scores is None or not self._power:
            return fused
        raised = self.prior(turns, speaker_id, stamp_ns) ** self._power
        scores = np.maximum(fused.scores, SCORE_FLOOR) * raised
        return dataclasses.replace(fused, scores=np.asarray(scores / scores.sum(), np.float32))

    def prior(self, turns: Sequence[DialogueTurn], speaker_id: str, stamp_ns: int) -> Array:
        """Return (7,) by how much each label is more likely than it is anyway."""
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
