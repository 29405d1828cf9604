"""Plays recordings on ROS topics: a `ros2 bag play` that needs rclpy and nothing else of ROS."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import rclpy
from rclpy.node import Node

from emotion_node.datatypes import NS_PER_S
from emotion_node.recordings.bag import Bag, BagError
from emotion_node.ros.executable import init_ros, run_executable
from emotion_node.ros.security import security_explained
from emotion_node.ros.tools.playback import Player

DESCRIPTION = """\
Play a rosbag2 recording, MCAP or SQLite, on ROS topics, with the time of the recording on /clock.

Messages are published as they were recorded, stamps included, with the reliability and
durability that their publishers offered. Start the subscribing nodes with use_sim_time:=true.
"""
EPILOG = """\
Examples:
  python -m emotion_node replay demo/conversation
  python -m emotion_node replay talk.mcap --rate 2 --remap /mic:=/audio --topics /mic
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('bag', type=Path, metavar='BAG', help='folder, .mcap or .db3 file')
    parser.add_argument(
        '--rate',
        type=_positive,
        default=1.0,
        help='speed as a multiple of real time (default 1)',
        metavar='R',
    )
    parser.add_argument('--loop', action='store_true', help='start again at the end')
    parser.add_argument(
        '--start-offset',
        type=_not_negative,
        default=0.0,
        metavar='S',
        help='skip the first seconds',
    )
    parser.add_argument(
        '--duration',
        type=_positive,
        metavar='S',
        help='stop after this many seconds of the recording',
    )
    parser.add_argument(
        '--clock',
        type=_not_negative,
        default=100.0,
        metavar='HZ',
        help='messages on /clock per second of the recording; 0 for no /clock (default 100)',
    )
    parser.add_argument(
        '--topics', nargs='+', default=[], metavar='NAME', help='play only these topics'
    )
    parser.add_argument(
        '--remap',
        action='append',
        default=[],
        metavar='FROM:=TO',
        help='publish a topic under another name; may be repeated',
    )
    parser.add_argument(
        '--wait-for-subscribers',
        type=_not_negative,
        default=5.0,
        metavar='S',
        help='wait up to this long until every topic has a subscriber, so that none misses the '
        'beginning (default 5)',
    )
    parser.add_argument('-q', '--quiet', action='store_true', help='show no progress')


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError(f'{text} is not a positive number')
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < float('inf'):
        raise argparse.ArgumentTypeError(f'{text} is negative')
    return value


def run(args: argparse.Namespace, ros_args: Sequence[str] = ()) -> int:
    """Play a bag.

    Args:
        args: arguments that `add_arguments` adds.
        ros_args: `--ros-args` and what follows it.

    Returns:
        0; or 1 when a part of the bag could not be read.

    Raises:
        BagError: it cannot be read, or no message of it can be played.
    """
    remaps = [part for rule in args.remap for part in ('-r', _remap(rule))]
    init_ros([*ros_args, '--ros-args', *remaps])
    try:
        with Bag(args.bag) as bag:
            with security_explained():
                node = rclpy.create_node('bag_player')
            try:
                _play(args, node, bag)
            finally:
                node.destroy_node()
            return 1 if bag.losses else 0
    finally:
        rclpy.try_shutdown()


def _play(args: argparse.Namespace, node: Node, bag: Bag) -> None:
    player = Player(node, bag, args.topics, clock=args.clock > 0)
    for line in player.skipped:
        _say(f'not played: {line}')
    said = [*bag.losses, *bag.remarks]
    for line in said:
        _say(line)
    unmatched = player.wait_for_subscribers(args.wait_for_subscribers)
    if unmatched and args.wait_for_subscribers:
        _say(f'nobody subscribes to {", ".join(unmatched)}; playing anyway')
    offset_ns = int(args.start_offset * NS_PER_S)
    length_ns = bag.end_ns - bag.start_ns
    if offset_ns > length_ns:
        raise BagError(
            f'{args.bag} is {length_ns / NS_PER_S:.1f} s long; --start-offset is beyond its end'
        )
    clock_ns = int(NS_PER_S / args.clock) if args.clock else 0
    end_ns = None
    if args.duration is not None:
        end_ns = bag.start_ns + offset_ns + int(args.duration * NS_PER_S)
    show = _progress_line(bag, args.rate) if sys.stderr.isatty() and not args.quiet else _nothing
    while True:
        player.play(args.rate, offset_ns, clock_ns, show, end_ns)
        for line in bag.losses:
            if line not in said:
                said.append(line)
                _say(line)
        if not player.published:
            raise BagError(f'{args.bag}: none of its {bag.message_count} messages was played')
        if not args.loop:
            break
    player.finish()
    if not args.quiet:
        _say(f'{player.published} messages played')


def _remap(rule: str) -> str:
    source, separator, target = rule.partition(':=')
    if not (source and separator and target):
        raise BagError(f'--remap {rule}: expected FROM:=TO, such as /mic/audio:=/audio')
    return rule


def _progress_line(bag: Bag, rate: float) -> Callable[[int], None]:
    length_s = (bag.end_ns - bag.start_ns) / NS_PER_S
    shown_s = -1.0

    def show(stamp_ns: int) -> None:
        nonlocal shown_s
        at_s = (stamp_ns - bag.start_ns) / NS_PER_S
        if abs(at_s - shown_s) >= 0.1 * rate:
            shown_s = at_s
            end = '\r' if at_s < length_s else '\n'
            print(f'\r{at_s:7.1f} of {length_s:.1f} s', end=end, file=sys.stderr, flush=True)

    return show


def _nothing(stamp_ns: int) -> None:
    """Show no progress."""


def _say(text: str) -> None:
    print(f'replay: {text}', file=sys.stderr, flush=True)


def main(args: list[str] | None = None) -> int:
    """Run as a ROS executable, with `--ros-args` allowed."""
    return run_executable('replay', sys.modules[__name__], args)


if __name__ == '__main__':
    sys.exit(main())
