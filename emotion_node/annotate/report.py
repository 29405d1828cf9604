"""The HTML report: the emotion of each utterance, and whether the speaker's face shows it.

It is one file with everything in it: no scripts, no fonts, nothing to download.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

from emotion_node.annotate.annotation import Annotation
from emotion_node.annotate.report_style import STYLE
from emotion_node.core.vision.expression_check import NOTICED, belongs
from emotion_node.datatypes import (
    EmotionReport,
    ExpressionCheck,
    FacialCue,
    FusedScores,
    ModalityEmotion,
)
from emotion_node.display.palette import emotion_colour
from emotion_node.display.words import (
    AUDIBLE_OR_VISIBLE_WORDS,
    EXPRESSION_WORDS,
    expression_words,
    no_words,
    reason_words,
)

SPEECH_ACTION_UNITS: Final = (25, 26)
"""Action units that move in speaking: lips part, jaw drop."""
MAX_CUES: Final = 6
"""Number of cues listed; those that belong to the emotion are always listed."""

_CHIPS: Final = {
    ExpressionCheck.SHOWN: 'shown',
    ExpressionCheck.PARTLY_SHOWN: 'partly',
    ExpressionCheck.NEUTRAL_FACE: 'neutral',
    ExpressionCheck.OTHER_EXPRESSION: 'other',
    ExpressionCheck.NOT_VISIBLE: 'hidden',
    ExpressionCheck.NOT_CHECKED: 'unknown',
}
"""Style of each result of the expression check, in the order of the summary."""
_COLUMNS: Final = {
    'time': 'time',
    'frame': 'frame',
    'words': 'speaker and words',
    'emotion': 'emotion',
    'face': 'facial cues',
    'check': 'shown by the face?',
}
"""Style and heading of each column."""


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance.

    Attributes:
        annotation: its final emotion.
        image: JPEG of the frame that represents it; None where there is none.
        caption: of the image.
    """

    annotation: Annotation
    image: bytes | None = None
    caption: str = ''


def html_report(rows: Sequence[Row], notes: Sequence[str] = ()) -> str:
    """Return the report as an HTML page.

    Args:
        rows: utterances, those of one recording together.
        notes: remarks for the top of the page.
    """
    count = len(rows)
    title = f'{count} utterance' + 's' * (count != 1)
    bodies = ''.join(
        _recording(source, list(of_source))
        for source, of_source in groupby(rows, key=lambda row: row.annotation.source)
    )
    heads = ''.join(f'<th scope="col">{heading}</th>' for heading in _COLUMNS.values())
    table = f'<table><thead><tr>{heads}</tr></thead>{bodies}</table>' if rows else ''
    remarks = ''.join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<title>Emotions: {title}</title><style>{STYLE}</style></head><body>'
        f'<header><h1>Does the face show the emotion?</h1><p class="lead">{title}: the emotion '
        'that words, voice and face express together, and whether the speaker’s face shows it'
        f'</p>{_summary(rows)}{remarks}</header><main>{table}</main>{_FOOTER}</body></html>\n'
    )


_FOOTER: Final = (
    '<footer><p><b>Facial cues</b>: FACS action units with their intensity from 0 to 1, relative '
    'to the speaker’s own neutral face. Cues in bold belong to the emotion (Ekman and Friesen, '
    '<i>Unmasking the Face</i>, 1975; Ekman, Friesen and Hager, <i>FACS Investigator’s Guide</i>, '
    '2002); cues in grey come from speaking. These cues identify joy and surprise well, anger, '
    'fear and disgust less well, and sadness poorly.</p>'
    '<p>This page contains personal data: images of people and their words. An expression is not '
    'an inner state.</p></footer>'
)


def _summary(rows: Sequence[Row]) -> str:
    counts = Counter(row.annotation.report.fused.expression_check for row in rows)
    items = ''.join(
        f'<li><span class="chip {style}">{EXPRESSION_WORDS[check]}</span> {counts[check]}</li>'
        for check, style in _CHIPS.items()
        if counts[check]
    )
    return f'<ul class="summary">{items}</ul>' if items else ''


def _recording(source: Path, rows: Sequence[Row]) -> str:
    folder = (
        ''
        if str(source.parent) == '.'
        else f'<span class="dim">{escape(str(source.parent))}/</span>'
    )
    head = f'<th colspan="{len(_COLUMNS)}" scope="rowgroup">{folder}{escape(source.name)}</th>'
    return f'<tbody><tr class="recording">{head}</tr>{"".join(map(_row, rows))}</tbody>'


