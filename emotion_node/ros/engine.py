"""The pipeline in four threads: hearing, analysis, transcription and vision."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from emotion_node.config import QueueConfig
from emotion_node.core.analysis.analysis import Analysis
from emotion_node.core.analysis.guard import FaultHandler
from emotion_node.core.analysis.load import Load
from emotion_node.core.analysis.recogniser import Recognised, RecogniserTask
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.pipeline import speaker_changes
from emotion_node.datatypes import (
    AudioChunk,
    ClockSetBack,
    Report,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    TranscriptReport,
    VideoFrame,
)
from emotion_node.ros.engine_items import (
    AnalysisItem,
    Flush,
    Found,
    HearingItem,
    Mute,
    Reset,
    Split,
    Tick,
    audio_seconds,
    speech_seconds,
    task_seconds,
)
from emotion_node.ros.worker import Overload, Worker, WorkQueue

_RESERVE_S: Final = 60.0
"""Room for speech beyond the limit at which transcripts are dropped."""

_WORDS_SHARE: Final = 0.8
"""Share of the time that `drain` waits in which words may still come; without them, the
utterances are then reported."""


class Engine:
    """Runs each of the stages in a thread of its own, behind a bounded queue.

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
        task_queue: tasks of the recogniser; its cost is in seconds of speech.
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
        self._recognised: deque[Recognised] = deque()
        self._publish = publish
        self._on_frame = on_frame
        self.audio_queue: WorkQueue[HearingItem] = WorkQueue(
            config.audio_seconds, audio_seconds, Overload.DROP_OLDEST_HALF
        )
        # When analysis cannot keep up even without transcripts, hearing waits here. Its own
        # queue then fills up, and audio is dropped there, as a gap.
        self.speech_queue: WorkQueue[AnalysisItem] = WorkQueue(
            config.analysis_seconds + _RESERVE_S, speech_seconds, Overload.WAIT
        )
        # Beyond the limit, analysis sends no more audio, so it does not wait here.
        self.task_queue: WorkQueue[RecogniserTask] = WorkQueue(
            config.analysis_seconds + _RESERVE_S, task_seconds, Overload.WAIT
        )
        self.frame_queue: WorkQueue[tuple[VideoFrame, Any]] = WorkQueue(
            config.frames, lambda item: 1, Overload.DROP_OLDEST
        )
        self._workers: tuple[Worker[Any], ...] = (
            Worker('hearing', self.audio_queue, self._process_audio, on_fault),
            Worker('analysis', self.speech_queue, self._process_speech, on_fault),
            Worker('transcription', self.task_queue, self._transcribe, on_fault),
            Worker('vision', self.frame_queue, self._process_frame, on_fault),
        )
        analysis.transcribe_elsewhere(self._send_task)

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
        last = Flush(time.monotonic() + _WORDS_SHARE * timeout_s)
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
        self.analysis.transcribe_elsewhere(None)

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
        self.audio_queue.put(Mute(stamp_ns, muted))

    def flush(self) -> None:
        """End the utterance under way: no more audio comes for now."""
        self.audio_queue.put(Flush())

    def reset(self) -> None:
        """Forget everything, the dialogue too."""
        self.audio_queue.put(Reset())

    @property
    def load(self) -> Load:
        """What analysis drops now because it or the recogniser is behind."""
        behind_s = self.speech_queue.waiting
        if max(behind_s, self.task_queue.waiting) > self._limit_s:
            return Load.NO_TRANSCRIPT
        return Load.NO_INTERIM if behind_s > self.analysis.interim_period_s else Load.NORMAL

    def _process_audio(self, item: HearingItem) -> None:
        match item:
            case AudioChunk():
                with self.analysis.timings.measure('hearing'):
                    events = self.hearing.push(item)
                self._pass_on(events)
                if self.hearing.heard_ns is not None and not self._tick_pending:
                    self._tick_pending = True
                    self.speech_queue.put(Tick(self.hearing.heard_ns))
            case Mute():
                self._pass_on(self.hearing.set_muted(item.stamp_ns, item.muted))
            case Split():
                self._pass_on(self.hearing.split(item.start_ns, item.end_ns))
            case Flush():
                self._pass_on(self.hearing.flush())
                self.speech_queue.put(item)
            case Reset():
                self._pass_on(self.hearing.reset())
                self.speech_queue.put(item)

    def _pass_on(self, events: Iterable[SpeechEvent]) -> None:
        for event in events:
            if isinstance(event, SpeechStarted):
                self.speaking = True
            elif isinstance(event, SpeechEnded | SpeechDropped):
                self.speaking = False
            self.speech_queue.put(event)

    def _process_speech(self, item: AnalysisItem) -> None:
        reports: list[Report] = []
        match item:
            case Tick():
                self._tick_pending = False
                reports = self.analysis.tick(item.stamp_ns)
            case Flush():
                self._wait_for_words(item.words_by)
                reports = [*self._take_recognised(), *self.analysis.flush()]
            case Reset():
                self._wait_for_words()
                reports = self._take_recognised()
                self.analysis.reset()
            case Found():
                reports = self._take_recognised()
            case TranscriptReport():
                reports = self.analysis.take_transcript(item)
            case _:
                if isinstance(item, ClockSetBack):
                    self._wait_for_words()
                    reports = self._take_recognised()
                reports += self.analysis.handle(item, self.load)
        for report in reports:
            self._publish(report)
        if isinstance(item, Flush):
            item.done.set()

    def _send_task(self, task: RecogniserTask) -> None:
        self.task_queue.put(task)

    def _transcribe(self, task: RecogniserTask) -> None:
        assert self.analysis.recogniser is not None
        found = self.analysis.recogniser.run(task)
        if found is not None:
            self._recognised.append(found)
            self.speech_queue.put(Found())

    def _wait_for_words(self, until: float | None = None) -> None:
        """Wait until the recogniser has done all its tasks, or until a time or the end."""
        timeout_s = None if until is None else max(until - time.monotonic(), 0.0)
        self.task_queue.wait_until_done(timeout_s)

    def _take_recognised(self) -> list[Report]:
        reports: list[Report] = []
        while self._recognised:
            reports += self.analysis.take_recognised(self._recognised.popleft())
        return reports

    def _process_frame(self, item: tuple[VideoFrame, Any]) -> None:
        frame, header = item
        reports = self.analysis.take_frame(frame)
        for report in reports:
            self._publish(report)
        for change in speaker_changes(reports):
            self.audio_queue.put(Split(*change))
        self._on_frame(frame, header)
