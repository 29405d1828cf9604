"""Emotions as text in a terminal."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emotion_node.datatypes import (
    NS_PER_S,
    AudibleOrVisible,
    EmotionReport,
    ExpressionCheck,
    FacialCue,
    FusedScores,
    ModalityEmotion,
    Trigger,
    VocalCue,
)
from emotion_node.display.palette import emotion_colour
from emotion_node.display.words import (
    AUDIBLE_OR_VISIBLE_WORDS,
    expression_words,
    no_words,
    reason_words,
)
from emotion_node.labels import LABELS, Modality

_BAR_WIDTH = 20
_EIGHTHS = ' ▏▎▍▌▋▊▉'
_SHORT_UNITS = {'semitones': ' st', 'dB': ' dB', 'percent': ' %'}
_SAMPLES = {Modality.TEXT: 'tokens', Modality.VOICE: 'samples', Modality.FACE: 'frames'}
_MAX_CUES = 2
_MIN_CUE = 0.3
"""Intensity from which a facial cue is named."""
_MAX_TEXT = 190
"""Characters of the transcript: two lines of 100 columns, less their indent."""
_EARLIEST_DATE_NS = 946_684_800 * NS_PER_S  # 2000: earlier stamps are not calendar time


class EmotionDisplay:
    """Prints emotions one below the other.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._first_ns: int | None = None

    def show(self, report: EmotionReport) -> None:
        """Print an emotion; an interim one in a single line."""
        if self._first_ns is None or report.start_ns < self._first_ns:
            self._first_ns = report.start_ns
        since_s = (report.start_ns - self._first_ns) / NS_PER_S
        if report.trigger is Trigger.INTERIM:
            self._console.print(_interim_line(report, since_s))
        else:
            self._console.print(Padding(emotion_block(report, since_s), (0, 0, 1, 0)))


def emotion_block(report: EmotionReport, since_s: float) -> RenderableType:
    """Return a final emotion: time, speaker, label, words, a bar per label, and the evidence.

    Args:
        report: the emotion.
        since_s: time from the first emotion to this one, in s.
    """
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column()
    head.add_column(justify='right', no_wrap=True)
    head.add_row(_time_and_speaker(report, since_s), _label(report.fused))
    body = Table.grid(padding=(0, 3))
    body.add_column(no_wrap=True)
    body.add_column(ratio=1)
    body.add_row(_bars(report.fused), _evidence(report))
    return Group(head, _words(report), body)


def _time_and_speaker(report: EmotionReport, since_s: float) -> Text:
    text = Text.assemble(
        (f'{since_s:7.1f} s', 'bold'),
        (f'  {_clock_time(report.start_ns)}', 'dim'),
        (f'  {_duration_s(report):.1f} s long', 'dim'),
        (f'  {report.utterance_id}', 'dim'),
    )
    speaker = report.person_id or report.speaker_id or report.face_id
    if speaker:
        text.append(f'  {speaker}', 'cyan')
    else:
        text.append('  speaker unknown', 'dim')
    return text


def _duration_s(report: EmotionReport) -> float:
    return (report.end_ns - report.start_ns) / NS_PER_S


def _clock_time(stamp_ns: int) -> str:
    if stamp_ns < _EARLIEST_DATE_NS:
        return ''
    moment = datetime.datetime.fromtimestamp(stamp_ns / NS_PER_S).astimezone()
    return f'{moment:%H:%M:%S}'


def _label(fused: FusedScores) -> Text:
    if not fused.label:
        return Text('emotion unknown', 'dim')
    return Text.assemble(
        (f'{fused.label} {fused.confidence:.2f}', f'bold {emotion_colour(fused.label)}'),
        (f'  valence {fused.valence:+.2f}  arousal {fused.arousal:+.2f}', 'dim'),
    )


def _words(report: EmotionReport) -> RenderableType:
    words = report.transcript.text
    text = Text(f'“{words}”' if words else f'({no_words(report)})', '' if words else 'dim italic')
    text.truncate(_MAX_TEXT, overflow='ellipsis')
    return Padding(text, (0, 2))


