"""The pipeline in three threads: hearing, analysis and vision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from emotion_node.config import QueueConfig
from emotion_node.core.analysis.analysis import Analysis
from emotion_node.core.analysis.guard import FaultHandler
from emotion_node.core.analysis.load import Load
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    NS_PER_S,
    SAMPLE_RATE,
    AudioChunk,
    ClockSetBack,
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

_RESERVE_S: Final = 60.0
"""Room for speech beyond the limit at which transcripts are dropped: a recogniser that cannot be
interrupted, such as Whisper, may take this long for one long utterance."""

_INTERIM_BEHIND_S: Final = 1.0
"""Interim estimates that come later than this are of no use and are dropped."""


@dataclass(frozen=True, slots=True)
class _Mute:
    stamp_ns: int
    muted: bool


@dataclass(frozen=True, slots=True)
class _Flush:
    """The input has ended, for now.

    Attributes:
        done: set when all that was queued before has been processed and published.
    """

    done: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class _Reset:
    """Everything is to be forgotten."""


@dataclass(frozen=True, slots=True)
class _Tick:
    """Audio up to this stamp has been processed."""

    stamp_ns: int


_HearingItem = AudioChunk | _Mute | SilenceRequired | _Flush | _Reset
_AnalysisItem = (
    SpeechStarted
    | SpeechAudio
    | SpeechPaused
    | SpeechEnded
    | SpeechDropped
    | ClockSetBack
    | TranscriptReport
    | _Flush
    | _Reset
    | _Tick
)


class Engine:
    """Runs hearing, analysis and vision in threads of their own, each behind a bounded queue.

    Args:
        hearing: turns audio into speech events.
        analysis: turns speech events, frames and transcripts into reports.
        config: sizes of the queues.
        publish: called with every report: reports on frames on the vision thread, all others on
            the analysis thread, in order.
        on_frame: called on the vision thread with every frame that was not dropped and its
            header, after the reports on it have been published.
        on_fault: called with the name of the stage and what was raised in it.

    Attributes:
        speaking: whether an utterance is under way.
        audio_queue: audio and commands for hearing; its cost is in seconds of audio.
        speech_queue: events and commands for analysis; its cost is in seconds of speech.
        frame_queue: frames for vision; its cost is their number.
    """

    def __init__(
        self,
        hearing: Hearing,
        analysis: Analysis,
        config: QueueConfig,
        publish: Callable[[Report], None],
        on_frame: Callable[[VideoFrame, Any], None],
        on_fault: FaultHandler,
    ) -> None:
        self.hearing = hearing
        self.analysis = analysis
        self.speaking = False
        self._tick_pending = False
        self._audio_ns: int | None = None
        self._limit_s = config.analysis_seconds
        self._publish = publish
        self._on_frame = on_frame
        self.audio_queue: WorkQueue[_HearingItem] = WorkQueue(
            config.audio_seconds, _audio_seconds, Overload.DROP_OLDEST_HALF
        )
        # When analysis cannot keep up even without transcripts, hearing waits here. Its own
        # queue then fills up, and audio is dropped there, as a gap.
        self.speech_queue: WorkQueue[_AnalysisItem] = WorkQueue(
            config.analysis_seconds + _RESERVE_S, _speech_seconds, Overload.WAIT
        )
        self.frame_queue: WorkQueue[tuple[VideoFrame, Any]] = WorkQueue(
            config.frames, lambda item: 1, Overload.DROP_OLDEST
        )
        self._workers: tuple[Worker[Any], ...] = (
            Worker('hearing', self.audio_queue, self._process_audio, on_fault),
            Worker('analysis', self.speech_queue, self._process_speech, on_fault),
            Worker('vision', self.frame_queue, self._process_frame, on_fault),
        )

    def start(self) -> None:
        """Start the threads."""
        for worker in self._workers:
            worker.start()

    def drain(self, timeout_s: float) -> bool:
        """End the utterance under way and wait until all that is queued has been published.

        Args:
            timeout_s: longest wait.

        Returns:
            Whether everything was published in time.
        """
        last = _Flush()
        self.audio_queue.put(last)
        return last.done.wait(timeout_s)

    def stop(self) -> None:
        """End the threads; each finishes its current item and discards its queue.

        Raises:
            TimeoutError: a thread does not finish its current item.
        """
        for worker in self._workers:
            worker.queue.close()
        for worker in self._workers:
            worker.stop()

    def put_audio(self, chunk: AudioChunk) -> float:
        """Queue audio; returns how many seconds of older audio were dropped for it."""
        self._audio_ns = chunk.stamp_ns + chunk.duration_ns
        return self.audio_queue.put(chunk)

    def put_frame(self, frame: VideoFrame, header: Any) -> None:
        """Queue a frame with the header of its message."""
        self.frame_queue.put((replace(frame, audio_ns=self._audio_ns), header))

    def put_transcript(self, report: TranscriptReport) -> None:
        """Queue a transcript of an external recogniser."""
        self.speech_queue.put(report)

    def set_muted(self, stamp_ns: int, muted: bool) -> None:
        """Ignore audio from `stamp_ns` on, or listen again."""
        self.audio_queue.put(_Mute(stamp_ns, muted))

    def flush(self) -> None:
        """End the utterance under way: no more audio comes for now."""
        self.audio_queue.put(_Flush())

    def reset(self) -> None:
        """Forget everything, the dialogue too."""
        self.audio_queue.put(_Reset())

    @property
    def load(self) -> Load:
        """What analysis drops now because it is behind."""
        behind_s = self.speech_queue.waiting
        if behind_s > self._limit_s:
            return Load.NO_TRANSCRIPT
        return Load.NO_INTERIM if behind_s > _INTERIM_BEHIND_S else Load.NORMAL

    def _process_audio(self, item: _HearingItem) -> None:
        match item:
            case AudioChunk():
                events = self.hearing.process(item)
                self._pass_on(self.analysis.timings.drain('hearing', events))
                if self.hearing.heard_ns is not None and not self._tick_pending:
                    self._tick_pending = True
                    self.speech_queue.put(_Tick(self.hearing.heard_ns))
            case _Mute():
                self._pass_on(self.hearing.set_muted(item.stamp_ns, item.muted))
            case SilenceRequired():
                self.hearing.require_silence(item)
            case _Flush():
                self._pass_on(self.hearing.flush())
                self.speech_queue.put(item)
            case _Reset():
                self._pass_on(self.hearing.reset())
                self.speech_queue.put(item)

    def _pass_on(self, events: Iterable[SpeechEvent]) -> None:
        for event in events:
            if isinstance(event, SpeechStarted):
                self.speaking = True
            elif isinstance(event, SpeechEnded | SpeechDropped):
                self.speaking = False
            self.speech_queue.put(event)

    def _process_speech(self, item: _AnalysisItem) -> None:
        reports: list[Report] = []
        match item:
            case _Tick():
                self._tick_pending = False
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
                    # Live, the answer may come too late; then the fixed silence applies.
                    answer = self.analysis.required_silence(item)
                    if answer is not None:
                        self.audio_queue.put(answer)
                reports = self.analysis.handle(item, load)
        for report in reports:
            self._publish(report)
        if isinstance(item, _Flush):
            item.done.set()

    def _process_frame(self, item: tuple[VideoFrame, Any]) -> None:
        frame, header = item
        for report in self.analysis.take_frame(frame):
            self._publish(report)
        self._on_frame(frame, header)


def _audio_seconds(item: _HearingItem) -> float:
    return item.duration_ns / NS_PER_S if isinstance(item, AudioChunk) else 0.0


def _speech_seconds(item: _AnalysisItem) -> float:
    return len(item.samples) / SAMPLE_RATE if isinstance(item, SpeechAudio) else 0.0
