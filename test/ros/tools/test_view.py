"""What a node publishes is shown, and can be read by programs."""

from __future__ import annotations

import io
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rich.console import Console
from support.processes import end_all, finish, start
from support.robot import Robot, robot

from emotion_msgs.msg import Emotion, EmotionScore, ModalityEmotion
from emotion_node.display.terminal import EmotionDisplay
from emotion_node.labels import LABELS
from emotion_node.messages.json_records import as_record


@pytest.fixture
def listener() -> Iterator[Robot]:
    with robot(int(os.environ['ROS_DOMAIN_ID'])) as one:
        yield one
        end_all()


def emotion(number: int, trigger: str = 'final') -> Emotion:
    """Return an emotion as the node would publish it."""
    scores = [0.04, 0.76, 0.04, 0.04, 0.04, 0.04, 0.04]
    message = Emotion(
        utterance_id=f'u{number}',
        trigger=trigger,
        label='joy',
        confidence=0.76,
        valence=0.5,
        arousal=0.4,
        text=f'I am so happy number {number}',
        locale='en',
        endpointing_latency=0.4,
        transcription_latency=0.05,
        total_latency=0.46,
        clock_source='header',
    )
    message.scores = [
        EmotionScore(label=label, score=score) for label, score in zip(LABELS, scores, strict=True)
    ]
    message.modalities = [
        ModalityEmotion(
            modality='text',
            available=True,
            label='joy',
            confidence=0.76,
            weight=1.0,
            model_name='little-text',
            model_version='3',
            inference_latency=0.004,
            samples_used=9,
        ),
        ModalityEmotion(modality='voice', reason='model_off'),
        ModalityEmotion(modality='face', reason='speaker_not_visible'),
    ]
    message.start.sec = 1_750_000_000 + 5 * number
    message.end.sec = message.start.sec + 2
    message.header.stamp = message.end
    return message


def shown(*messages: Emotion) -> str:
    out = io.StringIO()
    display = EmotionDisplay(Console(file=out, width=100))
    for message in messages:
        display.show(as_record(message))
    return out.getvalue()


def test_an_emotion_is_shown_with_its_evidence() -> None:
    text = shown(emotion(1), emotion(2))
    first, second, rest = text.split('\n' + ' ' * 100 + '\n')
    assert rest == ''
    for part in (
        'joy 0.76',
        'valence +0.50',
        '“I am so happy number 1”',
        'little-text 3 · 9 tokens · 4.0 ms',
        'voice   absent: no model',
        'face    absent: the speaker is not in view',
        '0.46 s after speech',
        *LABELS,
    ):
        assert part in first
    assert '    0.0 s' in first
    assert '    5.0 s' in second
    assert len(first.splitlines()) <= 12
    assert max(map(len, text.splitlines())) <= 100
    assert '\x1b' not in text  # no colours where nobody sees them
    bars = dict(re.findall(r'(\w+) +(█+)', first))
    assert len(bars['joy']) == 15


def test_an_emotion_that_nobody_knows_is_shown_without_bars() -> None:
    message = emotion(1)
    message.label, message.text, message.scores = '', '', []
    text = shown(message)
    assert 'emotion unknown' in text
    assert '(no words recognised)' in text
    assert 'sadness' not in text


def test_markup_in_words_is_words() -> None:
    message = emotion(1)
    message.text = '[red]stop[/red] [/] ' + 'and on ' * 60
    text = shown(message)
    assert '[red]stop[/red] [/]' in text
    assert len(text.splitlines()) <= 12


class Publisher:
    """Publishes emotions as the node does."""

    def __init__(self, robot: Robot, namespace: str = '') -> None:
        profile = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        self._robot = robot
        self._final = robot.node.create_publisher(Emotion, f'{namespace}/emotion', profile)
        self._interim = robot.node.create_publisher(
            Emotion, f'{namespace}/emotion/interim', profile
        )

    def publish(self, *messages: Emotion) -> None:
        self._robot.until(lambda: self._final.get_subscription_count() > 0, 'a view')
        for message in messages:
            (self._final if message.trigger == 'final' else self._interim).publish(message)


def test_the_view_shows_what_comes_and_stops_after_enough(tmp_path: Path, listener: Robot) -> None:
    saved = tmp_path / 'saved.jsonl'
    process = start('view', '--namespace', '/robot', '--count', 2, '--save', saved)
    Publisher(listener, '/robot').publish(emotion(1), emotion(2))
    said, complaint = finish(process, listener)
    assert process.returncode == 0, complaint
    assert '“I am so happy number 1”' in said
    assert '“I am so happy number 2”' in said
    records: list[dict[str, Any]] = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [record['utterance_id'] for record in records] == ['u1', 'u2']
    assert records[0] == as_record(emotion(1))


def test_the_view_prints_json_for_programs(listener: Robot) -> None:
    process = start('view', '--json', '--interim', '--count', 1)
    publisher = Publisher(listener)
    publisher.publish(emotion(1, 'interim'), emotion(1))
    said, _ = finish(process, listener)
    records = [json.loads(line) for line in said.splitlines()]
    assert records[-1]['trigger'] == 'final'
    assert records[-1]['start'] == 1_750_000_005_000_000_000
    assert {record['label'] for record in records} == {'joy'}


def test_a_view_of_nothing_says_so(listener: Robot) -> None:
    process = start('view', '--topic', 'silence', '--timeout', 1.5)
    said, complaint = finish(process, listener)
    assert process.returncode == 1
    assert said == ''
    assert 'waiting for a node that publishes /silence' in complaint
    assert 'does the node run, in this ROS_DOMAIN_ID' in complaint


def test_a_view_is_ended_by_an_interrupt(listener: Robot) -> None:
    process = start('view')
    Publisher(listener).publish(emotion(1))
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, complaint = finish(process, listener)
    assert process.returncode == 130
    assert 'Traceback' not in complaint
