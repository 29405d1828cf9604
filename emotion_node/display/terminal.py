"""How one emotion looks in a terminal."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emotion_node.datatypes import NS_PER_S, Reason
from emotion_node.display.palette import emotion_colour
from emotion_node.display.words import AUDIBLE_OR_VISIBLE_WORDS, expression_words
from emotion_node.labels import Modality
from emotion_node.messages.json_records import Record

REASONS: Final[Mapping[str, str]] = {
    Reason.NO_FACE: 'no face in view',
    Reason.SPEAKER_NOT_VISIBLE: 'the speaker is not in view',
    Reason.TOO_SHORT: 'too short',
    Reason.NO_SPEECH_RECOGNISED: 'no words recognised',
    Reason.LOW_CONFIDENCE: 'the words are too uncertain',
    Reason.MODEL_OFF: 'no model',
    Reason.TIMEOUT: 'took too long',
    Reason.ERROR: 'failed',
}
"""Why a modality is absent, in words."""

_BAR_WIDTH = 20
_EIGHTHS = ' ▏▎▍▌▋▊▉'
_SHORT_UNITS = {'semitones': ' st', 'dB': ' dB', 'percent': ' %'}
_SAMPLES = {'text': 'tokens', 'voice': 'samples', 'face': 'frames'}
_MAX_CUES = 2
_MIN_CUE = 0.3
"""Intensity from which a facial cue is named."""
_EARLIEST_DATE_NS = 946_684_800 * NS_PER_S  # 2000: earlier stamps are not of a calendar


class EmotionDisplay:
    """Shows emotions one below the other.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._first_ns: int | None = None

    def show(self, record: Record) -> None:
        """Show an emotion.

        Args:
            record: an emotion_msgs/Emotion as `records.as_record` makes it.
        """
        if self._first_ns is None or record['start'] < self._first_ns:
            self._first_ns = record['start']
        since_s = (record['start'] - self._first_ns) / NS_PER_S
        if record['trigger'] == 'interim':
            self._console.print(_interim_line(record, since_s))
        else:
            self._console.print(Padding(emotion_block(record, since_s), (0, 0, 1, 0)))


def emotion_block(record: Record, since_s: float) -> RenderableType:
    """Return a final emotion: when, who, which, the words, a bar per emotion, the evidence.

    Args:
        record: an emotion_msgs/Emotion as `records.as_record` makes it.
        since_s: time from the first emotion to this one.
    """
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column()
    head.add_column(justify='right', no_wrap=True)
    head.add_row(_when_and_who(record, since_s), _verdict(record))
    body = Table.grid(padding=(0, 3))
    body.add_column(no_wrap=True)
    body.add_column(ratio=1)
    if record['scores']:
        body.add_row(_bars(record), _evidence(record))
    else:
        body.add_row('', _evidence(record))
    return Group(head, _words(record), body)


def _when_and_who(record: Record, since_s: float) -> Text:
    text = Text.assemble(
        (f'{since_s:7.1f} s', 'bold'),
        (f'  {_clock_time(record["start"])}', 'dim'),
        (f'  {(record["end"] - record["start"]) / NS_PER_S:.1f} s long', 'dim'),
        (f'  {record["utterance_id"]}', 'dim'),
    )
    who = record['person_id'] or record['speaker_id'] or record['face_id']
    if who:
        text.append(f'  {who}', 'cyan')
    else:
        text.append('  speaker unknown', 'dim')
    return text


def _clock_time(stamp_ns: int) -> str:
    if stamp_ns < _EARLIEST_DATE_NS:
        return ''
    moment = datetime.datetime.fromtimestamp(stamp_ns / NS_PER_S).astimezone()
    return f'{moment:%H:%M:%S}'


def _verdict(record: Record) -> Text:
    label = record['label']
    if not label:
        return Text('emotion unknown', 'dim')
    return Text.assemble(
        (f'{label} {record["confidence"]:.2f}', f'bold {emotion_colour(label)}'),
        (f'  valence {record["valence"]:+.2f}  arousal {record["arousal"]:+.2f}', 'dim'),
    )


