"""Opening media files, choosing their tracks and decoding them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.stream import Disposition, Stream

from emotion_node.datatypes import NS_PER_S
from emotion_node.errors import UserError
from emotion_node.recordings.barrier import attempt, until_fault
from emotion_node.recordings.media_losses import MediaLosses

_SILENCE: Final = 10
"""Root mean square of 16-bit samples (-70 dBFS) up to which audio is silent."""
_LISTEN_S: Final = 60
"""The first audio track is taken if it is not silent within this time."""
_ESTIMATED: Final = ('aac', 'ac3', 'amr', 'eac3', 'mp3')
"""Formats of which FFmpeg estimates the length."""
_PLACEHOLDER: Final = 2**31 - 2**16
"""Bytes that a streamed WAV file states at least, whatever its length."""


class MediaError(UserError):
    """A file cannot be used."""


def open_media(path: Path) -> av.container.InputContainer:
    """Open a file.

    Raises:
        MediaError: it is missing, or is not an audio or video file.
    """
    if not path.exists():
        raise MediaError(f'{path} does not exist')
    faults: list[str] = []
    # An absolute path, as a colon in a relative one would name a protocol; files only, as a
    # playlist may name addresses.
    options = {'protocol_whitelist': 'file'}
    container = attempt(lambda: av.open(str(path.absolute()), options=options), faults.append)
    if container is None:
        raise MediaError(
            f'{path} cannot be read as audio or video ({faults[0]}); expected a file that FFmpeg '
            'reads, such as WAV, FLAC, MP3 or MP4, or a rosbag2 recording'
        )
    return container


def audio_stream(container: av.container.InputContainer, path: Path, track: int) -> av.AudioStream:
    """Return an audio track by its index among those that can be decoded.

    Raises:
        MediaError: the file has no audio.
    """
    if not container.streams.audio:
        raise MediaError(
            f'{path} has no audio; emotions are found per utterance, so a recording needs audio'
        )
    streams = audio_streams(container)
    if not streams:
        raise MediaError(f'{path}: FFmpeg has no decoder for its audio; convert it, e.g. to WAV')
    return streams[track]


def audio_streams(container: av.container.InputContainer) -> list[av.AudioStream]:
    """Return the audio tracks that can be decoded."""
    return [one for one in container.streams.audio if _is_decodable(one)]


def _is_decodable(stream: av.AudioStream | av.VideoStream) -> bool:
    """Return whether there is a decoder; without one, PyAV has no codec context."""
    return getattr(stream, 'codec_context', None) is not None


def video_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """Return the video track; a cover image is none."""
    for stream in container.streams.video:
        if _is_decodable(stream) and not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def audible_track(path: Path, tracks: int) -> int:
    """Return the index of the first audio track that is not silent; 0 when all are."""
    if tracks < 2:
        return 0
    audible: set[int] = set()
    with open_media(path) as container:
        streams = audio_streams(container)
        order = {stream.index: track for track, stream in enumerate(streams)}
        for packet in until_fault(container.demux(*streams), lambda fault: None):  # only a look
            for frame in attempt(packet.decode, lambda fault: None) or ():
                if isinstance(frame, av.AudioFrame) and _is_audible(frame):
                    audible.add(order[packet.stream.index])
            if 0 in audible:
                return 0
            late = packet.dts is not None and packet.dts * packet.time_base > _LISTEN_S
            if audible and late:
                break
    return min(audible, default=0)


def _is_audible(frame: av.AudioFrame) -> bool:
    samples = frame.to_ndarray()
    floats = samples.dtype.kind == 'f'
    scale = 1.0 if floats else 2.0 ** (8 * samples.dtype.itemsize - 1)
    middle = scale if samples.dtype.kind == 'u' else 0.0
    level = np.sqrt(np.mean(np.square((samples - middle) / scale), dtype=np.float64)) * 32768
    return bool(level > _SILENCE)


def stated_ns(
    container: av.container.InputContainer, stream: av.AudioStream | av.VideoStream
) -> int:
    """Return the length that a track states, or its container if it is the longest track.

    Returns:
        The length in ns; 0 where it is unknown, estimated or a placeholder.
    """
    length: Fraction | None = None
    if container.format.name in _ESTIMATED:
        return 0
    if stream.duration is not None and stream.time_base is not None:
        length = stream.duration * stream.time_base
    elif container.duration is not None and isinstance(
        stream, av.VideoStream if video_stream(container) else av.AudioStream
    ):
        length = Fraction(container.duration, av.time_base)
    if length is None or length * (stream.codec_context.bit_rate or 0) / 8 > _PLACEHOLDER:
        return 0
    return max(round(length * NS_PER_S), 0)


def decode(
    container: av.container.InputContainer,
    stream: av.AudioStream | av.VideoStream,
    losses: MediaLosses,
) -> Iterator[tuple[av.AudioFrame | av.VideoFrame, av.Packet[Stream]]]:
    """Yield frames with the packet that each comes from."""
    faults: list[str] = []
    for packet in until_fault(container.demux(stream), faults.append):
        damaged: list[str] = []
        for frame in attempt(packet.decode, damaged.append) or ():
            assert isinstance(frame, av.AudioFrame | av.VideoFrame)
            yield frame, packet
        if damaged and isinstance(stream, av.AudioStream):
            count_audio(packet, losses)
        elif damaged:
            losses.frames += 1
    if faults:
        losses.fault = losses.fault or faults[0]


def count_audio(packet: av.Packet[Stream], losses: MediaLosses) -> None:
    """Count a packet of audio that could not be decoded."""
    losses.audio_packets += 1
    if packet.duration and packet.time_base:
        losses.audio += max(packet.duration * packet.time_base, Fraction(0))


def origin(container: av.container.InputContainer) -> Fraction:
    """Return the container's own time at position 0, in seconds."""
    return Fraction(container.start_time or 0, av.time_base)


def position(frame: av.AudioFrame | av.VideoFrame, origin: Fraction) -> int | None:
    """Return the position of a frame in ns; None where the file does not state it."""
    if frame.pts is None or not frame.time_base:
        return None
    return round((frame.pts * frame.time_base - origin) * NS_PER_S)
