"""The audio messages of one topic, decoded with what earlier messages stated."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from emotion_node.config import AudioConfig
from emotion_node.datatypes import NS_PER_S, AudioChunk
from emotion_node.messages.audio import (
    AudioFormat,
    CompressedAudioError,
    MessageError,
    audio_format,
    byte_payload,
    bytes_to_chunk,
    decode_audio,
    sample_size,
)

BYTE_TYPES: Final = (
    'audio_common_msgs/msg/AudioDataStamped',
    'audio_common_msgs/msg/AudioData',
)
"""Message types of ros-drivers, whose format is in a separate `AudioInfo`."""

_COMPRESSED_NS: Final = 5 * NS_PER_S
"""A topic on which compressed audio was recognised is not analysed this long: only some of its
messages begin with a header."""
_MIN_SAMPLES: Final = 64
_EVIDENT: Final = 8.0
"""Bytes are read from another place on when that makes the signal smoother by this factor."""


def info_topics(audio_topic: str) -> tuple[str, str]:
    """Return the topics on which the `AudioInfo` of an audio topic may be, the usual one first."""
    return audio_topic.rpartition('/')[0] + '/audio_info', audio_topic + '_info'


class AudioDecoder:
    """Decodes the audio messages of one topic, in order.

    Bytes that a driver cuts in the middle of a sample are joined again. Where a message was lost
    in between, the beginning of a sample of 16 bits is found by the smoothness of the signal.

    Args:
        config: format of messages that do not state theirs, and what a stamp marks.

    Attributes:
        format: of the last `AudioInfo`; None before the first.
    """

    def __init__(self, config: AudioConfig) -> None:
        self.format: AudioFormat | None = None
        self._config = config
        self._refusal = ''
        self._compressed = ''
        self._compressed_ns = 0
        self._rest = b''
        self._cut = False

    @property
    def informed(self) -> bool:
        """Whether an `AudioInfo` was received."""
        return self.format is not None or bool(self._refusal)

    def take_info(self, message: Any) -> None:
        """Take an `AudioInfo`; audio is refused from now on if it cannot be used.

        Raises:
            MessageError: the audio is compressed or in an unknown format.
        """
        previous, self.format = self.format, None
        try:
            self.format = audio_format(message)
        except MessageError as error:
            self._refusal = str(error)
            raise
        self._refusal = ''
        if self.format != previous:
            self._rest = b''

    def decode(self, message: Any, receipt_ns: int) -> AudioChunk | None:
        """Return the audio of a message; None where it does not complete a sample.

        Args:
            message: one of `AUDIO_TYPES`, from rclpy or rosbags.
            receipt_ns: time of receipt, for messages without a stamp.

        Raises:
            MessageError: as `decode_audio`; or an `AudioInfo` or an earlier message shows that the
                audio is compressed.
        """
        payload = byte_payload(message)
        if payload is None:
            return decode_audio(message, receipt_ns, self._config)
        if self._refusal:
            raise MessageError(self._refusal)
        if self._compressed and 0 <= receipt_ns - self._compressed_ns < _COMPRESSED_NS:
            raise MessageError(self._compressed)
        try:
            return self._decode_bytes(message, payload, receipt_ns)
        except CompressedAudioError as error:
            self._compressed, self._compressed_ns = str(error), receipt_ns
            raise

    def _decode_bytes(self, message: Any, payload: bytes, receipt_ns: int) -> AudioChunk | None:
        form = self.format or AudioFormat(self._config.sample_rate, self._config.channels)
        data = self._rest + payload
        if self._cut:
            data = data[_misalignment(data, form) :]
        whole = len(data) - len(data) % (sample_size(form) * max(form.channels, 1))
        self._rest = data[whole:]
        self._cut |= bool(self._rest)
        if payload and not whole:
            return None
        return bytes_to_chunk(message, data[:whole], form, receipt_ns, self._config)


def _misalignment(data: bytes, form: AudioFormat) -> int:
    """Return how many bytes precede the first whole sample of 16 bits; 0 where 0 or unknown.

    Read across samples, the low byte of one becomes the high byte of another: the signal is loud
    white noise, whatever it was before.
    """
    if form.encoding != 'S16LE' or len(data) < 2 * _MIN_SAMPLES * form.channels:
        return 0
    aligned, shifted = (_roughness(data[first:], form.channels) for first in (0, 1))
    return int(shifted < aligned / _EVIDENT)


def _roughness(data: bytes, channels: int) -> float:
    """Return the energy of the steps between neighbouring samples of the same channel."""
    samples = np.frombuffer(data[: len(data) - len(data) % 2], '<i2').astype(np.float64)
    return float(np.mean(np.square(samples[channels:] - samples[:-channels])))
