"""What is played arrives over DDS as it was recorded."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from support.processes import end_all, finish, start
from support.recordings import START_NS, audio_rows, make, noise, write_bag
from support.robot import Robot, robot

from emotion_msgs.msg import AudioChunk
from emotion_node.messages.stamps import stamp_to_ns
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_files import Topic
from emotion_node.ros.tools.playback import offered_qos

NEVER = QosTime(0, 0)


def qos(reliability: QosReliability, durability: QosDurability = QosDurability.VOLATILE) -> Qos:
    return Qos(
        QosHistory.UNKNOWN,
        0,
        reliability,
        durability,
        NEVER,
        NEVER,
        QosLiveliness.AUTOMATIC,
        NEVER,
        False,
    )


RELIABLE = qos(QosReliability.RELIABLE)


@pytest.fixture
def listener() -> Iterator[Robot]:
    with robot(int(os.environ['ROS_DOMAIN_ID'])) as one:
        yield one
        end_all()


def test_what_is_played_arrives_in_order_with_its_stamps(tmp_path: Path, listener: Robot) -> None:
    sound = noise(4.0)
    path = write_bag(tmp_path / 'talk', audio_rows(sound), qos=[RELIABLE])
    listener.listen(AudioChunk, '/audio')
    listener.listen(Clock, '/clock')
    process = start('replay', path, '--rate', 20, '--wait-for-subscribers', 20)
    _, log = finish(process, listener)
    assert process.returncode == 0
    assert log == 'replay: 125 messages played\n'
    listener.until(lambda: len(listener.inbox['/audio']) == 125, 'all messages')
    messages = listener.inbox['/audio']
    stamps = [stamp_to_ns(message.header.stamp) for message in messages]
    assert stamps == [START_NS + i * 32_000_000 for i in range(125)]
    assert b''.join(message.data.tobytes() for message in messages) == sound.tobytes()
    clock = [stamp_to_ns(message.clock) for message in listener.inbox['/clock']]
    assert len(clock) > 350  # a hundred per second of the recording
    assert clock == sorted(clock)
    assert clock[-1] >= START_NS + 4_000_000_000


def test_topics_are_chosen_and_renamed(tmp_path: Path, listener: Robot) -> None:
    rows = [*audio_rows(noise(0.5), '/left'), *audio_rows(noise(0.5), '/right')]
    path = write_bag(tmp_path / 'talk', rows, qos=[RELIABLE])
    listener.listen(AudioChunk, '/ears')
    listener.listen(AudioChunk, '/left')
    listener.listen(AudioChunk, '/right')
    choice = ('--topics', '/right', '--remap', '/right:=/ears', '--clock', 0)
    process = start('replay', path, '--rate', 20, '--wait-for-subscribers', 20, *choice)
    finish(process, listener)
    listener.until(lambda: len(listener.inbox['/ears']) == 16, 'all messages')
    assert not listener.inbox['/left']
    assert not listener.inbox['/right']


def test_the_beginning_can_be_skipped(tmp_path: Path, listener: Robot) -> None:
    path = write_bag(tmp_path / 'talk', audio_rows(noise(4.0)), qos=[RELIABLE])
    listener.listen(AudioChunk, '/audio')
    options = ('--rate', 20, '--wait-for-subscribers', 20, '--start-offset', 3)
    finish(start('replay', path, *options), listener)
    listener.until(lambda: len(listener.inbox['/audio']) >= 31, 'all messages')
    assert stamp_to_ns(listener.inbox['/audio'][0].header.stamp) >= START_NS + 3_000_000_000


def test_the_end_can_be_skipped(tmp_path: Path, listener: Robot) -> None:
    path = write_bag(tmp_path / 'talk', audio_rows(noise(4.0)), qos=[RELIABLE])
    listener.listen(AudioChunk, '/audio')
    options = ('--rate', 20, '--wait-for-subscribers', 20, '--start-offset', 1, '--duration', 1)
    process = start('replay', path, *options)
    _, log = finish(process, listener)
    assert log == 'replay: 31 messages played\n'
    listener.until(lambda: len(listener.inbox['/audio']) == 31, 'all messages')
    stamps = [stamp_to_ns(message.header.stamp) for message in listener.inbox['/audio']]
    assert max(stamps) < START_NS + 2_032_000_000


def test_a_loop_runs_until_interrupted(tmp_path: Path, listener: Robot) -> None:
    path = write_bag(tmp_path / 'talk', audio_rows(noise(0.5)), qos=[RELIABLE])
    listener.listen(AudioChunk, '/audio')
    process = start('replay', path, '--rate', 20, '--loop', '--wait-for-subscribers', 20)
    listener.until(lambda: len(listener.inbox['/audio']) > 40, 'a third round')
    process.send_signal(signal.SIGINT)
    _, log = finish(process, listener)
    assert process.returncode == 130
    assert log == ''
    stamps = [stamp_to_ns(message.header.stamp) for message in listener.inbox['/audio']]
    assert sum(later < earlier for earlier, later in itertools.pairwise(stamps)) >= 2


def test_a_type_that_is_not_installed_is_skipped(tmp_path: Path, listener: Robot) -> None:
    types = get_typestore(Stores.ROS2_JAZZY)
    types.register(get_types_from_msg('float32 volume', 'ears/msg/Loud'))
    loud = ('/loud', 'ears/msg/Loud', START_NS, types.types['ears/msg/Loud'](volume=0.5))
    only = write_bag(tmp_path / 'only', [loud], types=types)
    process = start('replay', only)
    _, log = finish(process, listener)
    assert process.returncode == 1
    assert 'there is nothing to play: /loud: message type ears/msg/Loud is not installed' in log
    text = ('/text', 'std_msgs/msg/String', START_NS, make('std_msgs/msg/String', data='hello'))
    both = write_bag(tmp_path / 'both', [loud, text], types=types, qos=[RELIABLE])
    listener.listen(String, '/text')
    process = start('replay', both, '--wait-for-subscribers', 20)
    _, log = finish(process, listener)
    assert process.returncode == 0
    assert log.startswith('replay: not played: /loud: message type ears/msg/Loud is not installed')
    listener.until(lambda: [m.data for m in listener.inbox['/text']] == ['hello'], 'the text')


def test_the_offered_quality_of_service_is_the_recorded_one(tmp_path: Path) -> None:
    latched = qos(QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL)
    path = write_bag(tmp_path / 'talk', audio_rows(noise(0.1)), qos=[latched])
    with Bag(path) as bag:
        offered = offered_qos(bag.topics['/audio'])
    assert offered.reliability is ReliabilityPolicy.RELIABLE
    assert offered.durability is DurabilityPolicy.TRANSIENT_LOCAL
    effort = offered_qos(Topic('/a', 'b', qos=(qos(QosReliability.BEST_EFFORT),)))
    assert effort.reliability is ReliabilityPolicy.BEST_EFFORT
    assert offered_qos(Topic('/a', 'b')).reliability is ReliabilityPolicy.BEST_EFFORT


def test_a_bag_of_which_nothing_is_played_is_a_failure(tmp_path: Path, listener: Robot) -> None:
    path = write_bag(tmp_path / 'talk', audio_rows(noise(0.5)))
    options = ('--start-offset', 0.01, '--duration', 0.01, '--wait-for-subscribers', 0)
    process = start('replay', path, *options)
    _, log = finish(process, listener)
    assert process.returncode == 1
    assert 'none of its 16 messages was played' in log
