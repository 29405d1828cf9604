"""The camera and microphone nodes for machines without drivers of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from domain_coordinator import domain_id
from sensor_msgs.msg import CompressedImage, Image
from support.robot import NS_PER_S, Robot, overrides, robot

from emotion_node.config import ConfigError
from emotion_node.messages.stamps import stamp_to_ns
from emotion_node.ros.drivers.camera import CameraError, CameraNode, frame_age_ns
from emotion_node.ros.drivers.microphone import MicrophoneError, MicrophoneNode, StampTracker

RATE = 16_000
CHUNK = 320
CHUNK_NS = CHUNK * NS_PER_S // RATE
MS = 1_000_000


@pytest.fixture(scope='module')
def bench() -> Iterator[Robot]:
    with domain_id() as domain, robot(domain) as one:
        yield one


@pytest.fixture(scope='module')
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames, each brighter than the one before, at 30 Hz."""
    path = tmp_path_factory.mktemp('video') / 'brighter.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 30.0, (64, 48))
    for number in range(6):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()
    return path


def camera(bench: Robot, **values: Any) -> Any:
    return bench.beside(
        lambda context: CameraNode(context=context, parameter_overrides=overrides(values))
    )


def test_video_file_is_published_frame_by_frame(bench: Robot, video: Path) -> None:
    bench.listen(Image, 'image')
    with camera(bench, source=str(video), loop=True) as node:
        images = bench.inbox['image']
        bench.until(lambda: len(images) >= 8, 'eight images')
        assert node.resolve_topic_name('image') == '/image'
    first = images[0]
    assert (first.width, first.height, first.encoding) == (64, 48, 'bgr8')
    assert first.header.frame_id == 'camera'
    brightness = [int(np.median(np.frombuffer(one.data, np.uint8))) for one in images[:8]]
    assert {round(one / 40) for one in brightness} == set(range(6))
    stamps = np.array([stamp_to_ns(one.header.stamp) for one in images[:8]])
    assert np.diff(stamps).min() > 0
    assert np.diff(stamps).mean() == pytest.approx(NS_PER_S / 30, rel=0.5)


def test_frames_can_be_compressed(bench: Robot, video: Path) -> None:
    bench.listen(CompressedImage, 'image/compressed')
    with camera(bench, source=str(video), loop=True, transport='compressed'):
        images = bench.inbox['image/compressed']
        bench.until(lambda: images, 'an image')
    data = np.frombuffer(images[0].data, np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (48, 64, 3)


def test_the_node_ends_with_its_file(bench: Robot, video: Path) -> None:
    with camera(bench, source=str(video)) as node:
        bench.until(node.ended.is_set, 'the end')
        assert node.frames == 6


def test_a_frame_is_as_old_as_its_driver_says() -> None:
    now_ns = 7_200 * NS_PER_S
    assert frame_age_ns(7_199_950.0, now_ns) == 50 * MS
    # A backend may count from the first frame, or not at all.
    for position_ms in (0.0, 1500.0, 7_200_001.0, -1.0):
        assert frame_age_ns(position_ms, now_ns) == 0


def test_a_frame_of_a_file_is_stamped_when_it_is_shown(bench: Robot, video: Path) -> None:
    images = bench.inbox['image']
    with camera(bench, source=str(video), loop=True, latency=1.0):
        before = len(images)
        bench.until(lambda: len(images) >= before + 3, 'three images')
    now_ns = time.time_ns()
    assert abs(now_ns - stamp_to_ns(images[-1].header.stamp)) < NS_PER_S // 2


def test_a_missing_camera_is_named(bench: Robot) -> None:
    with (
        pytest.raises(CameraError, match=r"there is no '/dev/video77'\. Cameras found: "),
        camera(bench, source='/dev/video77'),
    ):
        pytest.fail('opened a camera that does not exist')


def test_a_file_that_is_no_video_is_named(bench: Robot, tmp_path: Path) -> None:
    path = tmp_path / 'notes.txt'
    path.write_text('not a video')
    with (
        pytest.raises(CameraError, match='cannot open video file'),
        camera(bench, source=str(path)),
    ):
        pytest.fail('opened a file that is no video')


def test_a_missing_microphone_is_explained(bench: Robot) -> None:
    """Without PortAudio, the error names its package; without the device, the devices found."""
    with (
        pytest.raises(MicrophoneError, match=r'libportaudio2|Input devices found:'),
        bench.beside(
            lambda context: MicrophoneNode(
                context=context, parameter_overrides=overrides({'device': 'no such microphone'})
            )
        ),
    ):
        pytest.fail('recorded from a microphone that does not exist')


def test_a_wrong_parameter_of_the_microphone_is_rejected(bench: Robot) -> None:
    with (
        pytest.raises(ConfigError, match='sample_rate: expected 8000 to 96000 Hz, got 4000'),
        bench.beside(
            lambda context: MicrophoneNode(
                context=context, parameter_overrides=overrides({'sample_rate': 4000})
            )
        ),
    ):
        pytest.fail('recorded at a rate that no microphone has')


def test_stamps_follow_the_samples_though_the_readings_jitter() -> None:
    tracker = StampTracker(RATE)
    jitter = np.random.default_rng(3).normal(0.0, 5 * MS, 500).astype(int)
    true = np.arange(500) * CHUNK_NS
    stamps = np.array([tracker.stamp(int(one), CHUNK, True) for one in true + jitter])
    assert np.abs(np.diff(stamps[100:]) - CHUNK_NS).max() < MS // 2
    assert np.abs(stamps[100:] - true[100:]).max() < 2 * MS


def test_stamps_follow_a_sound_card_that_runs_fast() -> None:
    tracker = StampTracker(RATE)
    true = (np.arange(3000) * CHUNK_NS * 0.9998).astype(int)
    stamps = np.array([tracker.stamp(int(one), CHUNK, True) for one in true])
    assert np.abs(stamps - true).max() < 2 * MS


def test_lost_samples_show_in_the_stamps() -> None:
    tracker = StampTracker(RATE)
    tracker.stamp(0, CHUNK, True)
    assert tracker.stamp(CHUNK_NS + 60 * MS, CHUNK, False) == CHUNK_NS + 60 * MS
    assert tracker.stamp(10 * NS_PER_S, CHUNK, True) == 10 * NS_PER_S
