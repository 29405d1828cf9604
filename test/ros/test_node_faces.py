"""The node finds the face that speaks, and reports what the pipeline does offline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CompressedImage, Image
from support.recordings import CONVERSATION
from support.robot import NS_PER_S, Robot, active_node, audio_message

from emotion_msgs.msg import Emotion, FaceArray
from emotion_node.config import AudioConfig, make_config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Timings
from emotion_node.datatypes import (
    AudioChunk,
    EmotionReport,
    FacesReport,
    Report,
    Trigger,
    VideoFrame,
)
from emotion_node.factory import build_pipeline, load_models
from emotion_node.messages.reports import Encoder, plain
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.recordings.recording import Step

LENGTH_NS = 6_200_000_000
"""Of the conversation: its second utterance is over by then, and the end of it decided."""
PARAMETERS: dict[str, object] = {
    'transcriber.backend': 'off',
    'image.transport': 'compressed',
    'interim.enabled': False,
}


@pytest.fixture(scope='module')
def steps() -> Iterator[list[tuple[Step, Any]]]:
    """What the recording holds, with its messages."""
    with Bag(CONVERSATION) as bag:
        recording = BagRecording(bag, AudioConfig(), TopicNames(), True, False, False)
        yield [
            (step, bag.decode(step.message))
            for step in recording.steps()
            if step.message is not None and step.time_ns - recording.start_ns < LENGTH_NS
        ]


@pytest.fixture(scope='module')
def offline(steps: list[tuple[Step, Any]]) -> list[Report]:
    config = make_config(PARAMETERS)
    models = load_models(config, print)
    pipeline = build_pipeline(config, models, Guard(Timings(time.monotonic_ns)))
    reports: list[Report] = []
    for step, _ in steps:
        if isinstance(step.value, AudioChunk):
            reports += pipeline.push_audio(step.value)
        elif isinstance(step.value, VideoFrame):
            reports += pipeline.push_frame(step.value)
    return reports


def finals(reports: list[Report]) -> list[EmotionReport]:
    return [
        one for one in reports if isinstance(one, EmotionReport) and one.trigger is Trigger.FINAL
    ]


def test_the_node_reports_of_two_people_what_the_pipeline_does_offline(
    steps: list[tuple[Step, Any]], offline: list[Report]
) -> None:
    with active_node(PARAMETERS) as (robot, node):
        for kind, topic in ((Emotion, 'emotion'), (FaceArray, 'faces'), (Image, 'debug_image')):
            robot.listen(kind, topic)
            robot.until(lambda: node.count_subscribers(topic), f'the robot listens to {topic}')  # noqa: B023
        faces, emotions = robot.inbox['faces'], robot.inbox['emotion']
        for step, message in steps:
            if isinstance(step.value, AudioChunk):
                samples = np.asarray(message.data, np.int16)
                publisher = robot.publisher(type(audio_message(samples, 0)), 'audio')
                publisher.publish(audio_message(samples, step.value.stamp_ns))
            elif isinstance(step.value, VideoFrame):
                image = CompressedImage(format='jpeg')
                image.header.stamp.sec = message.header.stamp.sec
                image.header.stamp.nanosec = message.header.stamp.nanosec
                image.header.frame_id = message.header.frame_id
                image.data.frombytes(bytes(message.data))
                before = len(faces)
                robot.publisher(CompressedImage, 'image/compressed').publish(image)
                robot.until(lambda: len(faces) > before, 'the faces in the image')  # noqa: B023
        robot.until(lambda: len(emotions) == 2, 'two emotions')
        robot.until(lambda: robot.inbox['debug_image'], 'a debug image')

    encoder = Encoder(plain)
    expected = [encoder.encode(one)[0][1] for one in offline if isinstance(one, FacesReport)]
    assert len(faces) == len(expected)
    for live, recorded in zip(faces, expected, strict=True):
        assert live.available
        assert live.header.frame_id == 'camera'
        assert live.header.stamp.sec == recorded['header']['stamp']['sec']
        assert [face.face_id for face in live.faces] == [
            face['face_id'] for face in recorded['faces']
        ]
        for one, other in zip(live.faces, recorded['faces'], strict=True):
            assert one.roi.x_offset == other['roi']['x_offset']
            assert one.roi.width == other['roi']['width']
    for emotion, report in zip(emotions, finals(offline), strict=True):
        assert emotion.face_id == report.face_id
        assert emotion.speaker_confidence == pytest.approx(report.speaker_confidence, abs=0.02)
        cues = emotion.modalities[2].facial_cues
        recorded_cues = report.fused.face.facial_cues
        assert [cue.action_unit for cue in cues] == [cue.action_unit for cue in recorded_cues]
        assert [cue.intensity for cue in cues] == pytest.approx(
            [cue.intensity for cue in recorded_cues], abs=0.03
        )  # live, analysis may begin before the last frame is there


def test_images_that_cannot_be_decoded_are_named_with_the_utterance_and_in_diagnostics(
    steps: list[tuple[Step, Any]],
) -> None:
    with active_node(PARAMETERS | {'diagnostics.period': 0.2}) as (robot, node):
        robot.listen(Emotion, 'emotion')
        robot.until(lambda: node.count_subscribers('emotion'), 'the robot listens')
        camera = robot.publisher(CompressedImage, 'image/compressed')

        def warned() -> bool:
            camera.publish(_broken_image(1))
            return 'could not be decoded' in _image_status(robot)

        robot.until(warned, 'a warning')
        robot.listen(FaceArray, 'faces')
        faces = robot.inbox['faces']
        robot.until(lambda: node.count_subscribers('faces'), 'the robot listens to faces')
        for step, message in steps:
            if isinstance(step.value, AudioChunk):
                samples = np.asarray(message.data, np.int16)
                publisher = robot.publisher(type(audio_message(samples, 0)), 'audio')
                publisher.publish(audio_message(samples, step.value.stamp_ns))
            elif isinstance(step.value, VideoFrame):
                before = len(faces)
                camera.publish(_broken_image(step.value.stamp_ns))
                robot.until(lambda: len(faces) > before, 'a report on the image')  # noqa: B023
        robot.until(lambda: robot.inbox['emotion'], 'an emotion')
    face = robot.inbox['emotion'][0].modalities[2]
    assert (face.available, face.reason) == (False, 'error')
    assert face.detail == "compressed image ('jpeg') cannot be decoded; expected JPEG or PNG"


def _broken_image(stamp_ns: int) -> CompressedImage:
    image = CompressedImage(format='jpeg')
    image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, NS_PER_S)
    image.data.frombytes(b'broken')
    return image


def _image_status(robot: Robot) -> str:
    status = robot.status('image')
    if status is None or status.level != DiagnosticStatus.WARN:
        return ''
    return str(status.message)


def test_the_woman_on_the_right_is_found_to_be_the_speaker(offline: list[Report]) -> None:
    _, second = finals(offline)
    faces = [one for one in offline if isinstance(one, FacesReport)]
    at_the_time = [one for one in faces if second.start_ns <= one.stamp_ns <= second.end_ns]
    middles = {face.face_id: face.box.centre[0] for one in at_the_time for face in one.faces}
    assert middles[second.face_id] == max(middles.values())
    assert second.speaker_confidence > 0.9
    late = at_the_time[len(at_the_time) // 2 :]
    scores = [
        (face.speaking_score, face.face_id == second.face_id) for one in late for face in one.faces
    ]
    assert min(score for score, speaks in scores if speaks) > 0.5
    assert max(score for score, speaks in scores if not speaks) < 0.1
    assert second.end_ns - second.start_ns > NS_PER_S
