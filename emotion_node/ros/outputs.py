"""The node's output topics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from emotion_node.datatypes import (
    ClockSource,
    EmotionReport,
    FacesReport,
    Report,
    Trigger,
)
from emotion_node.faces import SeenFace
from emotion_node.messages.reports import OUTPUT_TOPICS, Encoder
from emotion_node.ros.topic_input import message_class

QOS: Final = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
IMAGE_QOS: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

_MAX_LATENCY_NS = 30_000_000_000
"""A longer way from the end of speech to its report means stamps of another clock."""


@dataclass(frozen=True, slots=True)
class Latest:
    """What was told last, for the debug image."""

    final: EmotionReport | None = None
    interim: EmotionReport | None = None


def make_message(typename: str, **fields: Any) -> Any:
    """Make a message of rclpy (a `messages.MessageMaker`)."""
    return message_class(typename)(**fields)


class Outputs:
    """Publishes reports as messages.

    Args:
        node: whose publishers they are.
        now_ns: the node's clock.
        same_clock: whether the audio is stamped by that clock.

    Attributes:
        latest: the emotions told last.
        faces: those in the last image.
        published: messages, by topic.
    """

    def __init__(
        self, node: LifecycleNode, now_ns: Callable[[], int], same_clock: Callable[[], bool]
    ) -> None:
        self._node = node
        self._now_ns = now_ns
        self._same_clock = same_clock
        self.encoder = Encoder(make_message)
        self.latest = Latest()
        self.faces: tuple[SeenFace, ...] = ()
        self.published: dict[str, int] = dict.fromkeys(OUTPUT_TOPICS, 0)
        self._publishers: dict[str, Publisher] = {
            topic: node.create_lifecycle_publisher(message_class(type_name), topic, QOS)
            for topic, type_name in OUTPUT_TOPICS.items()
        }
        self._debug_image = node.create_lifecycle_publisher(Image, 'debug_image', IMAGE_QOS)
        self._lock = threading.Lock()

    def tell(self, report: Report) -> None:
        """Publish a report on its topics."""
        latency_ns = None
        if isinstance(report, EmotionReport):
            latency_ns = self._latency(report)
            final = report.trigger is Trigger.FINAL
            self.latest = Latest(report) if final else Latest(self.latest.final, report)
        elif isinstance(report, FacesReport):
            self.faces = report.faces
        for topic, message in self.encoder.encode(report, latency_ns):
            self._publish(self._publishers[topic], message)
            self.published[topic] += 1

    @property
    def debug_image_wanted(self) -> bool:
        """Whether somebody looks at the debug image."""
        return bool(self._debug_image.get_subscription_count() > 0)

    def debug_image(self, header: Any, image: npt.NDArray[np.uint8]) -> None:
        """Publish an image, (height, width, 3) uint8 BGR."""
        height, width, _ = image.shape
        message = Image(header=header, height=height, width=width, encoding='bgr8', step=3 * width)
        message.data.frombytes(np.ascontiguousarray(image).data)
        self._publish(self._debug_image, message)

    def destroy(self) -> None:
        """Take the topics off the graph."""
        with self._lock:
            for publisher in (*self._publishers.values(), self._debug_image):
                self._node.destroy_lifecycle_publisher(publisher)

    def _publish(self, publisher: Publisher, message: Any) -> None:
        with self._lock:
            try:
                publisher.publish(message)
            except rclpy_implementation.RCLError:
                # Ctrl-C takes the middleware away under the threads, which end a moment later.
                if self._node.context.ok():
                    raise

    def _latency(self, report: EmotionReport) -> int | None:
        if report.clock_source is ClockSource.HEADER and not self._same_clock():
            return None
        latency_ns = self._now_ns() - report.end_ns
        return latency_ns if 0 <= latency_ns <= _MAX_LATENCY_NS else None
