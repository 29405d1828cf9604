"""Draws faces, cues and the emotion on the camera's frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import EmotionReport, ExpressionCheck, FloatArray
from emotion_node.display.palette import COLOURS, bgr
from emotion_node.display.words import AUDIBLE_OR_VISIBLE_WORDS, expression_words, no_words
from emotion_node.faces import SeenFace
from emotion_node.labels import LABELS

Image = npt.NDArray[np.uint8]

_COLOURS: Final = {label: bgr(colour) for label, colour in COLOURS.items()}
"""BGR, as OpenCV draws."""

_WHITE: Final = (245, 245, 245)
_GREY: Final = (150, 150, 150)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_GREEN: Final = (80, 220, 80)
_PANEL: Final = (30, 30, 30)
_EXPRESSION_COLOURS: Final = {
    ExpressionCheck.SHOWN: _GREEN,
    ExpressionCheck.PARTLY_SHOWN: (60, 200, 230),
    ExpressionCheck.NEUTRAL_FACE: (200, 200, 200),
    ExpressionCheck.OTHER_EXPRESSION: (210, 110, 220),
    ExpressionCheck.NOT_VISIBLE: _GREY,
}
_MIN_WIDTH = 480
_PANEL_HEIGHT = 8.6
"""In units of the text."""
_MAX_CUES = 3
_MIN_CUE = 0.3
"""Intensity from which a facial cue is named."""


def draw(
    image: Image,
    faces: Sequence[SeenFace],
    state: str,
    speaking: bool,
    final: EmotionReport | None,
    interim: EmotionReport | None,
) -> Image:
    """Return an image with the faces marked and the emotion written below it.

    Args:
        image: (height, width, 3) uint8 BGR; not modified.
        faces: the faces tracked in it.
        state: what the node does while nobody speaks, e.g. "listening" or "disabled".
        speaking: whether somebody speaks now.
        final: emotion of the last utterance.
        interim: interim estimate of the utterance under way; None when there is none.
    """
    scale = max(1.0, _MIN_WIDTH / image.shape[1])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    top, width = size[1], size[0]
    unit = max(15, width // 32)
    canvas = np.full((top + int(_PANEL_HEIGHT * unit), width, 3), _PANEL, np.uint8)
    canvas[:top] = cv2.resize(image, size)
    canvas[: int(1.6 * unit)] //= 4
    cv2.circle(canvas, (unit, int(0.8 * unit)), unit // 3, _GREEN if speaking else _GREY, -1)
    _text(canvas, 'speaking' if speaking else state, 2 * unit, int(1.1 * unit), unit, _WHITE)
    report = interim if speaking and interim is not None else final
    speaker = '' if report is None else report.face_id
    # The speaker's face last, on top of all others.
    for face in sorted(faces, key=lambda face: face.face_id == speaker):
        note, cues = '', list[str]()
        if report is not None and face.face_id == speaker:
            note, cues = 'speaks' if report is interim else 'spoke', _cues(report)
        _face(canvas[:top], face, scale, unit, note, cues)
    if report is not None:
        _panel(canvas[top:], report, report is interim, unit)
    return canvas


def _cues(report: EmotionReport) -> list[str]:
    """Return the strongest facial cues of the speaker, with their intensity."""
    cues = sorted(report.fused.face.facial_cues, key=lambda cue: -cue.intensity)
    return [
        f'{cue.name} {cue.intensity:.1f}' for cue in cues[:_MAX_CUES] if cue.intensity >= _MIN_CUE
    ]


def _face(
    canvas: Image, face: SeenFace, scale: float, unit: int, note: str, cues: Sequence[str]
) -> None:
    """Draw the box of a face, its id, and below it a bar with its speaking score."""
    left, top = round(face.box.left * scale), round(face.box.top * scale)
    right = left + round(face.box.width * scale)
    bottom = top + round(face.box.height * scale)
    colour = _GREEN if note else _WHITE
    line, bar, size = max(1, unit // 12), max(4, unit // 3), int(0.8 * unit)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, line, cv2.LINE_AA)
    # Below the state line, even where the face reaches up to it.
    base = max(top - size // 3, int(2.5 * unit))
    _plate(canvas, f'{face.face_id} {note}'.strip(), left, base, size, colour)
    cv2.rectangle(canvas, (left, bottom), (right, bottom + bar), _PANEL, -1)
    end = left + round(face.speaking_score * (right - left))
    if end > left:
        cv2.rectangle(canvas, (left, bottom), (end, bottom + bar), _GREEN, -1)
    # Moved up from the edge of the image where there is no room below the face.
    step = int(0.85 * unit)
    base = min(bottom + bar + step, canvas.shape[0] - len(cues) * step + step // 2)
    for number, text in enumerate(cues):
        _plate(canvas, text, left, base + number * step, int(0.65 * unit), _WHITE)


def _plate(
    canvas: Image, text: str, left: int, base: int, size: int, colour: tuple[int, int, int]
) -> None:
    """Write on a darkened part of the image, moved sideways where it would reach beyond it."""
    margin, wide = size // 4, _width(text, size)
    left = max(min(left, canvas.shape[1] - wide - 2 * margin), 0)
    rows = slice(max(base - size, 0), max(base + size // 3, 0))
    canvas[rows, left : left + wide + 2 * margin] //= 4
    _text(canvas, text, left + margin, base, size, colour)


def _panel(canvas: Image, report: EmotionReport, interim: bool, unit: int) -> None:
    """Write the words, the emotion and its evidence."""
    _words(canvas, report, int(1.2 * unit), unit)
    fused = report.fused
    colour = _COLOURS.get(fused.label, _GREY)
    _text(canvas, fused.label or 'unknown', unit, int(3.1 * unit), int(1.5 * unit), colour)
    lines = []
    kind = 'so far' if interim else 'last utterance'
    lines.append((f'{fused.confidence:.0%}, {kind}' if fused.label else kind, _WHITE))
    if fused.expression_check:
        words = expression_words(fused.expression_check, fused.shown_expression)
        lines.append((f'face: {words}', _EXPRESSION_COLOURS[fused.expression_check]))
    if fused.audible_or_visible:
        lines.append((AUDIBLE_OR_VISIBLE_WORDS[fused.audible_or_visible], _WHITE))
    lines += [(f'{one.modality}: {one.reason}', _GREY) for one in fused.modalities if one.reason]
    middle = canvas.shape[1] * 2 // 5
    for number, (text, ink) in enumerate(lines):
        size = int(0.75 * unit)
        size = min(size, size * (middle - 2 * unit) // max(_width(text, size), 1))
        _text(canvas, text, unit, int((4.2 + 0.9 * number) * unit), size, ink)
    _bars(canvas, report, middle, unit)


def _bars(canvas: Image, report: EmotionReport, left: int, unit: int) -> None:
    """Draw a bar per emotion, and beside it one for the speaker's face where there are scores."""
    fused, face = report.fused.scores, report.fused.face.scores
    row, size = int(0.78 * unit), int(0.7 * unit)
    start, end = left + int(4.3 * unit), canvas.shape[1] - unit
    columns: list[tuple[str, FloatArray | None, int, int]] = [('fused', fused, start, end)]
    if face is not None:
        middle = (start + end) // 2
        columns = [
            ('fused', fused, start, middle - unit // 2),
            ("speaker's face", face, middle + unit // 2, end),
        ]
    top = int(2.9 * unit)
    for name, scores, first, last in columns:
        _text(canvas, name, first, int(2.5 * unit), int(0.65 * unit), _GREY)
        for index, label in enumerate(LABELS):
            score = 0.0 if scores is None else float(scores[index])
            base = top + index * row
            reach = first + max(1, round(score * (last - first)))
            corners = (first, base + row // 6), (reach, base + row * 5 // 6)
            cv2.rectangle(canvas, *corners, _COLOURS[label], -1)
    for index, label in enumerate(LABELS):
        ink = _WHITE if label == report.fused.label else _GREY
        _text(canvas, label, left, top + index * row + int(0.78 * row), size, ink)


def _words(canvas: Image, report: EmotionReport, base: int, unit: int) -> None:
    text = report.transcript.text or f'({report.transcript.reason or no_words(report)})'
    room = canvas.shape[1] - 3 * unit
    if _width(text, unit) > room:
        while _width(text, unit) > room - _width('...', unit):
            text = text.partition(' ')[2] or text[len(text) // 4 :]
        text = f'...{text}'
    _text(canvas, f'"{text}"' if report.transcript.text else text, unit, base, unit, _WHITE)


def _width(text: str, size: int) -> int:
    """Return the width of a text, in pixels."""
    (wide, _), _ = cv2.getTextSize(_plain(text), _FONT, size / 38, 1 + size // 32)
    return int(wide)


def _text(
    canvas: Image, text: str, left: int, base: int, size: int, colour: tuple[int, int, int]
) -> None:
    thick = 1 + size // 32
    cv2.putText(canvas, _plain(text), (left, base), _FONT, size / 38, colour, thick, cv2.LINE_AA)


def _plain(text: str) -> str:
    """Return a text in ASCII: OpenCV's fonts have no other characters."""
    return text.replace('\u2019', "'").encode('ascii', 'replace').decode()
