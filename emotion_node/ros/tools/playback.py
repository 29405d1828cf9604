"""Publishes the messages of a recording at the speed of the recording.

Messages are published as they were recorded, byte for byte; their stamps are not changed either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosReliability
from rosgraph_msgs.msg import Clock

from emotion_node.datatypes import NS_PER_S
from emotion_node.messages.audio import MessageError
from emotion_node.messages.stamps import ns_to_stamp
from emotion_node.recordings.bag import Bag, BagError
from emotion_node.recordings.bag_files import CDR, Message, Topic
from emotion_node.ros.message_types import message_class

_DEFAULT_DEPTH: Final = 100
_DISCOVERY_S: Final = 0.2
"""A publisher may discover a match earlier than its subscriber, by up to this time."""


def offered_qos(topic: Topic) -> QoSProfile:
    """Return the quality of service to play a topic with: that of its first recorded publisher.

    A recorded depth of 0 means unknown. Without a record, it is that of sensor data.
    """
    if not topic.qos:
        return qos_profile_sensor_data
    recorded: Qos = topic.qos[0]
    best_effort = recorded.reliability is QosReliability.BEST_EFFORT
    transient = recorded.durability is QosDurability.TRANSIENT_LOCAL
    keep_all = recorded.history is QosHistory.KEEP_ALL
    return QoSProfile(
        history=HistoryPolicy.KEEP_ALL if keep_all else HistoryPolicy.KEEP_LAST,
        depth=max(recorded.depth, _DEFAULT_DEPTH),
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if transient else DurabilityPolicy.VOLATILE,
    )


@dataclass(frozen=True, slots=True)
class _Tick:
    """A time at which /clock is published."""

    stamp_ns: int


def with_clock(
    messages: Iterator[Message], start_ns: int, period_ns: int
) -> Iterator[Message | _Tick]:
    """Yield messages and the ticks of /clock between them, in order.

    Args:
        messages: messages, roughly in the order of their stamps.
        start_ns: time of the first tick.
        period_ns: time between ticks; 0 for no ticks.
    """
    tick_ns = start_ns
    for message in messages:
        while period_ns and tick_ns <= message.stamp_ns:
            yield _Tick(tick_ns)
            tick_ns += period_ns
        yield message
    if period_ns:
        yield _Tick(tick_ns)


class Player:
    """Publishes a bag's messages.

    Args:
        node: node that publishes.
        bag: an open bag.
        topics: names of the topics to play; all when empty.
        clock: whether to publish /clock.

    Attributes:
        skipped: a line for each topic that cannot be played, with the reason.
        published: number of messages so far.

    Raises:
        BagError: a topic is not in the bag, or no topic can be played.
    """

    def __init__(self, node: Node, bag: Bag, topics: Sequence[str], clock: bool) -> None:
        self.skipped: list[str] = []
        self.published = 0
        self._node = node
        self._bag = bag
        self._publishers: dict[str, Publisher] = {}
        self._clock: Publisher | None = None
        chosen = [bag.choose(name, (), 'topic', '--topics') for name in topics]
        for topic in chosen or bag.topics.values():
            assert topic is not None
            if topic.encoding != CDR:
                self.skipped.append(f'{topic.name}: it is recorded as {topic.encoding}, not CDR')
                continue
            try:
                kind = message_class(topic.msgtype)
            except MessageError as error:
                self.skipped.append(f'{topic.name}: {error}')
                continue
            self._publishers[topic.name] = node.create_publisher(
                kind, topic.name, offered_qos(topic)
            )
        if not self._publishers:
            raise BagError(
                f'{bag.path}: there is nothing to play: {"; ".join(self.skipped) or "no topics"}'
            )
        if clock:
            self._clock = node.create_publisher(Clock, '/clock', 10)

    def wait_for_subscribers(self, timeout_s: float) -> list[str]:
        """Wait until every topic has a subscriber.

        Returns:
            The topics that had no subscriber in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            unmatched = [
                publisher.topic_name
                for publisher in self._publishers.values()
                if publisher.get_subscription_count() == 0
            ]
            left_s = deadline - time.monotonic()
            if not unmatched or left_s <= 0:
                break
            time.sleep(min(0.02, left_s))
        if len(unmatched) < len(self._publishers):
            time.sleep(_DISCOVERY_S)
        return unmatched

    def play(
        self,
        rate: float,
        offset_ns: int,
        clock_period_ns: int,
        progress: Callable[[int], None],
        end_ns: int | None = None,
    ) -> None:
        """Publish everything once, at the speed of the recording.

        Args:
            rate: speed as a multiple of real time.
            offset_ns: length of the beginning to skip.
            clock_period_ns: time between messages on /clock; 0 for no /clock.
            progress: called with the time of the recording that has been reached.
            end_ns: time of the recording at which to stop; None for its end.
        """
        start_ns = self._bag.start_ns + offset_ns
        begin = time.monotonic_ns()
        messages = (
            message
            for message in self._bag.messages(self._publishers)
            if start_ns <= message.stamp_ns and (end_ns is None or message.stamp_ns < end_ns)
        )
        for event in with_clock(messages, start_ns, clock_period_ns):
            due = begin + int((event.stamp_ns - start_ns) / rate)
            wait_ns = due - time.monotonic_ns()
            if wait_ns > 0:
                time.sleep(wait_ns / NS_PER_S)
            if isinstance(event, _Tick):
                self._tick(event.stamp_ns)
                progress(event.stamp_ns)
            else:
                self._publishers[event.topic].publish(bytes(event.data))
                self.published += 1

    def finish(self, timeout_s: float = 5.0) -> None:
        """Wait until reliable subscribers have received everything."""
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=timeout_s))

    def _tick(self, stamp_ns: int) -> None:
        if self._clock is not None:
            message = Clock()
            message.clock.sec, message.clock.nanosec = ns_to_stamp(stamp_ns)
            self._clock.publish(message)
