"""The audio and image topics: finding their types, subscribing, converting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from emotion_node.config import AudioConfig, ImageConfig
from emotion_node.core.hearing.rate_check import RateCheck
from emotion_node.datatypes import AudioChunk, ClockSource, VideoFrame
from emotion_node.messages.audio import (
    AUDIO_INFO_TYPE,
    AUDIO_TYPES,
    AudioFormat,
    MessageError,
    audio_format,
    decode_audio,
)
from emotion_node.messages.image import IMAGE_TYPES, decode_image
from emotion_node.ros.topic_input import Input, message_class

AUDIO_QOS: Final = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Sensor data, but deep enough that no audio is lost while the executor is busy for a second."""

INFO_QOS: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
IMAGE_QOS: Final = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)

_COMPRESSED = '/compressed'
_NS_PER_S = 1e9


def matching(
    least: QoSProfile, publishers: Sequence[TopicEndpointInfo], latched: bool = False
) -> QoSProfile:
    """Return `least`, raised to reliable where every publisher offers that.

    Args:
        least: what is asked for in any case.
        publishers: of the topic.
        latched: whether to ask also for what was published before, where that is offered.
    """
    offered = [one.qos_profile for one in publishers]
    reliable = offered and all(one.reliability == ReliabilityPolicy.RELIABLE for one in offered)
    kept = (
        latched
        and reliable
        and all(one.durability == DurabilityPolicy.TRANSIENT_LOCAL for one in offered)
    )
    return QoSProfile(
        depth=least.depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else least.reliability,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if kept else least.durability,
    )


class AudioInput(Input):
    """The audio topic, whose type is set or found on the graph.

    Args:
        node: whose subscription it is.
        config: parameters.
        hear: what is done with audio.
        on_frame_id: told the frame of the microphone whenever it changes.
    """

    def __init__(
        self,
        node: LifecycleNode,
        config: AudioConfig,
        hear: Callable[[AudioChunk], None],
        on_frame_id: Callable[[str], None],
    ) -> None:
        wanted = AUDIO_TYPES if config.type == 'auto' else (config.type,)
        super().__init__(node, node.resolve_topic_name('audio'), AUDIO_QOS, wanted, config.timeout)
        self._config = config
        self._hear = hear
        self._on_frame_id = on_frame_id
        self._frame_id = ''
        self._format: AudioFormat | None = None
        self._rate_check = RateCheck()
        if config.type == 'auto':
            node.get_logger().info(f'waiting for audio on {self.health.topic}')

    def look(self) -> None:
        """Look at the graph, and subscribe to the type that is published."""
        super().look()
        self._check_rate()
        found = self.health.found_types
        if self._config.type != 'auto':
            self._listen_to(self._config.type)
            if found and self._config.type not in found:
                self._problem(
                    f'{self.health.topic} carries {", ".join(found)}, but audio.type is '
                    f'{self._config.type}: set audio.type to "auto" or to what is published'
                )
            return
        known = [one for one in AUDIO_TYPES if one in found]
        if known:
            self._listen_to(known[0])
        elif found:
            self._problem(
                f'{self.health.topic} carries {", ".join(found)}, which is no audio; known are '
                f'{", ".join(AUDIO_TYPES)}'
            )

    def _listen_to(self, type_name: str) -> None:
        qos = matching(AUDIO_QOS, self._node.get_publishers_info_by_topic(self.health.topic))
        same_type = type_name == self.health.type_name
        if same_type and (qos.reliability == self._qos.reliability or not self.health.qos):
            self._problem('')
            return
        self.unsubscribe()
        self._qos, self.health.qos = qos, ''
        self._format = None
        try:
            self._subscribe(type_name, self.health.topic, self._on_audio, qos)
            if type_name in (AUDIO_TYPES[2], AUDIO_TYPES[3]) and hasattr(
                message_class(AUDIO_INFO_TYPE), 'coding_format'
            ):
                self._subscribe_info()
        except MessageError as error:
            self._problem(str(error))
            return
        self._problem('')
        self.health.type_name = type_name
        self._node.get_logger().info(f'hearing {self.health.topic} ({type_name})')

    def _subscribe_info(self) -> None:
        topic = self._node.resolve_topic_name('audio_info')
        if topic == self._node.resolve_topic_name('audio_info', only_expand=True):
            # Not remapped: it stands beside the audio.
            topic = self.health.topic.rsplit('/', 1)[0] + '/audio_info'
        publishers = self._node.get_publishers_info_by_topic(topic)
        qos = matching(INFO_QOS, publishers, latched=True)
        self._subscribe(AUDIO_INFO_TYPE, topic, self._on_info, qos)

    def _on_info(self, message: Any) -> None:
        try:
            self._format = audio_format(message)
        except MessageError as error:
            self._refuse(error)

    def _on_audio(self, message: Any) -> None:
        self.health.arrived(time.monotonic())
        receipt_ns = self._node.get_clock().now().nanoseconds
        try:
            chunk = decode_audio(message, receipt_ns, self._config, self._format)
            if chunk.clock_source is ClockSource.RECEIPT and receipt_ns == 0:
                raise MessageError(
                    'audio without a stamp, and no time on /clock yet although use_sim_time is set'
                )
        except MessageError as error:
            self._refuse(error)
            return
        header = getattr(message, 'header', None)
        if header is not None and header.frame_id != self._frame_id:
            self._frame_id = header.frame_id
            self._on_frame_id(header.frame_id)
        self.health.lag_s = (receipt_ns - chunk.stamp_ns - chunk.duration_ns) / _NS_PER_S
        self.health.clock_source = chunk.clock_source
        self._rate_check.add(chunk)
        self._hear(chunk)

    def _check_rate(self) -> None:
        """Compare the sample rate with what comes; of several publishers it would tell nothing."""
        factor = self._rate_check.mismatch() if len(self.health.publishers) == 1 else None
        text = ''
        if factor is not None:
            lost = ', or audio is lost on the way' if factor < 1 else ''
            text = (
                f'{factor:.2f} times as many samples come on {self.health.topic} as their rate '
                f'says: it is wrong (audio.sample_rate, audio.channels or the driver){lost}'
            )
        if text and not self.health.wrong_rate:
            self._node.get_logger().error(text)
        self.health.wrong_rate = text


