"""The node's output topics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rclpy.duration import Duration
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from emotion_node.config import Config
from emotion_node.datatypes import (
    NS_PER_S,
    ClockSource,
    EmotionReport,
    FacesReport,
    Report,
    Trigger,
)
from emotion_node.display.face_annotations import TOPIC as ANNOTATIONS
from emotion_node.display.face_annotations import FaceAnnotations
from emotion_node.faces import SeenFace
from emotion_node.messages.foxglove_types import IMAGE_ANNOTATIONS
from emotion_node.messages.privacy import outgoing
from emotion_node.messages.reports import OUTPUT_TOPICS, Encoder
from emotion_node.ros.guarded_node import NO_EVENTS
from emotion_node.ros.message_types import message_class
from emotion_node.ros.optional_messages import wants_annotations

_QOS: Final = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
_IMAGE_QOS: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

_MAX_LATENCY_NS: Final = 30 * NS_PER_S
"""A longer time from the end of speech to its report means stamps of another clock."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The emotions published last.

    Attributes:
        final: of the last utterance that has ended.
        interim: of the utterance under way; None when there is no estimate of it.
    """

    final: EmotionReport | None = None
    interim: EmotionReport | None = None


def make_message(typename: str, **fields: Any) -> Any:
    """Make a message of rclpy (a `messages.MessageMaker`)."""
    return message_class(typename)(**fields)


class Outputs:
    """Publishes reports as messages.

    Args:
        node: node that publishes.
        now_ns: the node's clock.
        same_clock: returns whether that clock stamps the audio.
        config: parameters; what of the reports may leave the node, and whether to publish
            annotations of images for Foxglove, too.

    Attributes:
        encoder: makes messages of reports.
        latest: the emotions published last.
        faces: the faces in the last frame.
    """

    def __init__(
        self,
        node: LifecycleNode,
        now_ns: Callable[[], int],
        same_clock: Callable[[], bool],
        config: Config,
    ) -> None:
        self._node = node
        self._now_ns = now_ns
        self._same_clock = same_clock
        self._privacy = config.privacy
        self.encoder = Encoder(make_message)
        self.latest = Latest()
        self.faces: tuple[SeenFace, ...] = ()
        self._publishers: dict[str, Publisher] = {
            topic: node.create_lifecycle_publisher(
                message_class(type_name), topic, _QOS, event_callbacks=NO_EVENTS
            )
            for topic, type_name in OUTPUT_TOPICS.items()
        }
        self._debug_image = node.create_lifecycle_publisher(
            Image, 'debug_image', _IMAGE_QOS, event_callbacks=NO_EVENTS
        )
        self._annotations: FaceAnnotations | None = None
        if wants_annotations(config):
            kind = message_class(IMAGE_ANNOTATIONS)
            self._publishers[ANNOTATIONS] = node.create_lifecycle_publisher(
                kind, ANNOTATIONS, _QOS, event_callbacks=NO_EVENTS
            )
            fields = kind.get_fields_and_field_types()
            rotation = int(config.image.rotation)
            self._annotations = FaceAnnotations(make_message, fields, rotation)
        self._lock = threading.Lock()

    def publish(self, report: Report) -> Report | None:
        """Publish what may leave of a report on its topics, and return it."""
        shared = outgoing(report, self._privacy)
        if shared is None:
            return None
        report = shared
        latency_ns = None
        if isinstance(report, EmotionReport):
            latency_ns = self._latency_ns(report)
            final = report.trigger is Trigger.FINAL
            self.latest = Latest(report) if final else Latest(self.latest.final, report)
        elif isinstance(report, FacesReport):
            self.faces = report.faces
        for topic, message in self.encoder.encode(report, latency_ns):
            self._send(self._publishers[topic], message)
        if self._annotations is not None:
            self._annotate(self._annotations, report)
        return report

    @property
    def debug_image_wanted(self) -> bool:
        """Whether somebody subscribes to the debug image."""
        return bool(self._debug_image.get_subscription_count() > 0)

    def publish_debug_image(self, header: Any, image: npt.NDArray[np.uint8]) -> None:
        """Publish an image.

        Args:
            header: header of the frame that it was drawn on.
            image: (height, width, 3) uint8 BGR.
        """
        height, width, _ = image.shape
        message = Image(header=header, height=height, width=width, encoding='bgr8', step=3 * width)
        message.data.frombytes(np.ascontiguousarray(image).data)
        self._send(self._debug_image, message)

    def wait_until_received(self, timeout_s: float) -> None:
        """Wait until reliable subscribers have what was published.

        Args:
            timeout_s: longest wait, for all topics together.
        """
        deadline = time.monotonic() + timeout_s
        for publisher in self._publishers.values():
            left_s = max(deadline - time.monotonic(), 0.0)
            publisher.wait_for_all_acked(Duration(seconds=left_s))

    def destroy(self) -> None:
        """Take the topics off the graph."""
        with self._lock:
            for publisher in (*self._publishers.values(), self._debug_image):
                self._node.destroy_lifecycle_publisher(publisher)

    def _annotate(self, annotations: FaceAnnotations, report: Report) -> None:
        annotations.take(report)
        publisher = self._publishers[ANNOTATIONS]
        if isinstance(report, FacesReport) and publisher.get_subscription_count() > 0:
            self._send(publisher, annotations.message(report))

    def _send(self, publisher: Publisher, message: Any) -> None:
        with self._lock:
            try:
                publisher.publish(message)
            except rclpy_implementation.RCLError:
                # Ctrl-C shuts the middleware down while the threads still run for a moment.
                if self._node.context.ok():
                    raise

    def _latency_ns(self, report: EmotionReport) -> int | None:
        """Return the time since the end of speech; None where clocks differ."""
        if report.clock_source is ClockSource.HEADER and not self._same_clock():
            return None
        latency_ns = self._now_ns() - report.end_ns
        return latency_ns if 0 <= latency_ns <= _MAX_LATENCY_NS else None
