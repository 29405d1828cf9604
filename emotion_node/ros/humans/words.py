"""Words of a recogniser that speaks REP-155: /humans/voices/ID/speech."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from emotion_node.datatypes import TranscriptReport
from emotion_node.messages.humans import IDS_LIST, LIVE_SPEECH, VOICES, decode_live_speech
from emotion_node.ros.humans.topics import usable
from emotion_node.ros.message_types import message_class

_QOS: Final = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


class Words:
    """Takes the words of all voices that somebody else tracks.

    Args:
        node: node that subscribes.
        take: called with each transcript.
    """

    def __init__(self, node: Node, take: Callable[[TranscriptReport], None]) -> None:
        self._node = node
        self._take = take
        self._voices: dict[str, Subscription] = {}
        self._tracked = node.create_subscription(
            message_class(IDS_LIST), f'{VOICES}/tracked', self._take_tracked, QoSProfile(depth=10)
        )

    def destroy(self) -> None:
        """End all subscriptions."""
        for one in (self._tracked, *self._voices.values()):
            self._node.destroy_subscription(one)
        self._voices.clear()

    def _take_tracked(self, message: Any) -> None:
        ids = usable(self._node, message.ids)
        for voice_id in set(self._voices) - set(ids):
            self._node.destroy_subscription(self._voices.pop(voice_id))
        for voice_id in ids:
            if voice_id not in self._voices:
                self._voices[voice_id] = self._node.create_subscription(
                    message_class(LIVE_SPEECH),
                    f'{VOICES}/{voice_id}/speech',
                    self._take_speech,
                    _QOS,
                )

    def _take_speech(self, message: Any) -> None:
        report = decode_live_speech(message, int(self._node.get_clock().now().nanoseconds))
        if report is not None:
            self._take(report)
