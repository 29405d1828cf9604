"""The analysts' table: what each utterance expresses, and whether the face shows it.

One HTML file with everything in it: no scripts, no fonts, nothing fetched.
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

from emotion_node.annotate.report_style import STYLE
from emotion_node.core.vision.expression_check import NOTICED, belongs
from emotion_node.datatypes import ExpressionCheck
from emotion_node.display.palette import emotion_colour
from emotion_node.display.terminal import REASONS
from emotion_node.display.words import (
    AUDIBLE_OR_VISIBLE_WORDS,
    EXPRESSION_WORDS,
    expression_words,
)
from emotion_node.messages.json_records import Record

SPOKEN: Final = (25, 26)
"""Action units that speaking moves."""
MAX_CUES: Final = 6
"""Cues that are listed; those that belong to the emotion always are."""

_KINDS: Final = {
    ExpressionCheck.SHOWN: 'shown',
    ExpressionCheck.PARTLY_SHOWN: 'partly',
    ExpressionCheck.NEUTRAL_FACE: 'neutral',
    ExpressionCheck.OTHER_EXPRESSION: 'another',
    ExpressionCheck.NOT_VISIBLE: 'hidden',
    ExpressionCheck.NOT_CHECKED: 'unknown',
}
"""Verdicts and their style."""
_COLUMNS: Final = ('time', 'image', 'who said what', 'emotion', 'face', 'shown?')


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance.

    Attributes:
        record: of its final emotion, as `outputs.JsonLines` writes it.
        image: JPEG of the relevant image; None where there is none.
        caption: of the image.
    """

    record: Record
    image: bytes | None = None
    caption: str = ''


def html_report(rows: Sequence[Row], notes: Sequence[str] = ()) -> str:
    """Return the table as an HTML page.

    Args:
        rows: utterances, those of one recording together.
        notes: said to the reader at the top.
    """
    count = len(rows)
    title = f'{count} utterance' + 's' * (count != 1)
    bodies = ''.join(
        _clip(source, list(of_clip))
        for source, of_clip in groupby(rows, key=lambda row: str(row.record['source']))
    )
    heads = ''.join(f'<th scope="col">{column}</th>' for column in _COLUMNS)
    table = f'<table><thead><tr>{heads}</tr></thead>{bodies}</table>' if rows else ''
    remarks = ''.join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<title>Emotions: {title}</title><style>{STYLE}</style></head><body>'
        f'<header><h1>Does the face show it?</h1><p class="lead">{title}, by what the speaker’s '
        f'face shows of the emotion that words, voice and face express together</p>'
        f'{_summary(rows)}{remarks}</header><main>{table}</main>{_FOOTER}</body></html>\n'
    )


_FOOTER: Final = (
    '<footer><p><b>Face</b>: movements in FACS action units, with their intensity from 0 to 1 '
    'against the speaker’s own neutral face. Those in bold belong to the emotion (Ekman and '
    'Friesen, <i>Unmasking the Face</i>, 1975; Ekman, Friesen and Hager, <i>FACS Investigator’s '
    'Guide</i>, 2002); those in grey come from speaking. Joy and surprise are told well by these '
    'movements, anger, fear and disgust less well, sadness hardly.</p>'
    '<p>The page holds images of people and what was said: personal data. An expression is not '
    'an inner state.</p></footer>'
)


def _summary(rows: Sequence[Row]) -> str:
    counts = Counter(ExpressionCheck(row.record['expression_check']) for row in rows)
    items = ''.join(
        f'<li><span class="chip {kind}">{EXPRESSION_WORDS[verdict]}</span> {counts[verdict]}</li>'
        for verdict, kind in _KINDS.items()
        if counts[verdict]
    )
    return f'<ul class="summary">{items}</ul>' if items else ''


def _clip(source: str, rows: Sequence[Row]) -> str:
    head = f'<tr class="clip"><th colspan="{len(_COLUMNS)}" scope="rowgroup">{_name(source)}</th>'
    return f'<tbody>{head}</tr>{"".join(map(_row, rows))}</tbody>'


def _name(source: str) -> str:
    path = Path(source)
    folder = (
        '' if str(path.parent) == '.' else f'<span class="dim">{escape(str(path.parent))}/</span>'
    )
    return f'{folder}{escape(path.name)}'


