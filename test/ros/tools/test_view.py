"""What a node publishes is shown, and can be read by programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from support.emotions import emotion
from support.processes import end_all, finish, start
from support.robot import Robot, robot

from emotion_msgs.msg import Emotion, VocalCue
from emotion_node.datatypes import Trigger
from emotion_node.messages.json_records import as_record
from emotion_node.messages.reports import Encoder
from emotion_node.ros.outputs import make_message


@pytest.fixture
def listener() -> Iterator[Robot]:
    with robot(int(os.environ['ROS_DOMAIN_ID'])) as one:
        yield one
        end_all()


def message(number: int, trigger: Trigger = Trigger.FINAL) -> Emotion:
    """Return the message of an emotion, as the node publishes it."""
    report = emotion(number, text=f'I am so happy number {number}', trigger=trigger)
    return Encoder(make_message).encode(report)[-1][1]


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
    Publisher(listener, '/robot').publish(message(1), message(2))
    printed, log = finish(process, listener)
    assert process.returncode == 0, log
    assert '“I am so happy number 1”' in printed
    assert '“I am so happy number 2”' in printed
    records: list[dict[str, Any]] = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [record['utterance_id'] for record in records] == ['u1', 'u2']
    assert records[0] == as_record(message(1))


def test_a_transcript_cannot_act_on_the_terminal(tmp_path: Path, listener: Robot) -> None:
    evil = message(1)
    evil.text = 'hi \x1b[2J\x9b31m\u202eevil\u2066 \r\n  99.0 s joy\x07'
    evil.person_id = 'p\x1b]0;title\x07'
    evil.modalities[1].detail = 'x\x1b[1A'
    saved = tmp_path / 'saved.jsonl'
    process = start('view', '--count', 1, '--save', saved)
    Publisher(listener).publish(evil)
    printed, log = finish(process, listener)
    assert process.returncode == 0, log
    assert '“hi \ufffd[2J\ufffd31m\ufffdevil\ufffd     99.0 s joy\ufffd”' in printed
    line = saved.read_text()
    for text in (printed, line):
        assert not set(text) & set('\x1b\x9b\x07\r\u202e\u2066')
    assert json.loads(line)['text'] == evil.text


def test_messages_that_cannot_be_shown_are_named_and_the_next_one_is_shown(
    tmp_path: Path, listener: Robot
) -> None:
    alien, late, odd = message(1), message(2), message(3)
    alien.scores[0].label = 'boredom'
    late.total_latency = float('nan')
    odd.scores[1].score = float('nan')
    odd.valence = float('inf')
    odd.modalities[1].vocal_cues = [
        VocalCue(name='pitch', deviation=deviation, deviation_unit='furlongs', normal_utterances=5)
        for deviation in (float('nan'), 7.0)
    ]
    odd.modalities[1].available, odd.modalities[1].reason = True, ''
    odd.modalities[1].scores = odd.modalities[0].scores
    saved = tmp_path / 'saved.jsonl'
    process = start('view', '--count', 4, '--save', saved)
    Publisher(listener).publish(alien, late, odd, message(4))
    printed, log = finish(process, listener)
    assert process.returncode == 0, log
    assert 'this cannot be shown: emotion has scores of boredom' in log
    assert 'this cannot be shown: emotion has a time of nan s' in log
    assert 'number 3' in printed
    assert 'pitch +7 furlongs' in printed
    assert 'number 4' in printed
    second = json.loads(saved.read_text().splitlines()[1])
    assert second['total_latency'] is None


def test_the_view_prints_json_for_programs(listener: Robot) -> None:
    process = start('view', '--json', '--interim', '--count', 1)
    publisher = Publisher(listener)
    publisher.publish(message(1, Trigger.INTERIM), message(1))
    printed, _ = finish(process, listener)
    records = [json.loads(line) for line in printed.splitlines()]
    assert records[-1]['trigger'] == 'final'
    assert records[-1]['start'] == 1_750_000_005_000_000_000
    assert {record['label'] for record in records} == {'joy'}


def test_a_view_without_a_node_times_out_and_says_so(listener: Robot) -> None:
    process = start('view', '--topic', 'silence', '--timeout', 1.5)
    printed, log = finish(process, listener)
    assert process.returncode == 1
    assert printed == ''
    assert 'waiting for a node that publishes /silence; no publisher found' in log
    assert 'does the node run, in this ROS_DOMAIN_ID' in log


def test_a_view_is_ended_by_an_interrupt(listener: Robot) -> None:
    process = start('view')
    Publisher(listener).publish(message(1))
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, log = finish(process, listener)
    assert process.returncode == 130
    assert 'Traceback' not in log


def test_interrupts_reach_what_the_tests_start_even_in_the_background() -> None:
    name = f'{Path(__file__)}::{test_a_view_is_ended_by_an_interrupt.__name__}'
    # As a shell starts "make test &".
    command = 'trap "" INT; exec "$0" -m pytest -q -p no:cacheprovider "$1"'
    done = subprocess.run(['sh', '-c', command, sys.executable, name], capture_output=True)
    assert done.returncode == 0, done.stdout.decode()
