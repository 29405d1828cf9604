"""The audio topic: finding its type, subscribing and converting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from emotion_node.config import AudioConfig
from emotion_node.core.hearing.rate_check import RateCheck, mismatch_text
from emotion_node.datatypes import NS_PER_S, AudioChunk, ClockSource
from emotion_node.messages.audio import (
    AUDIO_INFO_TYPE,
    AUDIO_TYPES,
    MessageError,
)
from emotion_node.messages.audio_decoder import BYTE_TYPES, AudioDecoder, info_topics
from emotion_node.ros.clock_check import ClockCheck
from emotion_node.ros.message_types import message_class
from emotion_node.ros.qos import matching_qos
from emotion_node.ros.topic_input import TopicInput

_QOS: Final = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Sensor data, but deep enough that no audio is lost while the executor is busy for a second."""

_INFO_WAIT_S: Final = 1.0
"""Audio waits this long for the `AudioInfo` that describes it."""
_MAX_HELD: Final = 1000

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
        self._decoder = AudioDecoder(config)
        self._info_topic = ''
        self._info_subscription: Subscription | None = None
        self._held: list[tuple[Any, int]] = []
        self._first_at: float | None = None
        self._rate_check = RateCheck()
        self._clock_check = ClockCheck()
        if config.type == 'auto':
            node.get_logger().info(f'waiting for audio on {self.health.topic}')

    def refresh(self) -> None:
        """Look up the publishers, and subscribe to the type that they publish."""
        super().refresh()
        self._check_clock()
        self._check_rate()
        self._check_info()
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
                self._decoder = AudioDecoder(self._config)
                self._held.clear()
                self._first_at = None
                self._info_topic, self._info_subscription = '', None
                if type_name in BYTE_TYPES and hasattr(
                    message_class(AUDIO_INFO_TYPE), 'coding_format'
                ):
                    self._info_topic = self._choose_info_topic()
                    self._subscribe_info()
                self._node.get_logger().info(f'listening to {self.health.topic} ({type_name})')
        except MessageError as error:
            self._set_problem(str(error))
            return
        self._set_problem('')

    def _choose_info_topic(self) -> str:
        topic = self._node.resolve_topic_name('audio_info')
        if topic != self._node.resolve_topic_name('audio_info', only_expand=True):
            return topic  # remapped
        usual, other = info_topics(self.health.topic)
        published = self._node.count_publishers(other) and not self._node.count_publishers(usual)
        return other if published else usual

    def _subscribe_info(self) -> None:
        """Subscribe as the publishers of the `AudioInfo` offer it, earlier messages included."""
        publishers = self._node.get_publishers_info_by_topic(self._info_topic)
        qos = matching_qos(_INFO_QOS, publishers, latched=True)
        if self._info_subscription is not None:
            current = self._info_subscription.qos_profile
            if (qos.reliability, qos.durability) == (current.reliability, current.durability):
                return
            self._subscriptions.remove(self._info_subscription)
            self._node.destroy_subscription(self._info_subscription)
        self._subscribe(AUDIO_INFO_TYPE, self._info_topic, self._on_info, qos)
        self._info_subscription = self._subscriptions[-1]

    def _on_info(self, message: Any) -> None:
        try:
            self._decoder.take_info(message)
        except MessageError as error:
            self._reject(error)
        self._release()

    def _check_info(self) -> None:
        """Look for the `AudioInfo` until it has come, and report where it is missing."""
        missing = bool(self._info_topic) and not self._decoder.informed
        if missing:
            self._info_topic = self._choose_info_topic()
            self._subscribe_info()
        if self._held and not self._waits_for_info(time.monotonic()):
            self._release()
        self.health.format_problem = (
            f'no AudioInfo on {self._info_topic} describes {self.health.topic}: '
            f'{self._config.sample_rate} Hz and {self._config.channels} channels are assumed '
            '(audio.sample_rate, audio.channels; or remap audio_info)'
            if missing and self.health.messages and not self._held
            else ''
        )

    def _release(self) -> None:
        """Decode the audio that waited for its `AudioInfo`."""
        held, self._held = self._held, []
        for message, receipt_ns in held:
            self._decode(message, receipt_ns)

    def _on_message(self, message: Any) -> None:
        now = time.monotonic()
        self.health.note_arrival(now)
        receipt_ns = self._node.get_clock().now().nanoseconds
        if self._waits_for_info(now):
            self._held.append((message, receipt_ns))
            return
        self._release()
        self._decode(message, receipt_ns)

    def _waits_for_info(self, now: float) -> bool:
        if not self._info_topic or self._decoder.informed or len(self._held) >= _MAX_HELD:
            return False
        if self._first_at is None:
            self._first_at = now
        return now - self._first_at < _INFO_WAIT_S

    def _decode(self, message: Any, receipt_ns: int) -> None:
        try:
            chunk = self._decoder.decode(message, receipt_ns)
            if chunk is None:
                return
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

        With several publishers, whose samples mix, or with a clock that stands still, the
        comparison has no meaning.
        """
        meaningful = len(self.health.publishers) == 1 and not self.health.clock_problem
        ratio = self._rate_check.mismatch() if meaningful else None
        text = '' if ratio is None else mismatch_text(ratio, self.health.topic)
        if text and not self.health.rate_problem:
            self._node.get_logger().error(text)
        self.health.rate_problem = text

    def _check_clock(self) -> None:
        """Find out whether simulated time stands still."""
        if not self._node.get_parameter('use_sim_time').value:
            return
        now_ns = self._node.get_clock().now().nanoseconds
        self._clock_check.add(time.monotonic(), now_ns)
        text = self._clock_check.problem(self._node.count_publishers('/clock'))
        if text and not self.health.clock_problem:
            self._node.get_logger().warning(text)
        self.health.clock_problem = text
