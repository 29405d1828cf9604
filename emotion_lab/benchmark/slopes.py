"""Whether a figure grows over a run: a robust regression with its confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

WARM_SHARE: Final = 0.2
"""Share of the run that is left out: caches and pools fill up in it."""
MIN_POINTS: Final = 10
"""The slope of fewer points is not known."""
_MAX_POINTS: Final = 500
"""More points are thinned out evenly: the regression compares all pairs."""
_Z: Final = 1.96
"""For a confidence of 95 %."""
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast a figure grows.

    Attributes:
        per_hour: the estimate, in units of the figure per hour.
        least: lower end of its interval of 95 % confidence.
    """

    per_hour: float
    least: float


def slope(points: Sequence[tuple[float, float]]) -> Slope:
    """Return how fast a figure grows after the warm-up; 0 when there are too few points.

    The median of the slopes of all pairs, with its interval: Theil 1950, Sen 1968. Single
    outliers do not change it.

    Args:
        points: seconds and values, in order.
    """
    warm = np.array(points[round(WARM_SHARE * len(points)) :], np.float64)
    if len(warm) < MIN_POINTS:
        return Slope(0.0, 0.0)
    kept = np.unique(np.linspace(0, len(warm) - 1, _MAX_POINTS).round().astype(int))
    slopes = np.sort(_pairwise(warm[kept]))
    if not len(slopes):
        return Slope(0.0, 0.0)
    n = len(kept)
    width = _Z * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    first = max(round((len(slopes) - width) / 2), 0)
    return Slope(float(np.median(slopes)) * _HOUR_S, float(slopes[first]) * _HOUR_S)


def _pairwise(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the slopes of all pairs of points that differ in time."""
    i, j = np.triu_indices(len(points), 1)
    run, rise = (points[j] - points[i]).T
    apart = run > 0
    return np.asarray(rise[apart] / run[apart], np.float64)
