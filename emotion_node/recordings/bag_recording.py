"""A rosbag2 recording as the inputs of the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from emotion_node.config import AudioConfig
from emotion_node.datatypes import AudioChunk, VideoFrame
from emotion_node.messages.audio import (
    AUDIO_INFO_TYPE,
    AUDIO_TYPES,
)
from emotion_node.messages.image import IMAGE_TYPES, decode_image
from emotion_node.messages.transcript import decode_transcript
from emotion_node.recordings.bag import Bag, BagError
from emotion_node.recordings.bag_audio import BagAudio
from emotion_node.recordings.bag_files import Message, Topic
from emotion_node.recordings.barrier import attempt
from emotion_node.recordings.recording import PipelineInput, RobotSpeaking, Step

_BOOL = 'std_msgs/msg/Bool'
_TRANSCRIPT = 'emotion_msgs/msg/Transcript'
_DEBUG_IMAGE = 'debug_image'
"""The image that the node itself publishes."""
_COMPRESSED = '/compressed'

MessageReader = Callable[[Any, int], PipelineInput | None]
"""Takes a decoded message and its time of recording, in ns."""


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Which topics of a bag to read; for an empty name, the topic is found by its type.

    Attributes:
        audio, image: of the microphone and the camera.
        robot_speaking: std_msgs/Bool, true while the robot speaks.
        transcript_in: emotion_msgs/Transcript of the robot's own recogniser.
    """

    audio: str = ''
    image: str = ''
    robot_speaking: str = ''
    transcript_in: str = ''


class BagRecording:
    """A rosbag2 recording.

    Args:
        bag: opened.
        config: format of audio messages that do not state theirs.
        names: which topics to read.
        images: whether to read images.
        transcripts: whether to read transcripts from a topic.
        everything: yield a step for every message, also on topics that are not read.
        rotation: by which images are turned clockwise, in degrees; a multiple of 90.

    Raises:
        BagError: a topic is missing or of an unknown type, or several fit.
    """

    def __init__(
        self,
        bag: Bag,
        config: AudioConfig,
        names: TopicNames,
        images: bool,
        transcripts: bool,
        everything: bool,
        rotation: int = 0,
    ) -> None:
        self.path = bag.path
        self.frame_id = ''
        self.start_ns = bag.start_ns
        self.duration_ns = bag.end_ns - bag.start_ns
        self.problems: Counter[str] = Counter()
        self._damaged: Counter[str] = Counter()
        self._bag = bag
        self._rotation = rotation
        self._everything = everything
        self._readers: dict[str, MessageReader] = {}
        audio = bag.choose(names.audio, AUDIO_TYPES, 'audio', '--audio-topic')
        if audio is None:
            raise BagError(f'{bag.path} has no audio topic; it has: {bag.list_topics()}')
        self._read_topic(audio, AUDIO_TYPES, self._read_audio)
        self._audio = BagAudio(bag, audio, config)
        if self._audio.info is not None:
            self._read_topic(self._audio.info, (AUDIO_INFO_TYPE,), self._read_info)
        if images:
            image = self._choose_camera(names.image)
            if image is not None:
                self._read_topic(image, IMAGE_TYPES, self._read_image)
        self._read_named(names.robot_speaking, 'robot_speaking', _BOOL, _robot_speaking)
        if transcripts:
            self._read_named(names.transcript_in, 'transcript_in', _TRANSCRIPT, decode_transcript)

    @property
    def losses(self) -> Sequence[str]:
        """Descriptions of what could not be read so far."""
        damaged = [f'{n} x {text}' if n > 1 else text for text, n in self._damaged.items()]
        return [*self._bag.losses, *damaged]

    @property
    def remarks(self) -> Sequence[str]:
        """What else the user should know."""
        return self._bag.remarks

    def steps(self) -> Iterator[Step]:
        """Yield the inputs of the pipeline, or everything."""
        topics = None if self._everything else set(self._readers)
        for message in self._bag.messages(topics):
            yield Step(message.stamp_ns, self._read(message), message)
        self.problems.update(self._audio.problems())

    def _read(self, message: Message) -> PipelineInput | None:
        reader = self._readers.get(message.topic)
        if reader is None:
            return None

        def count(fault: str) -> None:
            self.problems[f'{message.topic}: {fault}'] += 1

        def lose(fault: str) -> None:
            self._damaged[fault] += 1

        fields = attempt(lambda: self._bag.decode(message), lose)
        if fields is None:
            return None
        # A well-formed message may still hold anything, such as a negative time.
        return attempt(lambda: reader(fields, message.stamp_ns), count)

    def _choose_camera(self, name: str) -> Topic | None:
        """Return the topic of the camera: not our own image, and raw where both are recorded."""
        if name:
            return self._bag.choose(name, IMAGE_TYPES, 'image', '--image-topic')
        images = {
            topic.name
            for topic in self._bag.topics.values()
            if topic.msgtype in IMAGE_TYPES and topic.count
        }
        ignored = {
            one
            for one in images
            if one.removesuffix(_COMPRESSED).rpartition('/')[2] == _DEBUG_IMAGE
            or (one.endswith(_COMPRESSED) and one.removesuffix(_COMPRESSED) in images)
        }
        return self._bag.choose('', IMAGE_TYPES, 'image', '--image-topic', ignored)

    def _read_topic(self, topic: Topic, msgtypes: tuple[str, ...], reader: MessageReader) -> None:
        if topic.msgtype not in msgtypes:
            raise BagError(
                f'{self.path}: {topic.name} is {topic.msgtype}, expected '
                + (' or '.join(msgtypes) if len(msgtypes) < 3 else 'one of ' + ', '.join(msgtypes))
            )
        self._bag.typestore(topic.msgtype)  # an unknown type is an error now, not at every message
        self._readers[topic.name] = reader

    def _read_named(self, name: str, usual: str, msgtype: str, reader: MessageReader) -> None:
        """Read a topic by its given or its usual name; its type alone is ambiguous."""
        if not name:
            fitting = [
                topic.name
                for topic in self._bag.topics.values()
                if topic.msgtype == msgtype and topic.name.rpartition('/')[2] == usual
            ]
            if len(fitting) != 1:
                return
            name = fitting[0]
        topic = self._bag.choose(name, (msgtype,), usual, f'--{usual.replace("_", "-")}-topic')
        assert topic is not None
        self._read_topic(topic, (msgtype,), reader)

    def _read_audio(self, message: Any, receipt_ns: int) -> AudioChunk | None:
        header = getattr(message, 'header', None)
        if header is not None:
            self.frame_id = header.frame_id
        return self._audio.decode(message, receipt_ns)

    def _read_image(self, message: Any, receipt_ns: int) -> VideoFrame:
        return decode_image(message, receipt_ns).turned(self._rotation)

    def _read_info(self, message: Any, _: int) -> None:
        self._audio.take_info(message)


def _robot_speaking(message: Any, receipt_ns: int) -> RobotSpeaking:
    return RobotSpeaking(receipt_ns, bool(message.data))
