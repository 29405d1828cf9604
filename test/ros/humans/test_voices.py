"""Voices by the clock: who is tracked, for how long, and when words go out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from domain_coordinator import domain_id
from rclpy.node import Node
from support.emotions import emotion
from support.robot import Robot, robot

from emotion_node.config import PrivacyConfig
from emotion_node.datatypes import SpeechDropped, SpeechStarted, Trigger
from emotion_node.messages.humans import HumansEncoder
from emotion_node.messages.privacy import outgoing
from emotion_node.ros.humans.matches import Matches
from emotion_node.ros.humans.topics import Topics
from emotion_node.ros.humans.voices import KEEP_S, MAX_WAIT_S, REPEAT_S, SETTLE_S, Voices
from emotion_node.ros.outputs import make_message

pytestmark = pytest.mark.usefixtures('hri_msgs')

TRACKED = '/humans/voices/tracked'
SPEECH = '/humans/voices/s1/speech'
FINAL = emotion(1, speaker_id='s1')


@dataclass
class Stage:
    """Voices, and a robot that listens to the list of them."""

    voices: Voices
    robot: Robot
    node: Node

    def subscribe(self, topic: str, name: str) -> None:
        self.robot.listen(type(make_message(f'hri_msgs/msg/{name}')), topic)
        self.robot.until(lambda: self.node.count_subscribers(topic), f'a subscriber of {topic}')

    def next(self, topic: str) -> Any:
        self.robot.until(lambda: self.robot.inbox[topic], f'a message on {topic}')
        return self.robot.inbox[topic].pop(0)


@pytest.fixture
def stage(hri_msgs: None) -> Iterator[Stage]:
    with domain_id() as domain, robot(domain) as one, one.beside(
        lambda context: Node('voices', context=context)
    ) as node:  # fmt: skip
        topics = Topics(node)
        encoder = HumansEncoder(make_message, ('locale',))
        stage = Stage(Voices(topics, encoder, Matches(topics, encoder)), one, node)
        stage.subscribe(TRACKED, 'IdsList')
        one.until(lambda: topics.wanted(TRACKED), 'the robot listens')
        yield stage


def test_words_wait_until_a_new_voice_can_be_listened_to(stage: Stage) -> None:
    stage.voices.take(FINAL, 100.0)
    assert stage.next(TRACKED).ids == ['s1']
    stage.subscribe(SPEECH, 'LiveSpeech')
    stage.voices.tick(100.0 + SETTLE_S - 0.01)
    assert not stage.robot.inbox[SPEECH]
    stage.robot.until(lambda: stage.node.count_subscribers(SPEECH), 'the voice is listened to')
    stage.voices.tick(100.0 + SETTLE_S)
    assert stage.next(SPEECH).final == FINAL.transcript.text
    # The voice is known now: the next words go out at once.
    stage.voices.take(emotion(2, text='really', speaker_id='s1'), 101.0)
    assert stage.next(SPEECH).final == 'really'


def test_words_that_nobody_wants_do_not_wait_for_ever(stage: Stage) -> None:
    stage.voices.take(FINAL, 100.0)
    stage.voices.tick(100.0 + MAX_WAIT_S)
    stage.subscribe(SPEECH, 'LiveSpeech')
    stage.voices.take(emotion(2, text='really', speaker_id='s1'), 103.0)
    assert stage.next(SPEECH).final == 'really'


def test_a_voice_is_repeated_and_kept_for_a_while(stage: Stage) -> None:
    stage.voices.take(SpeechStarted('u1', 5, 6), 100.0)
    for now_s in (100.0, 100.01 + REPEAT_S):
        stage.voices.tick(now_s)
        assert stage.next(TRACKED).ids == ['anonymous_speaker']
    stage.voices.take(SpeechDropped('u1', 7, 8), 101.0)
    stage.voices.tick(101.0 + KEEP_S)
    assert stage.next(TRACKED).ids == ['anonymous_speaker']
    stage.voices.tick(101.1 + KEEP_S)
    assert stage.next(TRACKED).ids == []


def test_who_is_recognised_while_speaking_takes_over_from_the_anonymous_speaker(
    stage: Stage,
) -> None:
    stage.voices.take(SpeechStarted('u1', 5, 6), 100.0)
    stage.voices.take(emotion(1, speaker_id='s1', trigger=Trigger.INTERIM), 101.0)
    assert stage.next(TRACKED).ids == ['anonymous_speaker']
    assert stage.next(TRACKED).ids == ['anonymous_speaker', 's1']


def test_hidden_words_do_not_leave_by_this_way(stage: Stage) -> None:
    hidden = outgoing(FINAL, PrivacyConfig(words='hide'))
    assert hidden is not None
    stage.voices.take(hidden, 100.0)
    stage.subscribe(SPEECH, 'LiveSpeech')
    stage.voices.tick(100.0 + MAX_WAIT_S)
    stage.voices.take(emotion(2, text='public', speaker_id='s1'), 103.0)
    assert stage.next(SPEECH).final == 'public'
