"""What is worked out in a pause, in case the utterance has ended."""

from __future__ import annotations

from emotion_node.config import SpeculationConfig
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.perception import Perception
from emotion_node.core.analysis.text import TextEstimator
from emotion_node.core.analysis.transcription import TranscriptSource
from emotion_node.datatypes import Utterance


class Speculation:
    """Asks the parts in a pause what the end of the utterance would ask them.

    The parts keep their answers. An end that asks the same has its answer at once, and one that
    asks something else loses nothing, so results are the same as without speculation.

    Args:
        config: whether it is done.
        transcripts: words of the utterance under way.
        perception: voice, face and speaker.
        text: estimates the emotion of the words.
        guard: times, and counts how often the utterance had ended (`speculations_used`) and how
            often it went on (`speculations_dropped`).
    """

    def __init__(
        self,
        config: SpeculationConfig,
        transcripts: TranscriptSource,
        perception: Perception,
        text: TextEstimator,
        guard: Guard,
    ) -> None:
        self._enabled = config.enabled
        self._transcripts = transcripts
        self._perception = perception
        self._text = text
        self._guard = guard
        self._candidate: Utterance | None = None
        self._speaker_id = ''

    def pause(self, candidate: Utterance, behind: bool) -> None:
        """Work on an utterance that may have ended; only on its words if analysis is behind."""
        if not self._enabled:
            return
        self._transcripts.pause(candidate)
        if behind:
            return
        with self._guard.timings.measure('speculation'):
            self._speaker_id = self._perception.prepare(candidate).speaker_id
        self._candidate = candidate
        self.prepare_text()

    def prepare_text(self) -> None:
        """Ask about the words of the pause, if they have come."""
        candidate = self._candidate
        if candidate is None:
            return
        transcript = self._transcripts.peek(candidate)
        if transcript is not None:
            self._text.prepare(transcript, self._speaker_id, candidate.start_ns)

    def end(self, utterance: Utterance) -> None:
        """Count whether the utterance that has ended was worked on."""
        if self._candidate is not None and self._candidate.holds_the_same(utterance):
            self._guard.count('speculations_used')
            self._candidate = None
        self.drop()

    def drop(self) -> None:
        """Count what was worked out as of no use: speech has resumed."""
        if self._candidate is not None:
            self._guard.count('speculations_dropped')
            self._candidate = None
