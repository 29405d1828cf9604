"""Audio of ros-drivers live: its format comes from the `AudioInfo` beside it, before the audio.

The messages of ros-drivers are not installed here, so messages and graph are scripted.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.logging import get_logger
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from emotion_node.config import AudioConfig
from emotion_node.datatypes import NS_PER_S, AudioChunk
from emotion_node.ros import audio_input, topic_input
from emotion_node.ros.audio_input import AudioInput

DATA = 'audio_common_msgs/msg/AudioData'
INFO = 'audio_common_msgs/msg/AudioInfo'
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class ScriptedNode:
    """A node whose graph and steady clock the test sets."""

    def __init__(self) -> None:
        self.publishers: dict[str, tuple[str, QoSProfile]] = {}
        self.subscriptions: dict[str, SimpleNamespace] = {}
        self.now = 100.0

    def publish(self, topic: str, kind: str, qos: QoSProfile | None = None) -> None:
        self.publishers[topic] = (kind, qos or QoSProfile(depth=10))

    def resolve_topic_name(self, name: str, only_expand: bool = False) -> str:
        return f'/front/{name}'

    def get_logger(self) -> Any:
        return get_logger('scripted')

    def get_clock(self) -> Any:
        now_ns = round(self.now * NS_PER_S)
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=now_ns))

    def get_parameter(self, name: str) -> Any:
        return SimpleNamespace(value=False)

    def count_publishers(self, topic: str) -> int:
        return int(topic in self.publishers)

    def get_publishers_info_by_topic(self, topic: str) -> list[Any]:
        if topic not in self.publishers:
            return []
        kind, qos = self.publishers[topic]
        return [
            SimpleNamespace(node_namespace='/', node_name='mic', topic_type=kind, qos_profile=qos)
        ]

    def create_subscription(
        self, kind: Any, topic: str, callback: Callable[[Any], None], qos: QoSProfile, **_: Any
    ) -> Any:
        made = SimpleNamespace(topic=topic, callback=callback, qos_profile=qos)
        self.subscriptions[topic] = made
        return made

    def destroy_subscription(self, subscription: Any) -> None:
        del self.subscriptions[subscription.topic]

    def send(self, topic: str, message: Any) -> None:
        self.subscriptions[topic].callback(message)


class Microphone:
    """An `AudioInput` on a scripted node, and the audio that it passes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.node = ScriptedNode()
        self.heard: list[AudioChunk] = []
        monkeypatch.setattr(
            audio_input, 'message_class', lambda name: SimpleNamespace(coding_format='')
        )
        monkeypatch.setattr(topic_input, 'message_class', lambda name: object)
        monkeypatch.setattr(topic_input, 'override_options', lambda node, topic: None)
        for module in (audio_input, topic_input):
            clock = SimpleNamespace(monotonic=lambda: self.node.now)
            monkeypatch.setattr(module, 'time', clock)
        self.node.publish('/front/audio', DATA)
        node: Any = self.node
        self.input = AudioInput(node, AudioConfig(), self.heard.append, lambda frame_id: None)
        self.input.refresh()

    def send_audio(self, count: int = 1, size: int = 640) -> None:
        for _ in range(count):
            self.node.now += 0.02
            self.node.send('/front/audio', SimpleNamespace(data=bytes(size)))

    def send_info(self, topic: str = '/front/audio_info', **changes: Any) -> None:
        fields = {
            'channels': 1,
            'sample_rate': 48_000,
            'sample_format': 'S16LE',
            'bitrate': 0,
            'coding_format': 'wave',
        }
        self.node.send(topic, SimpleNamespace(**{**fields, **changes}))


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> Microphone:
    return Microphone(monkeypatch)


def test_audio_waits_for_its_info_and_none_is_lost(microphone: Microphone) -> None:
    microphone.send_audio(10)
    assert microphone.heard == []
    microphone.send_info()
    microphone.send_audio(5)
    assert [one.rate for one in microphone.heard] == [48_000] * 15
    ends = [one.stamp_ns + one.duration_ns for one in microphone.heard]
    assert ends == sorted(ends)
    assert ends[0] == pytest.approx(100.02 * NS_PER_S), 'stamped when it arrived'
    microphone.input.refresh()
    assert microphone.input.health.format_problem == ''


def test_without_an_info_the_format_is_assumed_after_a_second_and_that_is_reported(
    microphone: Microphone,
) -> None:
    microphone.send_audio(100)
    assert [one.rate for one in microphone.heard] == [16_000] * 100
    microphone.input.refresh()
    text = microphone.input.health.format_problem
    assert text.startswith('no AudioInfo on /front/audio_info describes /front/audio: 16000 Hz')


def test_audio_that_stops_within_the_wait_is_used_all_the_same(microphone: Microphone) -> None:
    microphone.send_audio(3)
    microphone.node.now += 2
    microphone.input.refresh()
    assert len(microphone.heard) == 3


def test_an_info_that_comes_late_holds_from_then_on(microphone: Microphone) -> None:
    microphone.send_audio(100)
    microphone.send_info()
    microphone.send_audio(1)
    assert microphone.heard[-1].rate == 48_000


def test_the_info_of_another_microphone_is_not_subscribed_to(microphone: Microphone) -> None:
    microphone.node.publish('/rear/audio_info', INFO)
    microphone.input.refresh()
    assert set(microphone.node.subscriptions) == {'/front/audio', '/front/audio_info'}


def test_an_info_published_once_before_is_requested_when_its_publisher_appears(
    microphone: Microphone,
) -> None:
    microphone.node.publish('/front/audio_info', INFO, LATCHED)
    microphone.input.refresh()
    subscription = microphone.node.subscriptions['/front/audio_info']
    assert subscription.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL


def test_mp3_is_not_analysed_also_where_it_arrived_before_its_info(microphone: Microphone) -> None:
    microphone.send_audio(10)
    microphone.send_info(coding_format='mp3')
    microphone.send_audio(200)
    microphone.input.refresh()
    assert microphone.heard == []
    assert "coded as 'mp3'" in microphone.input.health.last_rejection
    assert microphone.input.health.format_problem == ''


def test_messages_that_end_in_the_middle_of_a_sample_are_joined(microphone: Microphone) -> None:
    microphone.send_info()
    microphone.send_audio(4, size=641)
    assert sum(len(one.samples) for one in microphone.heard) == 641 * 4 // 2
    assert microphone.input.health.rejected == 0
