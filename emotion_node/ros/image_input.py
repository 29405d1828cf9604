"""The image topic: subscribing and converting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from emotion_node.config import ImageConfig
from emotion_node.datatypes import NS_PER_S, VideoFrame
from emotion_node.messages.audio import MessageError
from emotion_node.messages.image import IMAGE_TYPES, decode_image
from emotion_node.ros.topic_input import TopicInput

_QOS: Final = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
_COMPRESSED: Final = '/compressed'


def image_topic(node: Node, config: ImageConfig) -> str:
    """Return the full name of the image topic of a node."""
    topic = node.resolve_topic_name('image')
    if config.transport == 'compressed' and not topic.endswith(_COMPRESSED):
        return node.resolve_topic_name(topic + _COMPRESSED)
    return topic


class ImageInput(TopicInput):
    """The image topic.

    Args:
        node: node that subscribes.
        config: parameters; transport is not "off".
        on_frame: called with every frame and the header of its message.
    """

    def __init__(
        self,
        node: LifecycleNode,
        config: ImageConfig,
        on_frame: Callable[[VideoFrame, Any], None],
    ) -> None:
        expected = IMAGE_TYPES[config.transport == 'compressed']
        super().__init__(node, image_topic(node, config), _QOS, (expected,), config.timeout)
        self._on_frame = on_frame
        self._rotation = int(config.rotation)

    def refresh(self) -> None:
        """Look up the publishers, and subscribe with the reliability that they offer."""
        super().refresh()
        expected = self.health.expected_types[0]
        if expected in self.health.published_types:
            self._connect(expected, self._on_message)
        published = self.health.published_types
        if not published or expected in published:
            self._set_problem('')
            return
        text = f'{self.health.topic} carries {", ".join(published)}, expected {expected}'
        if set(published) & set(IMAGE_TYPES):
            other = 'compressed' if IMAGE_TYPES[1] in published else 'raw'
            text += f': set image.transport to {other!r}'
        self._set_problem(text)

    def _on_message(self, message: Any) -> None:
        self.health.note_arrival(time.monotonic())
        receipt_ns = self._node.get_clock().now().nanoseconds
        try:
            frame = decode_image(message, receipt_ns).turned(self._rotation)
        except MessageError as error:
            self._reject(error)
            return
        self.health.lag_s = (receipt_ns - frame.stamp_ns) / NS_PER_S
        self._on_frame(frame, message.header)