def _row(row: Row) -> str:
    report = row.annotation.report
    cells = (
        _time(row.annotation),
        _frame(row),
        _words(report),
        _emotion(report.fused),
        _cues(report.fused),
        _check(report.fused),
    )
    tds = (f'<td class="{name}">{cell}</td>' for name, cell in zip(_COLUMNS, cells, strict=True))
    return f'<tr>{"".join(tds)}</tr>'


def _time(annotation: Annotation) -> str:
    minutes, seconds = divmod(annotation.start_s, 60)
    length_s = annotation.end_s - annotation.start_s
    return f'<b>{int(minutes)}:{seconds:04.1f}</b><br><span class="dim">{length_s:.1f} s</span>'


def _frame(row: Row) -> str:
    if row.image is None:
        return '<div class="blank">no frame</div>'
    data = base64.b64encode(row.image).decode('ascii')
    caption = escape(row.caption)
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{caption}">'
        f'<figcaption>{caption}</figcaption></figure>'
    )


def _words(report: EmotionReport) -> str:
    names = [one for one in (report.person_id, report.speaker_id) if one]
    if report.face_id:
        names.append(f'face {report.face_id} ({report.speaker_confidence:.0%} sure)')
    speaker = escape(' · '.join(names)) or '<span class="dim">speaker unknown</span>'
    words = report.transcript.text
    quoted = f'“{escape(words)}”' if words else f'<span class="dim">{no_words(report)}</span>'
    return f'<p class="speaker">{speaker}</p><p class="quote">{quoted}</p>'


def _emotion(fused: FusedScores) -> str:
    label, colour = fused.label, emotion_colour(fused.label)
    confidence = f' <span class="dim">{fused.confidence:.0%}</span>' if label else ''
    return (
        f'<p class="label"><i class="dot" style="background:{colour}"></i>'
        f'{escape(label) or "unknown"}{confidence}</p>'
        f'<dl>{"".join(map(_modality, fused.modalities))}</dl>'
    )


def _modality(one: ModalityEmotion) -> str:
    if not one.available:
        return f'<dt>{one.modality}</dt><dd class="dim">{escape(reason_words(one.reason))}</dd>'
    return (
        f'<dt>{one.modality}</dt><dd>{_bar(one.confidence, emotion_colour(one.label))}'
        f'{escape(one.label)} <span class="dim">{one.confidence:.0%}</span></dd>'
    )


def _bar(share: float, colour: str) -> str:
    return f'<i class="bar"><i style="width:{share:.0%};background:{colour}"></i></i>'


def _cues(fused: FusedScores) -> str:
    if not fused.face.facial_cues:
        return '<span class="dim none">–</span>'
    lines = ''.join(_cue_lines(fused.face.facial_cues, fused.label))
    return f'<ul class="cues">{lines}</ul>' if lines else '<span class="dim">no movement</span>'


def _cue_lines(cues: Sequence[FacialCue], label: str) -> Iterator[str]:
    """Yield noticeable cues: those of the emotion first, those of speaking last."""
    noticed = sorted(
        (cue for cue in cues if cue.intensity >= NOTICED),
        key=lambda cue: (
            not belongs(label, cue.action_unit),
            cue.action_unit in SPEECH_ACTION_UNITS,
            -cue.intensity,
        ),
    )
    for place, cue in enumerate(noticed):
        unit = cue.action_unit
        expected = belongs(label, unit)
        if place >= MAX_CUES and not expected:
            continue
        style = 'expected' if expected else 'speech' if unit in SPEECH_ACTION_UNITS else ''
        yield (
            f'<li class="{style}">{_bar(cue.intensity, "currentColor")}'
            f'<span>{escape(cue.name)}</span> <span class="dim">AU {unit}, '
            f'{cue.intensity:.2f}</span></li>'
        )


def _check(fused: FusedScores) -> str:
    words = escape(expression_words(fused.expression_check, fused.shown_expression))
    chip = f'<span class="chip {_CHIPS[fused.expression_check]}">{words}</span>'
    comparison = AUDIBLE_OR_VISIBLE_WORDS[fused.audible_or_visible]
    return f'{chip}<p class="dim">{escape(comparison)}</p>' if comparison else chip
