"""Vary small grey faces as a robot's camera sees them: turned, near the edge, dim, blurred.

Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""(height, width) grey."""


@dataclass(frozen=True, slots=True)
class FaceVariation:
    """How far faces are varied.

    Attributes:
        turn: largest rotation, in degrees.
        scale: largest change of size, as a share.
        shift: largest shift, as a share of the image.
        squeeze: largest narrowing or flattening, as of a turned head, as a share.
        contrast: largest change of contrast and brightness, as a share.
        blur: share of faces that lose detail, as small or moving faces do.
        dark: share that are dim, with the noise of a camera in low light.
        jpeg: share that are compressed as JPEG at a quality of 10 to 60.
    """

    turn: float = 14.0
    scale: float = 0.14
    shift: float = 0.07
    squeeze: float = 0.14
    contrast: float = 0.3
    blur: float = 0.15
    dark: float = 0.15
    jpeg: float = 0.15


NONE: Final = FaceVariation(0, 0, 0, 0, 0, 0, 0, 0)


def vary(image: Image, how: FaceVariation, side: int, rng: np.random.Generator) -> Image:
    """Return a varied face of (side, side) pixels."""
    varied = _move(image, how, side, rng)
    if how.contrast:
        varied = _light(varied, how.contrast, rng)
    chances = rng.random(3)
    if chances[0] < how.blur:
        varied = blur(varied, rng.uniform(1.3, 2.8), rng)
    if chances[1] < how.dark:
        varied = darken(varied, rng.uniform(0.08, 0.5), rng)
    if chances[2] < how.jpeg:
        varied = compress(varied, int(rng.integers(10, 60)))
    return varied


def _move(image: Image, how: FaceVariation, side: int, rng: np.random.Generator) -> Image:
    turn = np.deg2rad(rng.uniform(-how.turn, how.turn))
    scale = (1 + rng.uniform(-how.scale, how.scale)) * side / len(image)
    squeeze = 1 - rng.uniform(0, how.squeeze)
    across, down = (scale * squeeze, scale) if rng.random() < 0.7 else (scale, scale * squeeze)
    mirror = -1.0 if rng.random() < 0.5 and how.turn else 1.0
    matrix = np.array(
        [
            [across * mirror * np.cos(turn), -down * np.sin(turn)],
            [across * mirror * np.sin(turn), down * np.cos(turn)],
        ]
    )
    middle = np.full(2, (len(image) - 1) / 2)
    aim = (side - 1) / 2 + rng.uniform(-how.shift, how.shift, 2) * side
    full = np.column_stack([matrix, aim - matrix @ middle])
    moved = cv2.warpAffine(
        image, full, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _light(image: Image, most: float, rng: np.random.Generator) -> Image:
    """Return an image with its contrast, brightness and gamma changed, and lit from one side."""
    levels = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-most, most))
    levels = (levels - 0.5) * np.exp(rng.uniform(-most, most)) + 0.5 + rng.uniform(-0.1, 0.1)
    lit = cv2.LUT(image, np.clip(255 * levels, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        ramp = np.linspace(1 - rng.uniform(0, 0.6), 1, image.shape[1], dtype=np.float32)
        lit = (lit * (ramp if rng.random() < 0.5 else ramp[::-1])).astype(np.uint8)
    return np.asarray(lit, np.uint8)


def blur(image: Image, factor: float, rng: np.random.Generator) -> Image:
    """Return an image blurred as by downscaling `factor` times, or by motion as strong."""
    side = len(image)
    if rng.random() < 0.5:
        small = max(6, round(side / factor))
        shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(shrunk, (side, side)), np.uint8)
    length = max(2, round(2 * factor * side / 48))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    return np.asarray(
        cv2.filter2D(image, -1, kernel if rng.random() < 0.7 else kernel.T), np.uint8
    )


def darken(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Return an image with `share` of its light, and the noise of a camera."""
    noise = rng.normal(0, 255 * 0.012, image.shape)
    return np.clip(image * share + noise, 0, 255).astype(np.uint8)


def compress(image: Image, quality: int) -> Image:
    """Return an image after JPEG at a quality of 1 to 100."""
    _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def cover(image: Image, rng: np.random.Generator) -> Image:
    """Return an image with a patch covered, up to two fifths of it in each direction.

    As Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    side = len(image)
    height, width = (int(n) for n in rng.integers(side // 8, 2 * side // 5, 2))
    top, left = int(rng.integers(side - height)), int(rng.integers(side - width))
    covered = image.copy()
    patch = rng.integers(256) + rng.normal(0, rng.uniform(0, 30), (height, width))
    covered[top : top + height, left : left + width] = np.clip(patch, 0, 255).astype(np.uint8)
    return covered


def vary_all(
    images: Sequence[Image] | npt.NDArray[np.uint8],
    how: FaceVariation,
    side: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """Return (n, side, side) varied faces."""
    varied: list[Any] = [vary(image, how, side, rng) for image in images]
    return np.stack(varied)
