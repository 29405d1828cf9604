"""What was measured of each face over the last half minute, frame by frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.trace import Stamps, Trace
from emotion_node.core.vision.facial_cues import MAX_PITCH, MAX_YAW, UNITS, NeutralFace
from emotion_node.core.vision.jaw_sync import Jaw
from emotion_node.datatypes import NS_PER_S, FloatArray
from emotion_node.faces import Box, KeptFace

JAW, YAW, PITCH, VISIBILITY, SPENT = 0, 1, 2, 3, 4
MEASURES: Final = slice(5, 5 + len(UNITS))
EXPRESSION: Final = slice(5 + len(UNITS), None)
"""Columns of a row of measurements: jaw drop in cm, yaw and pitch in degrees, visibility 0..1, the
time that the expression model took in s, the measures of `UNITS` and the row of the expression
model, NaN where they were not taken."""

CAPACITY: Final = 2048
"""Frames of each face that are kept: 30 s, the longest utterance, at 60 per second."""
KEPT: Final = 512
"""Frames of each face whose expression may still be read: 30 s, at 16 per second."""
FORGET_NS: Final = 60 * NS_PER_S
"""A face that has not been seen for longer is forgotten."""


@dataclass(frozen=True, slots=True)
class FaceHistory:
    """What was measured of one face over some time.

    Attributes:
        stamps: (n,) int64, rising.
        rows: (n, width) float32 measurements.
        boxes: (n, 4) float32, the `Box` in each frame.
        neutral: (len(UNITS),) measures of this person's neutral face, as known at the end.
        kept: stamps of frames whose expression has not been read yet, and what it is read from.
    """

    stamps: Stamps
    rows: FloatArray
    boxes: FloatArray
    neutral: FloatArray
    kept: Sequence[tuple[int, KeptFace]] = ()


@dataclass(slots=True)
class _Face:
    rows: Trace
    boxes: Trace = field(default_factory=lambda: Trace(4, CAPACITY))
    neutral: NeutralFace = field(default_factory=NeutralFace)
    neutrals: deque[tuple[int, FloatArray]] = field(default_factory=lambda: deque(maxlen=KEPT))
    kept: deque[tuple[int, KeptFace]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def neutral_at(self, stamp_ns: int) -> FloatArray:
        """Return the measures of the neutral face as they were known at a stamp."""
        known = (measures for seen_ns, measures in reversed(self.neutrals) if seen_ns <= stamp_ns)
        return next(known, self.neutral.measures)


class FaceMemory:
    """Keeps the measurements of each face, by its id.

    Args:
        width: measurements in a row.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._faces: dict[str, _Face] = {}

    def add(
        self,
        stamp_ns: int,
        rows: Mapping[str, FloatArray],
        boxes: Mapping[str, Box],
        kept: Mapping[str, KeptFace],
    ) -> None:
        """Add the measurements of a frame, and forget faces that were last seen long ago.

        Args:
            stamp_ns: of the frame, later than that of the one before.
            rows: (width,) float32 measurements by face.
            boxes: box by face.
            kept: what expressions are read from, by face, where there is something.
        """
        for face_id, row in rows.items():
            if face_id not in self._faces:
                self._faces[face_id] = _Face(Trace(self._width, CAPACITY))
            face = self._faces[face_id]
            face.rows.append(stamp_ns, row)
            face.boxes.append(stamp_ns, np.array(boxes[face_id], np.float32))
            if face_id in kept:
                face.kept.append((stamp_ns, kept[face_id]))
            if is_frontal(row[None])[0] and is_measured(row[None])[0]:
                face.neutral.follow(stamp_ns, row[MEASURES])
                face.neutrals.append((stamp_ns, face.neutral.measures))
        for face_id, face in list(self._faces.items()):
            if stamp_ns - (face.rows.last_ns or stamp_ns) > FORGET_NS:
                del self._faces[face_id]

    def jaws(
        self, start_ns: int, end_ns: int, face_ids: Iterable[str] | None = None
    ) -> dict[str, Jaw]:
        """Return the jaw movements in [start_ns, end_ns] by face.

        Args:
            start_ns: first stamp.
            end_ns: last stamp.
            face_ids: the faces; None for all.
        """
        jaws = {}
        for face_id in self._faces if face_ids is None else face_ids:
            if face_id in self._faces:
                stamps, rows = self._faces[face_id].rows.between(start_ns, end_ns)
                jaws[face_id] = Jaw(stamps, rows[:, JAW])
        return jaws

    def visibility(self, face_id: str, start_ns: int, end_ns: int) -> float:
        """Return how well a face showed in [start_ns, end_ns], 0..1; 0 for an unknown face."""
        face = self._faces.get(face_id)
        _, rows = face.rows.between(start_ns, end_ns) if face else (None, ())
        return float(np.mean(np.asarray(rows)[:, VISIBILITY])) if len(rows) else 0.0

    def history(self, face_id: str, start_ns: int, end_ns: int) -> FaceHistory | None:
        """Return what was measured in [start_ns, end_ns]; None for an unknown face."""
        face = self._faces.get(face_id)
        if face is None:
            return None
        stamps, rows = face.rows.between(start_ns, end_ns)
        _, boxes = face.boxes.between(start_ns, end_ns)
        first_ns = stamps[0] if len(stamps) else end_ns + 1
        kept = [one for one in face.kept if first_ns <= one[0] <= end_ns]
        return FaceHistory(stamps, rows, boxes, face.neutral_at(end_ns), kept)

    def add_expression(self, face_id: str, stamp_ns: int, row: FloatArray, spent_s: float) -> None:
        """Add the expression of a face in an earlier frame.

        Args:
            face_id: the face; one that has been forgotten is ignored.
            stamp_ns: of the frame.
            row: of the expression model.
            spent_s: time that it took.
        """
        face = self._faces.get(face_id)
        if face is None:
            return
        face.rows.fill(stamp_ns, SPENT, np.array([spent_s], np.float32))
        face.rows.fill(stamp_ns, EXPRESSION.start, row)
        face.kept = deque((one for one in face.kept if one[0] != stamp_ns), KEPT)

    def clear(self) -> None:
        """Forget all faces."""
        self._faces.clear()


def is_measured(rows: FloatArray) -> npt.NDArray[np.bool_]:
    """Return for each row whether it has the measures of facial movements."""
    return np.asarray(np.isfinite(rows[:, MEASURES]).all(axis=1))


def is_frontal(rows: FloatArray) -> npt.NDArray[np.bool_]:
    """Return for each row of measurements whether the face is turned towards the camera."""
    frontal = (np.abs(rows[:, YAW]) <= MAX_YAW) & (np.abs(rows[:, PITCH]) <= MAX_PITCH)
    return np.asarray(frontal)
