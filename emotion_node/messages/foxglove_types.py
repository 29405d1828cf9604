"""The message types of `foxglove_msgs` that annotations of images consist of.

These definitions have the names, types and order of the package's fields as ROS 2 Jazzy has it.
They are for recordings and tests: the node publishes the messages of the package as installed,
which may have more fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PACKAGE: Final = 'foxglove_msgs'
IMAGE_ANNOTATIONS: Final = f'{PACKAGE}/msg/ImageAnnotations'
LINE_LOOP: Final = 2
"""The constant of `foxglove_msgs/PointsAnnotation` for a closed polygon."""

DEFINITIONS: Final[Mapping[str, str]] = {
    # 0..1 each.
    'Color': """
        float64 r
        float64 g
        float64 b
        float64 a
        """,
    # Pixels; (0, 0) is the corner of the image.
    'Point2': """
        float64 x
        float64 y
        """,
    'CircleAnnotation': """
        builtin_interfaces/Time timestamp
        foxglove_msgs/Point2 position
        float64 diameter
        float64 thickness
        foxglove_msgs/Color fill_color
        foxglove_msgs/Color outline_color
        """,
    'PointsAnnotation': """
        uint8 UNKNOWN=0
        uint8 POINTS=1
        uint8 LINE_LOOP=2
        uint8 LINE_STRIP=3
        uint8 LINE_LIST=4
        builtin_interfaces/Time timestamp
        uint8 type
        foxglove_msgs/Point2[] points
        foxglove_msgs/Color outline_color
        foxglove_msgs/Color[] outline_colors
        foxglove_msgs/Color fill_color
        float64 thickness
        """,
    # The position is the lower left corner of the text.
    'TextAnnotation': """
        builtin_interfaces/Time timestamp
        foxglove_msgs/Point2 position
        string text
        float64 font_size
        foxglove_msgs/Color text_color
        foxglove_msgs/Color background_color
        """,
    'ImageAnnotations': """
        foxglove_msgs/CircleAnnotation[] circles
        foxglove_msgs/PointsAnnotation[] points
        foxglove_msgs/TextAnnotation[] texts
        """,
}
"""Definitions by name, each after those that it consists of."""


def definition(name: str) -> str:
    """Return the text of a .msg file."""
    return '\n'.join(line.strip() for line in DEFINITIONS[name].strip().splitlines()) + '\n'
