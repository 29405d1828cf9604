"""Publishers of topics that come and go with those they are about."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from typing import Any, Final

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy

from emotion_node.ros.message_types import message_class
from emotion_node.ros.periods import LOG_PERIOD_S

_QOS: Final = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
_ID: Final = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
"""What an id has to be like to be a part of the name of a topic."""


def usable(node: Node, ids: Iterable[str]) -> list[str]:
    """Return those ids, from another node, that can be a part of the name of a topic."""
    given = list(ids)
    usable_ids = [one for one in given if _ID.fullmatch(one)]
    if len(usable_ids) < len(given):
        refused = sorted(set(given) - set(usable_ids))
        node.get_logger().warning(
            f'ids {", ".join(map(repr, refused))} below /humans are ignored: the name of a topic '
            'in ROS 2 takes letters, digits and underscores, and begins with no digit',
            throttle_duration_sec=LOG_PERIOD_S,
        )
    return usable_ids


class Topics:
    """Publishers by topic; may be used by several threads.

    Args:
        node: node that publishes.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publishers: dict[str, Publisher] = {}
        self._closed = False
        self._lock = threading.Lock()

    def open(self, topic: str, type_name: str) -> None:
        """Put a topic on the graph, unless it is there."""
        with self._lock:
            if topic not in self._publishers and not self._closed:
                self._publishers[topic] = self._node.create_publisher(
                    message_class(type_name), topic, _QOS
                )

    def close(self, topic: str) -> None:
        """Take a topic off the graph."""
        with self._lock:
            publisher = self._publishers.pop(topic, None)
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def wanted(self, topic: str) -> bool:
        """Return whether somebody subscribes to a topic."""
        with self._lock:
            publisher = self._publishers.get(topic)
            return publisher is not None and publisher.get_subscription_count() > 0

    def send(self, topic: str, message: Any) -> None:
        """Publish on a topic that is open; otherwise nothing happens."""
        with self._lock:
            publisher = self._publishers.get(topic)
            if publisher is None:
                return
            try:
                publisher.publish(message)
            except rclpy_implementation.RCLError:
                if self._node.context.ok():  # otherwise Ctrl-C has shut the middleware down
                    raise

    def close_all(self) -> None:
        """Take all topics off the graph, for good."""
        with self._lock:
            self._closed = True
            while self._publishers:
                _, publisher = self._publishers.popitem()
                self._node.destroy_publisher(publisher)
