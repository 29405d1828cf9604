"""Reading audio and video files in any container that FFmpeg supports."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    NS_PER_S,
    AudioChunk,
    VideoFrame,
)
from emotion_node.recordings.barrier import attempt
from emotion_node.recordings.media_audio import Mixer
from emotion_node.recordings.media_container import (
    audible_track,
    audio_stream,
    audio_streams,
    count_audio,
    decode,
    open_media,
    origin,
    position,
    stated_ns,
    video_stream,
)
from emotion_node.recordings.media_losses import MediaLosses
from emotion_node.recordings.media_positions import Track
from emotion_node.recordings.orientation import display_orientation

_RESAMPLED_RATE: Final = 48_000


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """The contents of a file.

    Attributes:
        duration_ns: 0 when the container does not state it.
        rate: of the audio, samples per second and channel.
        channels: of the audio.
        has_video: whether it has a video track.
        audio_track: index among its audio tracks of the one that is read: the first that is not
            silent.
        audio_tracks: number of its audio tracks.
    """

    duration_ns: int
    rate: int
    channels: int
    has_video: bool
    audio_track: int
    audio_tracks: int


def probe(path: Path) -> MediaInfo:
    """Return the contents of a file.

    Raises:
        MediaError: it is missing, is not an audio or video file, or has no audio.
    """
    with open_media(path) as container:
        streams = audio_streams(container)
        track = audible_track(path, len(streams))
        stream = audio_stream(container, path, track)
        duration_ns = 0
        if container.duration is not None:
            duration_ns = max(container.duration * NS_PER_S // av.time_base, 0)
        has_video = video_stream(container) is not None
        return MediaInfo(duration_ns, stream.rate, stream.channels, has_video, track, len(streams))


def read_audio(
    path: Path,
    channel: str | None = None,
    track: int | None = None,
    losses: MediaLosses | None = None,
) -> Iterator[AudioChunk]:
    """Yield a file's audio at its own rate, stamped with the position in the file.

    Where FFmpeg mixes the channels down, the centre channel of 5.1 audio, which carries the
    speech, has the largest weight. For 16 bits it normalises the matrix, so nothing clips; for
    float it does not. Rate and channels may change within the file. Packets that cannot be
    decoded are left out, which leaves a gap. Positions that start again continue those before.

    Args:
        path: the file.
        channel: as the parameter `audio.channel`: all channels are kept, but for the mean of more
            than two. None for mono.
        track: index among its audio tracks; None for the first that is not silent.
        losses: takes what could not be read.

    Raises:
        MediaError: as `probe`.
    """
    losses = losses if losses is not None else MediaLosses()
    with open_media(path) as container:
        if track is None:
            track = audible_track(path, len(audio_streams(container)))
        stream = audio_stream(container, path, track)
        usable = MIN_SAMPLE_RATE <= stream.rate <= MAX_SAMPLE_RATE
        mixed_down = channel is None or (channel == 'mean' and stream.channels > 2)
        mixer = Mixer(
            stream.rate if usable else _RESAMPLED_RATE,
            'mono' if mixed_down else stream.layout.name,
        )
        begin = origin(container)
        place = Track(losses.timeline)
        losses.stated_ns = stated_ns(container, stream)
        for frame, packet in decode(container, stream, losses):
            assert isinstance(frame, av.AudioFrame)
            faults: list[str] = []
            chunks = attempt(lambda: mixer.mix(frame, place, begin), faults.append)  # noqa: B023
            if faults:
                count_audio(packet, losses)
            yield from chunks or ()
            losses.reached_ns = max(losses.reached_ns, place.end_ns)
            losses.missing_ns = place.missing_ns
        yield from attempt(mixer.flush, lambda fault: None) or ()  # the tail of a broken decoder


def read_video(
    path: Path, rotation: int = 0, losses: MediaLosses | None = None
) -> Iterator[VideoFrame]:
    """Yield a file's frames, stamped with the position in the file; nothing without video.

    Args:
        path: the file.
        rotation: by which each frame is turned clockwise, in degrees, beyond what the file's
            display matrix asks for; a multiple of 90.
        losses: takes what could not be read.
    """
    losses = losses if losses is not None else MediaLosses()
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            return
        begin = origin(container)
        place = Track(losses.timeline)
        rate = stream.average_rate
        alone = not any(one.duration for one in container.streams.audio)
        if alone:
            losses.stated_ns = stated_ns(container, stream)
        duration_ns = round(NS_PER_S / rate) if rate else 0
        for frame, _ in decode(container, stream, losses):
            assert isinstance(frame, av.VideoFrame)
            position_ns = position(frame, begin)
            if position_ns is None:
                losses.unplaced += 1
                continue
            stamp_ns = place.place(position_ns, duration_ns)
            yield VideoFrame(stamp_ns, _image(frame, rotation))
            if alone:
                losses.reached_ns = max(losses.reached_ns, place.end_ns)


def read_media(
    path: Path,
    video: bool = True,
    channel: str | None = None,
    rotation: int = 0,
    track: int | None = None,
    losses: MediaLosses | None = None,
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield a file's audio and frames together, in the order of their stamps.

    Args:
        path: the file.
        video: whether to read the video track.
        channel: as for `read_audio`.
        rotation: as for `read_video`.
        track: as for `read_audio`.
        losses: takes what could not be read.

    Raises:
        MediaError: as `probe`.
    """
    losses = losses if losses is not None else MediaLosses()
    audio = read_audio(path, channel, track, losses)
    if not video:
        return audio
    return heapq.merge(audio, read_video(path, rotation, losses), key=lambda one: one.stamp_ns)


def _image(frame: av.VideoFrame, rotation: int) -> Callable[[], npt.NDArray[np.uint8]]:
    """Return a function that decodes a frame and turns it upright."""
    orient = display_orientation(frame)

    def decode() -> npt.NDArray[np.uint8]:
        faults: list[str] = []
        image = attempt(lambda: frame.to_ndarray(format='bgr24'), faults.append)
        if image is None:
            raise ValueError(f'a frame cannot be converted: {faults[0]}')
        turned = np.rot90(orient(image.astype(np.uint8, copy=False)), -rotation // 90)
        return np.ascontiguousarray(turned)

    return decode
