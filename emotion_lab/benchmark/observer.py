"""Record when a node's messages arrive, in a process that does nothing else."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import TransitionEvent
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock

from emotion_lab.benchmark.events import (
    ActivityReceived,
    ClockTick,
    DiagnosticsReceived,
    EmotionReceived,
    Event,
    Ready,
    StateChange,
    write_event,
)
from emotion_msgs.msg import Emotion, SpeechActivity
from emotion_node.datatypes import NS_PER_S
from emotion_node.messages.emotion import decode_emotion
from emotion_node.messages.json_records import as_record
from emotion_node.ros.executable import run_executable

DESCRIPTION = """\
Write one line of JSON for every emotion, interim estimate, speech activity, change of state and
diagnostics message of a node, with the monotonic time of receipt ("at_ns"), which all processes of
this machine share. Of /clock, a message is written only when its delay is smaller than that of all
before, or when the recording has started again: the last one gives the offset between the
monotonic clock and the clock of the stamps.
"""
EPILOG = ''

AGAIN_NS: Final = 5 * NS_PER_S
"""When /clock falls back by more than this, the recording has started again."""

_DEPTH = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('--save', type=Path, required=True, metavar='FILE')
    parser.add_argument(
        '--stalled-subscriber',
        action='store_true',
        help='subscribe to emotions once more, and never read them',
    )
    parser.add_argument(
        '--node', default='emotion_node', metavar='NAME', help='name of the observed node'
    )


def subscribe_stalled(node: Node) -> Any:
    """Return a subscription to emotions that is never read, reliable and of depth 1.

    Keep it, and add its node to no executor.
    """
    return node.create_subscription(Emotion, 'emotion', lambda message: None, QoSProfile(depth=1))


class Observer:
    """Records the messages of a node as events.

    Args:
        node: to subscribe with.
        observed: name of the observed node, relative to the namespace.
        file: where the lines go, as `events.read_events` reads them.
    """

    def __init__(self, node: Node, observed: str, file: IO[str]) -> None:
        self._file = file
        self._offset_ns: int | None = None
        qos = QoSProfile(depth=_DEPTH)
        clock_qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._subscriptions = [
            node.create_subscription(kind, topic, take, depth)
            for kind, topic, take, depth in (
                (Clock, '/clock', self._take_clock, clock_qos),
                (Emotion, 'emotion', self._take_emotion, qos),
                (Emotion, 'emotion/interim', self._take_emotion, qos),
                (SpeechActivity, 'speech_activity', self._take_activity, qos),
                (TransitionEvent, f'{observed}/transition_event', self._take_transition, qos),
                (DiagnosticArray, '/diagnostics', self._take_diagnostics, qos),
            )
        ]
        self._write(Ready(time.monotonic_ns()))

    def _take_clock(self, message: Any) -> None:
        tick = ClockTick(time.monotonic_ns(), as_record(message.clock))
        known_ns = self._offset_ns
        if known_ns is None or not known_ns <= tick.offset_ns <= known_ns + AGAIN_NS:
            self._offset_ns = tick.offset_ns
            self._write(tick)

    def _take_emotion(self, message: Any) -> None:
        at_ns = time.monotonic_ns()
        self._write(EmotionReceived.of_report(decode_emotion(message), at_ns))

    def _take_activity(self, message: Any) -> None:
        started = message.state == SpeechActivity.STARTED
        self._write(ActivityReceived(time.monotonic_ns(), message.utterance_id, started))

    def _take_transition(self, message: Any) -> None:
        self._write(StateChange(time.monotonic_ns(), message.goal_state.label))

    def _take_diagnostics(self, message: Any) -> None:
        at_ns = time.monotonic_ns()
        values = {
            status.name.partition(': ')[2]: {one.key: one.value for one in status.values}
            for status in message.status
        }
        self._write(DiagnosticsReceived(at_ns, values))

    def _write(self, event: Event) -> None:
        print(write_event(event), file=self._file, flush=True)


def run(args: argparse.Namespace, ros_args: Sequence[str] = ()) -> int:
    """Record until interrupted."""
    rclpy.init(args=list(ros_args), signal_handler_options=SignalHandlerOptions.NO)
    with args.save.open('w', encoding='utf-8') as file:
        executor = SingleThreadedExecutor()
        node = rclpy.create_node('emotion_observer')
        stalled = unread = None
        try:
            executor.add_node(node)
            Observer(node, args.node, file)
            if args.stalled_subscriber:
                stalled = rclpy.create_node('stalled_subscriber')
                unread = subscribe_stalled(stalled)
            executor.spin()
        finally:
            executor.shutdown()
            del unread
            if stalled is not None:
                stalled.destroy_node()
            node.destroy_node()
            rclpy.try_shutdown()
    return 0


def main(args: list[str] | None = None) -> int:
    """Run with `--ros-args` allowed."""
    return run_executable('observer', sys.modules[__name__], args)


if __name__ == '__main__':
    sys.exit(main())
