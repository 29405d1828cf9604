"""Words that come from the robot's own recogniser, and the utterances that wait for them."""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass
from typing import Final

from emotion_node.core.analysis.perception import Perceived
from emotion_node.core.analysis.transcription import no_words
from emotion_node.datatypes import (
    Reason,
    Transcript,
    TranscriptReport,
    Utterance,
)

MAX_GIVEN: Final = 64
"""Transcripts that are kept for utterances still to come."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An utterance that waits for its words.

    Attributes:
        utterance: it.
        perceived: what else is known of it.
        processing_ns: time that took.
    """

    utterance: Utterance
    perceived: Perceived
    processing_ns: int


class OutsideWords:
    """Brings transcripts and utterances together, in whatever order they come.

    A transcript belongs to the utterance it names, or else to the one its stamp lies in or
    follows.

    Args:
        timeout_ns: how long an utterance waits from when its end was decided.
    """

    def __init__(self, timeout_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._pending: list[Pending] = []
        self._given: deque[TranscriptReport] = deque(maxlen=MAX_GIVEN)

    def take(self, report: TranscriptReport) -> Pending | None:
        """Take a transcript; returns the utterance that has waited for it."""
        if report.transcript.final:
            for pending in self._pending:
                if _belongs(report, pending.utterance):
                    self._pending.remove(pending)
                    self._forget(pending.utterance)
                    return pending
        self._given.append(report)
        return None

    def wait(self, pending: Pending) -> Transcript | None:
        """Take an utterance; returns its words when they are there already, else it waits."""
        for report in self._given:
            if report.transcript.final and _belongs(report, pending.utterance):
                self._forget(pending.utterance)
                return report.transcript
        self._pending.append(pending)
        return None

    def give_up(self, stamp_ns: int | None = None) -> list[Pending]:
        """Return the utterances that have waited too long at `stamp_ns`, or all that wait."""
        late = [
            one
            for one in self._pending
            if stamp_ns is None or one.utterance.decided_ns + self._timeout_ns <= stamp_ns
        ]
        for one in late:
            self._pending.remove(one)
            self._forget(one.utterance)
        return late

    def partial(self, utterance_id: str, start_ns: int) -> Transcript:
        """Return the latest words for an utterance under way."""
        for report in reversed(self._given):
            if report.utterance_id in ('', utterance_id) and report.stamp_ns >= start_ns:
                return dataclasses.replace(report.transcript, final=False)
        return no_words(Reason.NO_SPEECH_RECOGNISED, final=False)

    def reset(self) -> None:
        """Forget all words and whoever waits for them."""
        self._pending.clear()
        self._given.clear()

    def _forget(self, utterance: Utterance) -> None:
        fresh = [one for one in self._given if one.stamp_ns > utterance.decided_ns]
        self._given = deque(fresh, maxlen=MAX_GIVEN)


def _belongs(report: TranscriptReport, utterance: Utterance) -> bool:
    if report.utterance_id:
        return report.utterance_id == utterance.utterance_id
    return report.stamp_ns >= utterance.start_ns
