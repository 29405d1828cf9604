"""What one open page costs: processor time of the process that serves it.

`pytest test/ros/tools/test_page_cost.py -s` prints the figures.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, RegionOfInterest
from support.browser import browser
from support.emotions import emotion
from support.processes import end_all, start
from support.recordings import CONVERSATION
from support.robot import Robot, robot

from emotion_msgs.msg import Emotion, Face, FaceArray
from emotion_node.datatypes import Trigger
from emotion_node.messages.reports import Encoder
from emotion_node.recordings.bag import Bag
from emotion_node.ros.outputs import make_message

SECONDS = 8.0
FRAME_S = 1 / 15
MOST = 0.3
"""Share of one core that an open page may add on a busy machine; the budget on an idle one is
0.1."""


@pytest.fixture
def speaker() -> Iterator[Robot]:
    with robot(int(os.environ['ROS_DOMAIN_ID'])) as one:
        yield one
        end_all()


def frames() -> list[bytes]:
    """Return frames of the demo conversation."""
    with Bag(CONVERSATION) as bag:
        images = bag.messages({'/camera/image_raw/compressed'})
        return [bytes(bag.decode(one).data) for one, _ in zip(images, range(60), strict=False)]


def processor_s(pid: int) -> float:
    """Return the processor time that a process has taken so far, in s."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def test_an_open_page_costs_little(tmp_path: Path, speaker: Robot) -> None:
    node, qos = speaker.node, QoSProfile(depth=10)
    camera = node.create_publisher(CompressedImage, 'camera', qos)
    faces = node.create_publisher(FaceArray, 'faces', qos)
    interim = node.create_publisher(Emotion, 'emotion/interim', qos)
    images = frames()
    boxes = [
        Face(face_id=name, roi=RegionOfInterest(x_offset=x, y_offset=90, width=120, height=150))
        for name, x in (('f1', 80), ('f2', 400))
    ]
    report = emotion(1, trigger=Trigger.INTERIM, speaker_id='s1')
    estimate = Encoder(make_message).encode(report)[-1][1]
    number = 0

    def beat() -> None:
        nonlocal number
        number += 1
        camera.publish(CompressedImage(format='jpeg', data=images[number % len(images)]))
        faces.publish(FaceArray(available=True, faces=boxes))
        if number % 7 == 0:
            interim.publish(estimate)

    node.create_timer(FRAME_S, beat)
    process = start('view', '--web', '--port', 0, '--image-topic', 'camera', '--json')
    assert process.stderr is not None
    address = process.stderr.readline().partition(': ')[2].strip()

    def share() -> float:
        """Return the share of a core that the process takes."""
        before = processor_s(process.pid)
        end = time.monotonic() + SECONDS
        speaker.until(lambda: time.monotonic() > end, 'the time is over', SECONDS + 10)
        return (processor_s(process.pid) - before) / SECONDS

    speaker.until(lambda: faces.get_subscription_count() > 0, 'the view')
    closed = share()
    with browser(tmp_path / 'profile') as page:
        page.open(address)
        speaker.until(lambda: camera.get_subscription_count() > 0, 'the page wants frames')
        first = number
        opened = share()
        rate = (number - first) / SECONDS
        assert page.evaluate('[...document.images].some(one => one.naturalWidth == 640)')
    print(
        f'no page open: {closed:.3f} of a core, one page open: {opened:.3f}, '
        f'at {rate:.0f} frames per second'
    )
    process.send_signal(signal.SIGINT)
    speaker.until(lambda: process.poll() is not None, 'the end of the view')
    assert opened - closed < MOST
