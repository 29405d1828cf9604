"""Faces, who speaks and what they express, as Foxglove draws it on images."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Final

from emotion_node.datatypes import EmotionReport, FacesReport, Report
from emotion_node.display.palette import emotion_colour
from emotion_node.faces import Box, SeenFace
from emotion_node.messages.foxglove_types import IMAGE_ANNOTATIONS, LINE_LOOP, PACKAGE
from emotion_node.messages.reports import MessageMaker
from emotion_node.messages.stamps import ns_to_stamp

TOPIC: Final = 'faces/annotations'
"""Relative to the node's namespace."""
SPEAKS: Final = '#46a758'
"""Colour of the box of whoever speaks."""
SILENT: Final = '#ffffff'
"""Colour of the other boxes."""
_SPEAKING_SCORE: Final = 0.5
"""Speaking score from which a face is the speaker's, as on the live page."""
_MAX_FACES: Final = 64
"""How many faces' last emotions are kept."""
_MIN_TEXT, _MAX_TEXT = 12.0, 32.0
"""Height of letters in pixels; in between, it follows the width of the face."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What a face expressed when it spoke last.

    Attributes:
        speaker_id: empty when unknown.
        label: empty when unknown.
        confidence: 0..1.
    """

    speaker_id: str
    label: str
    confidence: float


class FaceAnnotations:
    """Follows the reports, and makes `foxglove_msgs/ImageAnnotations`; several threads may.

    The box of a face is green while it speaks, and white otherwise. Above it is its id, and its
    speaker's where that is known; below it, in the emotion's colour, the fused emotion of what it
    said last, or says at the moment.

    Args:
        make: makes messages of `foxglove_msgs`.
        fields: those of ImageAnnotations as it is installed; newer ones have a `timestamp`.
        rotation: by which images are turned clockwise before faces are looked for, in degrees:
            the boxes are those of the camera's images again.
    """

    def __init__(self, make: MessageMaker, fields: Collection[str], rotation: int = 0) -> None:
        self._make = make
        self._fields = fields
        self._rotation = rotation
        self._spoken: dict[str, _Spoken] = {}
        self._lock = Lock()

    def take(self, report: Report) -> None:
        """Note whose emotion a report gives."""
        if not isinstance(report, EmotionReport) or not report.face_id:
            return
        fused = report.fused
        with self._lock:
            self._spoken.pop(report.face_id, None)
            self._spoken[report.face_id] = _Spoken(
                report.speaker_id, fused.label, fused.confidence
            )
            while len(self._spoken) > _MAX_FACES:
                del self._spoken[next(iter(self._spoken))]

    def message(self, report: FacesReport) -> Any:
        """Return the annotations of a frame; without faces, they are empty and clear the image."""
        sec, nanosec = ns_to_stamp(report.stamp_ns)
        time = self._make('builtin_interfaces/msg/Time', sec=sec, nanosec=nanosec)
        boxes: list[Any] = []
        texts: list[Any] = []
        for face in report.faces:
            box = turned_back(face.box, self._rotation, report.image_size)
            self._draw(face, box, time, boxes, texts)
        newer = {'timestamp': time} if 'timestamp' in self._fields else {}
        return self._make(IMAGE_ANNOTATIONS, circles=[], points=boxes, texts=texts, **newer)

    def _draw(
        self, face: SeenFace, box: Box, time: Any, boxes: list[Any], texts: list[Any]
    ) -> None:
        with self._lock:
            spoken = self._spoken.get(face.face_id)
        left, top = box.left, box.top
        right, bottom = left + box.width, top + box.height
        speaks = face.speaking_score >= _SPEAKING_SCORE
        colour = SPEAKS if speaks else SILENT
        size = min(max(box.width / 6, _MIN_TEXT), _MAX_TEXT)
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        boxes.append(
            self._make(
                f'{PACKAGE}/msg/PointsAnnotation',
                timestamp=time,
                type=LINE_LOOP,
                points=[self._point(x, y) for x, y in corners],
                outline_color=self._colour(colour),
                outline_colors=[],
                fill_color=self._colour(colour, 0.0),
                thickness=4.0 if speaks else 2.0,
            )
        )
        write = partial(self._text, time=time, size=size)
        texts.append(write(_name(face.face_id, spoken, speaks), left, top - 2.0, colour=colour))
        if spoken is not None and spoken.label:
            emotion = f'{spoken.label} {spoken.confidence:.0%}'
            ink = emotion_colour(spoken.label)
            texts.append(write(emotion, left, bottom + size + 4.0, colour=ink))

    def _text(self, text: str, x: float, y: float, time: Any, size: float, colour: str) -> Any:
        return self._make(
            f'{PACKAGE}/msg/TextAnnotation',
            timestamp=time,
            position=self._point(x, y),
            text=text,
            font_size=size,
            text_color=self._colour(colour),
            background_color=self._colour('#000000', 0.6),
        )

    def _point(self, x: float, y: float) -> Any:
        # Our (0, 0) is the centre of the first pixel, Foxglove's its corner.
        return self._make(f'{PACKAGE}/msg/Point2', x=float(x) + 0.5, y=float(y) + 0.5)

    def _colour(self, colour: str, alpha: float = 1.0) -> Any:
        red, green, blue = (part / 255 for part in bytes.fromhex(colour.removeprefix('#')))
        return self._make(f'{PACKAGE}/msg/Color', r=red, g=green, b=blue, a=alpha)


def turned_back(box: Box, rotation: int, size: tuple[int, int]) -> Box:
    """Return where a box is in an image before that was turned.

    Args:
        box: in the turned image.
        rotation: by which it was turned clockwise, in degrees: 0, 90, 180 or 270.
        size: height and width of the turned image.
    """
    height, width = size
    left, top = box.left, box.top
    right, bottom = width - 1 - left - box.width, height - 1 - top - box.height
    match rotation:
        case 90:
            return Box(top, right, box.height, box.width)
        case 180:
            return Box(right, bottom, box.width, box.height)
        case 270:
            return Box(bottom, left, box.height, box.width)
    return box


def _name(face_id: str, spoken: _Spoken | None, speaks: bool) -> str:
    parts = [face_id]
    if spoken is not None and spoken.speaker_id:
        parts.append(f'({spoken.speaker_id})')
    if speaks:
        parts.append('speaks')
    return ' '.join(parts)
