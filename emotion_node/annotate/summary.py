"""The summary of `annotate`: emotions per input, speed, and time per stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from emotion_node.annotate.annotation import Annotation
from emotion_node.core.timings import Timings
from emotion_node.display.palette import emotion_colour
from emotion_node.display.plain_text import plain
from emotion_node.display.words import no_words


@dataclass(frozen=True, slots=True)
class Result:
    """The result of annotating one input.

    Attributes:
        path: the input.
        emotions: final emotions.
        duration_s: length of the recording.
        audio_s: length of the audio that could be used.
        wall_s: time taken, without loading the models.
        problems: descriptions of what could not be used, with their counts.
        losses: descriptions of what could not be read.
    """

    path: Path
    emotions: Sequence[Annotation]
    duration_s: float
    audio_s: float
    wall_s: float
    problems: dict[str, int]
    losses: Sequence[str] = ()


def emotion_table(result: Result) -> RenderableType:
    """Return an input's utterances with their emotions."""
    table = Table(box=None, pad_edge=False)
    table.add_column('start', justify='right')
    table.add_column('end', justify='right')
    table.add_column('emotion')
    table.add_column('', justify='right')
    table.add_column('words', overflow='fold')
    for one in result.emotions:
        fused, words = one.report.fused, one.report.transcript.text
        table.add_row(
            f'{one.start_s:.2f} s',
            f'{one.end_s:.2f} s',
            Text(fused.label or 'unknown', style=emotion_colour(fused.label)),
            f'{fused.confidence:.2f}' if fused.label else '',
            Text(plain(words) or f'({no_words(one.report)})', style='' if words else 'dim'),
        )
    return Group(Text(f'\n{result.path}: {_count(len(result.emotions))}', 'bold'), table)


def timing_table(results: Sequence[Result], timings: Timings) -> RenderableType:
    """Return the time per stage over all inputs."""
    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify='left' if column == 'stage' else 'right')
    for row in _rows(results, timings):
        table.add_row(*row)
    return Group(Text('\n' + _headline(results), 'bold'), table)


def timing_markdown(results: Sequence[Result], timings: Timings) -> str:
    """Return the time per stage over all inputs as Markdown."""
    lines = ['| ' + ' | '.join(_COLUMNS) + ' |', '|---|' + '---:|' * (len(_COLUMNS) - 1)]
    lines += ['| ' + ' | '.join(row) + ' |' for row in _rows(results, timings)]
    return '\n'.join([_headline(results), '', *lines])


def timing_record(results: Sequence[Result], timings: Timings) -> dict[str, Any]:
    """Return the speed and the time per stage over all inputs, for JSON.

    Returns:
        Number of `utterances`; `audio_s`, length of the audio that could be used; `wall_s`, time
        taken without loading the models; `speed`, their ratio, None when no time was taken;
        `stages` by name, each with `runs`, `mean_ms`, `median_ms` and `p95_ms`.
    """
    audio_s = sum(result.audio_s for result in results)
    wall_s = sum(result.wall_s for result in results)
    return {
        'utterances': sum(len(result.emotions) for result in results),
        'audio_s': audio_s,
        'wall_s': wall_s,
        'speed': audio_s / wall_s if wall_s else None,
        'stages': {
            stage: {
                'runs': one.count,
                'mean_ms': 1000 * one.total_s / one.count,
                'median_ms': 1000 * one.median_s,
                'p95_ms': 1000 * one.p95_s,
            }
            for stage, one in timings.summary().items()
        },
    }


_COLUMNS = ('stage', 'runs', 'mean', 'median', 'p95', 'of real time')


def _headline(results: Sequence[Result]) -> str:
    audio_s = sum(result.audio_s for result in results)
    wall_s = sum(result.wall_s for result in results)
    count = sum(len(result.emotions) for result in results)
    speed = f', {audio_s / wall_s:.1f} times real time' if wall_s else ''
    return f'{_count(count)} in {audio_s:.1f} s of audio took {wall_s:.1f} s{speed}'


def _rows(results: Sequence[Result], timings: Timings) -> Iterator[tuple[str, ...]]:
    audio_s = sum(result.audio_s for result in results) or float('inf')
    for stage, one in timings.summary().items():
        yield (
            stage,
            str(one.count),
            _milliseconds(one.total_s / one.count),
            _milliseconds(one.median_s),
            _milliseconds(one.p95_s),
            f'{one.total_s / audio_s:.1%}',
        )


def _count(utterances: int) -> str:
    return f'{utterances} utterance' + 's' * (utterances != 1)


def _milliseconds(seconds: float) -> str:
    return f'{seconds * 1000:.2f} ms' if seconds < 0.01 else f'{seconds * 1000:.1f} ms'
