"""How the frames of a video are to be shown: turned and mirrored, as its display matrix says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type

Image = npt.NDArray[np.uint8]


def display_orientation(frame: av.VideoFrame) -> Callable[[Image], Image]:
    """Return a function that turns and mirrors the image of a frame as it is to be shown.

    The display matrix of MP4 and QuickTime (ISO/IEC 14496-12, 8.3.2) maps a pixel (x, y) to
    (a x + c y, b x + d y). Phones write turns by 90 degrees, and mirror what a front camera sees.
    Other angles are rounded to these.
    """
    a, b, c, d = _matrix(frame)
    across = abs(b) + abs(c) > abs(a) + abs(d)
    left_to_right, top_to_bottom = (c, b) if across else (a, d)

    def orient(image: Image) -> Image:
        if across:
            image = image.transpose(1, 0, 2)
        if left_to_right < 0:
            image = image[:, ::-1]
        return image[::-1] if top_to_bottom < 0 else image

    return orient


def _matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Return a, b, c and d; those of the identity where a frame has none."""
    sides: Any = frame.side_data
    try:
        side = sides[Type.DISPLAYMATRIX]
    except KeyError:
        return 1, 0, 0, 1
    values = np.frombuffer(side, np.int32, 9)
    a, b, _, c, d = (int(value) for value in values[:5])
    return a, b, c, d
