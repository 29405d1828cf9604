"""What others see of the node below /humans, over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool, String
from support.recordings import CONVERSATION
from support.robot import NS_PER_S, RATE, Robot, active_node, audio_message, chunks, conversation

from emotion_msgs.msg import AudioChunk, Emotion, FaceArray, Transcript
from emotion_node.config import AudioConfig
from emotion_node.messages.humans import EXPRESSIONS
from emotion_node.messages.stamps import stamp_to_ns
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.ros.outputs import make_message

LENGTH_NS = 6_200_000_000
"""Of the conversation: its second utterance, of the second speaker, is over by then."""
PARAMETERS: dict[str, object] = {
    'transcriber.backend': 'pocketsphinx',
    'image.transport': 'compressed',
    'hri.publish': 'on',
    # However long the story pauses, the talk goes on.
    'audio.timeout': 60.0,
    'image.timeout': 60.0,
}

pytestmark = pytest.mark.usefixtures('hri_msgs')


@dataclass
class Learner:
    """A robot that learns of voices and faces from the lists, and only then subscribes."""

    robot: Robot
    voices: set[str] = field(default_factory=set)
    faces: set[str] = field(default_factory=set)

    def start(self) -> None:
        from hri_msgs.msg import IdsList, IdsMatch

        for topic, learn in (('voices', self._hear), ('faces', self._see)):
            self.robot.listen(IdsList, f'/humans/{topic}/tracked')
            self.robot.node.create_subscription(IdsList, f'/humans/{topic}/tracked', learn, 10)
        self.robot.listen(IdsMatch, '/humans/candidate_matches')

    def _hear(self, message: Any) -> None:
        from hri_msgs.msg import LiveSpeech

        for one in set(message.ids) - self.voices:
            self.voices.add(one)
            self.robot.listen(Bool, f'/humans/voices/{one}/is_speaking')
            self.robot.listen(LiveSpeech, f'/humans/voices/{one}/speech')

    def _see(self, message: Any) -> None:
        from hri_msgs.msg import Expression, FacialActionUnits, NormalizedRegionOfInterest2D

        for one in set(message.ids) - self.faces:
            self.faces.add(one)
            for kind, name in (
                (NormalizedRegionOfInterest2D, 'roi'),
                (Image, 'cropped'),
                (FacialActionUnits, 'facs'),
                (Expression, 'expression'),
            ):
                self.robot.listen(kind, f'/humans/faces/{one}/{name}')

    def words(self) -> dict[str, list[str]]:
        """The final words by voice."""
        spoken = {
            one: [said.final for said in self.robot.inbox[f'/humans/voices/{one}/speech']]
            for one in self.voices
        }
        return {one: list(filter(None, words)) for one, words in spoken.items()}


@dataclass
class Scene:
    """The demo conversation up to its second utterance, played to a node."""

    learner: Learner
    emotions: list[Emotion]
    faces: list[FaceArray]
    images: list[Any]

    def inbox(self, topic: str) -> list[Any]:
        return self.learner.robot.inbox[f'/humans/{topic}']


@pytest.fixture(scope='module')
def scene(hri_msgs: None) -> Iterator[Scene]:
    with active_node(PARAMETERS) as (robot, node):
        learner = Learner(robot)
        learner.start()
        for kind, topic in ((Emotion, 'emotion'), (FaceArray, 'faces')):
            robot.listen(kind, topic)
            robot.until(lambda: node.count_subscribers(topic), f'the robot listens to {topic}')  # noqa: B023
        robot.until(
            lambda: node.count_subscribers('/humans/candidate_matches') > 1, 'the robot is ready'
        )
        emotions, faces = robot.inbox['emotion'], robot.inbox['faces']
        images = play(robot, faces, 0, 3 * NS_PER_S)
        # A person manager knows the woman on the right.
        right = max(faces[-1].faces, key=lambda one: one.roi.x_offset)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        known = robot.node.create_publisher(String, '/humans/persons/anna/face_id', latched)
        known.publish(String(data=right.face_id))
        robot.publisher(_type('IdsList'), '/humans/persons/tracked').publish(
            make_message('hri_msgs/msg/IdsList', ids=['anna', '7 of 9'])
        )
        robot.until(known.get_subscription_count, 'the node asks who anna is')
        images += play(robot, faces, 3 * NS_PER_S, LENGTH_NS)
        robot.until(lambda: len(emotions) == 2, 'two emotions')
        yield Scene(learner, emotions, faces, images)


def play(robot: Robot, faces: list[FaceArray], start_ns: int, end_ns: int) -> list[Any]:
    """Play a part of the conversation as fast as the node takes it; return the images."""
    images = []
    with Bag(CONVERSATION) as bag:
        recording = BagRecording(bag, AudioConfig(), TopicNames(), True, False, False)
        for step in recording.steps():
            if step.message is None or not start_ns <= step.time_ns - recording.start_ns < end_ns:
                continue
            message = bag.decode(step.message)
            if hasattr(message, 'format'):
                image = CompressedImage(format='jpeg')
                image.header.stamp.sec = message.header.stamp.sec
                image.header.stamp.nanosec = message.header.stamp.nanosec
                image.header.frame_id = message.header.frame_id
                image.data.frombytes(bytes(message.data))
                before = len(faces)
                robot.publisher(CompressedImage, 'image/compressed').publish(image)
                robot.until(lambda: len(faces) > before, 'the faces in the image')  # noqa: B023
                images.append(image)
            else:
                samples = np.asarray(message.data, np.int16)
                chunk = audio_message(samples, stamp_to_ns(message.header.stamp))
                robot.publisher(AudioChunk, 'audio').publish(chunk)
    return images


def _type(name: str) -> Any:
    return type(make_message(f'hri_msgs/msg/{name}'))


def test_who_subscribes_late_misses_no_final_words(scene: Scene) -> None:
    spoken = [one.text for one in scene.emotions]
    assert all(spoken)
    scene.learner.robot.until(
        lambda: sum(map(len, scene.learner.words().values())) == 2, 'the words of both'
    )
    for emotion, text in zip(scene.emotions, spoken, strict=True):
        voice_id = emotion.speaker_id or 'anonymous_speaker'
        assert scene.learner.words()[voice_id] == [text]
        (said,) = [one for one in scene.inbox(f'voices/{voice_id}/speech') if one.final]
        assert said.header.stamp == emotion.end
        assert said.locale == 'en_US'
        assert 0.0 < said.confidence <= 1.0
    assert scene.emotions[0].speaker_id != scene.emotions[1].speaker_id


def test_a_voice_is_never_named_after_an_utterance(scene: Scene) -> None:
    known = {one.speaker_id for one in scene.emotions if one.speaker_id}
    assert scene.learner.voices == known | {'anonymous_speaker'}
    speaking = [one.data for one in scene.inbox('voices/anonymous_speaker/is_speaking')]
    assert True in speaking
    assert speaking[-1] is False


def test_words_come_while_somebody_speaks(scene: Scene) -> None:
    said = scene.inbox('voices/anonymous_speaker/speech')
    partial = [one.incremental for one in said if one.incremental]
    assert any(scene.emotions[0].text.startswith(words) for words in partial)


def test_the_faces_are_those_of_the_other_topics(scene: Scene) -> None:
    ids = {face.face_id for one in scene.faces for face in one.faces}
    assert scene.learner.faces == ids
    height, width = 360, 640
    boxes = {
        (face.face_id, stamp_to_ns(one.header.stamp)): face.roi
        for one in scene.faces
        for face in one.faces
    }
    for face_id in ids:
        regions = scene.inbox(f'faces/{face_id}/roi')
        assert len(regions) > 20
        for one in regions:
            box = boxes[face_id, stamp_to_ns(one.header.stamp)]
            assert one.header.frame_id == 'camera'
            assert one.xmin * width == pytest.approx(box.x_offset, abs=1)
            assert one.xmax * width == pytest.approx(box.x_offset + box.width, abs=1)
            assert one.ymin * height == pytest.approx(box.y_offset, abs=1)
            assert 0.5 < one.c <= 1.0


def test_expressions_and_action_units_are_those_of_a_face_at_the_time_of_an_image(
    scene: Scene,
) -> None:
    stamps = {stamp_to_ns(one.header.stamp) for one in scene.images}
    for face_id in scene.learner.faces:
        expressions = scene.inbox(f'faces/{face_id}/expression')
        assert expressions
        for one in expressions:
            assert stamp_to_ns(one.header.stamp) in stamps
            assert one.expression in EXPRESSIONS.values()
            assert one.expression == getattr(one, one.expression.upper())
            assert max(abs(one.valence), abs(one.arousal)) <= 1.0
            assert 0.0 < one.confidence <= 1.0
        units = scene.inbox(f'faces/{face_id}/facs')[-1]
        assert stamp_to_ns(units.header.stamp) in stamps
        measured = np.flatnonzero(units.confidence)
        assert {1, 4, 12, 26} <= set(measured)
        assert not np.delete(units.intensity, measured).any()


def test_a_cropped_face_is_square_and_shows_the_face(scene: Scene) -> None:
    for face_id in scene.learner.faces:
        cropped = scene.inbox(f'faces/{face_id}/cropped')[-1]
        assert (cropped.height, cropped.width, cropped.encoding) == (128, 128, 'bgr8')
        pixels = np.asarray(cropped.data).reshape(128, 128, 3)
        assert pixels[44:84, 44:84].std() > 5  # a face, not the wall behind it


def test_a_match_of_face_and_voice_holds_until_the_face_is_gone(scene: Scene) -> None:
    second = scene.emotions[1]

    def confidences() -> list[float]:
        return [
            one.confidence
            for one in scene.inbox('candidate_matches')
            if (one.id1, one.id2) == (second.face_id, second.speaker_id)
        ]

    assert second.speaker_confidence > 0.6
    scene.learner.robot.until(
        lambda: second.speaker_confidence in confidences(), 'the match of the second speaker'
    )
    # The camera has stopped: nobody is seen.
    scene.learner.robot.until(lambda: confidences()[-1] == 0.0, 'the match is revoked')
    assert scene.inbox('faces/tracked')[-1].ids == []


def test_the_person_of_a_face_is_named_with_the_emotion(scene: Scene) -> None:
    first, second = scene.emotions
    assert (first.person_id, second.person_id) == ('', 'anna')


def test_words_of_another_recogniser_are_taken_and_not_published_again() -> None:
    parameters = {'transcriber.backend': 'topic', 'image.transport': 'off'}
    with active_node(parameters) as (robot, node):
        robot.listen(Emotion, 'emotion')
        robot.listen(Transcript, 'transcript')
        robot.until(lambda: node.count_subscribers('emotion'), 'the robot listens')
        tracked = robot.publisher(_type('IdsList'), '/humans/voices/tracked')
        tracked.publish(make_message('hri_msgs/msg/IdsList', ids=['anonymous_speaker']))
        speech = robot.publisher(_type('LiveSpeech'), '/humans/voices/anonymous_speaker/speech')
        audio = robot.publisher(AudioChunk, 'audio')
        start_ns = 1_700_000_000 * NS_PER_S
        for stamp_ns, chunk in chunks(conversation()[: 4 * RATE], 2048, start_ns):
            audio.publish(audio_message(chunk, stamp_ns))
        said = make_message(
            'hri_msgs/msg/LiveSpeech', final='they offered me the job', confidence=0.9
        )
        said.header.stamp.sec = start_ns // NS_PER_S + 3
        speech.publish(said)
        robot.until(lambda: robot.inbox['emotion'], 'an emotion')
        assert robot.inbox['emotion'][0].text == 'they offered me the job'
        assert robot.inbox['emotion'][0].modalities[0].available
        assert node.count_publishers('/humans/voices/tracked') == 1
        assert node.count_publishers('/humans/faces/tracked') == 0


def test_nothing_is_below_humans_where_it_is_off() -> None:
    off = {'transcriber.backend': 'off', 'text.backend': 'off', 'hri.publish': 'off'}
    with active_node(off) as (_, node):
        assert not [
            name for name, _ in node.get_topic_names_and_types() if name.startswith('/humans')
        ]


def test_topics_leave_the_graph_with_the_activity_of_the_node() -> None:
    parameters = {'transcriber.backend': 'off', 'text.backend': 'off'}
    with active_node(parameters) as (_, node):
        assert node.count_publishers('/humans/voices/tracked') == 1
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        assert node.count_publishers('/humans/voices/tracked') == 0
        assert node.count_subscribers('/humans/persons/tracked') == 0
