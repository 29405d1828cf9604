"""Which parts of an image are searched for new faces, and when."""

from __future__ import annotations

from typing import Final

from emotion_node.config import FaceConfig
from emotion_node.datatypes import NS_PER_S
from emotion_node.faces import Box

MIN_DETECTABLE: Final = 1 / 9
"""Width of the narrowest face that a detector finds reliably, relative to its view."""
OVERLAP: Final = 1.25
"""Views overlap by as many of the narrowest faces, so that each is whole in one of them."""
SEARCH_PERIOD_NS: Final = NS_PER_S // 10
"""Time between two looks while no face is followed, or one has just been lost."""


def views(width: int, height: int, min_size: int) -> list[Box]:
    """Return the parts of an image in which faces of `min_size` pixels are found.

    The first is the whole image, for faces near the camera; the others, where there are some,
    are squares that cover it.
    """
    side = min_size / MIN_DETECTABLE
    whole = Box(0, 0, width, height)
    if side >= max(width, height):
        return [whole]
    overlap = OVERLAP * min_size
    lefts, tops = _starts(width, side, overlap), _starts(height, side, overlap)
    return [
        whole,
        *(Box(left, top, min(side, width), min(side, height)) for top in tops for left in lefts),
    ]


def _starts(length: int, side: float, overlap: float) -> list[float]:
    if side >= length:
        return [0.0]
    count = 2
    while side - (length - side) / (count - 1) < overlap:
        count += 1
    return [(length - side) * index / (count - 1) for index in range(count)]


class Schedule:
    """When to look for new faces, and in which view.

    Args:
        config: parameters.
    """

    def __init__(self, config: FaceConfig) -> None:
        self._min_size = config.min_size
        self._period_ns = round(config.detection_period * NS_PER_S)
        self._last_ns: int | None = None
        self._turn = 0

    def next(self, stamp_ns: int, width: int, height: int, search: bool) -> Box | None:
        """Return the view to search in the image of this moment; None for none.

        Args:
            stamp_ns: of the image.
            width: of the image.
            height: of the image.
            search: whether somebody is missing.
        """
        period_ns = min(SEARCH_PERIOD_NS, self._period_ns) if search else self._period_ns
        if self._last_ns is not None and 0 <= stamp_ns - self._last_ns < period_ns:
            return None
        every = views(width, height, self._min_size)
        self._last_ns = stamp_ns
        self._turn = (self._turn + 1) % len(every)
        return every[self._turn - 1]

    def reset(self) -> None:
        """Look at the whole of the next image."""
        self._last_ns = None
        self._turn = 0
