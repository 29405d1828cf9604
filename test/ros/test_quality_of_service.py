"""The node subscribes with what its sensors offer, or with what the user overrides."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from support.active_node import Bench
from support.robot import RATE, active_node, audio_message, conversation, overrides

from emotion_msgs.msg import AudioChunk
from emotion_node.ros import health_monitor
from emotion_node.ros.node import EmotionNode

QUIET = {'transcriber.backend': 'off', 'face.backend': 'off', 'diagnostics.period': 0.1}
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
IMAGE = 'qos_overrides./image.subscription.'


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with active_node(QUIET | getattr(request, 'param', {})) as (one, node):
        yield Bench(one, node)


def given(parameters: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize('bench', [parameters], indirect=True)


def requested(bench: Bench, topic: str) -> QoSProfile | None:
    """Return the quality of service of the node's subscription, as the robot sees it."""
    found = bench.robot.node.get_subscriptions_info_by_topic(topic)
    mine = [one.qos_profile for one in found if one.node_name == 'emotion_node']
    return mine[0] if mine else None


def requests(bench: Bench, topic: str, policy: ReliabilityPolicy) -> None:
    def so() -> bool:
        qos = requested(bench, topic)
        return qos is not None and qos.reliability == policy

    bench.robot.until(so, f'{topic} is subscribed {policy.name}')


def test_a_camera_that_is_reliable_loses_no_frames(bench: Bench) -> None:
    camera = bench.robot.node.create_publisher(Image, 'image', RELIABLE)
    requests(bench, '/image', ReliabilityPolicy.RELIABLE)
    image = Image(height=480, width=640, encoding='bgr8', step=1920, data=bytes(480 * 1920))
    bench.robot.until(camera.get_subscription_count, 'the node receives the camera')
    assert bench.node.state.image is not None
    health = bench.node.state.image.health
    for number in range(20):
        image.header.stamp.sec = number
        camera.publish(image)
        bench.robot.until(lambda: health.messages > number, f'frame {number}')  # noqa: B023


def test_the_subscription_follows_a_camera_that_is_replaced(bench: Bench) -> None:
    first = bench.robot.node.create_publisher(Image, 'image', BEST_EFFORT)
    requests(bench, '/image', ReliabilityPolicy.BEST_EFFORT)
    bench.robot.node.destroy_publisher(first)
    second = bench.robot.node.create_publisher(Image, 'image', RELIABLE)
    requests(bench, '/image', ReliabilityPolicy.RELIABLE)
    bench.robot.node.create_publisher(Image, 'image', BEST_EFFORT)
    requests(bench, '/image', ReliabilityPolicy.BEST_EFFORT)
    assert second.topic_name == '/image'


def test_a_microphone_is_followed_too(bench: Bench) -> None:
    first = bench.robot.node.create_publisher(AudioChunk, 'audio', BEST_EFFORT)
    requests(bench, '/audio', ReliabilityPolicy.BEST_EFFORT)
    bench.robot.node.destroy_publisher(first)
    bench.robot.node.create_publisher(AudioChunk, 'audio', RELIABLE)
    requests(bench, '/audio', ReliabilityPolicy.RELIABLE)


@given({IMAGE + 'reliability': 'best_effort', IMAGE + 'depth': 2})
def test_the_user_overrides_what_would_be_requested(bench: Bench) -> None:
    bench.robot.node.create_publisher(Image, 'image', RELIABLE)
    requests(bench, '/image', ReliabilityPolicy.BEST_EFFORT)
    assert bench.node.state.image is not None
    (subscription,) = (one for one in bench.node.subscriptions if one.topic_name == '/image')
    assert subscription.qos_profile.depth == 2
    bench.fresh_status('image')
    (still,) = (one for one in bench.node.subscriptions if one.topic_name == '/image')
    assert still is subscription


@given({'qos_overrides./audio.subscription.reliability': 'reliable'})
def test_an_override_that_the_publisher_cannot_meet_is_reported(bench: Bench) -> None:
    bench.robot.node.create_publisher(AudioChunk, 'audio', BEST_EFFORT)
    bench.robot.until(
        lambda: 'quality of service does not match' in bench.fresh_status('audio').message,
        'the error',
    )