def _row(row: Row) -> str:
    record = row.record
    cells = (_time(record), _image(row), _words(record), _emotion(record), _face(record))
    verdict = ExpressionCheck(record['expression_check'])
    said = escape(expression_words(verdict, record['shown_expression']))
    compared = escape(AUDIBLE_OR_VISIBLE_WORDS[record['audible_or_visible']])
    last = f'<span class="chip {_KINDS[verdict]}">{said}</span>'
    if compared:
        last += f'<p class="dim">{compared}</p>'
    names = ('time', 'image', 'words', 'emotion', 'face', 'verdict')
    tds = zip(names, (*cells, last), strict=True)
    return '<tr>' + ''.join(f'<td class="{name}">{cell}</td>' for name, cell in tds) + '</tr>'


def _time(record: Record) -> str:
    length = record['end_s'] - record['start_s']
    return f'<b>{_clock(record["start_s"])}</b><br><span class="dim">{length:.1f} s</span>'


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f'{int(minutes)}:{rest:04.1f}'


def _image(row: Row) -> str:
    if row.image is None:
        return '<div class="blank">no image</div>'
    data = base64.b64encode(row.image).decode('ascii')
    caption = escape(row.caption)
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{caption}">'
        f'<figcaption>{caption}</figcaption></figure>'
    )


def _words(record: Record) -> str:
    who = [one for one in (record['person_id'], record['speaker_id']) if one]
    if record['face_id']:
        who.append(f'face {record["face_id"]} ({record["speaker_confidence"]:.0%} sure)')
    name = escape(' · '.join(who)) if who else '<span class="dim">speaker unknown</span>'
    words = f'“{escape(record["text"])}”' if record['text'] else ''
    said = words or '<span class="dim">no words recognised</span>'
    return f'<p class="who">{name}</p><p class="said">{said}</p>'


def _emotion(record: Record) -> str:
    label = record['label']
    colour = emotion_colour(label)
    head = (
        f'<p class="label"><i class="dot" style="background:{colour}"></i>'
        f'{escape(label) or "unknown"}'
        + (f' <span class="dim">{record["confidence"]:.0%}</span>' if label else '')
        + '</p>'
    )
    return head + f'<dl>{"".join(map(_modality, record["modalities"]))}</dl>'


def _modality(one: Record) -> str:
    if not one['available']:
        reason = escape(REASONS.get(one['reason'], one['reason']))
        return f'<dt>{escape(one["modality"])}</dt><dd class="dim">{reason}</dd>'
    label, share = one['label'], one['confidence']
    return (
        f'<dt>{escape(one["modality"])}</dt><dd>{_bar(share, emotion_colour(label))}'
        f'{escape(label)} <span class="dim">{share:.0%}</span></dd>'
    )


def _bar(share: float, colour: str) -> str:
    return f'<i class="bar"><i style="width:{share:.0%};background:{colour}"></i></i>'


def _face(record: Record) -> str:
    face = record['modalities'][2]
    if not face['facial_cues']:
        return '<span class="dim none">–</span>'
    lines = ''.join(_cues(face['facial_cues'], record['label']))
    return f'<ul class="cues">{lines}</ul>' if lines else '<span class="dim">nothing moves</span>'


def _cues(cues: Sequence[Record], label: str) -> Iterator[str]:
    """Yield what moves: what belongs to the emotion first, what comes from speaking last."""
    moving = sorted(
        (cue for cue in cues if cue['intensity'] >= NOTICED),
        key=lambda cue: (
            not belongs(label, cue['action_unit']),
            cue['action_unit'] in SPOKEN,
            -cue['intensity'],
        ),
    )
    for place, cue in enumerate(moving):
        unit = cue['action_unit']
        expected = belongs(label, unit)
        if place >= MAX_CUES and not expected:
            continue
        kind = 'expected' if expected else 'spoken' if unit in SPOKEN else ''
        yield (
            f'<li class="{kind}">{_bar(cue["intensity"], "currentColor")}'
            f'<span>{escape(cue["name"])}</span> <span class="dim">AU {unit}, '
            f'{cue["intensity"]:.2f}</span></li>'
        )
