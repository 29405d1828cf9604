"""One face track: where the face is, how it moves, and what it looks like."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_node.core.vision.geometry import box_of, region_of
from emotion_node.datatypes import NS_PER_S, FloatArray
from emotion_node.faces import Box, FaceMesh, FaceRegion, Image

MIN_SIMILARITY: Final = 0.3
"""A lost face does not return looking less like itself: cosine of the appearances. This only
excludes faces that clearly differ; light and turns of the head change an appearance as much."""
MAX_SCALING: Final = 1.5
"""A face does not grow or shrink by more from one frame to the next."""
MAX_PREDICTION_NS: Final = NS_PER_S // 5
"""The motion of a face is extrapolated for at most this long."""
LEARNING_RATE: Final = 0.25
"""Share of the present appearance in the remembered one, for each mesh with details."""
PRESENCE_NS: Final = NS_PER_S // 2
"""Time over which it is judged whether a track is that of a face."""
MAX_DISPLACEMENT: Final = 0.5
"""How far from its expected place a lost face may return, in its own widths, plus twice as much
per second of its absence."""
APPEARANCE_CELLS: Final = 8
"""Rows and columns of an appearance."""


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """The state of one face.

    Attributes:
        face_id: empty until the face has been matched with the lost ones.
        region: where it was seen last.
        velocity: (x, y) in pixels per second.
        appearance: (n,) float32 of length 1.
        seen_ns: when it was seen last.
        confidence: of the last detection.
        box: of its landmarks where it was seen last.
        detailed_ns: when it was looked at in detail last.
        presence: logarithm of the odds that it is a face, mean over about `PRESENCE_NS`.
        missed: detections at its place that failed since the last successful one.
        mesh: in the present frame; None while the face is lost.
    """

    face_id: str
    region: FaceRegion
    velocity: tuple[float, float]
    appearance: FloatArray
    seen_ns: int
    confidence: float
    box: Box
    detailed_ns: int
    presence: float
    missed: int = 0
    mesh: FaceMesh | None = None

    @classmethod
    def begin(cls, mesh: FaceMesh, confidence: float, stamp_ns: int) -> FaceTrack:
        """Return the track of a face that has just been found, without an id."""
        return cls(
            '',
            region_of(mesh.landmarks),
            (0.0, 0.0),
            appearance_of(mesh.crop),
            stamp_ns,
            confidence,
            box_of(mesh.landmarks),
            stamp_ns,
            mesh.presence,
            mesh=mesh,
        )

    def expected(self, stamp_ns: int) -> FaceRegion:
        """Return where the face should be at a time, if it keeps moving for a short while."""
        ahead = min(stamp_ns - self.seen_ns, MAX_PREDICTION_NS) / NS_PER_S
        x, y, side, angle = self.region
        return FaceRegion(x + self.velocity[0] * ahead, y + self.velocity[1] * ahead, side, angle)

    def accepts(self, region: FaceRegion, expected: FaceRegion) -> bool:
        """Return whether the face can be in a region of the next frame.

        Args:
            region: where a face was found.
            expected: where this one should be.
        """
        if max(region.side / expected.side, expected.side / region.side) > MAX_SCALING:
            return False
        distance = np.hypot(region.x - expected.x, region.y - expected.y)
        return bool(distance <= expected.side / 2)

    def moved(self, region: FaceRegion, mesh: FaceMesh, box: Box, stamp_ns: int) -> FaceTrack:
        """Return the track with its region, mesh and box in the next frame."""
        seconds = max(stamp_ns - self.seen_ns, 1) / NS_PER_S
        vx, vy = self.velocity
        # Half of the present velocity: landmarks jitter.
        vx = 0.5 * vx + 0.5 * (region.x - self.region.x) / seconds
        vy = 0.5 * vy + 0.5 * (region.y - self.region.y) / seconds
        remembered, detailed_ns = self.appearance, self.detailed_ns
        if mesh.detail is not None:
            remembered = remembered + LEARNING_RATE * (appearance_of(mesh.crop) - remembered)
            remembered /= np.linalg.norm(remembered)
            detailed_ns = stamp_ns
        share = min(1.0, (stamp_ns - self.seen_ns) / PRESENCE_NS)
        return dataclasses.replace(
            self,
            presence=self.presence + share * (mesh.presence - self.presence),
            region=region,
            velocity=(vx, vy),
            appearance=remembered,
            seen_ns=stamp_ns,
            mesh=mesh,
            box=box,
            detailed_ns=detailed_ns,
        )

    def lost(self) -> FaceTrack:
        """Return the track without a mesh."""
        return dataclasses.replace(self, mesh=None)


def present_similarity(track: FaceTrack) -> float:
    """Return how much the face in the present frame looks like the remembered one, -1..1."""
    assert track.mesh is not None
    return _similarity(appearance_of(track.mesh.crop), track.appearance)


def matching_cost(lost: FaceTrack, found: FaceTrack, stamp_ns: int) -> float:
    """Return how badly a found face fits a lost one, 0..1; 1 when it cannot be the same."""
    expected = lost.expected(stamp_ns)
    similarity = _similarity(lost.appearance, found.appearance)
    distance = np.hypot(found.region.x - expected.x, found.region.y - expected.y) / expected.side
    absence = (stamp_ns - lost.seen_ns) / NS_PER_S
    scaling = abs(np.log(found.region.side / expected.side)) / np.log(2 * MAX_SCALING)
    displacement = distance / (MAX_DISPLACEMENT * (1 + 2 * absence))
    if similarity < MIN_SIMILARITY or scaling >= 1 or displacement >= 1:
        return 1.0
    return float((1 - similarity) / (1 - MIN_SIMILARITY) + displacement + scaling) / 3


def appearance_of(crop: Image) -> FloatArray:
    """Return what an upright face looks like: its colours, coarsely, without brightness.

    Args:
        crop: (n, n, 3) uint8 BGR.

    Returns:
        (3 * `APPEARANCE_CELLS` ** 2,) float32 of length 1.
    """
    inner = crop[len(crop) // 6 : -(len(crop) // 6) : 2, len(crop) // 6 : -(len(crop) // 6) : 2]
    step = len(inner) // APPEARANCE_CELLS
    cells = inner[: step * APPEARANCE_CELLS, : step * APPEARANCE_CELLS].reshape(
        APPEARANCE_CELLS, step, APPEARANCE_CELLS, step, 3
    )
    means = cells.mean(axis=(1, 3), dtype=np.float32)
    means -= means.mean()
    length = float(np.linalg.norm(means))
    return np.ravel(means / np.float32(max(length, 1e-6)))


def _similarity(one: FloatArray, other: FloatArray) -> float:
    return float(one @ other)
