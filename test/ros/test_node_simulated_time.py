"""The node on simulated time: recordings, audio without stamps, transcripts of the robot."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Int16MultiArray
from support.robot import (
    NS_PER_S,
    RATE,
    Robot,
    Samples,
    active_node,
    audio_message,
    chunks,
    conversation,
)

from emotion_msgs.msg import AudioChunk, Emotion, SpeechActivity, Transcript
from emotion_node.messages.stamps import stamp_to_ns
from emotion_node.ros.node import EmotionNode

START_NS = 1_600_000_000 * NS_PER_S
CHUNK = RATE // 10


class SimulatedRobot:
    """A robot that publishes the time, and a node that takes transcripts from the robot."""

    def __init__(self, robot: Robot, node: EmotionNode) -> None:
        self.robot = robot
        self.node = node
        self.now_ns = START_NS
        for kind, topic in (
            (Emotion, 'emotion'),
            (Transcript, 'transcript'),
            (SpeechActivity, 'speech_activity'),
        ):
            robot.listen(kind, topic)
            robot.until(lambda: node.count_subscribers(topic), f'the robot listens to {topic}')  # noqa: B023

    def advance(self, duration_ns: int) -> None:
        self.now_ns += duration_ns
        publisher = self.robot.publisher(Clock, '/clock')
        publisher.publish(Clock(clock=Time(nanoseconds=self.now_ns).to_msg()))
        self.robot.until(lambda: self.node.now_ns() == self.now_ns, 'the node has the new time')

    def play_bare(self, samples: Samples) -> None:
        """Publish samples without a header, each chunk at the time of its last sample."""
        publisher = self.robot.publisher(Int16MultiArray, 'audio')
        assert self.node.state.audio is not None
        health = self.node.state.audio.health
        for _, chunk in chunks(samples, CHUNK, 0):
            self.advance(len(chunk) * NS_PER_S // RATE)
            received = health.messages
            publisher.publish(Int16MultiArray(data=chunk.tolist()))
            self.robot.until(lambda: health.messages > received, 'the audio arrives')  # noqa: B023

    def play_stamped(self, samples: Samples) -> None:
        publisher = self.robot.publisher(AudioChunk, 'audio')
        assert self.node.state.audio is not None
        health = self.node.state.audio.health
        for _, chunk in chunks(samples, CHUNK, 0):
            duration_ns = len(chunk) * NS_PER_S // RATE
            self.advance(duration_ns)
            received = health.messages
            publisher.publish(audio_message(chunk, self.now_ns - duration_ns))
            self.robot.until(lambda: health.messages > received, 'the audio arrives')  # noqa: B023

    def emotion_after(self, count: int) -> Emotion:
        inbox = self.robot.inbox['emotion']
        self.robot.until(lambda: len(inbox) > count, 'an emotion')
        return inbox[count]

    def activity_after(self, count: int) -> SpeechActivity:
        inbox = self.robot.inbox['speech_activity']
        self.robot.until(lambda: len(inbox) > count, 'speech activity')
        return inbox[count]


@pytest.fixture(scope='module')
def stage() -> Iterator[SimulatedRobot]:
    parameters = {
        'transcriber.backend': 'topic',
        'transcriber.topic_timeout': 0.5,
        'diagnostics.period': 0.1,
        'use_sim_time': True,
    }
    with active_node(parameters) as (one, node):
        yield SimulatedRobot(one, node)


def test_audio_without_a_header_is_stamped_at_receipt(stage: SimulatedRobot) -> None:
    start_ns = stage.now_ns
    stage.play_bare(np.concatenate([conversation()[: 4 * RATE], conversation()[:RATE]]))
    emotion = stage.emotion_after(0)
    assert emotion.clock_source == Emotion.CLOCK_RECEIPT
    assert abs(stamp_to_ns(emotion.start) - start_ns - NS_PER_S) < NS_PER_S // 5
    assert abs(stamp_to_ns(emotion.end) - start_ns - 3_305_000_000) < NS_PER_S // 5
    # No transcript arrived within half a second.
    assert (emotion.text, emotion.modalities[0].reason) == ('', 'timeout')
    assert 0.9 < emotion.total_latency < 1.7


def test_the_node_switches_to_another_type_of_audio_and_takes_transcripts_of_the_robot(
    stage: SimulatedRobot,
) -> None:
    stage.robot.forget('audio')
    emotions = len(stage.robot.inbox['emotion'])
    activities = len(stage.robot.inbox['speech_activity'])
    words = stage.robot.publisher(Transcript, 'transcript_in')
    stage.advance(20 * NS_PER_S)
    stage.play_stamped(conversation()[: 4 * RATE])
    ended = stage.activity_after(activities + 1)
    assert ended.state == SpeechActivity.ENDED
    said = Transcript(text='I lost my job', confidence=0.9, locale='en', final=True)
    said.header.stamp = ended.header.stamp
    words.publish(said)
    emotion = stage.emotion_after(emotions)
    assert emotion.text == 'I lost my job'
    assert emotion.clock_source == Emotion.CLOCK_HEADER
    assert emotion.modalities[0].available
    assert emotion.label
    latency_s = (stage.now_ns - stamp_to_ns(emotion.end)) / NS_PER_S
    assert emotion.total_latency == pytest.approx(latency_s, abs=0.05)


@pytest.mark.parametrize(
    ('given', 'published'), [(math.nan, 0.0), (math.inf, 1.0), (7.5, 1.0), (-3.0, 0.0)]
)
def test_a_confidence_of_the_robots_recogniser_that_is_no_probability_is_not_published(
    stage: SimulatedRobot, given: float, published: float
) -> None:
    emotions = len(stage.robot.inbox['emotion'])
    activities = len(stage.robot.inbox['speech_activity'])
    stage.advance(20 * NS_PER_S)
    stage.play_stamped(conversation()[: 4 * RATE])
    ended = stage.activity_after(activities + 1)
    said = Transcript(text='I lost my job', confidence=given, locale='en', final=True)
    said.header.stamp = ended.header.stamp
    stage.robot.publisher(Transcript, 'transcript_in').publish(said)
    emotion = stage.emotion_after(emotions)
    assert emotion.text == 'I lost my job'

    def republished() -> list[float]:
        return [
            one.confidence
            for one in stage.robot.inbox['transcript']
            if one.final and one.utterance_id == emotion.utterance_id
        ]

    stage.robot.until(republished, 'the transcript')
    assert republished() == [published]
    scores = [emotion.confidence, *(one.confidence for one in emotion.modalities)]
    assert all(0.0 <= one <= 1.0 for one in scores)


def test_a_recording_without_its_clock_is_reported(stage: SimulatedRobot) -> None:
    publisher = stage.robot.publisher(AudioChunk, 'audio')
    silence = conversation()[:CHUNK]
    publisher.publish(audio_message(silence, stage.now_ns - 3600 * NS_PER_S))

    def warned() -> bool:
        status = stage.robot.status('audio')
        return (
            status is not None
            and status.level == DiagnosticStatus.WARN
            and 'synchronise the clocks, or set use_sim_time' in status.message
        )

    stage.robot.until(warned, 'the warning')


def test_simulated_time_that_stands_still_is_reported_by_the_name_of_its_topic(
    stage: SimulatedRobot,
) -> None:
    stage.advance(NS_PER_S)
    publisher = stage.robot.publisher(AudioChunk, 'audio')
    unstamped = audio_message(conversation()[:CHUNK], 0)

    def reported() -> bool:
        publisher.publish(unstamped)
        status = stage.robot.status('audio')
        return status is not None and '/clock stands still' in status.message

    stage.robot.until(reported, 'the warning')
    status = stage.robot.status('audio')
    assert status is not None
    assert 'times as many samples' not in status.message
    for _ in range(3):
        stage.advance(NS_PER_S)
