"""Single frames of a recording for the report.

No frames are kept while a recording is annotated. It is read again afterwards, when it is known
which frame represents each utterance, and only those frames are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from emotion_node.annotate.annotation import Annotation
from emotion_node.annotate.report import Row
from emotion_node.config import AudioConfig, Config
from emotion_node.datatypes import EmotionReport, VideoFrame
from emotion_node.faces import Box, Image
from emotion_node.recordings.bag import Bag, is_bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.recordings.media import read_video

CONTEXT: Final = 2.2
"""Side of the crop around a face, relative to the longer side of its box."""
SIZE: Final = 320
"""Longest side of an extracted image, in pixels."""
QUALITY: Final = 85
"""Its JPEG quality, 0 to 100."""


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """A frame to extract.

    Attributes:
        stamp_ns: the first frame with this stamp or a later one is taken.
        box: of the face to crop to; None for the whole frame.
    """

    stamp_ns: int
    box: Box | None = None


def report_rows(
    path: Path, config: Config, names: TopicNames, annotations: Sequence[Annotation]
) -> list[Row]:
    """Return the utterances of a recording with the frame that represents each.

    That is the peak of the speaker's expression, cropped to the face. Where the speaker is not
    visible, it is the whole frame in the middle of the utterance.

    Args:
        path: the recording.
        config: parameters.
        names: topics of a bag.
        annotations: final emotions in it.

    Raises:
        BagError, MediaError: the recording cannot be read.
    """
    requests = [_representative(one.report) for one in annotations]
    images = extract_frames(read_frames(path, names, int(config.image.rotation)), requests)
    rows = []
    for annotation, request, image in zip(annotations, requests, images, strict=True):
        content = 'whole frame' if request.box is None else f'face {annotation.report.face_id}'
        at_s = annotation.position_s(request.stamp_ns)
        rows.append(Row(annotation, image, f'{content} at {at_s:.1f}\u00a0s'))
    return rows


def _representative(report: EmotionReport) -> FrameRequest:
    if report.peak is None:
        return FrameRequest((report.start_ns + report.end_ns) // 2)
    return FrameRequest(report.peak.stamp_ns, report.peak.box)


def read_frames(path: Path, names: TopicNames, rotation: int = 0) -> Iterator[VideoFrame]:
    """Yield the frames of a recording, not decoded; nothing when it has none.

    Args:
        path: a bag or a media file.
        names: topics of a bag.
        rotation: by which they are turned clockwise, in degrees; a multiple of 90.

    Raises:
        BagError, MediaError: it cannot be read.
    """
    if not is_bag(path):
        yield from read_video(path, rotation)
        return
    with Bag(path) as bag:
        recording = BagRecording(
            bag,
            AudioConfig(),
            names,
            images=True,
            transcripts=False,
            everything=False,
            rotation=rotation,
        )
        for step in recording.steps():
            if isinstance(step.value, VideoFrame):
                yield step.value


def extract_frames(
    frames: Iterable[VideoFrame], requests: Sequence[FrameRequest]
) -> list[bytes | None]:
    """Return the requested frames as JPEG, in the order of the requests; None for a missing one.

    A frame that cannot be decoded is replaced by the next one.

    Args:
        frames: in the order of their stamps; read no further than to the last request.
        requests: in any order.
    """
    images: list[bytes | None] = [None] * len(requests)
    pending = sorted(range(len(requests)), key=lambda k: -requests[k].stamp_ns)
    if not pending:
        return images
    for frame in frames:
        if frame.stamp_ns < requests[pending[-1]].stamp_ns:
            continue
        try:
            image = frame.decode()
        except ValueError:
            continue
        while pending and frame.stamp_ns >= requests[pending[-1]].stamp_ns:
            k = pending.pop()
            images[k] = _encode_jpeg(_crop(image, requests[k].box))
        if not pending:
            break
    return images


def _crop(image: Image, box: Box | None) -> Image:
    if box is None:
        return image
    height, width = image.shape[:2]
    side = min(CONTEXT * max(box.width, box.height), height, width)
    x, y = box.centre
    # Shifted to lie within the frame.
    left = round(min(max(x - side / 2, 0), width - side))
    top = round(min(max(y - side / 2, 0), height - side))
    return image[top : top + max(round(side), 1), left : left + max(round(side), 1)]


def _encode_jpeg(image: Image) -> bytes:
    scale = min(1.0, SIZE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    encoded, data = cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not encoded:
        raise ValueError(f'an image of {image.shape} cannot be encoded as JPEG')
    return np.asarray(data).tobytes()
