"""Measures the faces of each frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emotion_node.core.timings import Clock
from emotion_node.core.vision.face_memory import (
    EXPRESSION,
    FORGET_NS,
    JAW,
    MEASURES,
    PITCH,
    SPENT,
    VISIBILITY,
    YAW,
)
from emotion_node.core.vision.facial_cues import measure
from emotion_node.core.vision.geometry import find_head, jaw_drop, visibility
from emotion_node.datatypes import NS_PER_S, FloatArray
from emotion_node.faces import TrackedFace
from emotion_node.interfaces import FaceEmotion


class FaceMeasurer:
    """Turns each tracked face into a row of measurements.

    The movements of a face and its expression are measured where its mesh has details, and the
    expression at most once in the model's `period_ns`.

    Args:
        expression: expression model, or None for none.
        clock: measures how long it takes.
    """

    def __init__(self, expression: FaceEmotion | None, clock: Clock) -> None:
        self.width: int = EXPRESSION.start + (0 if expression is None else expression.width)
        self._expression = expression
        self._clock = clock
        self._observed_ns: dict[str, int] = {}

    def measure(self, stamp_ns: int, faces: Sequence[TrackedFace]) -> dict[str, FloatArray]:
        """Return (width,) float32 measurements by face, in the columns of `face_memory`.

        Faces whose landmarks are not those of a face are left out.

        Args:
            stamp_ns: of the frame, later than that of the one before.
            faces: those in the frame.
        """
        for face_id, observed_ns in list(self._observed_ns.items()):
            if stamp_ns - observed_ns > FORGET_NS:
                del self._observed_ns[face_id]
        rows = {}
        for face in faces:
            row = self._measure(stamp_ns, face)
            if row is not None:
                rows[face.face_id] = row
        return rows

    def reset(self) -> None:
        """Forget all faces."""
        self._observed_ns.clear()

    def _measure(self, stamp_ns: int, face: TrackedFace) -> FloatArray | None:
        head = find_head(face.mesh.landmarks)
        if head is None:
            return None
        row = np.full(self.width, np.nan, np.float32)
        row[JAW] = jaw_drop(head)
        row[YAW], row[PITCH] = head.yaw, head.pitch
        row[VISIBILITY] = visibility(head)
        row[SPENT] = 0.0
        if face.mesh.detail is None:
            return row
        fine = find_head(face.mesh.detail)
        if fine is not None:
            row[MEASURES] = measure(fine.landmarks, face.mesh.blendshapes)
        model, last_ns = self._expression, self._observed_ns.get(face.face_id)
        if model is not None and (last_ns is None or stamp_ns - last_ns >= model.period_ns):
            self._observed_ns[face.face_id] = stamp_ns
            begin = self._clock()
            row[EXPRESSION] = model.observe(face.mesh)
            row[SPENT] = (self._clock() - begin) / NS_PER_S
        return row
