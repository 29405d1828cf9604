"""Which frames of a camera came, and which of them could be used."""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.trace import Stamps
from emotion_node.datatypes import NS_PER_S, Reason, VisionHealth
from emotion_node.faces import Image

FROZEN_NS: Final = 2 * NS_PER_S
FROZEN_FRAMES: Final = 15
"""A camera whose images are identical for longer, and so many of them, is frozen: a sensor always
has some noise."""
ROW_STEP: Final = 4
"""Every how manieth row of two images is compared."""
CAPACITY: Final = 4096
"""Frames that are remembered: 30 s, the longest utterance, at 120 per second."""
MAX_STILLS: Final = 8
"""Stretches of identical images that are remembered."""


@dataclass(slots=True)
class _Still:
    """A stretch of identical images: stamps of the first and the last, and their number."""

    first_ns: int
    last_ns: int
    frames: int = 0

    @property
    def duration_ns(self) -> int:
        return self.last_ns - self.first_ns

    @property
    def frozen(self) -> bool:
        return self.duration_ns > FROZEN_NS and self.frames >= FROZEN_FRAMES


class FrameLog:
    """Notes of each frame whether it could be decoded and whether its image is a new one.

    Attributes:
        health: figures about all frames so far.
    """

    def __init__(self) -> None:
        self.health = VisionHealth()
        self._stamps: deque[int] = deque(maxlen=CAPACITY)
        self._undecodable: deque[int] = deque(maxlen=CAPACITY)
        self._stills: deque[_Still] = deque(maxlen=MAX_STILLS)
        self._still: _Still | None = None
        self._rows: Image | None = None

    def add(self, stamp_ns: int, image: Image) -> bool:
        """Take the next frame; return whether the camera is frozen.

        Args:
            stamp_ns: of the frame, later than that of the one before.
            image: (height, width, 3).
        """
        self._stamps.append(stamp_ns)
        rows = image[::ROW_STEP].copy()
        still = self._still
        if still is None or self._rows is None or not np.array_equal(rows, self._rows):
            still = self._still = _Still(stamp_ns, stamp_ns)
        self._rows = rows
        known = still.frozen
        still.last_ns = stamp_ns
        still.frames += 1
        if still.frozen and not known:
            self._stills.append(still)
        frozen_s = still.duration_ns / NS_PER_S if still.frozen else 0.0
        self.health = dataclasses.replace(
            self.health,
            frames=self.health.frames + 1,
            undecodable_in_a_row=0,
            frozen_s=frozen_s,
            frozen_longest_s=max(frozen_s, self.health.frozen_longest_s),
        )
        return still.frozen

    def add_undecodable(self, stamp_ns: int, error: str) -> None:
        """Take the next frame, which cannot be decoded.

        Args:
            stamp_ns: of the frame, later than that of the one before.
            error: why.
        """
        self._stamps.append(stamp_ns)
        self._undecodable.append(stamp_ns)
        self.health = dataclasses.replace(
            self.health,
            frames=self.health.frames + 1,
            undecodable=self.health.undecodable + 1,
            undecodable_in_a_row=self.health.undecodable_in_a_row + 1,
            decoding_error=error,
        )

    def is_new(self, stamps: Stamps) -> npt.NDArray[np.bool_]:
        """Return for the stamps of (n,) frames whether the camera was not frozen then."""
        new = np.ones(len(stamps), bool)
        for still in self._stills:
            new &= (stamps <= still.first_ns) | (stamps > still.last_ns)
        return new

    def why_absent(self, start_ns: int, end_ns: int) -> tuple[Reason, str]:
        """Return why there is no face from `start_ns` to `end_ns`, with the details.

        Returns:
            `Reason.NO_FACE` when there were images that could be used; `Reason.ERROR` when those
            that came could not be decoded; else `Reason.NO_IMAGE`.
        """
        if not self._stamps:
            return Reason.NO_IMAGE, 'no image has come'
        during = np.array([one for one in self._stamps if start_ns <= one <= end_ns], np.int64)
        if not len(during):
            last_ns = self._stamps[-1]
            if last_ns < start_ns:
                late_s = (start_ns - last_ns) / NS_PER_S
                return Reason.NO_IMAGE, f'the latest image is {late_s:.1f} s older than the speech'
            return Reason.NO_IMAGE, 'no image came during the speech'
        decoded = during[~np.isin(during, np.array(self._undecodable, np.int64))]
        if not len(decoded):
            return Reason.ERROR, self.health.decoding_error
        if not self.is_new(decoded).any():
            frozen_s = max(one.duration_ns for one in self._stills) / NS_PER_S
            return Reason.NO_IMAGE, f'the camera delivered the same image for {frozen_s:.1f} s'
        return Reason.NO_FACE, ''

    def clear(self) -> None:
        """Forget all frames; the counts of `health` remain."""
        self._stamps.clear()
        self._undecodable.clear()
        self._stills.clear()
        self._still = self._rows = None
        self.health = dataclasses.replace(self.health, undecodable_in_a_row=0, frozen_s=0.0)
