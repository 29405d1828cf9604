"""What is worked out in a pause, in case it proves to be the end of the utterance."""

from __future__ import annotations

from collections import Counter

from emotion_node.config import SpeculationConfig
from emotion_node.core.analysis.perception import Perception
from emotion_node.core.analysis.text import Reading
from emotion_node.core.analysis.transcription import Words
from emotion_node.core.timings import Timings
from emotion_node.datatypes import Utterance


class Speculation:
    """Asks in a pause whatever the end of the utterance would ask.

    The parts keep what they said: an end that asks the same of them has its answer at once, and
    one that does not loses nothing. So results are the same as without it.

    Args:
        config: whether it is done.
        words: of the utterance under way; None where they come from outside.
        perception: hears the voice, sees the face.
        reading: reads the words.
        timings: where its times go.
        counters: how often it served (`speculations_used`) and did not (`speculations_dropped`).
    """

    def __init__(
        self,
        config: SpeculationConfig,
        words: Words | None,
        perception: Perception,
        reading: Reading,
        timings: Timings,
        counters: Counter[str],
    ) -> None:
        self._enabled = config.enabled
        self._words = words
        self._perception = perception
        self._reading = reading
        self._timings = timings
        self._counters = counters
        self._candidate: Utterance | None = None

    def pause(self, candidate: Utterance, give_up: bool) -> None:
        """Work on an utterance that may have ended, unless time is short."""
        if not self._enabled or give_up:
            return
        with self._timings.measure('speculation'):
            transcript = self._words.peek_final() if self._words else None
            self._perception.prepare(candidate)
            speaker_id = self._perception.perceive(candidate, final=False).speaker_id
            if transcript is not None:
                self._reading.prepare(transcript.text, speaker_id, candidate.start_ns)
        self._candidate = candidate

    def end(self, utterance: Utterance) -> None:
        """Count whether the utterance that has ended was worked on."""
        if self._candidate is not None and self._candidate.holds_the_same(utterance):
            self._counters['speculations_used'] += 1
            self._candidate = None
        self.drop()

    def drop(self) -> None:
        """Speech has resumed: what was worked out serves nobody."""
        if self._candidate is not None:
            self._counters['speculations_dropped'] += 1
            self._candidate = None
