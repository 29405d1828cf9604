"""Records of faces in images and video frames.

Coordinates are pixels of the whole image, x to the right and y down; (0, 0) is the centre of its
first pixel. Left and right are the viewer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Landmarks = npt.NDArray[np.float32]
"""(468 or 478, 3), numbered as in MediaPipe's face mesh; z increases away from the camera, on the
scale of x."""
Image = npt.NDArray[np.uint8]
"""(height, width, 3) BGR."""


class Box(NamedTuple):
    """An upright rectangle."""

    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def area(self) -> float:
        """Its area; 0 when its width or height is negative."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    def intersection(self, other: Box) -> Box:
        """Return the intersection; its width or height is negative where there is none."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        return Box(left, top, right - left, bottom - top)

    def overlap(self, other: Box) -> float:
        """Return intersection over union, 0..1."""
        shared = self.intersection(other).area
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


class FaceRegion(NamedTuple):
    """A square around a face, turned with the head.

    Attributes:
        x, y: centre in pixels.
        side: length in pixels.
        angle: clockwise rotation in radians.
    """

    x: float
    y: float
    side: float
    angle: float


@dataclass(frozen=True, slots=True)
class FaceDetection:
    """A detected face.

    Attributes:
        box: roughly from the brows to the chin.
        confidence: 0..1.
    """

    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """The landmarks of one face.

    Attributes:
        landmarks: in pixels of the image.
        crop: (n, n, 3) uint8 BGR, the region in which they were found, upright.
        region: part of the image that the crop shows.
        blendshapes: 0..1 by name, where the model gives them and was asked for details.
        presence: logarithm of the odds that the crop shows a face.
        detail: the landmarks with the eyes refined too; None where no details were asked for.
    """

    landmarks: Landmarks
    crop: Image
    region: FaceRegion
    blendshapes: Mapping[str, float] = field(default_factory=dict)
    detail: Landmarks | None = None
    presence: float = 20.0

    @property
    def best(self) -> Landmarks:
        """The most precise landmarks there are."""
        return self.landmarks if self.detail is None else self.detail


KeptFace = npt.NDArray[Any]
"""What is kept of one face in one frame, to read its expression later (see `FaceEmotion`)."""


@dataclass(frozen=True, slots=True)
class FaceSequence:
    """One face over the frames of an utterance, as rows of an expression model.

    Attributes:
        stamps_ns: (n,) int64, rising.
        rows: (n, width) float32, from `FaceEmotion.observe` for each frame.
        quality: (n,) float32 0..1, how well the face shows: near enough, and turned to the camera.
    """

    stamps_ns: npt.NDArray[np.int64]
    rows: npt.NDArray[np.float32]
    quality: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face in one frame, identified by its track.

    Attributes:
        face_id: stable while the face is tracked: "f1", "f2", ...
        box: of the landmarks.
        confidence: 0..1, of the last detection.
        mesh: the landmarks.
    """

    face_id: str
    box: Box
    confidence: float
    mesh: FaceMesh


@dataclass(frozen=True, slots=True)
class FacePeak:
    """The frame in which a face shows an emotion most.

    Attributes:
        stamp_ns: of the frame.
        box: of the face in it.
    """

    stamp_ns: int
    box: Box


@dataclass(frozen=True, slots=True)
class SeenFace:
    """What is reported of one face in one frame.

    Attributes:
        face_id, box, confidence: as in `TrackedFace`.
        speaking_score: 0..1, probability that this face is the current speaker's; 0 while nobody
            speaks.
    """

    face_id: str
    box: Box
    confidence: float
    speaking_score: float = 0.0
