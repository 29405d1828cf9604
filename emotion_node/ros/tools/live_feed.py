"""Subscribes to what a node publishes, and to its camera, for the live page."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from emotion_msgs.msg import Emotion, FaceArray, SpeechActivity, Transcript
from emotion_node.datatypes import VideoFrame
from emotion_node.display.live_state import FaceBox, HealthEntry, LiveState
from emotion_node.display.plain_text import plain
from emotion_node.messages.audio import MessageError
from emotion_node.messages.emotion import decode_emotion
from emotion_node.messages.image import IMAGE_TYPES, decode_image
from emotion_node.messages.json_records import as_record
from emotion_node.page.frames import Encoded
from emotion_node.ros.message_types import message_class
from emotion_node.ros.qos import matching_qos

_QOS: Final = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)
_IMAGE_QOS: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_LEVELS: Final = {
    DiagnosticStatus.OK: 'ok',
    DiagnosticStatus.WARN: 'warn',
    DiagnosticStatus.STALE: 'stale',
    DiagnosticStatus.ERROR: 'error',
}
_JPEG_QUALITY: Final = 80
_BROWSER_TYPES: Final = ((b'\xff\xd8', 'image/jpeg'), (b'\x89PNG', 'image/png'))
"""How the formats begin that a browser takes as they are."""


class LiveFeed:
    """Fills a `LiveState` from a node's topics.

    Args:
        node: node that subscribes; its namespace is that of the node to be shown.
        watched: name of the node to be shown, without its namespace.
        state: what is filled.

    Attributes:
        watched: full name of the node to be shown.
    """

    def __init__(self, node: Node, watched: str, state: LiveState) -> None:
        self._state = state
        self.watched = f'{node.get_namespace().rstrip("/")}/{watched}'
        self._subscriptions = [
            node.create_subscription(Emotion, 'emotion/interim', self._take_emotion, _QOS),
            node.create_subscription(SpeechActivity, 'speech_activity', self._take_activity, 20),
            node.create_subscription(Transcript, 'transcript', self._take_words, 20),
            node.create_subscription(FaceArray, 'faces', self._take_faces, _QOS),
            node.create_subscription(DiagnosticArray, '/diagnostics', self._take_health, 10),
        ]

    def _take_emotion(self, message: Any) -> None:
        try:
            self._state.take_emotion(decode_emotion(plain(as_record(message))))
        except MessageError:
            return  # the view of the final emotions says what is wrong

    def _take_activity(self, message: Any) -> None:
        if message.state == SpeechActivity.STARTED:
            self._state.take_start(message.utterance_id)
        else:
            dropped = message.state == SpeechActivity.DROPPED
            self._state.take_end(message.utterance_id, dropped)

    def _take_words(self, message: Any) -> None:
        self._state.take_words(message.utterance_id, plain(message.text))

    def _take_faces(self, message: Any) -> None:
        faces = [
            FaceBox(
                plain(one.face_id),
                one.roi.x_offset,
                one.roi.y_offset,
                one.roi.width,
                one.roi.height,
                one.speaking_score,
            )
            for one in message.faces
        ]
        self._state.take_faces(faces, message.reason)

    def _take_health(self, message: Any) -> None:
        entries = [
            HealthEntry(one.name.rpartition(': ')[2], _LEVELS.get(one.level, 'error'), one.message)
            for one in message.status
            if one.hardware_id == self.watched
        ]
        if entries:
            self._state.take_health(entries, time.monotonic())


class CameraFeed:
    """The camera that a node uses, subscribed to only while a page is open (a `FrameSource`).

    Args:
        node: node that subscribes.
        watched: name of the node whose camera it is, without its namespace.
        topic: of the images; empty for the one that the node subscribes to.
    """

    def __init__(self, node: Node, watched: str, topic: str) -> None:
        self._node = node
        self._watched = watched
        self._topic = topic
        self._is_watched = False
        self._subscription: Subscription | None = None
        self._lock = threading.Lock()
        self._message: Any = None
        self._number = 0
        self._rotation = 0
        self._parameters = AsyncParameterClient(
            node, f'{node.get_namespace().rstrip("/")}/{watched}'
        )
        node.create_timer(1.0, self._connect)

    def watch(self, watched: bool) -> None:
        """Note whether any page is open."""
        self._is_watched = watched

    def newest(self) -> int:
        """Return the number of the newest frame, from 1 on; 0 when there is none."""
        return self._number

    def encoded(self) -> Encoded | None:
        """Return the newest frame for a browser; None when there is none, or it is damaged."""
        with self._lock:
            message, rotation = self._message, self._rotation
        if message is None:
            return None
        if isinstance(message, CompressedImage) and not rotation:
            data = bytes(message.data)
            for begin, media_type in _BROWSER_TYPES:
                if data.startswith(begin):
                    return Encoded(data, media_type)
        try:
            frame: VideoFrame = decode_image(message, 0).turned(rotation)
            pixels: np.ndarray[Any, np.dtype[np.uint8]] = frame.decode()
        except MessageError:
            return None  # the node's diagnostics say what is wrong
        _, jpeg = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        return Encoded(jpeg.tobytes(), 'image/jpeg')

    def _connect(self) -> None:
        """Subscribe while a page is open, and not otherwise."""
        if not self._is_watched:
            if self._subscription is not None:
                self._node.destroy_subscription(self._subscription)
                self._subscription = None
            return
        if self._subscription is not None:
            return
        topic, kind = self._find()
        if topic:
            self._ask_rotation()
            publishers = self._node.get_publishers_info_by_topic(topic)
            self._subscription = self._node.create_subscription(
                message_class(kind), topic, self._take, matching_qos(_IMAGE_QOS, publishers)
            )

    def _find(self) -> tuple[str, str]:
        """Return the topic and type of the images; empty when none is known yet."""
        if self._topic:
            wanted = self._node.resolve_topic_name(self._topic)
            found = self._node.get_topic_names_and_types()
        else:
            wanted = ''
            names = self._node.get_node_names_and_namespaces()
            namespace = self._node.get_namespace()
            if (self._watched, namespace) not in names:
                return '', ''
            found = self._node.get_subscriber_names_and_types_by_node(self._watched, namespace)
        for name, kinds in found:
            images = [kind for kind in kinds if kind in IMAGE_TYPES]
            if images and wanted in ('', name):
                return name, images[0]
        return '', ''

    def _ask_rotation(self) -> None:
        if not self._parameters.services_are_ready():
            return
        future = self._parameters.get_parameters(['image.rotation'])
        future.add_done_callback(self._take_rotation)

    def _take_rotation(self, future: Any) -> None:
        values = future.result().values if future.exception() is None else ()
        self._rotation = int(values[0].string_value or 0) if values else 0

    def _take(self, message: Image | CompressedImage) -> None:
        with self._lock:
            self._message = message
            self._number += 1
