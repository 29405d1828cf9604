"""Cuts between scenes: faces after a cut are unrelated to those before it."""

from __future__ import annotations

from typing import Final

import numpy as np

from emotion_node.datatypes import FloatArray
from emotion_node.faces import Image

GRID: Final = (36, 64)
"""Rows and columns of the points at which frames are compared."""
BINS: Final = 16
MIN_DIFFERENCE: Final = 18.0
"""Mean absolute difference of the points, 0..255. A camera that pans exceeds it too, but keeps the
colours of the scene."""
MIN_HISTOGRAM_DIFFERENCE: Final = 0.12
"""Half of the sum of absolute differences of the colour histograms, 0..1, mean of the channels."""


class CutDetector:
    """Compares each frame with the one before it, point by point and by colour.

    Pair-wise and histogram comparison of frames (Zhang, Kankanhalli and Smoliar, Multimedia
    Systems 1, 1993): a cut is where both change at once.
    """

    def __init__(self) -> None:
        self._points: FloatArray | None = None
        self._histogram: FloatArray | None = None

    def is_cut(self, image: Image) -> bool:
        """Take the next frame; return whether it begins a new scene."""
        rows, columns = (max(1, -(-image.shape[axis] // GRID[axis])) for axis in (0, 1))
        points = image[rows // 2 :: rows, columns // 2 :: columns].astype(np.float32)
        histogram = _histogram(points)
        before, histogram_before = self._points, self._histogram
        self._points, self._histogram = points, histogram
        if before is None or histogram_before is None:
            return False
        if before.shape != points.shape:
            return True
        difference = float(np.abs(points - before).mean())
        colours = float(np.abs(histogram - histogram_before).sum()) / 6
        return difference > MIN_DIFFERENCE and colours > MIN_HISTOGRAM_DIFFERENCE

    def reset(self) -> None:
        """Forget the last frame."""
        self._points = self._histogram = None


def _histogram(points: FloatArray) -> FloatArray:
    """Return the (3, BINS) shares of the points by channel and value."""
    bins = (points.reshape(-1, 3) * (BINS / 256)).astype(np.int64) + np.arange(3) * BINS
    counts = np.bincount(bins.ravel(), minlength=3 * BINS).reshape(3, BINS)
    return (counts / len(bins)).astype(np.float32)
