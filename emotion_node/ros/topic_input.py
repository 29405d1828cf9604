"""One input topic: its subscription, and what is known of its publishers and messages."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import (
    QoSCompatibility,
    QoSProfile,
    qos_check_compatible,
)
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

from emotion_node.datatypes import ClockSource
from emotion_node.messages.audio import MessageError
from emotion_node.ros.message_types import message_class
from emotion_node.ros.periods import LOG_PERIOD_S
from emotion_node.ros.qos import matching_qos, override_options

_RATE_WINDOW_S: Final = 5.0
_MIN_LAG_S: Final = -0.1
_MAX_LAG_S: Final = 5.0
"""Data that is older than this at receipt, or from the future, has stamps of another clock."""


@dataclass(slots=True)
class InputHealth:
    """What is known of one input topic; written by callbacks, read by diagnostics.

    Attributes:
        topic: fully qualified.
        expected_types: message types that can be used.
        timeout_s: time without a message after which the input is reported as lost.
        type_name: message type subscribed to; empty while there is no subscription.
        problem: why there can be no subscription; empty when there is no problem.
        publishers: node names of the publishers found, of the type subscribed to if there are any.
        ignored: types and node names of publishers of other types; empty if there are none.
        published_types: message types of all publishers.
        qos_mismatch: why the messages of a publisher do not arrive; empty when they can.
        messages: number received.
        rejected: number of messages that could not be used.
        last_rejection: why the last of these could not be used.
        last_rejection_at: when that was, by the steady clock in seconds.
        lag_s: age of the last message's data at receipt, by the node's clock.
        clock_source: who stamped the last message.
        rate_problem: what is wrong with the sample rate; empty when nothing is.
        format_problem: why the format of the audio is assumed; empty when it is stated.
        clock_problem: what is wrong with simulated time; empty when nothing is.
        arrivals: when the last messages arrived, by the steady clock in seconds.
    """

    topic: str
    expected_types: Sequence[str]
    timeout_s: float
    type_name: str = ''
    problem: str = ''
    publishers: Sequence[str] = ()
    ignored: str = ''
    published_types: Sequence[str] = ()
    qos_mismatch: str = ''
    messages: int = 0
    rejected: int = 0
    last_rejection: str = ''
    last_rejection_at: float = float('-inf')
    lag_s: float = 0.0
    clock_source: ClockSource = ClockSource.HEADER
    rate_problem: str = ''
    format_problem: str = ''
    clock_problem: str = ''
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    @property
    def same_clock(self) -> bool:
        """Whether the stamps seem to come from the clock of this node."""
        return self.clock_source is ClockSource.RECEIPT or _MIN_LAG_S <= self.lag_s <= _MAX_LAG_S

    def note_arrival(self, now: float) -> None:
        """Count a message that arrived at `now`, by the steady clock in seconds."""
        self.messages += 1
        self.arrivals.append(now)

    def note_rejection(self, reason: str, now: float) -> None:
        """Count a message that cannot be used."""
        self.rejected += 1
        self.last_rejection = reason
        self.last_rejection_at = now

    def message_rate(self, now: float) -> float:
        """Return messages per second over the last seconds."""
        recent = [one for one in list(self.arrivals) if one > now - _RATE_WINDOW_S]
        return (len(recent) - 1) / max(now - recent[0], 1e-3) if len(recent) > 1 else 0.0

    def age_s(self, now: float) -> float:
        """Return seconds since the last message; infinite before the first."""
        return now - self.arrivals[-1] if self.arrivals else float('inf')


class TopicInput:
    """One input topic, with the reliability that its publishers offer.

    The user may override history, depth and reliability (`qos_overrides` of rclpy).

    Args:
        node: node that subscribes.
        topic: name, fully qualified.
        qos: least quality of service that is requested.
        expected_types: message types that can be used.
        timeout_s: time without a message after which the input is reported as lost.
    """

    def __init__(
        self,
        node: LifecycleNode,
        topic: str,
        qos: QoSProfile,
        expected_types: Sequence[str],
        timeout_s: float,
    ) -> None:
        self._node = node
        self._minimum = qos
        self._followed = qos.reliability
        self._endpoints: Sequence[TopicEndpointInfo] = ()
        self._subscriptions: list[Subscription] = []
        self.health = InputHealth(topic, expected_types, timeout_s)

    def refresh(self) -> None:
        """Look up who publishes here, of what type and with what quality of service."""
        self._endpoints = self._node.get_publishers_info_by_topic(self.health.topic)
        self.health.published_types = sorted({one.topic_type for one in self._endpoints})
        self._assess()

    def _assess(self) -> None:
        """Find out which publishers the subscription receives."""
        used = self._of_type(self.health.type_name) or self._endpoints
        others = [one for one in self._endpoints if one not in used]
        self.health.publishers = [_full_name(one) for one in used]
        ignored = ', '.join(f'{one.topic_type} by {_full_name(one)}' for one in others)
        if ignored and ignored != self.health.ignored:
            self._node.get_logger().warning(
                f'{self.health.topic} also carries {ignored}, which is not received: a topic can '
                'have one type only; remap one of them'
            )
        self.health.ignored = ignored
        self.health.qos_mismatch = ''
        for one in used if self._subscriptions else ():
            requested = self._subscriptions[0].qos_profile
            compatible, reason = qos_check_compatible(one.qos_profile, requested)
            if compatible == QoSCompatibility.ERROR:
                self.health.qos_mismatch = f'{one.node_name}: {reason}'

    def _of_type(self, type_name: str) -> list[TopicEndpointInfo]:
        return [one for one in self._endpoints if one.topic_type == type_name]

    def _connect(self, type_name: str, callback: Callable[[Any], None]) -> bool:
        """Subscribe as the publishers of a type offer it, unless that is so already.

        Args:
            type_name: message type.
            callback: called with every message.

        Returns:
            Whether there is a new subscription.

        Raises:
            MessageError: the type is not installed.
        """
        publishers = self._of_type(type_name)
        qos = matching_qos(self._minimum, publishers)
        if type_name == self.health.type_name and (
            not publishers or qos.reliability == self._followed
        ):
            return False
        self.unsubscribe()
        self._followed = qos.reliability
        self._subscribe(type_name, self.health.topic, callback, qos)
        self.health.type_name = type_name
        self._assess()
        return True

    def unsubscribe(self) -> None:
        """End the subscription."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self.health.type_name = ''

    def _subscribe(
        self, type_name: str, topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        self._subscriptions.append(
            self._node.create_subscription(
                message_class(type_name),
                topic,
                callback,
                qos,
                qos_overriding_options=override_options(self._node, topic),
            )
        )

    def _reject(self, error: MessageError) -> None:
        self.health.note_rejection(str(error), time.monotonic())
        self._node.get_logger().error(
            f'{self.health.topic}: {error}', throttle_duration_sec=LOG_PERIOD_S
        )

    def _set_problem(self, text: str) -> None:
        if text and text != self.health.problem:
            self._node.get_logger().error(text)
        self.health.problem = text


def _full_name(endpoint: TopicEndpointInfo) -> str:
    return f'{endpoint.node_namespace.rstrip("/")}/{endpoint.node_name}'
