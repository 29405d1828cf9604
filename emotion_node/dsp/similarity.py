"""Similarity transforms: rotation, scale and shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotion_node.faces import FaceRegion

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Similarity:
    """A transform of points in d dimensions: x to scale * rotation @ (x - source) + target.

    Attributes:
        rotation: (d, d), orthogonal, without reflection.
        scale: above 0.
        source: (d,), the point that is taken to `target`.
        target: (d,).
    """

    rotation: Floats
    scale: float
    source: Floats
    target: Floats

    def apply(self, points: Floats) -> Floats:
        """Return where (n, d) points are taken."""
        return np.asarray((points - self.source) @ self.rotation.T * self.scale + self.target)

    def inverse(self) -> Similarity:
        """Return the transform that takes every point back."""
        return Similarity(self.rotation.T, 1 / self.scale, self.target, self.source)

    def matrix(self) -> Floats:
        """Return the transform as a (d, d + 1) affine matrix, as OpenCV takes it."""
        linear = self.rotation * self.scale
        return np.column_stack([linear, self.target - linear @ self.source])


def fit_similarity(points: Floats, targets: Floats) -> Similarity | None:
    """Return the similarity that takes points nearest to their targets, in least squares.

    The closed form of Umeyama, "Least-squares estimation of transformation parameters between
    two point patterns", IEEE PAMI 13(4), 1991.

    Args:
        points: (n, d).
        targets: (n, d).

    Returns:
        None when the points coincide or some are not finite, so that no transform is best.
    """
    if not (np.isfinite(points).all() and np.isfinite(targets).all()):
        return None
    source, target = (side.sum(axis=0) / len(side) for side in (points, targets))
    centred = points - source
    spread = float(np.vdot(centred, centred))
    if spread <= 0:
        return None
    u, singular, vt = np.linalg.svd(centred.T @ (targets - target))
    signs = np.ones(len(singular))
    signs[-1] = np.sign(np.linalg.det(u @ vt))  # a reflection is no rotation
    scale = float(singular @ signs) / spread
    if scale <= 0:
        return None
    return Similarity(((u * signs) @ vt).T, scale, source, target)


def fit_plane_similarity(points: Floats, targets: Floats) -> Similarity | None:
    """Return what `fit_similarity` does, for points of a plane, in a tenth of the time.

    Args:
        points: (n, 2).
        targets: (n, 2).
    """
    source, target = points.mean(axis=0), targets.mean(axis=0)
    # As complex numbers, whose product is a rotation with a scale.
    one, other = ((side @ (1, 1j)) for side in (points - source, targets - target))
    spread = float(np.vdot(one, one).real)
    turn = complex(np.vdot(one, other)) / spread if spread > 0 else 0j
    scale = abs(turn)
    if not 0 < scale < np.inf:  # nor when it is NaN
        return None
    cosine, sine = turn.real / scale, turn.imag / scale
    return Similarity(np.array([[cosine, -sine], [sine, cosine]]), scale, source, target)


def plane_rotation(angle: float) -> Floats:
    """Return the (2, 2) rotation by an angle in radians, clockwise where y points down."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def crop_to_image(region: FaceRegion, size: int) -> Similarity:
    """Return the transform from pixels of a square crop to those of the image.

    Args:
        region: the part of the image that the crop shows, upright.
        size: side of the crop in pixels.
    """
    return Similarity(
        plane_rotation(region.angle),
        region.side / size,
        np.full(2, (size - 1) / 2),
        np.array([region.x, region.y]),
    )
