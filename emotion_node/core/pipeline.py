"""The whole pipeline in one thread: synchronous, as offline analysis uses it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from emotion_node.core.analysis.analysis import Analysis
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    AudioChunk,
    FacesReport,
    Report,
    SpeechEvent,
    TranscriptReport,
    VideoFrame,
)


def speaker_changes(reports: Iterable[Report]) -> list[tuple[int, int]]:
    """Return the stretches of time within which another face took over."""
    return [
        one.speaker_change
        for one in reports
        if isinstance(one, FacesReport) and one.speaker_change is not None
    ]


class Pipeline:
    """Takes inputs in the order of their stamps and returns the reports that they lead to.

    Args:
        hearing: audio to speech events.
        analysis: speech events to reports.
    """

    def __init__(self, hearing: Hearing, analysis: Analysis) -> None:
        self.hearing = hearing
        self.analysis = analysis
        self._audio_ns: int | None = None

    def push_audio(self, chunk: AudioChunk) -> list[Report]:
        """Take the next chunk of audio."""
        self._audio_ns = chunk.stamp_ns + chunk.duration_ns
        with self.analysis.timings.measure('hearing'):
            events = self.hearing.push(chunk)
        return self._analyse(events)

    def push_frame(self, frame: VideoFrame) -> list[Report]:
        """Take the next frame."""
        reports = self.analysis.take_frame(replace(frame, audio_ns=self._audio_ns))
        for change in speaker_changes(reports):
            reports += self._analyse(self.hearing.split(*change))
        return reports

    def push_mute(self, stamp_ns: int, muted: bool) -> list[Report]:
        """Ignore audio while the robot speaks, or take it again."""
        return self._analyse(self.hearing.set_muted(stamp_ns, muted))

    def push_transcript(self, report: TranscriptReport) -> list[Report]:
        """Take a transcript of the robot's own recogniser."""
        return self.analysis.take_transcript(report)

    def flush(self) -> list[Report]:
        """End what is under way and report it; the input has ended."""
        return [*self._analyse(self.hearing.flush()), *self.analysis.flush()]

    def reset(self) -> list[Report]:
        """End what is under way and report it, then forget everything."""
        reports = self._analyse(self.hearing.reset())
        self.analysis.reset()
        return reports

    def _analyse(self, events: Iterable[SpeechEvent]) -> list[Report]:
        reports: list[Report] = []
        for event in events:
            reports += self.analysis.handle(event)
        if self.hearing.heard_ns is not None:
            reports += self.analysis.tick(self.hearing.heard_ns)
        return reports
