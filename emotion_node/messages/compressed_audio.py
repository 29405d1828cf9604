"""Compressed audio and container files, recognised by their first bytes."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_MP3_KBITS: Final = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of layer III by MPEG version 1, and 2 or 2.5 (ISO 11172-3 and 13818-3)."""


def compressed_format(data: npt.NDArray[np.uint8]) -> str:
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
