"""More input than the machine can process: latency stays bounded, what is dropped is counted."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from support.scripted import (
    ScriptedText,
    ScriptedTranscriber,
    ScriptedVision,
    ScriptedVoice,
    scripted_analysis,
)
from support.speech import STAMP, LoudnessVad, chunks, sound

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import Config, QueueConfig
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.pipeline import Pipeline
from emotion_node.datatypes import (
    NS_PER_S,
    EmotionReport,
    EndReason,
    FacesReport,
    FloatArray,
    Reason,
    Report,
    Trigger,
    VideoFrame,
)
from emotion_node.ros.engine import Engine

CHATTER = [(0.8, 0.1), (0.6, 0.0)]
WAIT_S = 20.0


class Gate:
    """Blocks its callers until it is open."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.reached = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.open.wait(WAIT_S)


class StuckTranscriber(ScriptedTranscriber):
    """Stands before a gate with its first sound."""

    def __init__(self, lines: list[str], gate: Gate) -> None:
        super().__init__(lines)
        self.gate = gate

    def accept(self, samples: FloatArray) -> None:
        super().accept(samples)
        self.gate()


class SlowVision(ScriptedVision):
    """Waits at a gate with every frame; decodes each one that it is given."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate

    def update(self, frame: VideoFrame) -> FacesReport:
        frame.decode()
        self.gate()
        return super().update(frame)


def until(done: Callable[[], bool]) -> None:
    """Wait for a result of other threads."""
    pause = threading.Event()
    for _ in range(round(WAIT_S / 0.002)):
        if done():
            return
        pause.wait(0.002)
    raise AssertionError('it has not happened')


class RunningEngine:
    """An engine with scripted models and real threads."""

    def __init__(self, recogniser: Any, vision: ScriptedVision | None = None) -> None:
        config = Config(queue=QueueConfig(analysis_seconds=5.0))
        self.reports: list[Report] = []
        self.faults: list[str] = []
        analysis = scripted_analysis(config, recogniser, ScriptedText(), ScriptedVoice(), vision)
        hearing = Hearing(config.audio, config.segmenter, 0.3, LoudnessVad(), SoxrResampler)
        self.engine = Engine(
            hearing,
            analysis,
            config.queue,
            self.reports.append,
            lambda frame, header: None,
            lambda stage, error: self.faults.append(f'{stage}: {error}'),
        )
        self.engine.start()

    def finals(self) -> list[EmotionReport]:
        return [
            one
            for one in self.reports
            if isinstance(one, EmotionReport) and one.trigger is Trigger.FINAL
        ]

    def finish(self, utterances: int) -> None:
        """End the input and wait for the emotions of so many utterances."""
        self.engine.flush()
        until(lambda: len(self.finals()) == utterances)


def test_a_recogniser_that_is_stuck_costs_transcripts_and_no_utterance() -> None:
    gate = Gate()
    running = RunningEngine(StuckTranscriber(['words'] * 100, gate))
    engine = running.engine
    spoken = chunks(sound(*CHATTER * 33), [1600])
    try:
        for number, chunk in enumerate(spoken):
            until(lambda: engine.audio_queue.waiting < 5.0)  # no faster than it is processed
            assert engine.put_audio(chunk) == 0.0
            if number == len(spoken) * 30 // 33:
                assert gate.reached.wait(WAIT_S)
                until(lambda: len(running.finals()) >= 25)
                assert {one.transcript.reason for one in running.finals()} == {Reason.TIMEOUT}
                gate.open.set()
                until(lambda: not engine.task_queue.waiting)
        running.finish(33)
    finally:
        engine.stop()
    assert not running.faults
    assert engine.audio_queue.dropped == 0
    finals = running.finals()
    assert len(finals) == engine.hearing.stats.utterances == 33
    assert [one.utterance_id for one in finals] == [f'u{n + 1}' for n in range(33)]
    assert [one.transcript.text for one in finals[-2:]] == ['words', 'words']
    late = [one.transcript.reason for one in finals].count(Reason.TIMEOUT)
    assert engine.analysis.counters['transcripts_dropped'] == late
    assert engine.speech_queue.peak <= engine.speech_queue.capacity
    assert engine.task_queue.peak <= engine.task_queue.capacity


def test_frames_that_are_dropped_are_not_decoded() -> None:
    gate = Gate()
    vision = SlowVision(gate)
    running = RunningEngine(None, vision)
    engine = running.engine
    decoded: list[int] = []

    def frame(number: int) -> VideoFrame:
        def decode() -> np.ndarray[Any, np.dtype[np.uint8]]:
            decoded.append(number)
            return np.zeros((720, 1280, 3), np.uint8)

        return VideoFrame(STAMP + number * 33_000_000, decode, '')

    try:
        engine.put_frame(frame(0), None)
        assert gate.reached.wait(WAIT_S)
        for number in range(1, 100):
            engine.put_frame(frame(number), None)
        assert engine.frame_queue.dropped == 95
        assert engine.frame_queue.waiting == engine.frame_queue.capacity == 4
    finally:
        gate.open.set()
        until(lambda: not engine.frame_queue.waiting)
        engine.stop()
    assert decoded[0] == 0
    assert set(decoded) <= {0, 96, 97, 98, 99}


def test_speech_is_cut_where_another_speaker_takes_over_live_as_offline() -> None:
    spoken = chunks(sound((4.0, 0.1)), [1600])
    look_ns = STAMP + 3 * NS_PER_S
    vision = ScriptedVision(changes={look_ns: (look_ns - NS_PER_S, look_ns - NS_PER_S // 5)})
    frame = VideoFrame(look_ns, lambda: np.zeros((9, 16, 3), np.uint8), '')
    config = Config()
    running = RunningEngine(ScriptedTranscriber(['one', 'two']), vision)
    analysis = scripted_analysis(
        config, ScriptedTranscriber(['one', 'two']), ScriptedText(), ScriptedVoice(), vision
    )
    pipeline = Pipeline(
        Hearing(config.audio, config.segmenter, 0.3, LoudnessVad(), SoxrResampler), analysis
    )
    offline: list[Report] = []
    try:
        for number, chunk in enumerate(spoken):
            running.engine.put_audio(chunk)
            offline += pipeline.push_audio(chunk)
            if number == 29:
                until(lambda: running.engine.hearing.heard_ns == look_ns)
                running.engine.put_frame(frame, None)
                until(lambda: bool(running.engine.hearing.stats.utterances))
                offline += pipeline.push_frame(frame)
        running.finish(2)
    finally:
        running.engine.stop()
    offline += pipeline.flush()
    assert not running.faults
    found = running.finals()
    assert [one.end_reason for one in found] == [EndReason.SPEAKER_CHANGE, EndReason.END]
    assert [one.transcript.text for one in found] == ['one', 'two']
    assert found[1].start_ns == found[0].end_ns
    assert NS_PER_S // 5 <= look_ns - found[0].end_ns <= NS_PER_S
    again = [one for one in offline if isinstance(one, EmotionReport)]
    assert [(one.start_ns, one.end_ns) for one in again if one.trigger is Trigger.FINAL] == [
        (one.start_ns, one.end_ns) for one in found
    ]


def test_memory_does_not_grow_over_hours_of_talk() -> None:
    config = Config()
    text, voice = ScriptedText(), ScriptedVoice()
    analysis = scripted_analysis(config, Endless(['well']), text, voice, None)
    hearing = Hearing(config.audio, config.segmenter, 0.3, LoudnessVad(), SoxrResampler)
    pipeline = Pipeline(hearing, analysis)
    second: FloatArray = sound(*CHATTER * 5)

    def play(first: int, rounds: int) -> None:
        for n in range(first, first + rounds):
            start_ns = STAMP + n * len(second) * 62_500
            for chunk in chunks(second, [1600], start_ns):
                pipeline.push_audio(chunk)
        for noted in (text.asked, text.speakers, voice.given, voice.heard):
            noted.clear()
        gc.collect()

    tracemalloc.start()
    play(0, 25)
    before = tracemalloc.get_traced_memory()[0]
    play(25, 50)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert analysis.counters['utterances'] > 300
    assert after - before < 250_000  # the times of stages, of which a thousand are kept


class Endless(ScriptedTranscriber):
    """Recognises the same words in every utterance."""

    def finish(self) -> Any:
        self.lines.append(self.lines[0])
        return super().finish()
