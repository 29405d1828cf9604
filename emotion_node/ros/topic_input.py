"""One input topic: what is known of it, and how it is subscribed to."""

from __future__ import annotations

import importlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import (
    QoSCompatibility,
    QoSProfile,
    qos_check_compatible,
    qos_policy_name_from_kind,
)
from rclpy.subscription import Subscription

from emotion_node.datatypes import ClockSource
from emotion_node.messages.audio import AUDIO_TYPES, MessageError
from emotion_node.ros.periods import LOG_PERIOD_S

_RATE_WINDOW_S = 5.0


@dataclass(slots=True)
class InputHealth:
    """What is known of one input topic; written by callbacks, read by diagnostics.

    Attributes:
        topic: fully qualified.
        wanted: message types that will do.
        timeout_s: silence after which the input counts as dead.
        type_name: message type subscribed to; empty while there is none.
        problem: why nothing can be subscribed to; empty when all is well.
        publishers: node names of the publishers found.
        found_types: message types of these publishers.
        qos: why a publisher's messages do not arrive; empty when they can.
        messages: number received.
        bad: number that could not be used.
        last_bad: why the last one of them could not.
        last_bad_at: when that was, by the steady clock in seconds.
        lag_s: age of the last message's data at its receipt, by the node's clock.
        clock_source: who stamped the last message.
        wrong_rate: what is wrong with the sample rate; empty when nothing is.
    """

    topic: str
    wanted: Sequence[str]
    timeout_s: float
    type_name: str = ''
    problem: str = ''
    publishers: Sequence[str] = ()
    found_types: Sequence[str] = ()
    qos: str = ''
    messages: int = 0
    bad: int = 0
    last_bad: str = ''
    last_bad_at: float = float('-inf')
    lag_s: float = 0.0
    clock_source: ClockSource = ClockSource.HEADER
    wrong_rate: str = ''
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    def arrived(self, now: float) -> None:
        """Count a message, at a time of the steady clock in seconds."""
        self.messages += 1
        self.arrivals.append(now)

    def rate(self, now: float) -> float:
        """Return messages per second over the last seconds."""
        recent = [one for one in list(self.arrivals) if one > now - _RATE_WINDOW_S]
        return (len(recent) - 1) / max(now - recent[0], 1e-3) if len(recent) > 1 else 0.0

    def age(self, now: float) -> float:
        """Return seconds since the last message; infinite before the first."""
        return now - self.arrivals[-1] if self.arrivals else float('inf')

    def refuse(self, why: str, now: float) -> None:
        """Count a message that cannot be used."""
        self.bad += 1
        self.last_bad = why
        self.last_bad_at = now


def message_class(type_name: str) -> Any:
    """Return the class of a message type such as "std_msgs/msg/Bool".

    Raises:
        MessageError: the name is no message type, or its package is not installed.
    """
    try:
        package, kind, name = type_name.split('/')
    except ValueError:
        package, kind, name = '', '', ''
    if kind != 'msg' or not package or not name:
        raise MessageError(
            f'{type_name!r} is no message type; expected a name like "{AUDIO_TYPES[0]}"'
        )
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise MessageError(
            f'message type {type_name} is not installed here; install ros-$ROS_DISTRO-'
            f'{package.replace("_", "-")} or build its package into this workspace, and source it'
        ) from error


class Input:
    """One input topic.

    Args:
        node: whose subscriptions they are.
        topic: name, relative to the node's namespace.
        qos: asked of publishers.
        wanted: message types that will do.
        timeout_s: silence after which the input counts as dead.
    """

    def __init__(
        self,
        node: LifecycleNode,
        topic: str,
        qos: QoSProfile,
        wanted: Sequence[str],
        timeout_s: float,
    ) -> None:
        self._node = node
        self._qos = qos
        self._subscriptions: list[Subscription] = []
        self.health = InputHealth(topic, wanted, timeout_s)

    def look(self) -> None:
        """Look at the graph: who publishes here, of what type, with what quality of service."""
        endpoints = self._node.get_publishers_info_by_topic(self.health.topic)
        self.health.publishers = [
            f'{one.node_namespace.rstrip("/")}/{one.node_name}' for one in endpoints
        ]
        self.health.found_types = sorted({one.topic_type for one in endpoints})
        self.health.qos = ''
        for one in endpoints:
            compatible, reason = qos_check_compatible(one.qos_profile, self._qos)
            if compatible == QoSCompatibility.ERROR:
                self.health.qos = f'{one.node_name}: {reason}'

    def unsubscribe(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self.health.type_name = ''

    def _subscribe(
        self, type_name: str, topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        events = SubscriptionEventCallbacks(
            incompatible_qos=lambda event: self._on_incompatible_qos(topic, event)
        )
        self._subscriptions.append(
            self._node.create_subscription(
                message_class(type_name), topic, callback, qos, event_callbacks=events
            )
        )

    def _on_incompatible_qos(self, topic: str, event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        self._node.get_logger().warning(
            f'a publisher on {topic} offers less than was asked for ({policy}); see '
            f'"ros2 topic info --verbose {topic}"'
        )

    def _refuse(self, error: MessageError) -> None:
        self.health.refuse(str(error), time.monotonic())
        self._node.get_logger().error(
            f'{self.health.topic}: {error}', throttle_duration_sec=LOG_PERIOD_S
        )

    def _problem(self, text: str) -> None:
        if text and text != self.health.problem:
            self._node.get_logger().error(text)
        self.health.problem = text
