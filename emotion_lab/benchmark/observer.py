"""Writes down when a node's messages come: a process that measures, and does nothing else."""

from __future__ import annotations

import argparse
import json
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

from emotion_msgs.msg import Emotion, SpeechActivity
from emotion_node.messages.json_records import as_record
from emotion_node.ros.executable import run_executable

DESCRIPTION = """\
Write a line of JSON for every emotion, interim estimate, speech activity, change of state and
diagnostics message of a node, with the time at which it came ("at": nanoseconds of the monotonic
clock of this machine, which all its processes share). Of /clock only those messages are written
that came sooner after their stamp than all before, or at which a recording began again: the last
of them tells what time it is on the clock of the stamps.
"""
EPILOG = ''

READY: Final = 'ready'
"""Kind of the first line: everything is subscribed to."""

AGAIN_NS: Final = 5_000_000_000
"""When /clock falls back by more than this, a recording has begun again."""

_DEPTH = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('--save', type=Path, required=True, metavar='FILE')
    parser.add_argument(
        '--deaf', action='store_true', help='subscribe to emotions once more and never read'
    )
    parser.add_argument(
        '--node', default='emotion_node', metavar='NAME', help='of the node that is watched'
    )


def subscribe_deaf(node: Node) -> Any:
    """Return a subscription to emotions that nobody ever reads, reliable and of depth 1.

    To be kept, by a node that is in no executor.
    """
    return node.create_subscription(Emotion, 'emotion', lambda message: None, QoSProfile(depth=1))


class Observer:
    """Writes down what comes.

    Args:
        node: to subscribe with.
        watched: name of the node that is watched, relative to the namespace.
        file: gets the lines.
    """

    def __init__(self, node: Node, watched: str, file: IO[str]) -> None:
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
                (TransitionEvent, f'{watched}/transition_event', self._take_transition, qos),
                (DiagnosticArray, '/diagnostics', self._take_diagnostics, qos),
            )
        ]
        self._write(READY, time.monotonic_ns())

    def _take_clock(self, message: Any) -> None:
        at_ns, stamp_ns = time.monotonic_ns(), as_record(message.clock)
        known_ns = self._offset_ns
        if known_ns is None or not known_ns <= at_ns - stamp_ns <= known_ns + AGAIN_NS:
            self._offset_ns = at_ns - stamp_ns
            self._write('clock', at_ns, stamp=stamp_ns)

    def _take_emotion(self, message: Any) -> None:
        self._write('emotion', time.monotonic_ns(), emotion=as_record(message))

    def _take_activity(self, message: Any) -> None:
        self._write('activity', time.monotonic_ns(), activity=as_record(message))

    def _take_transition(self, message: Any) -> None:
        self._write('state', time.monotonic_ns(), state=message.goal_state.label)

    def _take_diagnostics(self, message: Any) -> None:
        at_ns = time.monotonic_ns()
        values = {
            status.name.partition(': ')[2]: {one.key: one.value for one in status.values}
            for status in message.status
        }
        self._write('diagnostics', at_ns, values=values)

    def _write(self, kind: str, at_ns: int, **more: Any) -> None:
        line = json.dumps({'kind': kind, 'at': at_ns, **more}, ensure_ascii=False)
        print(line, file=self._file, flush=True)


def run(args: argparse.Namespace, ros_args: Sequence[str] = ()) -> int:
    """Write down what comes until interrupted."""
    rclpy.init(args=list(ros_args), signal_handler_options=SignalHandlerOptions.NO)
    with args.save.open('w', encoding='utf-8') as file:
        executor = SingleThreadedExecutor()
        node = rclpy.create_node('emotion_observer')
        deaf = unread = None
        try:
            executor.add_node(node)
            Observer(node, args.node, file)
            if args.deaf:
                deaf = rclpy.create_node('deaf_listener')
                unread = subscribe_deaf(deaf)
            executor.spin()
        finally:
            executor.shutdown()
            del unread
            if deaf is not None:
                deaf.destroy_node()
            node.destroy_node()
            rclpy.try_shutdown()
    return 0


def main(args: list[str] | None = None) -> int:
    """Run with `--ros-args` allowed."""
    return run_executable('observer', sys.modules[__name__], args)


if __name__ == '__main__':
    sys.exit(main())