class ImageInput(Input):
    """The image topic.

    Args:
        node: whose subscription it is.
        config: parameters; with transport "off" there is nothing to make.
        see: what is done with an image and the header it came with.
    """

    def __init__(
        self, node: LifecycleNode, config: ImageConfig, see: Callable[[VideoFrame, Any], None]
    ) -> None:
        topic = node.resolve_topic_name('image')
        compressed = config.transport == 'compressed'
        if compressed and not topic.endswith(_COMPRESSED):
            topic = node.resolve_topic_name(topic + _COMPRESSED)
        super().__init__(node, topic, IMAGE_QOS, (IMAGE_TYPES[compressed],), config.timeout)
        self._see = see

    def look(self) -> None:
        """Look at the graph, and subscribe at the first time."""
        super().look()
        wanted = self.health.wanted[0]
        if not self.health.type_name:
            self._subscribe(wanted, self.health.topic, self._on_image, IMAGE_QOS)
            self.health.type_name = wanted
        found = self.health.found_types
        if found and wanted not in found:
            other = 'compressed' if IMAGE_TYPES[1] in found else 'raw'
            self._problem(
                f'{self.health.topic} carries {", ".join(found)}, expected {wanted}: '
                f'set image.transport to {other!r}'
                if set(found) & set(IMAGE_TYPES)
                else f'{self.health.topic} carries {", ".join(found)}, expected {wanted}'
            )
        else:
            self._problem('')

    def _on_image(self, message: Any) -> None:
        self.health.arrived(time.monotonic())
        receipt_ns = self._node.get_clock().now().nanoseconds
        try:
            frame = decode_image(message, receipt_ns)
        except MessageError as error:
            self._refuse(error)
            return
        self.health.lag_s = (receipt_ns - frame.stamp_ns) / _NS_PER_S
        self._see(frame, message.header)
