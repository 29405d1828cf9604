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
from emotion_node.messages.compressed_audio import compressed_format
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


class CompressedAudioError(MessageError):
    """The audio of a message is compressed."""


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
    payload = byte_payload(message)
    if payload is not None:
        return bytes_to_chunk(message, payload, assumed, receipt_ns, config)
    if hasattr(message, 'sample_rate') and hasattr(message, 'channels'):
        samples = _pcm(message.data)
        rate, channels = int(message.sample_rate), int(message.channels)
    elif hasattr(message, 'layout'):
        samples = _pcm(message.data)
        rate, channels = assumed.rate, _layout_channels(message.layout, assumed.channels)
    elif hasattr(message, 'audio') and hasattr(message.audio, 'audio_data'):
        samples = _filled_array(message.audio.audio_data)
        rate, channels = int(message.audio.info.rate), int(message.audio.info.channels)
    else:
        raise MessageError(
            f'{type(message).__name__} is not an audio message; expected one of '
            + ', '.join(AUDIO_TYPES)
        )
    return _chunk(message, samples, AudioFormat(rate, channels), receipt_ns, config)


def byte_payload(message: Any) -> bytes | None:
    """Return the bytes of a message of ros-drivers; None for a message of another kind."""
    if hasattr(message, 'sample_rate') or hasattr(message, 'layout'):
        return None
    holder = getattr(message, 'audio', message)
    return bytes(holder.data) if hasattr(holder, 'data') else None


def bytes_to_chunk(
    message: Any, payload: bytes, form: AudioFormat, receipt_ns: int, config: AudioConfig
) -> AudioChunk:
    """Return bytes of a known format as a chunk with the stamp of a message.

    Raises:
        MessageError: as `decode_audio`.
    """
    samples = bytes_to_samples(payload, form.encoding)
    return _chunk(message, samples, form, receipt_ns, config)


def bytes_to_samples(payload: bytes, encoding: str) -> Samples:
    """Return the samples in bytes.

    Raises:
        MessageError: they are compressed, or not a whole number of samples.
    """
    data = np.frombuffer(payload, np.uint8)
    _refuse_compressed(data)
    dtype = _DTYPES[encoding]
    if len(data) % dtype.itemsize:
        raise MessageError(
            f'audio message has {len(data)} bytes, which is not a whole number of {encoding} '
            'samples'
        )
    return _to_samples(data.view(dtype))


def sample_size(form: AudioFormat) -> int:
    """Return the bytes of one sample of one channel."""
    return _DTYPES[form.encoding].itemsize


def _chunk(
    message: Any, samples: Samples, form: AudioFormat, receipt_ns: int, config: AudioConfig
) -> AudioChunk:
    """Return interleaved (n * channels,) samples as a chunk, after checking their format."""
    rate, channels = form.rate, form.channels
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
    if config.stamp == 'end':
        stamp_ns -= duration_ns
    return AudioChunk(stamp_ns, shaped, rate, ClockSource.HEADER)


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


def _refuse_compressed(data: npt.NDArray[np.uint8]) -> None:
    container = compressed_format(data)
    if container:
        raise CompressedAudioError(
            f'audio message holds {container}, expected uncompressed PCM; start audio_capture '
            'with format:=wave, or publish emotion_msgs/msg/AudioChunk'
        )
