"""The audio topic: finding its type, subscribing and converting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, ReliabilityPolicy

from emotion_node.config import AudioConfig
from emotion_node.core.hearing.rate_check import RateCheck
from emotion_node.datatypes import NS_PER_S, AudioChunk, ClockSource
from emotion_node.messages.audio import (
    AUDIO_INFO_TYPE,
    AUDIO_TYPES,
    AudioFormat,
    MessageError,
    audio_format,
    decode_audio,
)
from emotion_node.ros.message_types import message_class
from emotion_node.ros.qos import matching_qos
from emotion_node.ros.topic_input import TopicInput

_QOS: Final = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Sensor data, but deep enough that no audio is lost while the executor is busy for a second."""

_INFO_QOS: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class AudioInput(TopicInput):
    """The audio topic, whose type is set or found on the graph.

    Args:
        node: node that subscribes.
        config: parameters.
        on_audio: called with every chunk of audio.
        on_frame_id: called with the `frame_id` of the audio whenever it changes.
    """

    def __init__(
        self,
        node: LifecycleNode,
        config: AudioConfig,
        on_audio: Callable[[AudioChunk], None],
        on_frame_id: Callable[[str], None],
    ) -> None:
        expected = AUDIO_TYPES if config.type == 'auto' else (config.type,)
        super().__init__(node, node.resolve_topic_name('audio'), _QOS, expected, config.timeout)
        self._config = config
        self._on_audio = on_audio
        self._on_frame_id = on_frame_id
        self._frame_id = ''
        self._format: AudioFormat | None = None
        self._rate_check = RateCheck()
        if config.type == 'auto':
            node.get_logger().info(f'waiting for audio on {self.health.topic}')

    def refresh(self) -> None:
        """Look up the publishers, and subscribe to the type that they publish."""
        super().refresh()
        self._check_rate()
        published = self.health.published_types
        if self._config.type != 'auto':
            self._listen_to(self._config.type)
            if published and self._config.type not in published:
                self._set_problem(
                    f'{self.health.topic} carries {", ".join(published)}, but audio.type is '
                    f'{self._config.type}: set audio.type to "auto" or to what is published'
                )
            return
        known = [one for one in AUDIO_TYPES if one in published]
        if known:
            self._listen_to(known[0])
        elif published:
            self._set_problem(
                f'{self.health.topic} carries {", ".join(published)}, which is not audio; '
                f'expected one of {", ".join(AUDIO_TYPES)}'
            )

    def _listen_to(self, type_name: str) -> None:
        """Subscribe, unless there is a subscription that fits."""
        try:
            if self._connect(type_name, self._on_message):
                self._format = None
                if type_name in (AUDIO_TYPES[2], AUDIO_TYPES[3]) and hasattr(
                    message_class(AUDIO_INFO_TYPE), 'coding_format'
                ):
                    self._subscribe_info()
                self._node.get_logger().info(f'listening to {self.health.topic} ({type_name})')
        except MessageError as error:
            self._set_problem(str(error))
            return
        self._set_problem('')

    def _subscribe_info(self) -> None:
        topic = self._node.resolve_topic_name('audio_info')
        if topic == self._node.resolve_topic_name('audio_info', only_expand=True):
            # Not remapped: it is in the namespace of the audio topic.
            topic = self.health.topic.rsplit('/', 1)[0] + '/audio_info'
        publishers = self._node.get_publishers_info_by_topic(topic)
        qos = matching_qos(_INFO_QOS, publishers, latched=True)
        self._subscribe(AUDIO_INFO_TYPE, topic, self._on_info, qos)

    def _on_info(self, message: Any) -> None:
        try:
            self._format = audio_format(message)
        except MessageError as error:
            self._reject(error)

    def _on_message(self, message: Any) -> None:
        self.health.note_arrival(time.monotonic())
        receipt_ns = self._node.get_clock().now().nanoseconds
        try:
            chunk = decode_audio(message, receipt_ns, self._config, self._format)
            if chunk.clock_source is ClockSource.RECEIPT and receipt_ns == 0:
                raise MessageError(
                    'audio without a stamp, and no time on /clock yet although use_sim_time is set'
                )
        except MessageError as error:
            self._reject(error)
            return
        header = getattr(message, 'header', None)
        if header is not None and header.frame_id != self._frame_id:
            self._frame_id = header.frame_id
            self._on_frame_id(header.frame_id)
        self.health.lag_s = (receipt_ns - chunk.stamp_ns - chunk.duration_ns) / NS_PER_S
        self.health.clock_source = chunk.clock_source
        self._rate_check.add(chunk)
        self._on_audio(chunk)

    def _check_rate(self) -> None:
        """Compare the sample rate with the samples that arrive.

        With several publishers, whose samples mix, the comparison has no meaning.
        """
        ratio = self._rate_check.mismatch() if len(self.health.publishers) == 1 else None
        text = ''
        if ratio is not None:
            lost = ', or audio is lost on the way' if ratio < 1 else ''
            text = (
                f'{ratio:.2f} times as many samples arrive on {self.health.topic} as their '
                'sample rate implies: it is wrong (audio.sample_rate, audio.channels or the '
                f'driver){lost}'
            )
        if text and not self.health.rate_problem:
            self._node.get_logger().error(text)
        self.health.rate_problem = text
