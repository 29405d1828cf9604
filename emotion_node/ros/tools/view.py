"""Shows the emotions that a running node publishes, on this machine or on a robot."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rich.console import Console

from emotion_msgs.msg import Emotion
from emotion_node.cli.page_options import add_page_options
from emotion_node.datatypes import Trigger
from emotion_node.display.live_state import LiveState
from emotion_node.display.plain_text import json_line, plain
from emotion_node.display.terminal import EmotionDisplay
from emotion_node.messages.audio import MessageError
from emotion_node.messages.emotion import decode_emotion
from emotion_node.messages.json_records import as_record
from emotion_node.ros.executable import init_ros, run_executable
from emotion_node.ros.periods import FIRST_REMINDER_S, LAST_REMINDER_S
from emotion_node.ros.security import security_explained
from emotion_node.ros.tools.live_feed import CameraFeed, LiveFeed

DESCRIPTION = """\
Show the emotions that a running node publishes, as they come: time, speaker, words, a bar per
emotion, the label of each modality or why it is absent, and the latency.

The node may run on another machine: set the same ROS_DOMAIN_ID as there.

With --web, a page in the browser shows more: the camera with the faces and who speaks, words and
emotions as they come, curves over time, and the state of the inputs. Nothing of it is stored.
"""
EPILOG = """\
Examples:
  python -m emotion_node view
  python -m emotion_node view --namespace /robot --interim
  python -m emotion_node view --json --count 10 > emotions.jsonl
  python -m emotion_node view --web
"""

_DEPTH = 100
_SPIN_S = 0.1
_WIDTH = 100
_FIRST_REMINDER_S = 1.0
_TYPE = 'emotion_msgs/msg/Emotion'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        '--topic',
        default='emotion',
        metavar='NAME',
        help='topic of the emotions (default emotion)',
    )
    parser.add_argument('--namespace', default='', help='namespace of the node, such as /robot')
    parser.add_argument('--interim', action='store_true', help='show interim estimates too')
    parser.add_argument('--json', action='store_true', help='print a line of JSON per emotion')
    parser.add_argument(
        '--save', type=Path, metavar='FILE', help='also write a line of JSON per emotion to a file'
    )
    parser.add_argument(
        '--count', type=int, default=0, metavar='N', help='end after N final emotions'
    )
    parser.add_argument(
        '--timeout',
        type=float,
        default=0.0,
        metavar='S',
        help='end when no emotion has arrived for this long, with status 1 if none arrived at all',
    )
    page = parser.add_argument_group('page')
    page.add_argument('--web', action='store_true', help='also serve a page for the browser')
    add_page_options(page)
    page.add_argument(
        '--image-topic',
        default='',
        metavar='NAME',
        help='topic of the camera (default: the one that the node uses)',
    )
    page.add_argument(
        '--node',
        default='emotion_node',
        metavar='NAME',
        help='name of the node, without its namespace (default emotion_node)',
    )


class Viewer:
    """Shows the messages on a topic of emotions.

    Args:
        node: node that subscribes.
        topic: relative to the node's namespace.
        interim: whether to show interim estimates too.
        display: shows the emotions; None for JSON on standard output.
        live: what a page shows, which gets the final emotions; None for no page.
        save: file that gets a line of JSON per emotion; None for no file.

    Attributes:
        finals: number of final emotions so far.
        last_at: `time.monotonic()` of the last emotion, or of the start.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        interim: bool,
        display: EmotionDisplay | None,
        live: LiveState | None,
        save: IO[str] | None,
    ) -> None:
        self.finals = 0
        self.last_at = time.monotonic()
        self._display = display
        self._live = live
        self._save = save
        self._problems: set[str] = set()
        self._subscriptions = [
            node.create_subscription(Emotion, topic, self._take, QoSProfile(depth=_DEPTH))
        ]
        if interim:
            qos = QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
            self._subscriptions.append(
                node.create_subscription(Emotion, f'{topic}/interim', self._take, qos)
            )

    @property
    def topic(self) -> str:
        """Full name of the topic."""
        return str(self._subscriptions[0].topic_name)

    def _take(self, message: Any) -> None:
        record = as_record(message)
        self.finals += record['trigger'] == Trigger.FINAL
        self.last_at = time.monotonic()
        if self._save is not None:
            print(json_line(record), file=self._save, flush=True)
        if self._display is None:
            print(json_line(record), flush=True)
        if self._display is None and self._live is None:
            return
        try:
            report = decode_emotion(plain(record))
        except MessageError as error:
            self._complain(error)
            return
        if self._display is not None:
            self._display.show(report)
        if self._live is not None and report.trigger is Trigger.FINAL:
            self._live.take_emotion(report)

    def _complain(self, error: MessageError) -> None:
        """Say once what is wrong with messages that cannot be shown."""
        problem = plain(str(error))
        if problem not in self._problems:
            self._problems.add(problem)
            _say(f'this cannot be shown: {problem}')


