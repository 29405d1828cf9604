"""Sequences of landmarks for landmark models, made from one real face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotion_node.core.vision.face_points import POINTS, WIDTH, read_points
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, FloatArray
from emotion_node.faces import FaceMesh, FaceRegion, FaceSequence
from support.face_scenes import real_landmarks

CROP = np.zeros((8, 8, 3), np.uint8)
FRAME_NS = 40 * NS_PER_MS
BROWS, MOUTH_CORNERS, LOWER_LIPS = (
    slice(17, 27),
    (48, 49, 53, 54, 55, 59, 60, 64),
    (56, 57, 58, 65, 66, 67),
)


def mesh(landmarks: FloatArray) -> FaceMesh:
    return FaceMesh(landmarks, CROP, FaceRegion(0, 0, 1, 0))


def resting() -> FloatArray:
    """Return the (WIDTH,) points of the face at rest."""
    row = read_points(mesh(real_landmarks()))
    assert row is not None
    return row


def moving(
    seed: int, frames: int = 50, smile: float = 0.0, brows: float = 0.0, start_ns: int = 0
) -> FaceSequence:
    """Return a face that talks, smiles and raises its brows, by `smile` and `brows` in cm."""
    rng = np.random.default_rng(seed)
    points = np.tile(resting().reshape(1, len(POINTS), 2), (frames, 1, 1))
    seconds = np.arange(frames) * FRAME_NS / NS_PER_S
    swell = np.sin(np.pi * np.arange(frames) / frames)
    talk = 0.4 * (1 - np.cos(2 * np.pi * (3 * seconds + rng.random())))
    points[:, LOWER_LIPS, 1] += talk[:, None]
    points[:, MOUTH_CORNERS, 1] -= smile * swell[:, None]
    points[:, BROWS, 1] -= brows * swell[:, None]
    points += rng.normal(0, 0.02, points.shape) + rng.normal(0, 0.05, (1, len(POINTS), 2))
    rows = points.reshape(frames, WIDTH).astype(np.float32)
    stamps = start_ns + np.arange(frames, dtype=np.int64) * FRAME_NS
    return as_sequence(stamps, rows, rng.uniform(0.6, 1, frames).astype(np.float32))


def as_sequence(
    stamps: npt.NDArray[np.int64], rows: FloatArray, quality: FloatArray
) -> FaceSequence:
    return FaceSequence(stamps, rows, quality)
