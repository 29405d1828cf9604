"""What diagnostics report about an input, from what is known of it."""

from __future__ import annotations

from typing import cast

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.logging import get_logger

from emotion_node.datatypes import NS_PER_S, ClockSource, VisionHealth
from emotion_node.ros.diagnostics import Status
from emotion_node.ros.engine import Engine
from emotion_node.ros.faults import FaultLog
from emotion_node.ros.node_state import NodeState
from emotion_node.ros.node_status import add_vision, input_status, state_status
from emotion_node.ros.periods import RECENT_S
from emotion_node.ros.topic_input import InputHealth

NOW = 1000.0


def healthy() -> InputHealth:
    """An input of ten messages per second, the last one just now."""
    health = InputHealth('/audio', ['emotion_msgs/msg/AudioChunk'], timeout_s=2.0)
    health.publishers = ['/robot']
    for number in range(20):
        health.note_arrival(NOW - 1.9 + number / 10)
    return health


def status_of(health: InputHealth, name: str = 'audio') -> Status:
    return input_status(name, health, NOW, '; audio is published on /mic: remap audio to it')


def test_a_healthy_input_has_a_rate() -> None:
    status = status_of(healthy())
    assert (status.level, status.message) == (DiagnosticStatus.OK, '10.0 messages per second')
    assert status.values['messages'] == 20
    assert status.values['rejected_messages'] == 0


def test_without_a_publisher_the_topic_that_may_be_meant_is_named() -> None:
    health = healthy()
    health.publishers = []
    status = status_of(health)
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == (
        'nobody publishes on /audio; audio is published on /mic: remap audio to it'
    )
    assert status_of(health, 'image').level == DiagnosticStatus.WARN, 'the node works without one'


def test_a_rejected_message_is_an_error_for_a_while() -> None:
    health = healthy()
    health.note_rejection('audio message has no samples', NOW - RECENT_S + 1)
    status = status_of(health)
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == 'audio message has no samples (messages rejected so far: 1)'
    health.last_rejection_at = NOW - RECENT_S
    assert status_of(health).level == DiagnosticStatus.OK


def test_images_that_cannot_be_used_are_a_warning_with_numbers() -> None:
    status = status_of(healthy(), 'image')
    add_vision(status, VisionHealth(frames=90, undecodable=40, frozen_s=3.2))
    assert status.level == DiagnosticStatus.WARN
    assert 'the same image for 3.2 s' in status.message
    assert status.values['undecodable_images'] == 40


def test_the_most_severe_finding_decides_the_level_and_comes_first() -> None:
    health = healthy()
    health.publishers = ['/robot', '/other']
    health.qos_mismatch = 'other: best effort'
    status = status_of(health)
    assert status.level == DiagnosticStatus.ERROR
    first, second = status.message.split('; ')
    assert first == 'quality of service does not match: other: best effort'
    assert second.startswith('2 publishers on /audio')


def test_stamps_of_another_clock_are_a_warning_unless_the_node_makes_the_stamps() -> None:
    health = healthy()
    health.lag_s = 3600.0
    status = status_of(health)
    assert status.level == DiagnosticStatus.WARN
    assert "stamps are +3600.0 s behind this node's clock" in status.message
    health.clock_source = ClockSource.RECEIPT
    assert status_of(health).level == DiagnosticStatus.OK


def test_a_robot_that_seems_to_speak_for_ever_is_a_warning() -> None:
    now_s = 0
    state = NodeState(lambda: now_s * NS_PER_S, FaultLog(get_logger('test'), lambda: 0.0))
    state.set_robot_speaking(True)
    state.engine = cast(Engine, object())
    now_s = 10
    assert state_status(state).message == 'muted while the robot speaks'
    now_s = 31
    state.set_robot_speaking(True)
    status = state_status(state)
    assert status.level == DiagnosticStatus.WARN
    assert 'robot_speaking has been true for 31 s' in status.message
    state.engine = None
    state.set_robot_speaking(False)
    assert state.robot_speaking_s == 0
