"""Audio messages of the kinds that robots publish, as `AudioChunk` records.

It needs only the right attributes, so the same code reads messages of rclpy and of `rosbags`.
Four kinds are known:

* `emotion_msgs/msg/AudioChunk`: of this project.
* `std_msgs/msg/Int16MultiArray`: samples only; channels from a dimension labelled "channels".
* `audio_common_msgs/msg/AudioData` and `AudioDataStamped` of ros-drivers: bytes, described by a
  separate `AudioInfo` or by parameters.
* `audio_common_msgs/msg/AudioStamped` of mgonzs13: samples in one of five arrays, described in
  the message. The two packages share their name and are distinguished by their fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.config import AudioConfig
from emotion_node.datatypes import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    NS_PER_S,
    AudioChunk,
    ClockSource,
    FloatArray,
)
from emotion_node.errors import UserError
from emotion_node.messages.stamps import stamp_to_ns

AUDIO_TYPES: Final = (
    'emotion_msgs/msg/AudioChunk',
    'audio_common_msgs/msg/AudioStamped',
    'audio_common_msgs/msg/AudioDataStamped',
    'audio_common_msgs/msg/AudioData',
    'std_msgs/msg/Int16MultiArray',
)
"""Message types of audio, those with stamps and format first."""

AUDIO_INFO_TYPE: Final = 'audio_common_msgs/msg/AudioInfo'

Samples = npt.NDArray[np.int16] | FloatArray


class MessageError(UserError, ValueError):
    """A message cannot be used."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The format of audio messages that do not state it.

    Attributes:
        rate: samples per second and channel.
        channels: interleaved channels.
        encoding: "S16LE", "S32LE", "F32LE", "U8" or "S8".
    """

    rate: int
    channels: int
    encoding: str = 'S16LE'


def audio_format(info: Any) -> AudioFormat:
    """Return the format in an `AudioInfo` message of ros-drivers.

    Raises:
        MessageError: the audio is compressed or in an unknown format.
    """
    coding = str(info.coding_format).upper()
    if coding not in ('WAVE', 'RAW', 'PCM', ''):
        raise MessageError(
            f'audio is coded as {info.coding_format!r}, expected uncompressed PCM; start '
            'audio_capture with format:=wave'
        )
    encoding = str(info.sample_format).upper() or 'S16LE'
    if encoding not in _DTYPES:
        raise MessageError(
            f'audio samples are {info.sample_format!r}, expected one of {", ".join(_DTYPES)}'
        )
    return AudioFormat(int(info.sample_rate), int(info.channels), encoding)


def decode_audio(
    message: Any,
    receipt_ns: int,
    config: AudioConfig,
    info: AudioFormat | None = None,
) -> AudioChunk:
    """Return the audio of a message; samples are copied only to convert their type.

    Args:
        message: one of `AUDIO_TYPES`, from rclpy or rosbags.
        receipt_ns: time of receipt, for messages without a stamp.
        config: format of messages that do not state theirs, and which sample a stamp refers to.
        info: format in the last `AudioInfo`; None when there was none.

    Raises:
        MessageError: unknown structure, compressed audio, rate or channels out of range, samples
            that do not fill the channels, no samples at all, or no such channel.
    """
    assumed = info or AudioFormat(config.sample_rate, config.channels)
    stamped_at_end = config.stamp == 'end'
    if hasattr(message, 'sample_rate') and hasattr(message, 'channels'):
        samples = _pcm(message.data)
        rate, channels = int(message.sample_rate), int(message.channels)
    elif hasattr(message, 'layout'):
        samples = _pcm(message.data)
        rate, channels = assumed.rate, _layout_channels(message.layout, assumed.channels)
    elif hasattr(message, 'audio') and hasattr(message.audio, 'audio_data'):
        samples = _filled_array(message.audio.audio_data)
        rate, channels = int(message.audio.info.rate), int(message.audio.info.channels)
    elif hasattr(message, 'audio') or hasattr(message, 'data'):
        payload = message.audio.data if hasattr(message, 'audio') else message.data
        samples = _bytes_to_samples(payload, assumed.encoding)
        rate, channels = assumed.rate, assumed.channels
    else:
        raise MessageError(
            f'{type(message).__name__} is not an audio message; expected one of '
            + ', '.join(AUDIO_TYPES)
        )
    if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        raise MessageError(
            f'audio has a sample rate of {rate} Hz, expected {MIN_SAMPLE_RATE} to '
            f'{MAX_SAMPLE_RATE}'
        )
    if channels < 1 or len(samples) % channels:
        raise MessageError(
            f'audio message has {len(samples)} samples, which do not fill {channels} channels'
        )
    if not len(samples):
        raise MessageError('audio message has no samples')
    check_channel(config.channel, channels)
    shaped = samples.reshape(-1, channels)
    duration_ns = len(shaped) * NS_PER_S // rate
    stamp_ns = None if config.stamp == 'receipt' else _stamp(message)
    if stamp_ns is None:
        return AudioChunk(receipt_ns - duration_ns, shaped, rate, ClockSource.RECEIPT)
    return AudioChunk(stamp_ns - stamped_at_end * duration_ns, shaped, rate, ClockSource.HEADER)


def check_channel(channel: str, channels: int) -> None:
    """Check that the audio has the channel that `audio.channel` names.

    Raises:
        MessageError: it has too few.
    """
    if channel.isdecimal() and int(channel) >= channels:
        raise MessageError(
            f'audio.channel is {channel}, but the audio has the channels 0 to {channels - 1}'
        )


_DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    'S16LE': np.dtype('<i2'),
    'S32LE': np.dtype('<i4'),
    'F32LE': np.dtype('<f4'),
    'U8': np.dtype('u1'),
    'S8': np.dtype('i1'),
}


def _stamp(message: Any) -> int | None:
    header = getattr(message, 'header', None)
    return None if header is None else stamp_to_ns(header.stamp) or None


def _pcm(data: Any) -> Samples:
    samples: npt.NDArray[np.int16] = _typed(data, np.int16)
    _refuse_compressed(samples.view(np.uint8))
    return samples


def _typed(data: Any, dtype: type[np.generic]) -> Any:
    return np.frombuffer(data, dtype) if len(data) else np.zeros(0, dtype)


def _layout_channels(layout: Any, assumed: int) -> int:
    for dimension in layout.dim:
        if dimension.label == 'channels':
            return int(dimension.size)
    return assumed


def _filled_array(data: Any) -> Samples:
    for name, dtype in (
        ('int16_data', np.int16),
        ('float32_data', np.float32),
        ('int32_data', np.int32),
        ('int8_data', np.int8),
        ('uint8_data', np.uint8),
    ):
        values = getattr(data, name)
        if len(values):
            return _to_samples(_typed(values, dtype))
    return np.zeros(0, np.int16)


def _bytes_to_samples(payload: Any, encoding: str) -> Samples:
    data = _typed(payload, np.uint8)
    _refuse_compressed(data)
    dtype = _DTYPES[encoding]
    if len(data) % dtype.itemsize:
        raise MessageError(
            f'audio message has {len(data)} bytes, which is not a whole number of {encoding} '
            'samples; is it compressed?'
        )
    return _to_samples(data.view(dtype))


def _to_samples(values: npt.NDArray[Any]) -> Samples:
    match values.dtype.kind, values.dtype.itemsize:
        case ('i', 2) | ('f', 4):
            return values
        case 'i', 4:
            return (values / np.float32(2**31)).astype(np.float32)
        case 'i', 1:
            return values.astype(np.float32) / np.float32(128)
        case _:
            return (values.astype(np.float32) - np.float32(128)) / np.float32(128)


_MP3_KBITS: Final = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of layer III by MPEG version 1, and 2 or 2.5 (ISO 11172-3 and 13818-3)."""


