"""Where a face is, how the head is turned, and its landmarks in head coordinates.

Head coordinates are those of MediaPipe's canonical face model (Apache-2.0): x to the viewer's
right, y down, z away from the viewer when the head faces the camera, in centimetres of an average
face. In them, landmarks depend neither on the size of the face in the image nor on the pose of the
head: only the face itself moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_node.datatypes import FloatArray
from emotion_node.dsp.similarity import fit_similarity, plane_rotation
from emotion_node.faces import Box, FaceRegion

REGION_SCALE: Final = 1.5
"""Side of a face's region relative to the longer side of its landmarks, as MediaPipe's mesh was
trained."""
DETECTION_SCALE: Final = 1.5
"""Likewise relative to the longer side of a detection."""
STILL: Final = 0.01
"""Movement of the region of a still face, at most: in sides, radians and logarithms of scale."""
LEFT_EYE, RIGHT_EYE = 33, 263
"""Outer corners."""
CHIN, NOSE_TIP = 152, 1
NEAR_SCALE: Final = 2.8
"""Pixels per centimetre above which a larger face shows no better: a face 43 pixels wide."""
HIDDEN_YAW, HIDDEN_PITCH = 60.0, 50.0
"""Degrees from which on a turned head hides its face completely."""

_RIGID: Final = {
    33: (-4.446, -2.664, -3.173),  # outer and inner corners of the eyes
    133: (-1.856, -2.585, -3.758),
    362: (1.856, -2.585, -3.758),
    263: (4.446, -2.664, -3.173),
    168: (0.0, -3.271, -5.236),  # ridge of the nose, to its tip
    6: (0.0, -2.473, -5.789),
    197: (0.0, -1.728, -6.317),
    4: (0.0, 0.463, -7.587),
    127: (-7.743, -2.365, 2.005),  # temples and before the ears
    356: (7.743, -2.365, 2.005),
    234: (-7.664, -0.673, 2.436),
    454: (7.664, -0.673, 2.436),
}
"""Canonical places, in cm, of landmarks that neither speech nor expression moves."""
_IDS: Final = np.array(list(_RIGID))
_PLACES: Final = np.array(list(_RIGID.values()))


@dataclass(frozen=True, slots=True)
class Head:
    """A head in front of the camera.

    Attributes:
        yaw: degrees, positive when it turns to the viewer's right.
        pitch: degrees, positive when it looks down.
        roll: degrees, positive when it tilts clockwise for the viewer.
        scale: pixels per centimetre.
        landmarks: (n, 3) float32 in head coordinates, in cm.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    landmarks: FloatArray


def find_head(landmarks: FloatArray) -> Head | None:
    """Return the head that landmarks belong to, or None when they are not those of a face.

    The similarity that takes the rigid landmarks nearest to their canonical places, under weak
    perspective.

    Args:
        landmarks: (468 or 478, 3) as in `FaceMesh`.
    """
    points = landmarks.astype(np.float64)
    to_head = fit_similarity(points[_IDS], _PLACES)
    if to_head is None:
        return None
    # The head's axes in the image, as columns: roll after yaw after pitch.
    rotation = to_head.rotation.T
    yaw = float(np.degrees(np.arcsin(np.clip(rotation[2, 0], -1, 1))))
    pitch = float(np.degrees(np.arctan2(rotation[2, 1], rotation[2, 2])))
    roll = float(np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0])))
    local = to_head.apply(points).astype(np.float32)
    return Head(yaw, pitch, roll, 1 / to_head.scale, local)


def visibility(head: Head) -> float:
    """Return how well a face shows, 0..1: near enough, and turned towards the camera."""
    near = min(1.0, head.scale / NEAR_SCALE)
    sideways = max(0.0, 1 - (head.yaw / HIDDEN_YAW) ** 2)
    upright = max(0.0, 1 - (head.pitch / HIDDEN_PITCH) ** 2)
    return near * sideways * upright


def jaw_drop(head: Head) -> float:
    """Return how far the chin hangs below the tip of the nose, in cm."""
    return float(head.landmarks[CHIN, 1] - head.landmarks[NOSE_TIP, 1])


def box_of(landmarks: FloatArray) -> Box:
    """Return the box around landmarks."""
    left, top = landmarks[:, :2].min(axis=0)
    right, bottom = landmarks[:, :2].max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def region_of(landmarks: FloatArray) -> FaceRegion:
    """Return the square in which to search for the same face next, turned with its eyes."""
    eyes = landmarks[RIGHT_EYE, :2] - landmarks[LEFT_EYE, :2]
    angle = float(np.arctan2(eyes[1], eyes[0]))
    upright = plane_rotation(angle)
    turned = landmarks[:, :2] @ upright
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = upright @ ((low + high) / 2)
    return FaceRegion(float(x), float(y), float(np.max(high - low)) * REGION_SCALE, angle)


def steady(last: FaceRegion, expected: FaceRegion) -> FaceRegion:
    """Return where to search for a face: where it was searched last, if it has hardly moved.

    Landmarks change by a fraction of a pixel with the region in which they are found, and the
    region with the landmarks: while a head is still, the same region ends this.
    """
    moved = np.hypot(expected.x - last.x, expected.y - last.y) / last.side
    turned = abs(expected.angle - last.angle)
    grown = abs(np.log(expected.side / last.side))
    return last if max(moved, turned, grown) <= STILL else expected


def region_of_detection(box: Box) -> FaceRegion:
    """Return the square in which to search for the landmarks of a detected face."""
    x, y = box.centre
    return FaceRegion(x, y, max(box.width, box.height) * DETECTION_SCALE, 0.0)
