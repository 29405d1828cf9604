"""The colours of the emotions, the same in the terminal, in reports and in images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COLOURS: Final[Mapping[str, str]] = {
    'neutral': '#9aa5b1',
    'joy': '#f2b705',
    'sadness': '#4c8bf5',
    'anger': '#e5484d',
    'surprise': '#f76b15',
    'fear': '#a06cd5',
    'disgust': '#46a758',
}
"""Colour of each label, as hexadecimal sRGB, e.g. '#f2b705'."""


def bgr(colour: str) -> tuple[int, int, int]:
    """Return a hexadecimal sRGB colour as OpenCV takes it: blue, green, red, each 0..255."""
    red, green, blue = bytes.fromhex(colour.removeprefix('#'))
    return blue, green, red
