"""The whole pipeline in line: what the node does in threads, in one."""

from __future__ import annotations

from collections.abc import Iterable

from emotion_node.core.analysis.analysis import Analysis
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    AudioChunk,
    Report,
    SpeechEvent,
    SpeechPaused,
    TranscriptReport,
    VideoFrame,
)


class Pipeline:
    """Takes inputs in the order of their stamps and returns what is to be told, in order.

    Args:
        hearing: audio to speech events.
        analysis: speech events to reports.
    """

    def __init__(self, hearing: Hearing, analysis: Analysis) -> None:
        self.hearing = hearing
        self.analysis = analysis

    def push_audio(self, chunk: AudioChunk) -> list[Report]:
        """Hear the next chunk."""
        return self._analyse(self.analysis.timings.drain('hearing', self.hearing.process(chunk)))

    def push_frame(self, frame: VideoFrame) -> list[Report]:
        """See the next frame."""
        return self.analysis.see(frame)

    def push_mute(self, stamp_ns: int, muted: bool) -> list[Report]:
        """Stop hearing while the robot speaks, or hear again."""
        return self._analyse(self.hearing.set_muted(stamp_ns, muted))

    def push_transcript(self, report: TranscriptReport) -> list[Report]:
        """Take a transcript of the robot's own recogniser."""
        return self.analysis.transcript_in(report)

    def flush(self) -> list[Report]:
        """Return what is still under way; the input has ended."""
        return [*self._analyse(self.hearing.flush()), *self.analysis.flush()]

    def reset(self) -> list[Report]:
        """Forget everything; what was under way is ended first."""
        reports = self._analyse(self.hearing.reset())
        self.analysis.reset()
        return reports

    def _analyse(self, events: Iterable[SpeechEvent]) -> list[Report]:
        reports: list[Report] = []
        for event in events:
            if isinstance(event, SpeechPaused):
                answer = self.analysis.judge(event)
                if answer is not None:
                    self.hearing.require_silence(answer)
            reports += self.analysis.handle(event)
        if self.hearing.heard_ns is not None:
            reports += self.analysis.tick(self.hearing.heard_ns)
        return reports
