"""One colour per emotion, used wherever emotions are shown."""

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
"""Colour of each label as "#rrggbb"; text in it is readable on a dark background."""

UNKNOWN: Final = '#8a8f98'
"""Colour of an unknown emotion."""


def emotion_colour(label: str) -> str:
    """Return the colour of a label as "#rrggbb"; an empty label is an unknown emotion."""
    return COLOURS.get(label, UNKNOWN)


def bgr(colour: str) -> tuple[int, int, int]:
    """Return a colour "#rrggbb" as OpenCV takes it: blue, green, red, each 0 to 255."""
    red, green, blue = bytes.fromhex(colour.removeprefix('#'))
    return blue, green, red