def _bars(fused: FusedScores) -> Text:
    """Return a bar per label; nothing where there are no scores."""
    if fused.scores is None:
        return Text()
    lines = []
    for label, score in zip(LABELS, map(float, fused.scores), strict=True):
        chosen = label == fused.label
        colour = emotion_colour(label)
        lines.append(
            Text.assemble(
                (f'  {label:<9}', f'bold {colour}' if chosen else colour),
                (_bar(score), colour),
                (f' {score:.2f}', 'bold' if chosen else 'dim'),
            )
        )
    return Text('\n').join(lines)


def _bar(score: float) -> str:
    eighths = round(min(max(score, 0.0), 1.0) * _BAR_WIDTH * 8) if math.isfinite(score) else 0
    bar = '█' * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return f'{bar:<{_BAR_WIDTH}}'


def _evidence(report: EmotionReport) -> Table:
    """Return the estimate of each modality beside its name, and the latency."""
    grid = Table.grid(expand=True)
    grid.add_column(width=8, no_wrap=True, style='bold')
    grid.add_column(ratio=1)
    for one in report.fused.modalities:
        for place, line in enumerate(_modality(one, report.fused)):
            grid.add_row('' if place else str(one.modality), line)
    grid.add_row('latency', _latency(report))
    return grid


def _modality(one: ModalityEmotion, fused: FusedScores) -> Iterator[Text]:
    visible = list(_visible(fused)) if one.modality is Modality.FACE else []
    if not one.available:
        detail = f' ({one.detail})' if one.detail else ''
        yield Text(f'absent: {reason_words(one.reason)}{detail}', 'dim')
        if visible:
            yield Text(' · '.join(visible), 'dim')
        return
    yield Text.assemble(
        (f'{one.label} {one.confidence:.2f}', emotion_colour(one.label)),
        (f'  weight {one.weight:.2f}', 'dim'),
    )
    facts = [
        f'{one.model.name} {one.model.version}'.strip(),
        f'{one.samples_used} {_SAMPLES[one.modality]}',
        f'{one.inference_ns / 1e6:.1f} ms',
        *_vocal_cues(one.vocal_cues),
        *visible,
    ]
    yield Text(' · '.join(filter(None, facts)), 'dim')


def _visible(fused: FusedScores) -> Iterator[str]:
    """Yield the strongest facial cues, and whether the face shows the fused label."""
    cues: Sequence[FacialCue] = fused.face.facial_cues
    for cue in sorted(cues, key=lambda cue: -cue.intensity)[:_MAX_CUES]:
        if cue.intensity >= _MIN_CUE:
            yield cue.name
    if cues and fused.expression_check is not ExpressionCheck.NOT_CHECKED:
        yield f'face: {expression_words(fused.expression_check, fused.shown_expression)}'
    if fused.audible_or_visible is not AudibleOrVisible.NONE:
        yield AUDIBLE_OR_VISIBLE_WORDS[fused.audible_or_visible]


def _vocal_cues(cues: Sequence[VocalCue]) -> Iterator[str]:
    """Yield how the voice deviates from its speaker's normal, where that is known."""
    for cue in cues:
        if cue.normal_utterances and math.isfinite(cue.deviation):
            unit = _SHORT_UNITS.get(cue.deviation_unit, f' {cue.deviation_unit}')
            yield f'{cue.name} {round(cue.deviation):+d}{unit}'


def _latency(report: EmotionReport) -> Text:
    return Text.assemble(
        f'{report.total_latency_ns / NS_PER_S:.2f} s after speech',
        (
            f'  ({report.endpointing_ns / NS_PER_S:.2f} s silence, '
            f'{report.transcription_ns / NS_PER_S:.2f} s words)',
            'dim',
        ),
    )


def _interim_line(report: EmotionReport, since_s: float) -> Text:
    fused, words = report.fused, report.transcript.text
    line = Text.assemble(
        (f'{since_s:7.1f} s  … {_duration_s(report):4.1f} s  ', 'dim'),
        (
            f'{fused.label} {fused.confidence:.2f}' if fused.label else '–',
            emotion_colour(fused.label),
        ),
        (f'  “{words}”' if words else '', 'dim italic'),
    )
    line.truncate(98, overflow='ellipsis')
    return line
