"""The 68 landmarks of iBUG in head coordinates, for models over landmark sequences.

The numbering is that of the 300 faces in-the-wild challenge (Sagonas et al., Image and Vision
Computing 47, 2016), which dlib's landmarks made common: jaw 0 to 16, brows 17 to 26, nose 27 to
35, eyes 36 to 47, mouth 48 to 67. Each is the vertex of MediaPipe's mesh that lies there.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from emotion_node.core.vision.geometry import find_head
from emotion_node.datatypes import FloatArray
from emotion_node.faces import FaceMesh

POINTS: Final = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
"""Vertices of the mesh, in iBUG's order."""

MIRRORED: Final = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
"""Index in `POINTS` of the mirror image of each point."""

WIDTH: Final = 2 * len(POINTS)
"""Length of a row: x and y of each point, one point after the other."""

_POINTS: Final = np.array(POINTS)
_MIRRORED: Final = np.array(MIRRORED)


def read_points(mesh: FaceMesh) -> FloatArray | None:
    """Return the places of the points in head coordinates.

    They hardly depend on the size of the face in the image or on the pose of the head. Depth is
    left out: the mesh mostly guesses it.

    Returns:
        (`WIDTH`,) float32 in cm; None when the landmarks are not those of a face.
    """
    head = find_head(mesh.best)
    return None if head is None else head.landmarks[_POINTS, :2].reshape(WIDTH)


def mirror_points(rows: FloatArray) -> FloatArray:
    """Return the points of the mirror images of faces.

    Args:
        rows: (..., `WIDTH`) as `read_points` returns them.
    """
    points = rows.reshape(*rows.shape[:-1], len(POINTS), 2)[..., _MIRRORED, :]
    return (points * np.array((-1, 1), np.float32)).reshape(rows.shape)
