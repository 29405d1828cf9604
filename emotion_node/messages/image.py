"""Image messages as `VideoFrame` records, decoded lazily.

It needs only the right attributes, so the same code reads messages of rclpy and of `rosbags`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import VideoFrame
from emotion_node.errors import first_line
from emotion_node.messages.audio import MessageError
from emotion_node.messages.stamps import stamp_or_receipt_ns

IMAGE_TYPES: Final = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')

Image = npt.NDArray[np.uint8]


def decode_image(message: Any, receipt_ns: int) -> VideoFrame:
    """Return the frame in an `Image` or `CompressedImage` message.

    Its pixels are decoded when they are first asked for, and only once.

    Args:
        message: from rclpy or rosbags.
        receipt_ns: time of receipt, for messages without a stamp.

    Raises:
        MessageError: unknown encoding, or fewer bytes than the image's size needs.
    """
    stamp_ns = stamp_or_receipt_ns(message.header, receipt_ns)
    frame_id = str(message.header.frame_id)
    if hasattr(message, 'format'):
        if not len(message.data):
            raise MessageError('compressed image has no data')
        return VideoFrame(stamp_ns, cache(lambda: _decompress(message.data)), frame_id)
    encoding = str(message.encoding)
    if encoding not in _ENCODINGS:
        raise MessageError(
            f'image encoding {encoding!r} is not known; expected one of {", ".join(_ENCODINGS)}'
        )
    channels, convert = _ENCODINGS[encoding]
    height, width, step = int(message.height), int(message.width), int(message.step)
    if not height or not width:
        raise MessageError(f'image has a size of {width}x{height}')
    if step < width * channels or len(message.data) < height * step:
        raise MessageError(
            f'image of {width}x{height} {encoding} has {len(message.data)} bytes in rows of '
            f'{step}, expected {height} rows of at least {width * channels}'
        )

    def decode() -> Image:
        rows = np.frombuffer(message.data, np.uint8, height * step).reshape(height, step)
        pixels = rows[:, : width * channels]
        return convert(pixels.reshape(height, width, channels) if channels > 1 else pixels)

    return VideoFrame(stamp_ns, cache(decode), frame_id)


def _decompress(data: Any) -> Image:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise MessageError(f'compressed image cannot be decoded: {first_line(error)}') from error
    if image is None:
        raise MessageError('compressed image cannot be decoded; expected JPEG or PNG')
    return image.astype(np.uint8, copy=False)


def _by_cv2(code: int) -> Callable[[Image], Image]:
    def convert(pixels: Image) -> Image:
        return cv2.cvtColor(pixels, code).astype(np.uint8, copy=False)

    return convert


_ENCODINGS: Final[Mapping[str, tuple[int, Callable[[Image], Image]]]] = {
    'bgr8': (3, lambda pixels: pixels),
    '8UC3': (3, lambda pixels: pixels),
    'rgb8': (3, _by_cv2(cv2.COLOR_RGB2BGR)),
    'bgra8': (4, _by_cv2(cv2.COLOR_BGRA2BGR)),
    '8UC4': (4, _by_cv2(cv2.COLOR_BGRA2BGR)),
    'rgba8': (4, _by_cv2(cv2.COLOR_RGBA2BGR)),
    'mono8': (1, _by_cv2(cv2.COLOR_GRAY2BGR)),
    '8UC1': (1, _by_cv2(cv2.COLOR_GRAY2BGR)),
    'yuv422': (2, _by_cv2(cv2.COLOR_YUV2BGR_UYVY)),
    'uyvy': (2, _by_cv2(cv2.COLOR_YUV2BGR_UYVY)),
    'yuv422_yuy2': (2, _by_cv2(cv2.COLOR_YUV2BGR_YUYV)),
    'yuyv': (2, _by_cv2(cv2.COLOR_YUV2BGR_YUYV)),
}
"""Bytes per pixel and conversion to BGR of the encodings in sensor_msgs/image_encodings.hpp."""
