"""Utterances that have ended, until they are reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emotion_node.core.analysis.emotion_reports import EmotionReporter, as_turn
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.perception import Perceived
from emotion_node.core.dialogue.turns import Dialogue
from emotion_node.datatypes import Report, Transcript, TranscriptReport, Trigger, Utterance


@dataclass(frozen=True, slots=True)
class _Ended:
    """An utterance that has ended, with all that is known of it but its words.

    Attributes:
        utterance: it.
        perceived: its voice, face and speaker.
        begin_ns: when its end was known, on the clock of the timings.
    """

    utterance: Utterance
    perceived: Perceived
    begin_ns: int


class EndedUtterances:
    """Keeps utterances that have ended until their words have come, and then reports them.

    Args:
        reporter: makes the reports.
        dialogue: gets a turn for each.
        guard: times and counts.
    """

    def __init__(self, reporter: EmotionReporter, dialogue: Dialogue, guard: Guard) -> None:
        self._reporter = reporter
        self._dialogue = dialogue
        self._guard = guard
        self._waiting: dict[str, _Ended] = {}

    def add(self, utterance: Utterance, perceived: Perceived, begin_ns: int) -> None:
        """Keep an utterance.

        Args:
            utterance: it.
            perceived: its voice, face and speaker.
            begin_ns: when its end was known, on the clock of the timings.
        """
        self._waiting[utterance.utterance_id] = _Ended(utterance, perceived, begin_ns)

    def conclude(self, words: Iterable[tuple[str, Transcript]]) -> list[Report]:
        """Return the reports of the utterances, named by their ids, whose words have come."""
        return [
            report
            for utterance_id, transcript in words
            for report in self._report(self._waiting.pop(utterance_id), transcript)
        ]

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()

    def _report(self, ended: _Ended, transcript: Transcript) -> list[Report]:
        utterance, timings = ended.utterance, self._guard.timings
        report = self._reporter.report(
            Trigger.FINAL,
            utterance,
            transcript,
            ended.perceived,
            timings.clock() - ended.begin_ns,
            ended.begin_ns,
        )
        self._dialogue.add(as_turn(report))
        self._guard.count('utterances')
        timings.add('all (after speech)', report.processing_ns)
        words = TranscriptReport(utterance.utterance_id, utterance.end_ns, transcript)
        return [words, report]
