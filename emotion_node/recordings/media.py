"""Reading audio and video files in any container that FFmpeg supports."""

from __future__ import annotations

import contextlib
import heapq
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import FrameType

import av
import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    NS_PER_S,
    AudioChunk,
    ClockSource,
    VideoFrame,
)
from emotion_node.errors import UserError

_RESAMPLED_RATE = 48_000


class MediaError(UserError):
    """A file cannot be used."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """The contents of a file.

    Attributes:
        duration_ns: 0 when the container does not state it.
        rate: of the audio, samples per second and channel.
        channels: of the audio.
        has_video: whether it has a video track.
    """

    duration_ns: int
    rate: int
    channels: int
    has_video: bool


def probe(path: Path) -> MediaInfo:
    """Return the contents of a file.

    Raises:
        MediaError: it is missing, is not an audio or video file, or has no audio.
    """
    with _open(path) as container:
        stream = _audio_stream(container, path)
        duration_ns = 0
        if container.duration is not None:
            duration_ns = container.duration * NS_PER_S // av.time_base
        return MediaInfo(duration_ns, stream.rate, stream.channels, bool(container.streams.video))


def read_audio(path: Path, channel: str | None = None) -> Iterator[AudioChunk]:
    """Yield a file's audio at its own rate, stamped with the position in the file.

    Where FFmpeg mixes the channels down, the centre channel of 5.1 audio, which carries the
    speech, has the largest weight. For 16 bits it normalises the matrix, so nothing clips; for
    float it does not. Packets that cannot be decoded are left out, which leaves a gap.

    Args:
        path: the file.
        channel: as the parameter `audio.channel`: all channels are kept, but for the mean of more
            than two. None for mono.

    Raises:
        MediaError: as `probe`.
    """
    with _open(path) as container:
        stream = _audio_stream(container, path)
        usable = MIN_SAMPLE_RATE <= stream.rate <= MAX_SAMPLE_RATE
        rate = stream.rate if usable else _RESAMPLED_RATE
        mixed_down = channel is None or (channel == 'mean' and stream.channels > 2)
        layout = 'mono' if mixed_down else stream.layout.name
        resampler = av.AudioResampler(format='s16', layout=layout, rate=rate)
        origin = _origin(container)
        for frame in _decode(container, stream):
            assert isinstance(frame, av.AudioFrame)
            with _interrupts_deferred():
                mixed_frames = resampler.resample(frame)
            for mixed in mixed_frames:
                yield _chunk(mixed, rate, origin)
        for mixed in resampler.resample(None):
            yield _chunk(mixed, rate, origin)


def read_video(path: Path) -> Iterator[VideoFrame]:
    """Yield a file's frames, stamped with the position in the file; nothing without video."""
    with _open(path) as container:
        if not container.streams.video:
            return
        origin = _origin(container)
        for frame in _decode(container, container.streams.video[0]):
            assert isinstance(frame, av.VideoFrame)
            if frame.pts is not None:
                yield VideoFrame(_stamp(frame, origin), _image(frame))


def read_media(
    path: Path, video: bool = True, channel: str | None = None
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield a file's audio and frames together, in the order of their stamps.

    Args:
        path: the file.
        video: whether to read the video track.
        channel: as the parameter `audio.channel`: all channels are kept, but for the mean of more
            than two. None for mono.

    Raises:
        MediaError: as `probe`.
    """
    if not video:
        return read_audio(path, channel)
    return heapq.merge(read_audio(path, channel), read_video(path), key=lambda one: one.stamp_ns)


def _open(path: Path) -> av.container.InputContainer:
    if not path.exists():
        raise MediaError(f'{path} does not exist')
    try:
        return av.open(str(path))
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, 'strerror', '') or error
        raise MediaError(
            f'{path} cannot be read as audio or video ({reason}); expected a file that FFmpeg '
            'reads, such as WAV, FLAC, MP3 or MP4, or a rosbag2 recording'
        ) from error


def _audio_stream(container: av.container.InputContainer, path: Path) -> av.AudioStream:
    if not container.streams.audio:
        raise MediaError(
            f'{path} has no audio; emotions are found per utterance, so a recording needs audio'
        )
    return container.streams.audio[0]


def _decode(
    container: av.container.InputContainer, stream: av.AudioStream | av.VideoStream
) -> Iterator[av.AudioFrame | av.VideoFrame]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return  # the file ends in the middle
        if packet is None:
            return
        try:
            for frame in packet.decode():
                assert isinstance(frame, av.AudioFrame | av.VideoFrame)
                yield frame
        except av.error.InvalidDataError:
            continue


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Defer an interrupt (Ctrl-C) until after the block.

    PyAV's resampler raises and catches an exception within every call; an interrupt at that
    moment would be lost.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    deferred: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: deferred.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if deferred:
        handler(signal.SIGINT, deferred[0])


def _origin(container: av.container.InputContainer) -> Fraction:
    """Return the container's own time at position 0, in seconds."""
    return Fraction(container.start_time or 0, av.time_base)


def _stamp(frame: av.AudioFrame | av.VideoFrame, origin: Fraction) -> int:
    assert frame.pts is not None
    assert frame.time_base is not None
    return round((frame.pts * frame.time_base - origin) * NS_PER_S)


def _chunk(frame: av.AudioFrame, rate: int, origin: Fraction) -> AudioChunk:
    samples = np.ascontiguousarray(frame.to_ndarray().reshape(frame.samples, -1), np.int16)
    return AudioChunk(_stamp(frame, origin), samples, rate, ClockSource.FILE)


def _image(frame: av.VideoFrame) -> Callable[[], npt.NDArray[np.uint8]]:
    return lambda: frame.to_ndarray(format='bgr24').astype(np.uint8, copy=False)