def _refuse_compressed(data: npt.NDArray[np.uint8]) -> None:
    container = _container(data)
    if container:
        raise MessageError(
            f'audio message holds {container}, expected uncompressed PCM; start audio_capture '
            'with format:=wave, or publish emotion_msgs/msg/AudioChunk'
        )


def _container(data: npt.NDArray[np.uint8]) -> str:
    """Return the name of the compressed format or container; empty for PCM."""
    head = data[:4].tobytes()
    for magic, name in (
        (b'ID3', 'MP3'),
        (b'OggS', 'Ogg'),
        (b'fLaC', 'FLAC'),
        (b'RIFF', 'a WAV file with its header'),
    ):
        if head.startswith(magic):
            return name
    length = _mp3_frame_length(head)
    # Loud PCM can resemble one frame header, but hardly two at the right distance.
    if length and (length == len(data) or _mp3_frame_length(data[length : length + 4].tobytes())):
        return 'MP3'
    return ''


def _mp3_frame_length(head: bytes) -> int:
    """Return the length in bytes of the MPEG layer III frame with this header, or 0."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version = {3: 1, 2: 2, 0: 2}.get((head[1] >> 3) & 3)
    rate_index = (head[2] >> 2) & 3
    bit_rate_index = head[2] >> 4
    if version is None or rate_index == 3 or bit_rate_index in (0, 15):
        return 0
    halvings = {3: 0, 2: 1, 0: 2}[(head[1] >> 3) & 3]
    rate = (44_100, 48_000, 32_000)[rate_index] >> halvings
    samples_per_frame = 1152 if version == 1 else 576
    bits = _MP3_KBITS[version][bit_rate_index] * 1000
    return samples_per_frame // 8 * bits // rate + ((head[2] >> 1) & 1)
