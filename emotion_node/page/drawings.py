"""What the page draws: faces on a frame, and the curve of a speaker."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Final

from emotion_node.datatypes import NS_PER_S
from emotion_node.display.live_state import FaceBox, Point
from emotion_node.display.palette import emotion_colour
from emotion_node.labels import LABELS

CURVE_SPAN_S: Final = 60.0
"""Time that the curves show."""
_SPEAKING: Final = 0.5
"""Speaking score from which a face is drawn as the speaker's."""
_GREY: Final = '#808890'
"""Readable on a light and on a dark ground."""


def boxes_svg(faces: Sequence[FaceBox], height: int) -> str:
    """Return SVG that marks faces; their ids, which any peer may send, are escaped.

    Args:
        faces: with coordinates in pixels of the frame.
        height: of the frame, in pixels.
    """
    size = max(12, height // 24)
    parts = []
    for face in faces:
        speaks = face.speaking_score >= _SPEAKING
        colour = '#46a758' if speaks else '#ffffff'
        text = html.escape(f'{face.face_id} speaks' if speaks else face.face_id)
        below = face.y < size + 4
        text_y = face.y + face.height + size if below else face.y - 5
        parts.append(
            f'<rect x="{face.x}" y="{face.y}" width="{face.width}" height="{face.height}" '
            f'rx="6" fill="none" stroke="{colour}" stroke-width="{max(2, height // 200)}"/>'
            f'<text x="{face.x}" y="{text_y}" fill="{colour}" '
            f'font-size="{size}" paint-order="stroke" stroke="#000" stroke-width="3">{text}</text>'
        )
    return ''.join(parts)


def curve_options(name: str, points: Sequence[Point], newest_ns: int) -> dict[str, Any]:
    """Return the options of a chart with a line per label.

    Args:
        name: of the speaker.
        points: in order of time.
        newest_ns: the right end of the axis.
    """
    rows: list[tuple[float, Point | None]] = []
    before: Point | None = None
    for point in points:
        seconds = (point.stamp_ns - newest_ns) / NS_PER_S
        if seconds >= -CURVE_SPAN_S:
            if before is not None and before.utterance_id != point.utterance_id:
                rows.append((seconds, None))
            rows.append((seconds, point))
        before = point
    return {
        'animation': False,
        'title': {
            'text': name,
            'left': 8,
            'top': 0,
            'textStyle': {'fontSize': 13, 'color': _GREY},
        },
        'color': [emotion_colour(label) for label in LABELS],
        'grid': {'left': 34, 'right': 12, 'top': 26, 'bottom': 24},
        'xAxis': {
            'type': 'value',
            'min': -CURVE_SPAN_S,
            'max': 0,
            'splitLine': {'show': False},
            'axisLabel': {'color': _GREY, 'formatter': '{value} s'},
        },
        'yAxis': {
            'type': 'value',
            'min': 0,
            'max': 1,
            'interval': 0.5,
            'axisLine': {'show': False},
            'axisTick': {'show': False},
            'axisLabel': {'color': _GREY},
            'splitLine': {'lineStyle': {'color': '#8883'}},
        },
        'series': [
            {
                'type': 'line',
                'name': label,
                'showSymbol': True,
                'symbol': 'circle',
                'data': [
                    [round(seconds, 2), None]
                    if point is None
                    else {
                        'value': [round(seconds, 2), round(point.scores[at], 3)],
                        'symbolSize': 7 if point.final else 3,
                    }
                    for seconds, point in rows
                ],
            }
            for at, label in enumerate(LABELS)
        ],
    }
