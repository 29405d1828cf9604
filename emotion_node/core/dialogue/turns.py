"""The dialogue so far."""

from __future__ import annotations

from dataclasses import dataclass

from emotion_node.config import DialogueConfig
from emotion_node.datatypes import NS_PER_S, FloatArray


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """One past utterance.

    Attributes:
        utterance_id: as in its reports.
        speaker_id: who spoke; empty when unknown.
        start_ns, end_ns: when.
        text: what was said, as the text model reads it; empty when no words were recognised or it
            does not know their language.
        label: its fused emotion; empty when unknown or below the minimum confidence.
        scores: (7,) fused probabilities; None when unknown.
        valence, arousal: -1..1.
    """

    utterance_id: str
    speaker_id: str
    start_ns: int
    end_ns: int
    text: str
    label: str
    scores: FloatArray | None = None
    valence: float = 0.0
    arousal: float = 0.0


class Dialogue:
    """Remembers the last turns, oldest first.

    `turns` may be read by another thread while turns are added.

    Args:
        config: how many turns are kept, and for how long they count.
    """

    def __init__(self, config: DialogueConfig) -> None:
        self.turns: tuple[DialogueTurn, ...] = ()
        self._max_turns = config.max_turns
        self._max_age_ns = int(config.max_age * NS_PER_S)

    def add(self, turn: DialogueTurn) -> None:
        """Append a turn."""
        turns = (*self.turns, turn)
        self.turns = turns[max(0, len(turns) - self._max_turns) :]

    def before(self, stamp_ns: int) -> tuple[DialogueTurn, ...]:
        """Return the turns that ended before `stamp_ns` and no longer than `max_age` before it."""
        oldest = stamp_ns - self._max_age_ns
        return tuple(turn for turn in self.turns if oldest <= turn.end_ns <= stamp_ns)

    def reset(self) -> None:
        """Forget everything."""
        self.turns = ()
