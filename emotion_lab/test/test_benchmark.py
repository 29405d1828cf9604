"""The benchmark's figures follow from the observed messages, their times, and the truth."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rosgraph_msgs.msg import Clock
from support import emotions
from support.recordings import CONVERSATION
from support.robot import Robot, robot
from support.scripted import SECOND, ScriptedTranscriber, events
from support.talking_faces import FRAME_NS, TalkingFaces, frame, live, spoken

from emotion_lab.benchmark.arrangements import fallback, find_torch, node, without_transcription
from emotion_lab.benchmark.events import (
    ClockTick,
    DiagnosticsReceived,
    EmotionReceived,
    Event,
    Ready,
    StateChange,
    read_event,
    write_event,
)
from emotion_lab.benchmark.figures import (
    latency_without_faces,
    match,
    observed_figures,
    ratio,
    stage_figures,
)
from emotion_lab.benchmark.observation import Observation, read_observation
from emotion_lab.benchmark.observer import Observer
from emotion_lab.benchmark.offline import read_speed
from emotion_lab.benchmark.play import Arrangement, play
from emotion_lab.benchmark.scene import find_scene
from emotion_lab.benchmark.sequential import LateTranscriber, LateVision
from emotion_lab.benchmark.soak import dds_figures, latencies_s
from emotion_lab.benchmark.sound import Sound
from emotion_lab.benchmark.tables import tables
from emotion_lab.benchmark.talk import PAUSE_S, growth_figures, write_talk
from emotion_lab.benchmark.timeline import choose, trace
from emotion_lab.benchmark.usage import Sample, Usage, thread_name
from emotion_msgs.msg import Emotion
from emotion_node.annotate.summary import Result, timing_record
from emotion_node.cli.processes import ProcessError
from emotion_node.config import make_config
from emotion_node.core.timings import Timings
from emotion_node.core.vision.stream import FaceVision
from emotion_node.datatypes import EndReason, Transcript, Trigger
from emotion_node.messages.reports import Encoder
from emotion_node.recordings.truth import TrueUtterance
from emotion_node.ros.outputs import make_message

AHEAD_NS = 7 * SECOND
"""Monotonic time minus the time of the stamps in these stories."""

TRUTHS = [
    TrueUtterance(1 * SECOND, 3 * SECOND, 'I got the job', 'joy', 'a'),
    TrueUtterance(5 * SECOND, 6 * SECOND, 'Okay', 'neutral', 'b'),
    TrueUtterance(8 * SECOND, 9 * SECOND, 'Oh my god', 'surprise', 'a'),
]
SOUND = Sound(
    [k * SECOND // 10 for k in range(1, 121)],
    [k * SECOND // 10 + 2_000_000 for k in range(1, 121)],
    np.zeros(12 * 16_000, np.float32),
    16_000,
    0,
)
"""12 s in chunks of 0.1 s, each played 2 ms after its end."""

DIAGNOSTICS = {
    'state': {'state': 'active'},
    'image': {'messages': '96'},
    'hearing': {'dropped_s': '0.500', 'lost_s': '0.250', 'gaps': '2'},
    'analysis': {'frames_dropped': '3', 'late_frames': '1', 'waiting_peak_s': '1.500'},
}


def emotion(at_s: float, start_s: float, end_s: float) -> EmotionReceived:
    """Return a final emotion whose end was decided 0.4 s after speech."""
    return EmotionReceived(
        at_ns=int(at_s * SECOND) + AHEAD_NS,
        utterance_id=f'u{start_s:g}',
        trigger=Trigger.FINAL,
        end_reason=EndReason.SILENCE,
        label='joy',
        start_ns=int(start_s * SECOND),
        end_ns=int(end_s * SECOND),
        endpointing_ns=SECOND * 4 // 10,
        words=True,
    )


def interim(at_s: float, start_s: float, words: bool = True) -> EmotionReceived:
    return dataclasses.replace(
        emotion(at_s, start_s, at_s), trigger=Trigger.INTERIM, endpointing_ns=0, words=words
    )


STORY: list[Event] = [
    Ready(1),
    StateChange(2 * SECOND, 'inactive'),
    StateChange(3 * SECOND, 'active'),
    ClockTick(AHEAD_NS + 900_000, 0),
    ClockTick(AHEAD_NS + SECOND, SECOND),
    interim(1.5, 1.0, words=False),
    interim(2.0, 1.0),
    interim(2.5, 1.0),
    emotion(3.45, 1.0, 3.0),
    emotion(6.52, 5.1, 6.0),
    DiagnosticsReceived(AHEAD_NS + 7 * SECOND, DIAGNOSTICS),
]


def observe(tmp_path: Path, events: list[Event]) -> Observation:
    path = tmp_path / 'seen.jsonl'
    path.write_text(''.join(write_event(event) + '\n' for event in events), encoding='utf-8')
    return read_observation(path)


def test_delays_are_counted_from_the_truth(tmp_path: Path) -> None:
    seen = observe(tmp_path, STORY)
    assert (seen.offset_ns, seen.active_ns) == (AHEAD_NS, 3 * SECOND)
    figures = observed_figures(seen, TRUTHS, SOUND, 100)
    assert figures['final_latency_ms_p50'] == pytest.approx(485)
    assert figures['final_latency_ms_p95'] == pytest.approx(450 + 0.95 * 70)
    assert (figures['utterances'], figures['utterances_found']) == (3, 2)
    assert figures['cut_off_rate_demo'] == 0
    # The silences end at 3.4 s and 6.4 s, in chunks that are played 2 ms later.
    assert figures['processing_ms_p50'] == pytest.approx((48 + 118) / 2)
    assert figures['first_interim_s_p95'] == pytest.approx(0.5)
    assert figures['first_words_s_p95'] == pytest.approx(1.0)
    assert figures['utterances_with_interim_words'] == 1
    assert figures['interim_hz'] == pytest.approx(2.0)
    assert figures['frames_dropped'] == 3
    assert figures['frames_not_received'] == 4
    assert figures['frames_late'] == 1
    assert figures['audio_dropped_s'] == pytest.approx(0.75)


def test_an_observer_that_started_at_another_time_sees_the_same(tmp_path: Path) -> None:
    expected = observed_figures(observe(tmp_path, STORY), TRUTHS, SOUND, 100)
    later = [dataclasses.replace(event, at_ns=event.at_ns + 123 * SECOND) for event in STORY]
    assert observed_figures(observe(tmp_path, later), TRUTHS, SOUND, 100) == expected


def test_an_utterance_cut_in_two_has_the_latency_of_its_second_half(tmp_path: Path) -> None:
    lines = [*STORY, emotion(8.9, 8.0, 8.4), emotion(9.6, 8.5, 9.0)]
    figures = observed_figures(observe(tmp_path, lines), TRUTHS, SOUND, 100)
    assert figures['utterances_split'] == 1
    assert figures['cut_off_rate_demo'] == pytest.approx(1 / 3)
    assert figures['final_latency_ms_p95'] == pytest.approx(520 + 0.9 * 80)


def test_an_end_that_was_missed_has_no_delay(tmp_path: Path) -> None:
    lines = [*STORY[:-3], emotion(6.5, 1.0, 6.0)]
    seen = observe(tmp_path, lines)
    figures = observed_figures(seen, TRUTHS, SOUND, 100)
    assert figures['utterances_merged'] == 1
    assert figures['final_latency_ms_p95'] == pytest.approx(500)
    assert figures['frames_dropped'] is None, 'there were no diagnostics'


def test_the_utterance_that_is_drawn_has_a_typical_latency(tmp_path: Path) -> None:
    seen = observe(tmp_path, [*STORY, emotion(9.47, 8.0, 9.0)])
    assert choose(TRUTHS, [seen]) == 2
    assert choose(TRUTHS, [seen, observe(tmp_path, STORY)]) in (0, 1), 'it was found in both'
    assert choose(TRUTHS, [observe(tmp_path, STORY[:1])]) is None


def test_without_messages_there_are_only_counts(tmp_path: Path) -> None:
    figures = observed_figures(observe(tmp_path, STORY[:1]), TRUTHS, SOUND, 100)
    measured = {name for name, value in figures.items() if value is not None}
    assert measured == {
        'utterances',
        'utterances_found',
        'utterances_split',
        'utterances_merged',
        'utterances_with_interim_words',
        'interims',
    }
    assert ratio(figures, 'interim_hz', figures, 'interim_hz') is None
    assert ratio(None, 'interim_hz', {'interim_hz': 1.0}, 'interim_hz') is None
    assert ratio({'a': 3.0}, 'a', {'b': 2.0}, 'b') == 1.5


def test_stages_are_counted_separately(tmp_path: Path) -> None:
    begin = AHEAD_NS + int(3.405 * SECOND)
    stages = [
        ('face emotion', begin, begin + 30_000_000),
        ('fusion', begin + 30_000_000, begin + 31_000_000),
        ('face emotion', AHEAD_NS + SECOND, AHEAD_NS + 2 * SECOND),
    ]
    figures = stage_figures(stages, 10.0)
    assert figures['fusion']['ms_p50'] == pytest.approx(1.0)
    assert figures['face emotion']['runs'] == 2
    assert figures['face emotion']['share'] == pytest.approx(0.103)
    seen = observe(tmp_path, STORY)
    matches = match(TRUTHS, seen.finals)
    # Only the time between the end and the emotion is subtracted.
    shortened = latency_without_faces(matches, stages, AHEAD_NS)
    assert shortened['final_latency_without_faces_ms_p50'] == pytest.approx((420 + 520) / 2)
    way = trace(matches[0], seen, stages)
    assert way['decided'] == pytest.approx(2.4)
    assert way['published'] == pytest.approx(2.45)
    assert [one['at'] for one in way['interims']] == pytest.approx([0.5, 1.0, 1.5])
    assert [one['stage'] for one in way['stages']] == ['face emotion', 'fusion', 'face emotion']
    assert way['stages'][1]['begin'] == pytest.approx(2.435)


def test_latency_is_measured_in_the_round_to_which_an_emotion_belongs() -> None:
    again_ns = 40 * SECOND
    story: list[Event] = [
        ClockTick(AHEAD_NS, 0),
        emotion(3.5, 1.0, 3.0),
        ClockTick(AHEAD_NS + again_ns, 0),
        # An utterance of the first round, whose emotion comes late: in the second.
        emotion(41.0, 38.0, 40.0),
        dataclasses.replace(emotion(3.7, 1.0, 3.0), at_ns=AHEAD_NS + again_ns + 37 * SECOND // 10),
    ]
    assert list(latencies_s(story)) == pytest.approx([0.5, 1.0, 0.7])


def test_audio_that_was_dropped_fails_the_soak_test() -> None:
    usage = Usage(0, [Sample(n * SECOND, {}, 0.5 * n, 200_000_000) for n in range(10)])
    figures = dds_figures(usage, STORY)
    assert figures['latency_s_max'] == pytest.approx(0.52, abs=0.001)
    assert figures['cpu_cores'] == pytest.approx(0.5)
    assert (figures['audio_dropped_s'], figures['audio_gaps']) == (0.5, 2)
    assert figures['passed'] is False
    unharmed = {**DIAGNOSTICS, 'hearing': {**DIAGNOSTICS['hearing'], 'dropped_s': '0.000'}}
    assert dds_figures(usage, [*STORY, DiagnosticsReceived(AHEAD_NS, unharmed)])['passed'] is True
    with pytest.raises(ProcessError, match='no emotion'):
        dds_figures(usage, STORY[:5])


@pytest.fixture
def listener() -> Iterator[Robot]:
    with robot(int(os.environ['ROS_DOMAIN_ID'])) as one:
        yield one


def test_the_observer_records_when_messages_arrive(listener: Robot, tmp_path: Path) -> None:
    file = io.StringIO()
    before_ns = time.monotonic_ns()
    Observer(listener.node, 'emotion_node', file)
    message = dict(Encoder(make_message).encode(emotions.emotion()))['emotion']
    listener.publisher(Emotion, 'emotion').publish(message)
    clock = Clock()
    clock.clock.sec = 5
    listener.publisher(Clock, '/clock').publish(clock)

    def received() -> list[Event]:
        return [read_event(line) for line in file.getvalue().splitlines()]

    wanted = {EmotionReceived, ClockTick}
    listener.until(lambda: wanted <= {type(one) for one in received()}, 'both')
    seen = observe(tmp_path, received())
    assert [(one.label, one.trigger) for one in seen.finals] == [('joy', Trigger.FINAL)]
    assert seen.offset_ns is not None
    at_ns = seen.finals[0].at_ns + seen.offset_ns
    assert before_ns <= at_ns <= time.monotonic_ns()


@dataclass
class Recording(ScriptedTranscriber):
    """Records how much audio it had accepted of each utterance at its end."""

    accepted_at_end: list[list[int]] = field(default_factory=list)

    def finish(self) -> Transcript:
        self.accepted_at_end.append(list(self.accepted))
        return super().finish()


def test_late_transcription_starts_when_the_utterance_has_ended() -> None:
    inner = Recording(['so happy', 'second'])
    stream = LateTranscriber(inner).stream()
    for _ in range(3):
        stream.accept(np.zeros(1600, np.float32))
        assert stream.partial().text == stream.peek_final().text == ''
        assert inner.accepted == []
    assert stream.finish().text == 'so happy'
    stream.accept(np.zeros(160, np.float32))
    stream.reset()
    stream.accept(np.zeros(800, np.float32))
    assert stream.finish().text == 'second'
    assert inner.accepted_at_end == [[4800], [800]]


def test_late_vision_finds_the_same_speaker() -> None:
    said = spoken(1)
    audience = TalkingFaces(2, 1)
    late = LateVision(FaceVision(audience))
    for event in events(said):
        late.update_speech(event)
    for stamp_ns in range(0, 5 * SECOND, FRAME_NS):
        assert late.update(frame(stamp_ns)).faces == ()
    found = late.estimate(said)
    assert found.face_id == live(FaceVision(TalkingFaces(2, 1)), said)[1].face_id == 'f2'
    late.reset()
    assert not late.estimate(said).emotion.available


def test_processor_time_is_counted_by_thread() -> None:
    usage = Usage(os.getpid())
    named, go, burnt, done = (threading.Event() for _ in range(4))

    def burn() -> None:
        Path(f'/proc/self/task/{threading.get_native_id()}/comm').write_text('burner/7')
        named.set()
        go.wait()
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            pass
        burnt.set()
        done.wait()

    thread = threading.Thread(target=burn)
    thread.start()
    named.wait()
    usage.sample()
    go.set()
    burnt.wait()
    usage.sample()
    done.set()
    thread.join()
    assert usage.seconds_by_thread()['burner'] == pytest.approx(0.1, abs=0.03)
    assert usage.cores > 0
    assert usage.resident > 1e6
    assert 'main' in usage.by_thread()


@pytest.mark.parametrize(
    ('name', 'is_main', 'shown'),
    [
        ('python', True, 'main'),
        ('dds.udp.7412', False, 'dds.udp'),
        ('mediapipe/123', False, 'mediapipe'),
        ('42', False, '42'),
        ('analysis', False, 'analysis'),
    ],
)
def test_threads_that_differ_in_a_number_count_as_one(
    name: str, is_main: bool, shown: str
) -> None:
    assert thread_name(name, is_main) == shown


def test_the_speed_of_annotate_is_read_from_its_record(tmp_path: Path) -> None:
    timings = tmp_path / 'timings.json'
    talk = Result(Path('talk'), [], 41.0, 40.0, 8.0, {})
    timings.write_text(json.dumps(timing_record([talk], Timings(lambda: 0))))
    assert read_speed(timings) == pytest.approx(5.0)
    timings.write_text(json.dumps(timing_record([], Timings(lambda: 0))))
    with pytest.raises(ProcessError, match='no audio'):
        read_speed(timings)


@pytest.mark.skipif(importlib.util.find_spec('torch') is not None, reason='torch is here')
def test_without_torch_the_error_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match='train-setup'):
        find_torch(tmp_path / 'nowhere', tmp_path / 'one')
    with pytest.raises(ProcessError, match="No module named 'torch'"):
        find_torch(None, tmp_path / 'two')


def test_parameters_of_the_arrangements_are_valid() -> None:
    for one in (node(), fallback(), without_transcription()):
        make_config(one.parameters)


def test_a_play_is_measured_from_end_to_end(tmp_path: Path) -> None:
    scene = find_scene(CONVERSATION, 4.6)
    assert (len(scene.truths), scene.image_size) == (1, '640x360')
    assert scene.frames == pytest.approx(4.6 * 12.5, abs=1)
    parameters = {'transcriber.backend': 'off', 'face.backend': 'off', 'text.backend': 'off'}
    shown: list[float] = []
    figures = play(
        Arrangement('hearing alone', parameters),
        scene,
        tmp_path,
        shown.append,
        int(os.environ['ROS_DOMAIN_ID']),
    ).figures
    assert figures['utterances_found'] == 1
    # A busy machine may take long, but not less than the silence.
    assert figures['final_latency_ms_p50'] > 300
    assert figures['interim_hz'] > 0
    assert figures['start_s'] > 0
    assert 0 < figures['cpu_cores'] < (os.cpu_count() or 1)
    assert {'main', 'hearing', 'analysis', 'vision'} <= set(figures['cpu_by_thread'])
    assert figures['stages']['voice emotion']['runs'] > 1
    assert figures['rss_mb'] > 50
    assert figures['frames_not_received'] is not None, 'diagnostics were understood'
    assert shown == sorted(shown)
    report = {
        **figures,
        'recording': {
            'name': 'talk',
            'played_s': 4.6,
            'utterances': 1,
            'frames_per_s': 12.5,
            'image': scene.image_size,
        },
        'hardware': {'cores': 2, 'cpu': 'some'},
        'load_before': 0.0,
        'took_s': 1.0,
        'standing_silence_s': 0.4,
        'sequential_silence_s': 0.8,
        'arrangements': {'node': figures},
    }
    assert len(list(tables(report))) == 5
    assert len(list(tables({**report, 'arrangements': {}, 'talk': figures}))) == 3


def test_the_long_talk_is_the_conversation_with_short_pauses(tmp_path: Path) -> None:
    source = find_scene(CONVERSATION)
    write_talk(CONVERSATION, tmp_path / 'talk', 60.0)
    talk = find_scene(tmp_path / 'talk')
    assert 60 < talk.length_s < 67
    pauses = [(after.start_ns - one.end_ns) / SECOND for one, after in pairwise(talk.truths)]
    assert pauses == pytest.approx([PAUSE_S] * len(pauses))
    assert len(talk.truths) > len(source.truths), 'it begins again'
    assert [one.text for one in talk.truths[:12]] == [one.text for one in source.truths]
    assert talk.frames / talk.length_s == pytest.approx(12.5, rel=0.05)
    for one, copy in zip(source.truths, talk.truths, strict=False):
        first, again = (
            np.array(scene.sound.loudness(truth.start_ns, truth.end_ns, SECOND // 10))
            for scene, truth in ((source, one), (talk, copy))
        )
        assert first[:10] == pytest.approx(again[:10], abs=0.05), 'its sound has its place'


def test_growing_latency_is_found() -> None:
    truths = [TrueUtterance(n * 3 * SECOND, (n * 3 + 2) * SECOND, '', '', '') for n in range(60)]

    def growth(lateness: Callable[[int], float]) -> object:
        finals = [emotion(3 * n + 2.5 + lateness(n), 3 * n, 3 * n + 2) for n in range(60)]
        seen = [dataclasses.replace(one, at_ns=one.at_ns - AHEAD_NS) for one in finals]
        return growth_figures(match(truths, seen))['last_to_first']

    assert growth(lambda n: 0.0) == pytest.approx(1.0)
    assert growth(lambda n: 0.01 * n) == pytest.approx(995 / 595)
    assert growth_figures(match(truths, []))['last_to_first'] is None


def test_a_node_that_cannot_start_ends_the_play_with_the_reason(tmp_path: Path) -> None:
    scene = find_scene(CONVERSATION, 4.6)
    broken = Arrangement('broken', {'models_dir': '/nowhere'})
    with pytest.raises(ProcessError, match=r'the node ended with status 1.*/nowhere'):
        play(broken, scene, tmp_path, lambda s: None, int(os.environ['ROS_DOMAIN_ID']))