def _words(record: Record) -> RenderableType:
    words = record['text']
    text = Text(f'“{words}”' if words else '(no words recognised)', '' if words else 'dim italic')
    text.truncate(190, overflow='ellipsis')  # two lines of a hundred, with their indent
    return Padding(text, (0, 2))


def _bars(record: Record) -> Text:
    lines = []
    for one in record['scores']:
        label, score = one['label'], one['score']
        chosen = label == record['label']
        style = emotion_colour(label)
        lines.append(
            Text.assemble(
                (f'  {label:<9}', f'bold {style}' if chosen else style),
                (_bar(score), style),
                (f' {score:.2f}', 'bold' if chosen else 'dim'),
            )
        )
    return Text('\n').join(lines)


def _bar(score: float) -> str:
    eighths = round(score * _BAR_WIDTH * 8)
    bar = '█' * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return f'{bar:<{_BAR_WIDTH}}'


def _evidence(record: Record) -> Table:
    """Return what each modality said, under its name."""
    grid = Table.grid(expand=True)
    grid.add_column(width=8, no_wrap=True, style='bold')
    grid.add_column(ratio=1)
    for one in record['modalities']:
        for place, line in enumerate(_modality(one, record)):
            grid.add_row('' if place else one['modality'], line)
    grid.add_row('latency', _latency(record))
    return grid


def _modality(one: Record, record: Record) -> Iterator[Text]:
    if not one['available']:
        reason = REASONS.get(one['reason'], one['reason'])
        detail = f' ({one["detail"]})' if one['detail'] else ''
        yield Text(f'absent: {reason}{detail}', 'dim')
        if seen := ' · '.join(_seen(one, record)):
            yield Text(seen, 'dim')
        return
    label = one['label']
    yield Text.assemble(
        (f'{label} {one["confidence"]:.2f}', emotion_colour(label)),
        (f'  weight {one["weight"]:.2f}', 'dim'),
    )
    facts = [
        f'{one["model_name"]} {one["model_version"]}'.strip(),
        f'{one["samples_used"]} {_SAMPLES[one["modality"]]}',
        f'{one["inference_latency"] * 1000:.1f} ms',
        *_vocal_cues(one['vocal_cues']),
        *_seen(one, record),
    ]
    yield Text(' · '.join(filter(None, facts)), 'dim')


def _seen(one: Record, record: Record) -> Iterator[str]:
    """Yield what moves most in the face, and whether that is what was understood."""
    if one['modality'] != Modality.FACE:
        return
    strongest = sorted(one['facial_cues'], key=lambda cue: -cue['intensity'])
    for cue in strongest[:_MAX_CUES]:
        if cue['intensity'] >= _MIN_CUE:
            yield str(cue['name'])
    if one['facial_cues'] and record['expression_check']:
        yield f'face: {expression_words(record["expression_check"], record["shown_expression"])}'
    if record['audible_or_visible']:
        yield AUDIBLE_OR_VISIBLE_WORDS[record['audible_or_visible']]


def _vocal_cues(cues: Sequence[Record]) -> Iterator[str]:
    """Yield how the voice differs from its speaker's usual one, where that is known."""
    for cue in cues:
        if cue['normal_utterances']:
            unit = _SHORT_UNITS[cue['deviation_unit']]
            yield f'{cue["name"]} {round(cue["deviation"]):+d}{unit}'


def _latency(record: Record) -> Text:
    return Text.assemble(
        f'{record["total_latency"]:.2f} s after speech',
        (
            f'  ({record["endpointing_latency"]:.2f} s silence, '
            f'{record["transcription_latency"]:.2f} s words)',
            'dim',
        ),
    )


def _interim_line(record: Record, since_s: float) -> Text:
    label = record['label']
    so_far = (record['end'] - record['start']) / NS_PER_S
    line = Text.assemble(
        (f'{since_s:7.1f} s  … {so_far:4.1f} s  ', 'dim'),
        (f'{label} {record["confidence"]:.2f}' if label else '–', emotion_colour(label)),
        (f'  “{record["text"]}”' if record['text'] else '', 'dim italic'),
    )
    line.truncate(98, overflow='ellipsis')
    return line
