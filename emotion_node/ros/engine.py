"""The pipeline in threads: one that hears, one that analyses, one that sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from emotion_node.config import QueueConfig
from emotion_node.core.analysis.analysis import Analysis
from emotion_node.core.analysis.guard import FaultHandler
from emotion_node.core.analysis.load import Load
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    NS_PER_S,
    SAMPLE_RATE,
    AudioChunk,
    Report,
    SilenceRequired,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
    TranscriptReport,
    VideoFrame,
)
from emotion_node.ros.worker import Overload, Worker, WorkQueue

_RESERVE_S = 60.0
"""Speech that may wait beyond what transcripts are given up for: for as long as one of them may
take that cannot be stopped, such as Whisper's of a long utterance."""

_INTERIM_BEHIND_S = 1.0
"""An interim estimate of what was said longer ago than this serves nobody."""


@dataclass(frozen=True, slots=True)
class _Mute:
    stamp_ns: int
    muted: bool


@dataclass(frozen=True, slots=True)
class _Flush:
    """The input has ended, for now."""


@dataclass(frozen=True, slots=True)
class _Reset:
    """Everything is to be forgotten."""


@dataclass(frozen=True, slots=True)
class _Tick:
    stamp_ns: int


_HearingItem = AudioChunk | _Mute | SilenceRequired | _Flush | _Reset
_AnalysisItem = (
    SpeechStarted
    | SpeechAudio
    | SpeechPaused
    | SpeechEnded
    | SpeechDropped
    | TranscriptReport
    | _Flush
    | _Reset
    | _Tick
)


class Engine:
    """Runs one hearing and one analysis in threads of their own.

    What comes in is put into queues; what comes out is told on the analysis thread, in order.

    Args:
        hearing: audio to speech events.
        analysis: speech events to reports.
        config: what may wait.
        tell: given every report: of images on the vision thread, all others on the analysis
            thread.
        look: given every image that was not dropped with its header, on the vision thread,
            after the report of it was told.
        on_fault: told of the stage and of what was raised in it.
    """

    def __init__(
        self,
        hearing: Hearing,
        analysis: Analysis,
        config: QueueConfig,
        tell: Callable[[Report], None],
        look: Callable[[VideoFrame, Any], None],
        on_fault: FaultHandler,
    ) -> None:
        self.hearing = hearing
        self.analysis = analysis
        self.speaking = False
        self._tick_waits = False
        self._limit_s = config.analysis_seconds
        self._tell = tell
        self._look = look
        self.audio: WorkQueue[_HearingItem] = WorkQueue(
            config.audio_seconds, _audio_seconds, Overload.DROP_OLDEST_HALF
        )
        # Where even analysis without transcripts cannot keep up, hearing waits, and audio that
        # then finds no room is given up as a gap.
        self.speech: WorkQueue[_AnalysisItem] = WorkQueue(
            config.analysis_seconds + _RESERVE_S, _speech_seconds, Overload.WAIT
        )
        self.frames: WorkQueue[tuple[VideoFrame, Any]] = WorkQueue(
            config.frames, lambda item: 1, Overload.DROP_OLDEST
        )
        self._workers: tuple[Worker[Any], ...] = (
            Worker('hearing', self.audio, self._hear, on_fault),
            Worker('analysis', self.speech, self._analyse, on_fault),
            Worker('vision', self.frames, self._see, on_fault),
        )

    def start(self) -> None:
        """Start the threads."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """End the threads; each finishes what it is doing and forgets what waits.

        Raises:
            TimeoutError: one of them does not come to an end.
        """
        for worker in self._workers:
            worker.queue.close()
        for worker in self._workers:
            worker.stop()

    def hear(self, chunk: AudioChunk) -> float:
        """Take audio; returns seconds of waiting audio that were given up for it."""
        return self.audio.put(chunk)

    def mute(self, stamp_ns: int, muted: bool) -> None:
        """Stop hearing, or hear again."""
        self.audio.put(_Mute(stamp_ns, muted))

    def see(self, frame: VideoFrame, header: Any) -> None:
        """Take an image."""
        self.frames.put((frame, header))

    def transcript(self, report: TranscriptReport) -> None:
        """Take a transcript from outside."""
        self.speech.put(report)

    def flush(self) -> None:
        """End what is under way: no more audio is coming for now."""
        self.audio.put(_Flush())

    def reset(self) -> None:
        """Forget everything, the dialogue too."""
        self.audio.put(_Reset())

    @property
    def load(self) -> Load:
        """What analysis gives up now, because it is behind."""
        behind_s = self.speech.waiting
        if behind_s > self._limit_s:
            return Load.NO_TRANSCRIPT
        return Load.NO_INTERIM if behind_s > _INTERIM_BEHIND_S else Load.NORMAL

    def _hear(self, item: _HearingItem) -> None:
        match item:
            case AudioChunk():
                self._pass_on(self.analysis.timings.drain('hearing', self.hearing.process(item)))
                if self.hearing.heard_ns is not None and not self._tick_waits:
                    self._tick_waits = True
                    self.speech.put(_Tick(self.hearing.heard_ns))
            case _Mute():
                self._pass_on(self.hearing.set_muted(item.stamp_ns, item.muted))
            case SilenceRequired():
                self.hearing.require_silence(item)
            case _Flush():
                self._pass_on(self.hearing.flush())
                self.speech.put(item)
            case _Reset():
                self._pass_on(self.hearing.reset())
                self.speech.put(item)

    def _pass_on(self, events: Iterable[SpeechEvent]) -> None:
        for event in events:
            if isinstance(event, SpeechStarted):
                self.speaking = True
            elif isinstance(event, SpeechEnded | SpeechDropped):
                self.speaking = False
            self.speech.put(event)

    def _analyse(self, item: _AnalysisItem) -> None:
        reports: list[Report] = []
        match item:
            case _Tick():
                self._tick_waits = False
                reports = self.analysis.tick(item.stamp_ns)
            case _Flush():
                reports = self.analysis.flush()
            case _Reset():
                self.analysis.reset()
            case TranscriptReport():
                reports = self.analysis.take_transcript(item)
            case _:
                load = self.load
                if isinstance(item, SpeechPaused) and load is Load.NORMAL:
                    # Live it may come too late to count; then the standing rule holds.
                    answer = self.analysis.required_silence(item)
                    if answer is not None:
                        self.audio.put(answer)
                reports = self.analysis.handle(item, load)
        for report in reports:
            self._tell(report)

    def _see(self, item: tuple[VideoFrame, Any]) -> None:
        frame, header = item
        for report in self.analysis.take_frame(frame):
            self._tell(report)
        self._look(frame, header)


def _audio_seconds(item: _HearingItem) -> float:
    return item.duration_ns / NS_PER_S if isinstance(item, AudioChunk) else 0.0


def _speech_seconds(item: _AnalysisItem) -> float:
    return len(item.samples) / SAMPLE_RATE if isinstance(item, SpeechAudio) else 0.0
