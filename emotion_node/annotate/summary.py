"""What `annotate` tells a person at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from emotion_node.core.timings import Timings
from emotion_node.display.palette import emotion_colour
from emotion_node.messages.json_records import Record


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one input.

    Attributes:
        path: the input.
        emotions: final emotions, as `outputs.JsonLines` writes them.
        duration_s: length of the recording.
        heard_s: length of the audio that could be used.
        wall_s: time it took, without loading the models.
        problems: what could not be used, and how often.
    """

    path: Path
    emotions: Sequence[Record]
    duration_s: float
    heard_s: float
    wall_s: float
    problems: dict[str, int]

    @property
    def speed(self) -> float:
        """How many times faster than real time."""
        return self.heard_s / self.wall_s


def emotion_table(result: Result) -> RenderableType:
    """Return an input's utterances with their emotions."""
    table = Table(box=None, pad_edge=False)
    table.add_column('start', justify='right')
    table.add_column('end', justify='right')
    table.add_column('emotion')
    table.add_column('', justify='right')
    table.add_column('words', overflow='fold')
    for one in result.emotions:
        label = one['label'] or 'unknown'
        table.add_row(
            f'{one["start_s"]:.2f} s',
            f'{one["end_s"]:.2f} s',
            Text(label, style=emotion_colour(one['label'])),
            f'{one["confidence"]:.2f}' if one['label'] else '',
            Text(one['text'] or '(no words recognised)', style='' if one['text'] else 'dim'),
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
    """Return the speed and the time per stage over all inputs, as JSON can hold it.

    Returns:
        Number of `utterances`; `heard_s`, length of the audio that could be used; `wall_s`, time
        taken without loading the models; `speed`, their ratio, None when no time was taken;
        `stages` by name, each with `runs`, `mean_ms`, `median_ms` and `p95_ms`.
    """
    heard_s = sum(result.heard_s for result in results)
    wall_s = sum(result.wall_s for result in results)
    return {
        'utterances': sum(len(result.emotions) for result in results),
        'heard_s': heard_s,
        'wall_s': wall_s,
        'speed': heard_s / wall_s if wall_s else None,
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
    heard_s = sum(result.heard_s for result in results)
    wall_s = sum(result.wall_s for result in results)
    count = sum(len(result.emotions) for result in results)
    speed = f', {heard_s / wall_s:.1f} times real time' if wall_s else ''
    return f'{_count(count)} in {heard_s:.1f} s of audio took {wall_s:.1f} s{speed}'


def _rows(results: Sequence[Result], timings: Timings) -> Iterator[tuple[str, ...]]:
    heard_s = sum(result.heard_s for result in results) or float('inf')
    for stage, one in timings.summary().items():
        yield (
            stage,
            str(one.count),
            _milliseconds(one.total_s / one.count),
            _milliseconds(one.median_s),
            _milliseconds(one.p95_s),
            f'{one.total_s / heard_s:.1%}',
        )


def _count(utterances: int) -> str:
    return f'{utterances} utterance' + 's' * (utterances != 1)


def _milliseconds(seconds: float) -> str:
    return f'{seconds * 1000:.2f} ms' if seconds < 0.01 else f'{seconds * 1000:.1f} ms'
