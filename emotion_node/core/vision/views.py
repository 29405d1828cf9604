"""Which part of a frame is searched for new faces, and when."""

from __future__ import annotations

from typing import Final

from emotion_node.config import FaceConfig
from emotion_node.datatypes import NS_PER_S
from emotion_node.faces import Box

MIN_DETECTABLE: Final = 1 / 9
"""Width of the narrowest face that a detector finds reliably, relative to its view."""
MAX_DETECTABLE: Final = 0.5
"""Likewise of the widest one."""
MARGIN: Final = 0.5
"""Width of the margin of the view for faces that fill the image, relative to the image."""
OVERLAP: Final = 1.25
"""Views overlap by this many widths of the narrowest face, so that each face is whole in one."""
SEARCH_PERIOD_NS: Final = NS_PER_S // 10
"""Time between two searches while no face is tracked, or one has just been lost."""


def search_views(width: int, height: int, min_size: int) -> list[Box]:
    """Return the parts of an image in which a detector finds faces from `min_size` pixels on.

    The first is the whole image; then come squares that cover it, if small faces are wanted, and
    last the image with a margin, for faces so near that they fill it.
    """
    side = min_size / MIN_DETECTABLE
    whole = Box(0, 0, width, height)
    margin = Box(
        -MARGIN * width, -MARGIN * height, (1 + 2 * MARGIN) * width, (1 + 2 * MARGIN) * height
    )
    if side >= max(width, height):
        return [whole, margin]
    overlap = OVERLAP * min_size
    lefts, tops = _starts(width, side, overlap), _starts(height, side, overlap)
    return [
        whole,
        *(Box(left, top, min(side, width), min(side, height)) for top in tops for left in lefts),
        margin,
    ]


def _starts(length: int, side: float, overlap: float) -> list[float]:
    if side >= length:
        return [0.0]
    count = 2
    while side - (length - side) / (count - 1) < overlap:
        count += 1
    return [(length - side) * index / (count - 1) for index in range(count)]


class SearchSchedule:
    """When to search for new faces, and in which view.

    Args:
        config: parameters.
    """

    def __init__(self, config: FaceConfig) -> None:
        self._min_size = config.min_size
        self._period_ns = round(config.detection_period * NS_PER_S)
        self._last_ns: int | None = None
        self._turn = 0

    def next_view(self, stamp_ns: int, width: int, height: int, missing: bool) -> Box | None:
        """Return the view to search in the next frame, or None when it is not searched.

        Args:
            stamp_ns: of the frame.
            width: of the frame, in pixels.
            height: of the frame, in pixels.
            missing: whether a face is missing.
        """
        period_ns = min(SEARCH_PERIOD_NS, self._period_ns) if missing else self._period_ns
        if self._last_ns is not None and 0 <= stamp_ns - self._last_ns < period_ns:
            return None
        every = search_views(width, height, self._min_size)
        self._last_ns = stamp_ns
        self._turn = (self._turn + 1) % len(every)
        return every[self._turn - 1]

    def reset(self) -> None:
        """Search the whole of the next frame."""
        self._last_ns = None
        self._turn = 0
