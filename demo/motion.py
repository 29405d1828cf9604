"""Blinks and head poses over time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from portrait import Point

BLINK_GAP = (2.2, 5.0)
"""Range of the time between blinks, in s; talking people blink 10 to 25 times a minute."""
CLOSING = 0.09
OPENING = 0.16
"""Duration of the two halves of a blink, in s."""
STILL = (1.6, 3.4)
"""Range of the time for which a head keeps its pose, in s."""
TURN = (0.4, 0.7)
"""Range of the duration of a movement to the next pose, in s."""
SPREAD = (2.2, 1.5, 1.0)
"""Standard deviation of poses: to the right and down in pixels, clockwise in degrees."""


class Motion:
    """One person's blinks and poses over time.

    Heads rest, then move quickly with minimum jerk (Flash and Hogan, 1985); they do not sway all
    the time.

    Args:
        duration: of the plan, in seconds.
        rng: source of all random draws.
    """

    def __init__(self, duration: float, rng: np.random.Generator) -> None:
        blinks = []
        at = rng.uniform(0.5, 2.5)
        while at < duration:
            blinks.append(at)
            at += rng.uniform(*BLINK_GAP)
        self._blinks = np.array(blinks)
        times, poses = [0.0], [np.zeros(3)]
        while times[-1] < duration:
            begin = times[-1] + rng.uniform(*STILL)
            times += [begin, begin + rng.uniform(*TURN)]
            poses += [poses[-1], np.clip(rng.normal(0, SPREAD), *np.outer((-1.5, 1.5), SPREAD))]
        self._times: npt.NDArray[np.float64] = np.array(times)
        self._poses: npt.NDArray[np.float64] = np.array(poses)

    def blink(self, at: float) -> float:
        """Return how far the eyes are closed at a time, 0..1."""
        since = at - self._blinks
        lids = np.minimum((since + CLOSING) / CLOSING, 1 - since / OPENING)
        return float(np.clip(lids.max(), 0, 1))

    def pose(self, at: float) -> tuple[Point, float]:
        """Return the head's shift in pixels and its roll in degrees at a time."""
        i = int(np.clip(np.searchsorted(self._times, at, 'right') - 1, 0, len(self._times) - 2))
        begin, end = self._times[i], self._times[i + 1]
        t = np.clip((at - begin) / (end - begin), 0, 1)
        share = t**3 * (10 - 15 * t + 6 * t**2)
        x, y, roll = self._poses[i] + share * (self._poses[i + 1] - self._poses[i])
        return (float(x), float(y)), float(roll)
