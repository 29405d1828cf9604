"""Conditions under which the expression model is measured: degraded faces and frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np

from emotion_lab.data import face_variation
from emotion_node.faces import Image

Degrade = Callable[[Image, np.random.Generator], Image]
"""Returns a degraded copy of an image, or the image itself."""

CONDITIONS: Final[Mapping[str, tuple[str, Degrade]]] = {
    'clean': ('as they are', lambda face, rng: face),
    'small': ('16 pixels wide', lambda face, rng: _shrunk(face, 16)),
    'dim': ('a tenth of the light', lambda face, rng: face_variation.darken(face, 0.1, rng)),
    'jpeg': ('JPEG at quality 15', lambda face, rng: face_variation.compress(face, 15)),
    'covered': ('partly covered', face_variation.cover),
}
"""Degradations of FER+ faces, each with its text; deterministic."""

SCENES: Final[Mapping[str, tuple[str, Degrade]]] = {
    'recorded': ('as recorded', lambda image, rng: image),
    'mirrored': ('mirrored', lambda image, rng: np.ascontiguousarray(image[:, ::-1])),
    'far': ('half as large', lambda image, rng: _resized(image, 0.5)),
    'near': ('one and a half times as large', lambda image, rng: _resized(image, 1.5)),
    'dim': (
        'a quarter of the light',
        lambda image, rng: face_variation.darken(image, 0.25, rng),
    ),
    'jpeg': ('JPEG at quality 20', lambda image, rng: _jpeg(image, 20)),
}
"""Degradations of GRID's frames, each with its text."""


def _shrunk(face: Image, side: int) -> Image:
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, face.shape[1::-1]), np.uint8)


def _resized(image: Image, factor: float) -> Image:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=way), np.uint8)


def _jpeg(image: Image, quality: int) -> Image:
    _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
