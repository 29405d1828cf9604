"""What a recording of any kind yields: the pipeline's inputs, in the order of recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emotion_node.core.pipeline import Pipeline
from emotion_node.datatypes import AudioChunk, Report, TranscriptReport, VideoFrame
from emotion_node.messages.audio import check_channel
from emotion_node.recordings.bag_files import Message
from emotion_node.recordings.media import probe, read_media
from emotion_node.recordings.media_losses import MediaLosses


@dataclass(frozen=True, slots=True)
class RobotSpeaking:
    """The robot started or stopped speaking.

    Attributes:
        stamp_ns: when.
        speaking: whether it speaks from then on.
    """

    stamp_ns: int
    speaking: bool


PipelineInput = AudioChunk | VideoFrame | RobotSpeaking | TranscriptReport


def push(pipeline: Pipeline, value: PipelineInput) -> list[Report]:
    """Pass one input to the pipeline and return its reports."""
    match value:
        case AudioChunk():
            return pipeline.push_audio(value)
        case VideoFrame():
            return pipeline.push_frame(value)
        case RobotSpeaking():
            return pipeline.push_mute(value.stamp_ns, value.speaking)
        case TranscriptReport():
            return pipeline.push_transcript(value)


@dataclass(frozen=True, slots=True)
class Step:
    """One item of a recording.

    Attributes:
        time_ns: time of recording; in a media file, the position of a frame or of the end of a
            chunk of audio.
        value: for the pipeline; None where the item is not one of its inputs.
        message: the recorded message; None in a media file.
    """

    time_ns: int
    value: PipelineInput | None
    message: Message | None = None


class Recording(Protocol):
    """A recording that can be read once."""

    @property
    def path(self) -> Path:
        """Its file or folder."""
        ...

    @property
    def frame_id(self) -> str:
        """Frame of the microphone, as far as it is known by now; empty in a media file."""
        ...

    @property
    def start_ns(self) -> int:
        """Time of its beginning, on the clock of `Step.time_ns`."""
        ...

    @property
    def duration_ns(self) -> int:
        """Its length; 0 when that is not known in advance."""
        ...

    @property
    def problems(self) -> Counter[str]:
        """Descriptions of what could not be used so far, with their counts."""
        ...

    @property
    def losses(self) -> Sequence[str]:
        """Descriptions of what could not be read so far."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What else the user should know."""
        ...

    def steps(self) -> Iterator[Step]:
        """Yield its items in order."""
        ...


class MediaRecording:
    """An audio or video file.

    Args:
        path: the file.
        images: whether to decode its video.
        channel: as the parameter `audio.channel`.
        rotation: by which its frames are turned clockwise, in degrees.

    Raises:
        MediaError: it cannot be used.
        MessageError: it has no such channel.
    """

    def __init__(self, path: Path, images: bool, channel: str = 'mean', rotation: int = 0) -> None:
        self.path = path
        self.frame_id = ''
        self.info = probe(path)
        self.start_ns = 0
        self.duration_ns = self.info.duration_ns
        self.problems: Counter[str] = Counter()
        self._images = images and self.info.has_video
        self._channel = channel
        self._rotation = rotation
        self._losses = MediaLosses()
        check_channel(channel, self.info.channels)

    @property
    def losses(self) -> Sequence[str]:
        """Descriptions of what could not be read so far."""
        return [f'{self.path}: {text}' for text in self._losses.losses()]

    @property
    def remarks(self) -> Sequence[str]:
        """What else the user should know."""
        texts = list(self._losses.remarks())
        if self.info.audio_track:
            number, count = self.info.audio_track + 1, self.info.audio_tracks
            texts.append(f'audio track {number} of {count} was used; those before it are silent')
        return [f'{self.path}: {text}' for text in texts]

    def steps(self) -> Iterator[Step]:
        """Yield audio and frames."""
        for value in read_media(
            self.path,
            self._images,
            self._channel,
            self._rotation,
            self.info.audio_track,
            self._losses,
        ):
            duration_ns = value.duration_ns if isinstance(value, AudioChunk) else 0
            yield Step(value.stamp_ns + duration_ns, value)
