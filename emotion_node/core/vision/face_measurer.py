"""Measures the faces of each frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
from emotion_node.datatypes import FloatArray
from emotion_node.faces import KeptFace, TrackedFace
from emotion_node.interfaces import FaceEmotion


class FaceMeasurer:
    """Turns each tracked face into a row of measurements.

    The movements of a face are measured where its mesh has details. What its expression is read
    from is kept at most once in the model's `period_ns`.

    Args:
        expression: expression model, or None for none.
    """

    def __init__(self, expression: FaceEmotion | None) -> None:
        self.width: int = EXPRESSION.start + (0 if expression is None else expression.width)
        self._expression = expression
        self._kept_ns: dict[str, int] = {}

    def measure(
        self, stamp_ns: int, faces: Sequence[TrackedFace]
    ) -> tuple[dict[str, FloatArray], dict[str, KeptFace]]:
        """Return (width,) float32 measurements by face, in the columns of `face_memory`.

        Faces whose landmarks are not those of a face are left out. The expression is NaN; what it
        is read from comes second, by face.

        Args:
            stamp_ns: of the frame, later than that of the one before.
            faces: those in the frame.
        """
        for face_id, kept_ns in list(self._kept_ns.items()):
            if stamp_ns - kept_ns > FORGET_NS:
                del self._kept_ns[face_id]
        rows, kept = {}, {}
        for face in faces:
            row = self._measure(face)
            if row is None:
                continue
            rows[face.face_id] = row
            if self._expression is not None and self._is_due(self._expression, stamp_ns, face):
                self._kept_ns[face.face_id] = stamp_ns
                kept[face.face_id] = self._expression.keep(face.mesh)
        return rows, kept

    def reset(self) -> None:
        """Forget all faces."""
        self._kept_ns.clear()

    def _is_due(self, expression: FaceEmotion, stamp_ns: int, face: TrackedFace) -> bool:
        if face.mesh.detail is None:
            return False
        last_ns = self._kept_ns.get(face.face_id)
        return last_ns is None or stamp_ns - last_ns >= expression.period_ns

    def _measure(self, face: TrackedFace) -> FloatArray | None:
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
        return row