@given({'qos_overrides./audio.subscription.history': 'keep_all', 'image.transport': 'off'})
def test_audio_can_be_kept_without_limit(bench: Bench) -> None:
    publisher = bench.robot.publisher(AudioChunk, 'audio')
    publisher.publish(audio_message(conversation()[:RATE], bench.new_day()))
    bench.robot.until(lambda: bench.received, 'the audio')
    (subscription,) = (one for one in bench.node.subscriptions if one.topic_name == '/audio')
    assert subscription.qos_profile.history == HistoryPolicy.KEEP_ALL


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('reliability', 'sure', 'expected one of system_default, reliable, best_effort'),
        ('depth', 'ten', "expected a number of messages, got 'ten'"),
    ],
)
def test_a_wrong_override_stops_the_start(
    bench: Bench, name: str, value: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with bench.robot.beside(
        lambda context: EmotionNode(
            context=context, parameter_overrides=overrides({IMAGE + name: value})
        )
    ) as other:
        assert other.trigger_configure() == TransitionCallbackReturn.FAILURE  # type: ignore[no-untyped-call]
    assert f'{IMAGE}{name}: {expected}' in capfd.readouterr().err


@given({'qos_overrides./imagee.subscription.depth': 2})
def test_an_override_without_effect_is_reported(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    # The node has been made before the output is captured.
    assert bench.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS  # type: ignore[no-untyped-call]
    assert bench.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS  # type: ignore[no-untyped-call]
    capfd.readouterr()
    assert bench.node.trigger_configure() == TransitionCallbackReturn.SUCCESS  # type: ignore[no-untyped-call]
    log = capfd.readouterr().err
    assert 'qos_overrides./imagee.subscription.depth has no effect' in log
    assert 'subscriptions of /audio, /image' in log


def test_a_topic_with_two_types_of_images_is_reported_and_the_right_one_received(
    bench: Bench,
) -> None:
    raw = bench.robot.node.create_publisher(Image, 'image', RELIABLE)
    bench.robot.until(raw.get_subscription_count, 'the node receives the camera')
    with bench.robot.beside(
        lambda context: EmotionNode(context=context, namespace='other')
    ) as other:
        other.create_publisher(CompressedImage, '/image', RELIABLE)
        bench.robot.until(
            lambda: 'also carries' in bench.fresh_status('image').message, 'the warning'
        )
        status = bench.fresh_status('image')
    assert (
        '/image also carries sensor_msgs/msg/CompressedImage by /other/emotion_node, which is '
        'not received'
    ) in status.message
    assert 'their messages mix' not in status.message
    values = {one.key: one.value for one in status.values}
    assert values['publishers'] == '/robot'


def test_a_camera_that_is_gone_is_missed_again_and_again(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(health_monitor, 'FIRST_REMINDER_S', 0.3)
    with active_node(QUIET) as (one, node):
        camera = one.node.create_publisher(Image, 'image', RELIABLE)
        one.until(camera.get_subscription_count, 'the node receives the camera')
        capfd.readouterr()
        one.node.destroy_publisher(camera)
        log = ''

        def missed() -> bool:
            nonlocal log
            log += capfd.readouterr().err
            return log.count('nobody publishes on /image') == 2

        one.until(missed, 'two reminders')
        assert 'If there is no camera, set image.transport to "off"' in log
        assert node.state.image is not None


def test_an_input_that_nobody_publishes_is_logged_again_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(health_monitor, 'FIRST_REMINDER_S', 0.3)
    with active_node(QUIET) as (one, _):
        one.node.create_publisher(Image, '/head/image_raw', RELIABLE)
        log = ''

        def said(text: str, times: int) -> bool:
            nonlocal log
            log += capfd.readouterr().err
            return log.count(text) >= times

        begin = time.monotonic()
        one.until(lambda: said('nobody publishes on /audio; does the driver run', 3), 'reminders')
        assert time.monotonic() - begin > 1.5  # after 0.3, 0.9 and 2.1 s
        assert said('image is published on /head/image_raw', 1)
        assert 'remap image to it' in log
