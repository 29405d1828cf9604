"""What Foxglove draws on the camera's image, over DDS and in recordings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage
from support.message_packages import MessagePackage, importable
from support.recordings import CONVERSATION
from support.robot import active_node, audio_message

from emotion_msgs.msg import AudioChunk as AudioMessage
from emotion_msgs.msg import Emotion, FaceArray
from emotion_node.config import AudioConfig
from emotion_node.datatypes import AudioChunk, VideoFrame
from emotion_node.display.face_annotations import TOPIC
from emotion_node.messages.foxglove_types import DEFINITIONS, IMAGE_ANNOTATIONS, PACKAGE
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.ros.message_types import message_class

LENGTH_NS = 4_000_000_000
"""Of the conversation: its first utterance is over by then."""


@pytest.fixture(scope='module')
def foxglove_msgs(request: pytest.FixtureRequest) -> Iterator[None]:
    cache = request.config.cache
    assert cache is not None
    package = MessagePackage(PACKAGE, 'builtin_interfaces', DEFINITIONS)
    with importable(package, cache.mkdir('message_packages')):
        yield


def steps() -> Iterator[tuple[Any, Any]]:
    """Yield what the conversation begins with, and its messages."""
    with Bag(CONVERSATION) as bag:
        recording = BagRecording(bag, AudioConfig(), TopicNames(), True, False, False)
        for step in recording.steps():
            if step.time_ns - recording.start_ns > LENGTH_NS:
                return
            if step.message is not None:
                yield step.value, bag.decode(step.message)


def test_boxes_are_published_with_the_stamps_of_their_images(foxglove_msgs: None) -> None:
    parameters = {'transcriber.backend': 'off', 'image.transport': 'compressed'}
    with active_node({**parameters, 'foxglove.publish': 'on'}) as (robot, node):
        kind = message_class(IMAGE_ANNOTATIONS)
        for one, topic in ((Emotion, 'emotion'), (FaceArray, 'faces'), (kind, TOPIC)):
            robot.listen(one, topic)
            robot.until(lambda: node.count_subscribers(topic), f'the robot listens to {topic}')  # noqa: B023
        faces, drawn = robot.inbox['faces'], robot.inbox[TOPIC]
        stamps = []
        for value, message in steps():
            if isinstance(value, AudioChunk):
                samples = np.asarray(message.data, np.int16)
                audio = robot.publisher(AudioMessage, 'audio')
                audio.publish(audio_message(samples, value.stamp_ns))
            elif isinstance(value, VideoFrame):
                image = CompressedImage(format='jpeg')
                image.header.stamp.sec = message.header.stamp.sec
                image.header.stamp.nanosec = message.header.stamp.nanosec
                image.data.frombytes(bytes(message.data))
                stamps.append((image.header.stamp.sec, image.header.stamp.nanosec))
                before = len(drawn)
                robot.publisher(CompressedImage, 'image/compressed').publish(image)
                robot.until(lambda: len(drawn) > before, 'the annotations of the image')  # noqa: B023
        robot.until(lambda: robot.inbox['emotion'], 'the emotion of the first utterance')
        (emotion,) = robot.inbox['emotion']
    assert len(drawn) == len(faces) == len(stamps)
    for found, listed, stamp in zip(drawn, faces, stamps, strict=True):
        assert len(found.points) == len(listed.faces)
        for box, face in zip(found.points, listed.faces, strict=True):
            assert (box.timestamp.sec, box.timestamp.nanosec) == stamp
            assert box.points[0].x == pytest.approx(face.roi.x_offset, abs=1)
            assert box.points[2].y == pytest.approx(face.roi.y_offset + face.roi.height, abs=1.6)
    texts = [text.text for found in drawn for text in found.texts]
    assert any(text.startswith(f'{emotion.face_id} ') and 'speaks' in text for text in texts)
    assert len(drawn[-1].points) == 2


def test_nothing_is_published_where_it_is_off(foxglove_msgs: None) -> None:
    off = {'transcriber.backend': 'off', 'text.backend': 'off', 'foxglove.publish': 'off'}
    with active_node(off) as (_, node):
        assert node.count_publishers(TOPIC) == 0
