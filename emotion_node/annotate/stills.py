"""Single images of a recording, read again when it is known which are wanted.

Nothing of the images is kept while a recording is annotated; a second look takes out the few
that a report shows, one small JPEG per utterance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from emotion_node.annotate.report import Row
from emotion_node.config import AudioConfig
from emotion_node.datatypes import NS_PER_S, EmotionReport, VideoFrame
from emotion_node.faces import Box, Image
from emotion_node.messages.json_records import Record
from emotion_node.recordings.bag import Bag, is_bag
from emotion_node.recordings.inputs import BagRecording, TopicNames
from emotion_node.recordings.media import read_video

CONTEXT: Final = 2.2
"""Side of what is shown around a face, relative to the longer side of its box."""
SIZE: Final = 320
"""Pixels along the longer side of a still, at most."""
QUALITY: Final = 85
"""Of its JPEG, 0..100."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to take out.

    Attributes:
        stamp_ns: of the image, or of a moment: the first image from then on is taken.
        box: of the face to show; None shows all of it.
    """

    stamp_ns: int
    box: Box | None = None


def illustrate(
    path: Path,
    names: TopicNames,
    emotions: Sequence[Record],
    reports: Sequence[EmotionReport],
    seen: bool,
) -> list[Row]:
    """Return the utterances of a recording with the image that tells most of each.

    That is the peak of the speaker's face. Where the speaker is not visible, it is the whole
    image in the middle of the utterance.

    Args:
        path: of the recording.
        names: topics of a bag.
        emotions: as `outputs.JsonLines` writes them.
        reports: the same.
        seen: whether images were looked at; otherwise there are none.

    Raises:
        BagError, MediaError: the recording cannot be read.
    """
    wanted = [
        Wanted((one.start_ns + one.end_ns) // 2)
        if one.peak is None
        else Wanted(one.peak.stamp_ns, one.peak.box)
        for one in reports
    ]
    stills = take_stills(read_images(path, names), wanted) if seen else [None] * len(wanted)
    rows = []
    for record, report, want, still in zip(emotions, reports, wanted, stills, strict=True):
        at_s = record['start_s'] + (want.stamp_ns - report.start_ns) / NS_PER_S
        what = 'the whole image' if want.box is None else f'face {report.face_id}'
        rows.append(Row(record, still, f'{what} at {at_s:.1f}\u00a0s'))
    return rows


def read_images(path: Path, names: TopicNames) -> Iterator[VideoFrame]:
    """Yield the images of a recording, undecoded; none when it has none.

    Args:
        path: a bag or a media file.
        names: topics of a bag.

    Raises:
        BagError, MediaError: it cannot be read.
    """
    if not is_bag(path):
        yield from read_video(path)
        return
    with Bag(path) as bag:
        recording = BagRecording(
            bag, AudioConfig(), names, images=True, transcripts=False, everything=False
        )
        for step in recording.steps():
            if isinstance(step.value, VideoFrame):
                yield step.value


def take_stills(frames: Iterable[VideoFrame], wanted: Sequence[Wanted]) -> list[bytes | None]:
    """Return the images that are wanted as JPEG, None where there is none.

    Args:
        frames: in the order of their stamps; not read further than to the last that is wanted.
        wanted: in any order.
    """
    stills: list[bytes | None] = [None] * len(wanted)
    pending = sorted(range(len(wanted)), key=lambda k: -wanted[k].stamp_ns)
    if not pending:
        return stills
    for frame in frames:
        if frame.stamp_ns < wanted[pending[-1]].stamp_ns:
            continue
        try:
            image = frame.decode()
        except ValueError:
            continue
        while pending and frame.stamp_ns >= wanted[pending[-1]].stamp_ns:
            k = pending.pop()
            stills[k] = _encode(_crop(image, wanted[k].box))
        if not pending:
            break
    return stills


def _crop(image: Image, box: Box | None) -> Image:
    if box is None:
        return image
    height, width = image.shape[:2]
    side = min(CONTEXT * max(box.width, box.height), height, width)
    x, y = box.centre
    # Moved into the image where it would reach beyond it.
    left = round(min(max(x - side / 2, 0), width - side))
    top = round(min(max(y - side / 2, 0), height - side))
    return image[top : top + max(round(side), 1), left : left + max(round(side), 1)]


def _encode(image: Image) -> bytes:
    scale = min(1.0, SIZE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    encoded, data = cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not encoded:
        raise ValueError(f'an image of {image.shape} cannot be encoded as JPEG')
    return np.asarray(data).tobytes()