def run(args: argparse.Namespace, ros_args: Sequence[str] = ()) -> int:
    """Show emotions until interrupted, or until there were enough.

    Args:
        args: arguments that `add_arguments` adds.
        ros_args: `--ros-args` and what follows it.

    Returns:
        0; or 1 when no emotion arrived before the timeout.
    """
    init_ros(ros_args)
    with security_explained():
        node = rclpy.create_node('emotion_view', namespace=args.namespace)
    save = None if args.save is None else args.save.open('w', encoding='utf-8')
    executor = SingleThreadedExecutor()
    try:
        executor.add_node(node)
        terminal = Console()
        console = Console(width=min(terminal.width, _WIDTH) if terminal.is_terminal else _WIDTH)
        display = None if args.json else EmotionDisplay(console)
        live = LiveState() if args.web else None
        viewer = Viewer(node, args.topic, args.interim, display, live, save)
        with contextlib.nullcontext() if live is None else _page(args, node, live):
            return _watch(args, node, executor, viewer)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
        if save is not None:
            save.close()


@contextlib.contextmanager
def _page(args: argparse.Namespace, node: Node, live: LiveState) -> Iterator[None]:
    """Serve the page during the block."""
    # NiceGUI is imported only for the page: it is an extra, and takes a second.
    from emotion_node.page.server import PageServer

    feed = LiveFeed(node, args.node, live)
    camera = CameraFeed(node, args.node, args.image_topic)
    server = PageServer(feed.watched, live, camera, args.host, args.port)
    server.start()
    try:
        # Standard output is for the emotions alone where programs read it.
        print(f'page: {server.address}', file=sys.stderr if args.json else None, flush=True)
        yield
    finally:
        server.stop()


def _watch(
    args: argparse.Namespace, node: Node, executor: SingleThreadedExecutor, viewer: Viewer
) -> int:
    remind_at = time.monotonic() + _FIRST_REMINDER_S
    pause_s = FIRST_REMINDER_S
    while not args.count or viewer.finals < args.count:
        executor.spin_once(timeout_sec=_SPIN_S)
        now = time.monotonic()
        if now > remind_at:
            if not node.count_publishers(viewer.topic):
                _say(f'waiting for a node that publishes {viewer.topic}{_others(node)}')
            remind_at = now + pause_s
            pause_s = min(2 * pause_s, LAST_REMINDER_S)
        if args.timeout and now - viewer.last_at > args.timeout:
            if viewer.finals:
                return 0
            _say(
                f'no emotion on {viewer.topic} within {args.timeout:g} s; does the node run, in '
                'this ROS_DOMAIN_ID, and does anybody speak?'
            )
            return 1
    return 0


def _others(node: Node) -> str:
    """Return a hint that names the topics on which emotions are published."""
    found = [
        topic
        for topic, types in node.get_topic_names_and_types()
        if _TYPE in types and node.count_publishers(topic) and not topic.endswith('/interim')
    ]
    if found:
        return f'; emotions are published on {", ".join(found)}: see --namespace and --topic'
    return '; no publisher found: does the node run, in this ROS_DOMAIN_ID?'


def _say(text: str) -> None:
    print(f'view: {text}', file=sys.stderr, flush=True)


def main(args: list[str] | None = None) -> int:
    """Run as a ROS executable, with `--ros-args` allowed."""
    return run_executable('view', sys.modules[__name__], args)


if __name__ == '__main__':
    sys.exit(main())
