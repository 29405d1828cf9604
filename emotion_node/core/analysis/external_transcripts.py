"""Transcripts of the robot's own recogniser, and the utterances that wait for them."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Final

from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.load import Load
from emotion_node.core.analysis.recogniser import Recognised
from emotion_node.core.analysis.transcription import no_words
from emotion_node.datatypes import Reason, SpeechAudio, Transcript, TranscriptReport, Utterance

MAX_KEPT: Final = 64
"""Transcripts that are kept for utterances still to come."""


class ExternalTranscripts:
    """Matches transcripts and utterances, in whatever order they come (a `TranscriptSource`).

    A transcript belongs to the utterance that it names. One that names none belongs to the
    utterance that its stamp lies in or follows. An utterance without a final transcript waits;
    where none comes in time, its words are counted in `transcripts_timed_out`.

    Args:
        timeout_ns: how long an utterance waits, from when its end was decided.
        guard: counts.
    """

    def __init__(self, timeout_ns: int, guard: Guard) -> None:
        self._timeout_ns = timeout_ns
        self._guard = guard
        self._waiting: list[Utterance] = []
        self._kept: deque[TranscriptReport] = deque(maxlen=MAX_KEPT)
        self._ready: list[tuple[str, Transcript]] = []

    def accept(self, audio: SpeechAudio, load: Load) -> None:
        """Ignore audio: the words come from outside."""

    def partial(self, utterance_id: str, start_ns: int) -> Transcript:
        """Return the latest words of the utterance under way."""
        for report in reversed(self._kept):
            if report.utterance_id in ('', utterance_id) and report.stamp_ns >= start_ns:
                return dataclasses.replace(report.transcript, final=False)
        return no_words(Reason.NO_SPEECH_RECOGNISED, final=False)

    def pause(self, utterance: Utterance) -> None:
        """Do nothing: the words come when they come."""

    def peek(self, utterance: Utterance) -> Transcript:
        """Return the latest words of an utterance that may have ended."""
        return self.partial(utterance.utterance_id, utterance.start_ns)

    def finish(self, utterance: Utterance, load: Load) -> None:
        """End an utterance; it waits for its final words unless they have come already."""
        for report in self._kept:
            if report.transcript.final and _belongs(report, utterance):
                self._end(utterance, report.transcript)
                return
        self._waiting.append(utterance)

    def ready(self) -> list[tuple[str, Transcript]]:
        """Return ids and words of the ended utterances whose words have come; each once."""
        found, self._ready = self._ready, []
        return found

    def take_recognised(self, found: Recognised) -> None:
        """Do nothing: the node's own recogniser is off."""

    def take(self, report: TranscriptReport) -> None:
        """Take a transcript; one that is not final serves interim estimates."""
        if report.transcript.final:
            for utterance in self._waiting:
                if _belongs(report, utterance):
                    self._waiting.remove(utterance)
                    self._end(utterance, report.transcript)
                    return
        self._kept.append(report)

    def time_out(self, stamp_ns: int | None = None) -> None:
        """End the waiting of utterances that have waited too long by `stamp_ns`, or of all."""
        late = [
            utterance
            for utterance in self._waiting
            if stamp_ns is None or utterance.decided_ns + self._timeout_ns <= stamp_ns
        ]
        for utterance in late:
            self._waiting.remove(utterance)
            self._end(utterance, no_words(Reason.TIMEOUT))
            self._guard.count('transcripts_timed_out')

    def drop(self) -> None:
        """Keep what has come: it may belong to the next utterance."""

    def reset(self) -> None:
        """Forget all words, and the utterances that wait for them."""
        self._waiting.clear()
        self._kept.clear()
        self._ready.clear()

    def _end(self, utterance: Utterance, transcript: Transcript) -> None:
        self._ready.append((utterance.utterance_id, transcript))
        fresh = [one for one in self._kept if one.stamp_ns > utterance.decided_ns]
        self._kept = deque(fresh, maxlen=MAX_KEPT)


def _belongs(report: TranscriptReport, utterance: Utterance) -> bool:
    if report.utterance_id:
        return report.utterance_id == utterance.utterance_id
    return report.stamp_ns >= utterance.start_ns
