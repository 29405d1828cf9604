"""A synthetic scene of higher load than the demo: four faces at 30 Hz, overlapping voices."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from rosbags.rosbag2 import StoragePlugin, Writer

from emotion_node.datatypes import NS_PER_S
from emotion_node.messages.image import decode_image
from emotion_node.messages.stamps import ns_to_stamp, stamp_to_ns
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.definitions import standard_types

SIZE: Final = (1280, 720)
RATE_HZ: Final = 30
SHIFT_S: Final = 1.7
"""Delay of the second voice, which is a copy of the first."""
IMAGE: Final = 'sensor_msgs/msg/CompressedImage'
AUDIO: Final = 'emotion_msgs/msg/AudioChunk'
IMAGE_TOPIC: Final = '/camera/image_raw/compressed'
AUDIO_TOPIC: Final = '/audio'


def write_synthetic_scene(source: Path, target: Path) -> None:
    """Write the demo conversation with twice its faces, frames and voices.

    Args:
        source: the demo's bag.
        target: folder to write; must not exist.
    """
    types = standard_types()
    writer = Writer(target, version=9, storage_plugin=StoragePlugin.MCAP)
    writer.open()
    try:
        with Bag(source) as bag:
            images = writer.add_connection(IMAGE_TOPIC, IMAGE, typestore=types)
            audio = writer.add_connection(AUDIO_TOPIC, AUDIO, typestore=types)
            earlier: deque[npt.NDArray[np.int16]] = deque()
            for message in bag.messages([IMAGE_TOPIC, AUDIO_TOPIC]):
                content = bag.decode(message)
                if message.topic == AUDIO_TOPIC:
                    mixed = _second_voice(content, earlier)
                    data = types.serialize_cdr(
                        with_changed(types, AUDIO, content, data=mixed), AUDIO
                    )
                    writer.write(audio, message.stamp_ns, data)
                    continue
                image = encode_four_faces(decode_image(content, message.stamp_ns).decode())
                for stamp_ns in (message.stamp_ns, message.stamp_ns + NS_PER_S // RATE_HZ):
                    header = stamped(types, content.header, stamp_ns - message.stamp_ns)
                    copy = with_changed(types, IMAGE, content, header=header, data=image)
                    writer.write(images, stamp_ns, types.serialize_cdr(copy, IMAGE))
    finally:
        writer.close()


def encode_four_faces(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an image of two faces twice side by side, as JPEG of `SIZE`."""
    width, height = SIZE
    half = cv2.resize(image, (width // 2, height * 2 // 3))
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[height // 6 : height // 6 + len(half)] = np.concatenate([half, half[:, ::-1]], axis=1)
    return np.asarray(cv2.imencode('.jpg', canvas)[1], np.uint8).reshape(-1)


def _second_voice(content: Any, earlier: deque[npt.NDArray[np.int16]]) -> npt.NDArray[np.int16]:
    own = np.asarray(content.data, np.int16)
    earlier.append(own)
    if sum(map(len, earlier)) <= SHIFT_S * content.sample_rate:
        return own
    other = earlier.popleft()[: len(own)]
    mixed = own.astype(np.int32)
    mixed[: len(other)] += other
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def stamped(types: Any, header: Any, later_ns: int) -> Any:
    """Return a message's header with a later stamp."""
    stamp_ns = stamp_to_ns(header.stamp) + later_ns
    time = types.types['builtin_interfaces/msg/Time'](*ns_to_stamp(stamp_ns))
    return types.types['std_msgs/msg/Header'](stamp=time, frame_id=header.frame_id)


def with_changed(types: Any, kind: str, content: Any, **changed: Any) -> Any:
    """Return a message of a kind with some of its fields changed."""
    fields = {name: getattr(content, name) for name, _ in types.fielddefs[kind][1]}
    return types.types[kind](**{**fields, **changed})
