"""Draws what the node knows over the camera's picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import EmotionReport
from emotion_node.faces import SeenFace
from emotion_node.labels import LABELS

Picture = npt.NDArray[np.uint8]

_COLOURS: Final = {
    'neutral': (200, 200, 200),
    'joy': (60, 210, 250),
    'sadness': (230, 150, 60),
    'anger': (70, 70, 235),
    'surprise': (90, 200, 120),
    'fear': (210, 100, 190),
    'disgust': (80, 160, 110),
}
"""BGR."""

_WHITE: Final = (245, 245, 245)
_GREY: Final = (150, 150, 150)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_GREEN: Final = (80, 220, 80)
_PANEL: Final = (30, 30, 30)
_MIN_WIDTH = 480
_MAX_CUES = 3
_MIN_CUE = 0.3
"""Intensity from which a facial cue is named."""


def draw(
    picture: Picture,
    faces: Sequence[SeenFace],
    state: str,
    speaking: bool,
    final: EmotionReport | None,
    interim: EmotionReport | None,
) -> Picture:
    """Return the picture with what is known written upon it and beneath it.

    Args:
        picture: (height, width, 3) uint8 BGR; not modified.
        faces: those that are followed in it.
        state: what the node does now, e.g. "listening" or "muted".
        speaking: whether somebody speaks now.
        final: the last utterance's emotion.
        interim: the estimate of the utterance under way, if there is one.
    """
    scale = max(1.0, _MIN_WIDTH / picture.shape[1])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    top, width = size[1], size[0]
    unit = max(18, width // 32)
    row = max(12, int(0.75 * unit))
    canvas = np.full((top + len(LABELS) * row + int(2.4 * unit), width, 3), _PANEL, np.uint8)
    canvas[:top] = cv2.resize(picture, size)
    report = interim if speaking and interim is not None else final
    for face in faces:
        note, cues = '', ''
        if report is not None and face.face_id == report.face_id:
            note, cues = 'speaks' if report is interim else 'spoke', _cues(report)
        _face(canvas[:top], face, scale, unit, note, cues)

    canvas[: int(1.6 * unit)] //= 4
    cv2.circle(canvas, (unit, int(0.8 * unit)), unit // 3, _GREEN if speaking else _GREY, -1)
    _text(canvas, 'speaking' if speaking else state, 2 * unit, int(1.1 * unit), unit, _WHITE)
    if report is None:
        return canvas

    _words(canvas, report, top + int(1.1 * unit), unit)
    middle = width * 2 // 5
    label = report.fused.label
    colour = _COLOURS.get(label, _GREY)
    where = top + int(3.6 * unit)
    _text(canvas, label or 'unknown', unit, where, int(1.6 * unit), colour)
    kind = 'so far' if report is interim else 'last utterance'
    if label:
        kind = f'{report.fused.confidence:.0%}, {kind}'
    _text(canvas, kind, unit, where + int(1.2 * unit), int(0.8 * unit), _WHITE)
    absent = [f'{one.modality}: {one.reason}' for one in report.fused.modalities if one.reason]
    for line, text in enumerate(absent):
        _text(canvas, text, unit, where + int((2.3 + line) * unit), int(0.7 * unit), _GREY)
    _bars(canvas, report, middle, top + 2 * unit, row)
    return canvas


def _cues(report: EmotionReport) -> str:
    """Return the names of what moves most in the speaker's face."""
    cues = sorted(report.fused.modalities[2].cues, key=lambda cue: -cue.intensity)
    return ', '.join(cue.name for cue in cues[:_MAX_CUES] if cue.intensity >= _MIN_CUE)


def _face(canvas: Picture, face: SeenFace, scale: float, unit: int, note: str, cues: str) -> None:
    """Draw a face's box, its id, and below it how likely it is that it speaks now."""
    left, top = round(face.box.left * scale), round(face.box.top * scale)
    right = left + round(face.box.width * scale)
    bottom = top + round(face.box.height * scale)
    colour = _GREEN if note else _WHITE
    line, bar, size = max(1, unit // 12), max(4, unit // 3), int(0.8 * unit)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, line, cv2.LINE_AA)
    _plate(canvas, f'{face.face_id} {note}'.strip(), left, top - size // 4, size, colour)
    cv2.rectangle(canvas, (left, bottom), (right, bottom + bar), _PANEL, -1)
    end = left + round(face.speaking_score * (right - left))
    if end > left:
        cv2.rectangle(canvas, (left, bottom), (end, bottom + bar), _GREEN, -1)
    if cues:
        _plate(canvas, cues, left, bottom + bar + size, int(0.7 * unit), _WHITE)


def _plate(
    canvas: Picture, text: str, left: int, base: int, size: int, colour: tuple[int, int, int]
) -> None:
    """Write upon a darkened part of the picture."""
    rows = slice(max(base - size, 0), max(base + size // 3, 0))
    canvas[rows, max(left, 0) : max(left + len(text) * size // 2, 0)] //= 4
    _text(canvas, text, left, base, size, colour)


def _bars(canvas: Picture, report: EmotionReport, left: int, top: int, row: int) -> None:
    width = canvas.shape[1]
    start = left + int(6 * row)
    scores = report.fused.scores
    for index, label in enumerate(LABELS):
        base = top + index * row
        score = 0.0 if scores is None else float(scores[index])
        best = label == report.fused.label
        _text(canvas, label, left, base + int(0.75 * row), row, _WHITE if best else _GREY)
        end = start + int(score * (width - start - row))
        cv2.rectangle(
            canvas,
            (start, base + row // 6),
            (max(end, start + 1), base + row * 5 // 6),
            _COLOURS[label],
            -1,
        )


def _words(canvas: Picture, report: EmotionReport, base: int, unit: int) -> None:
    text = report.transcript.text or f'({report.transcript.reason or "no words"})'
    room = int((canvas.shape[1] - 2 * unit) / (0.48 * unit))
    if len(text) > room:
        text = '...' + text[-room + 3 :].partition(' ')[2]
    _text(canvas, f'"{text}"' if report.transcript.text else text, unit, base, unit, _WHITE)


def _text(
    canvas: Picture, text: str, left: int, base: int, size: int, colour: tuple[int, int, int]
) -> None:
    # OpenCV's own fonts are ASCII.
    plain = text.replace('\u2019', "'").encode('ascii', 'replace').decode()
    cv2.putText(canvas, plain, (left, base), _FONT, size / 38, colour, 1 + size // 30, cv2.LINE_AA)
