"""Image messages as `VideoFrame` records, decoded lazily.

It needs only the right attributes, so the same code reads messages of rclpy and of `rosbags`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import VideoFrame
from emotion_node.errors import first_line
from emotion_node.messages.audio import MessageError
from emotion_node.messages.stamps import stamp_or_receipt_ns

IMAGE_TYPES: Final = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')

Image = npt.NDArray[np.uint8]

_VIDEO: Final = ('h264', 'h265', 'hevc', 'av1', 'vp8', 'vp9', 'mpeg', 'theora')
_START_CODES: Final = (b'\0\0\1', b'\0\0\0\1')
"""Formats of video streams, whose single messages are no complete images; and the bytes with which
a message of H.264 or H.265 begins, whatever its format says."""
_PNG: Final = b'\x89PNG\r\n\x1a\n'
_PNG_CHUNK: Final = 12
_PNG_END: Final = b'IEND'
"""How a PNG begins; bytes of a chunk beside its data (length, name and checksum); the name of the
last one."""
_DEPTHS: Final = (10, 12, 14, 16)
"""Bits that cameras use in samples of 16 bits."""


def decode_image(message: Any, receipt_ns: int) -> VideoFrame:
    """Return the frame in an `Image` or `CompressedImage` message.

    Its pixels are decoded when they are first asked for, and only once.

    Args:
        message: from rclpy or rosbags.
        receipt_ns: time of receipt, for messages without a stamp.

    Raises:
        MessageError: unknown encoding, a format of video, or fewer bytes than the image's size
            needs.
    """
    stamp_ns = stamp_or_receipt_ns(message.header, receipt_ns)
    frame_id = str(message.header.frame_id)
    if hasattr(message, 'format'):
        form = str(message.format)
        if not len(message.data):
            raise MessageError('compressed image has no data')
        if any(name in form.lower() for name in _VIDEO):
            raise MessageError(_is_video(form))
        return VideoFrame(stamp_ns, cache(lambda: _decompress(message.data, form)), frame_id)
    name = str(message.encoding)
    encoding = _ENCODINGS.get(name)
    if encoding is None:
        raise MessageError(
            f'image encoding {name!r} is not known; expected one of {", ".join(_ENCODINGS)}: '
            'set it at the camera driver, or convert the images with image_proc'
        )
    height, width = int(message.height), int(message.width)
    if not height or not width:
        raise MessageError(f'image has a size of {width}x{height}')
    if encoding.chroma_rows and (height % 2 or width % 2):
        raise MessageError(f'{name} image has a size of {width}x{height}, expected even numbers')
    rows = height + height // 2 * encoding.chroma_rows
    packed = width * encoding.channels * encoding.sample_bytes
    step = int(message.step) or packed
    if step < packed or len(message.data) < rows * step:
        raise MessageError(
            f'image of {width}x{height} {name} has {len(message.data)} bytes in rows of '
            f'{step}, expected {rows} rows of at least {packed}'
        )

    def decode() -> Image:
        pixels = np.frombuffer(message.data, np.uint8, rows * step).reshape(rows, step)
        pixels = pixels[:, :packed]
        if encoding.sample_bytes == 2:
            pixels = _to_8_bits(pixels, bool(message.is_bigendian))
        if encoding.channels > 1:
            pixels = pixels.reshape(rows, width, encoding.channels)
        try:
            return encoding.convert(pixels)
        except cv2.error as error:
            raise MessageError(f'{name} image cannot be converted: {first_line(error)}') from error

    return VideoFrame(stamp_ns, cache(decode), frame_id)


def _to_8_bits(pixels: Image, big_endian: bool) -> Image:
    """Return samples of 16 bits as 8 bits; those of 10, 12 or 14 bits use the whole range, too.

    Args:
        pixels: (rows, bytes).
        big_endian: order of the two bytes.
    """
    samples = np.ascontiguousarray(pixels).view('>u2' if big_endian else '<u2')
    used = int(samples.max()).bit_length()
    depth = next(bits for bits in _DEPTHS if used <= bits)
    return (samples >> (depth - 8)).astype(np.uint8)


def _decompress(data: Any, form: str) -> Image:
    if not _chunks_fit(bytes(data)):
        raise MessageError(
            f'compressed image ({form!r}) is damaged or cut off: a part of the PNG is longer than '
            'the message'
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise MessageError(
            f'compressed image ({form!r}) cannot be decoded: {first_line(error)}'
        ) from error
    if image is None:
        if bytes(data[:4]).startswith(_START_CODES):
            raise MessageError(_is_video(form))
        raise MessageError(f'compressed image ({form!r}) cannot be decoded; expected JPEG or PNG')
    return image.astype(np.uint8, copy=False)


def _chunks_fit(data: bytes) -> bool:
    """Return whether a PNG holds all its chunks, up to the last; True for other formats.

    OpenCV reserves the stated length of a chunk, up to 2 GB, before it reads the chunk, and takes
    a few bytes at the end for a chunk, too.
    """
    at = len(_PNG)
    if not data.startswith(_PNG):
        return True
    while at + _PNG_CHUNK <= len(data):
        last = data[at + 4 : at + 8] == _PNG_END
        at += _PNG_CHUNK + int.from_bytes(data[at : at + 4], 'big')
        if last:
            return at <= len(data)
    return False


def _is_video(form: str) -> str:
    return (
        f'compressed image ({form!r}) cannot be decoded: it is part of a video stream, expected '
        'JPEG or PNG; set the camera driver to JPEG, or decode the stream with '
        '"ros2 run image_transport republish" and use its raw images'
    )


class _Encoding(NamedTuple):
    """How the pixels of an image are stored.

    Attributes:
        channels: samples per pixel.
        convert: (rows, width) or (rows, width, channels) uint8 to BGR.
        sample_bytes: 1 or 2.
        chroma_rows: rows of colour for every two rows of the image that follow all of these.
    """

    channels: int
    convert: Callable[[Image], Image]
    sample_bytes: int = 1
    chroma_rows: int = 0


def _by_cv2(code: int) -> Callable[[Image], Image]:
    def convert(pixels: Image) -> Image:
        return cv2.cvtColor(pixels, code).astype(np.uint8, copy=False)

    return convert


def _unchanged(pixels: Image) -> Image:
    return pixels


_BAYER: Final = {
    'rggb': cv2.COLOR_BayerRGGB2BGR,
    'bggr': cv2.COLOR_BayerBGGR2BGR,
    'gbrg': cv2.COLOR_BayerGBRG2BGR,
    'grbg': cv2.COLOR_BayerGRBG2BGR,
}
_ENCODINGS: Final[Mapping[str, _Encoding]] = {
    'bgr8': _Encoding(3, _unchanged),
    '8UC3': _Encoding(3, _unchanged),
    'rgb8': _Encoding(3, _by_cv2(cv2.COLOR_RGB2BGR)),
    'bgra8': _Encoding(4, _by_cv2(cv2.COLOR_BGRA2BGR)),
    '8UC4': _Encoding(4, _by_cv2(cv2.COLOR_BGRA2BGR)),
    'rgba8': _Encoding(4, _by_cv2(cv2.COLOR_RGBA2BGR)),
    'mono8': _Encoding(1, _by_cv2(cv2.COLOR_GRAY2BGR)),
    '8UC1': _Encoding(1, _by_cv2(cv2.COLOR_GRAY2BGR)),
    'yuv422': _Encoding(2, _by_cv2(cv2.COLOR_YUV2BGR_UYVY)),
    'uyvy': _Encoding(2, _by_cv2(cv2.COLOR_YUV2BGR_UYVY)),
    'yuv422_yuy2': _Encoding(2, _by_cv2(cv2.COLOR_YUV2BGR_YUYV)),
    'yuyv': _Encoding(2, _by_cv2(cv2.COLOR_YUV2BGR_YUYV)),
    'nv12': _Encoding(1, _by_cv2(cv2.COLOR_YUV2BGR_NV12), chroma_rows=1),
    'nv21': _Encoding(1, _by_cv2(cv2.COLOR_YUV2BGR_NV21), chroma_rows=1),
    'bgr16': _Encoding(3, _unchanged, 2),
    'rgb16': _Encoding(3, _by_cv2(cv2.COLOR_RGB2BGR), 2),
    'mono16': _Encoding(1, _by_cv2(cv2.COLOR_GRAY2BGR), 2),
    **{f'bayer_{name}8': _Encoding(1, _by_cv2(code)) for name, code in _BAYER.items()},
    **{f'bayer_{name}16': _Encoding(1, _by_cv2(code), 2) for name, code in _BAYER.items()},
}
"""The encodings of sensor_msgs/image_encodings.hpp that show a face, and NV12, which many embedded
cameras publish."""
