"""Recordings of any kind as the inputs of the pipeline, in the order in which they came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from emotion_node.config import AudioConfig
from emotion_node.core.pipeline import Pipeline
from emotion_node.datatypes import (
    AudioChunk,
    Report,
    TranscriptReport,
    VideoFrame,
)
from emotion_node.messages.audio import (
    AUDIO_INFO_TYPE,
    AUDIO_TYPES,
    AudioFormat,
    MessageError,
    audio_format,
    decode_audio,
)
from emotion_node.messages.image import IMAGE_TYPES, decode_image
from emotion_node.messages.transcript import decode_transcript
from emotion_node.recordings.bag import Bag, BagError, Message, Topic
from emotion_node.recordings.media import probe, read_media

_BOOL = 'std_msgs/msg/Bool'
_TRANSCRIPT = 'emotion_msgs/msg/Transcript'


@dataclass(frozen=True, slots=True)
class Mute:
    """The robot began (or ceased) to speak."""

    stamp_ns: int
    muted: bool


Input = AudioChunk | VideoFrame | Mute | TranscriptReport


def push(pipeline: Pipeline, value: Input) -> list[Report]:
    """Give the pipeline one input and return what it tells."""
    match value:
        case AudioChunk():
            return pipeline.push_audio(value)
        case VideoFrame():
            return pipeline.push_frame(value)
        case Mute():
            return pipeline.push_mute(value.stamp_ns, value.muted)
        case TranscriptReport():
            return pipeline.push_transcript(value)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a recording holds.

    Attributes:
        time_ns: when it was recorded; in a media file, the end of the audio or the image's
            position.
        value: what the pipeline takes; None when it takes nothing.
        message: the recorded message; None in a media file.
    """

    time_ns: int
    value: Input | None
    message: Message | None = None


class Recording(Protocol):
    """A recording that can be read once."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    @property
    def frame_id(self) -> str:
        """Frame of the microphone, as far as is known by now; empty in a media file."""
        ...

    @property
    def start_ns(self) -> int:
        """Time of its beginning, on the clock of `Step.time_ns`."""
        ...

    @property
    def duration_ns(self) -> int:
        """How long it lasts; 0 when that is not known beforehand."""
        ...

    @property
    def problems(self) -> Counter[str]:
        """What could not be used so far, for people, and how often."""
        ...

    def steps(self) -> Iterator[Step]:
        """Yield what it holds, in order."""
        ...


class MediaRecording:
    """An audio or video file.

    Args:
        path: the file.
        images: whether anybody looks at images.

    Raises:
        MediaError: it cannot be used.
    """

    def __init__(self, path: Path, images: bool) -> None:
        self.path = path
        self.frame_id = ''
        self.info = probe(path)
        self.start_ns = 0
        self.duration_ns = self.info.duration_ns
        self.problems: Counter[str] = Counter()
        self._images = images and self.info.has_video

    def steps(self) -> Iterator[Step]:
        """Yield audio and images."""
        for value in read_media(self.path, self._images):
            duration_ns = value.duration_ns if isinstance(value, AudioChunk) else 0
            yield Step(value.stamp_ns + duration_ns, value)


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Which topics of a bag to take; an empty name finds the topic by its type.

    Attributes:
        audio, image: the microphone's and the camera's.
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
        config: what to take audio messages for that do not state their format.
        names: which topics to take.
        images: whether anybody looks at images.
        transcripts: whether to take transcripts from a topic.
        everything: yield a step for every message, also of topics that are not taken.

    Raises:
        BagError: a topic is missing, cannot be told from others, or is of an unknown type.
    """

    def __init__(
        self,
        bag: Bag,
        config: AudioConfig,
        names: TopicNames,
        images: bool,
        transcripts: bool,
        everything: bool,
    ) -> None:
        self.path = bag.path
        self.frame_id = ''
        self.start_ns = bag.start_ns
        self.duration_ns = bag.end_ns - bag.start_ns
        self.problems: Counter[str] = Counter()
        self._bag = bag
        self._config = config
        self._everything = everything
        self._format: AudioFormat | None = None
        self._readers: dict[str, Any] = {}
        audio = bag.choose(names.audio, AUDIO_TYPES, 'audio', '--audio-topic')
        if audio is None:
            raise BagError(f'{bag.path} has no audio topic; it has: {bag.list_topics()}')
        self._take(audio, AUDIO_TYPES, self._read_audio)
        for topic in bag.topics.values():
            if topic.msgtype == AUDIO_INFO_TYPE:
                self._take(topic, (AUDIO_INFO_TYPE,), self._read_info)
        if images:
            image = bag.choose(names.image, IMAGE_TYPES, 'image', '--image-topic')
            if image is not None:
                self._take(image, IMAGE_TYPES, decode_image)
        self._take_named(names.robot_speaking, 'robot_speaking', _BOOL, self._read_mute)
        if transcripts:
            self._take_named(names.transcript_in, 'transcript_in', _TRANSCRIPT, decode_transcript)

    def steps(self) -> Iterator[Step]:
        """Yield what the pipeline takes, or everything."""
        topics = None if self._everything else set(self._readers)
        for message in self._bag.messages(topics):
            yield Step(message.stamp_ns, self._read(message), message)

    def _read(self, message: Message) -> Input | None:
        reader = self._readers.get(message.topic)
        if reader is None:
            return None
        try:
            value: Input | None = reader(self._bag.decode(message), message.stamp_ns)
        except (MessageError, BagError) as error:
            self.problems[f'{message.topic}: {error}'] += 1
            return None
        return value

    def _take(self, topic: Topic, msgtypes: tuple[str, ...], reader: Any) -> None:
        if topic.msgtype not in msgtypes:
            raise BagError(
                f'{self.path}: {topic.name} is {topic.msgtype}, expected '
                + (' or '.join(msgtypes) if len(msgtypes) < 3 else 'one of ' + ', '.join(msgtypes))
            )
        self._bag.typestore(topic.msgtype)  # complain now rather than at every message
        self._readers[topic.name] = reader

    def _take_named(self, name: str, usual: str, msgtype: str, reader: Any) -> None:
        """Take a topic by its given or its usual name; its type alone would not tell it."""
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
        self._take(topic, (msgtype,), reader)

    def _read_audio(self, message: Any, receipt_ns: int) -> AudioChunk:
        header = getattr(message, 'header', None)
        if header is not None:
            self.frame_id = header.frame_id
        return decode_audio(message, receipt_ns, self._config, self._format)

    def _read_info(self, message: Any, _: int) -> None:
        self._format = audio_format(message)

    def _read_mute(self, message: Any, receipt_ns: int) -> Mute:
        return Mute(receipt_ns, bool(message.data))
