"""Show the benchmark's figures as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from emotion_lab.benchmark.arrangements import (
    FALLBACK,
    NODE,
    SAME_SILENCE,
    SEQUENTIAL,
    WITHOUT,
)

_NOTHING: Final = '-'
_SAME_EARLIER: Final = 'sequential_ratio_same_silence_without_faces'


@dataclass(frozen=True, slots=True)
class _Row:
    """A figure of every arrangement: its text, its name and its format."""

    text: str
    name: str
    form: str = '{:.0f}'


_ROWS: Final = (
    _Row('true end of speech to final emotion, median (ms)', 'final_latency_ms_p50'),
    _Row('  95th percentile (ms)', 'final_latency_ms_p95'),
    _Row('  median without the work on faces in it (ms)', 'final_latency_without_faces_ms_p50'),
    _Row('silence until the end is decided, median (ms)', 'endpointing_ms_p50'),
    _Row('from then to the final emotion, median (ms)', 'processing_ms_p50'),
    _Row('  95th percentile (ms)', 'processing_ms_p95'),
    _Row('first interim after start of speech, median (s)', 'first_interim_s_p50', '{:.2f}'),
    _Row('  95th percentile (s)', 'first_interim_s_p95', '{:.2f}'),
    _Row('first interim with words, median (s)', 'first_words_s_p50', '{:.2f}'),
    _Row('  95th percentile (s)', 'first_words_s_p95', '{:.2f}'),
    _Row('  utterances that have one', 'utterances_with_interim_words'),
    _Row('interim estimates while speaking (1/s)', 'interim_hz', '{:.2f}'),
    _Row('processor seconds per second', 'cpu_cores', '{:.2f}'),
    _Row('resident memory (MB)', 'rss_mb'),
    _Row('start to active (s)', 'start_s', '{:.1f}'),
    _Row('frames dropped', 'frames_dropped'),
    _Row('frames that did not arrive', 'frames_not_received'),
    _Row('audio dropped (s)', 'audio_dropped_s', '{:.2f}'),
    _Row('utterances with an emotion', 'utterances_found'),
    _Row('utterances cut in two', 'utterances_split'),
    _Row('utterances merged with the next', 'utterances_merged'),
)

_TARGETS: Final = (
    ('true end of speech to final emotion, p95', 'final_latency_ms_p95', '<', 600, 450, 'ms'),
    ('processing after the end is known, p95', 'processing_ms_p95', '<', 150, 40, 'ms'),
    ('first interim after start of speech, p95', 'first_interim_s_p95', '<', 0.5, 0.3, 's'),
    ('  with words', 'first_words_s_p95', '<', 1.5, 0.8, 's'),
    ('interim estimates', 'interim_hz', '>', 3, 5, '/s'),
    ('processor', 'cpu_cores', '<', 1.2, 0.8, 'cores'),
    ('  without transcription', 'cpu_cores_without_asr', '<', 0.25, 0.25, 'cores'),
    ('latency in the long talk, last minute by first', 'talk_growth', '<', 1.1, 1.0, ''),
    ('wrong cut-offs', 'cut_off_rate', '<', 0.05, 0.02, ''),
    ('  mean delay of the decision', 'cut_off_delay_ms_mean', '', 0, 0, 'ms'),
    ('sequential arrangement: delay', 'sequential_ratio', '', 0, 0, 'times'),
    ('  at the same silence', 'sequential_ratio_same_silence', '', 0, 0, 'times'),
    ('  and with frames processed as they come', _SAME_EARLIER, '', 0, 0, 'times'),
    ('annotate with Whisper', 'annotate_speed', '>', 2, 4, 'times real time'),
    ('  with pocketsphinx', 'annotate_speed_pocketsphinx', '', 0, 0, 'times real time'),
    ('  without transcription', 'annotate_speed_without', '>', 8, 8, 'times real time'),
    ('resident memory', 'rss_mb', '<', 800, 600, 'MB'),
    ('start to active', 'start_s', '<', 4, 2, 's'),
)
"""Text, name, direction of improvement, requirement, goal, unit."""


def tables(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield the tables of a report."""
    yield _heading(report)
    if report['arrangements']:
        yield _arrangements(report)
        yield _stages(report)
        yield _threads(report)
    if 'talk' in report:
        yield _talk(report['talk'])
    yield _targets(report)


def _heading(report: Mapping[str, Any]) -> Text:
    recording, hardware = report['recording'], report['hardware']
    return Text(
        f'\n{recording["played_s"]:.0f} s of {recording["name"]}: {recording["utterances"]} '
        f'utterances, frames of {recording["image"]} at {recording["frames_per_s"]:.1f}/s; '
        f'{hardware["cores"]} cores of {hardware["cpu"]}; '
        f'load before {report["load_before"]:.1f}; took {report["took_s"]:.0f} s',
        'bold',
    )


def _columns(report: Mapping[str, Any]) -> dict[str, str]:
    standing, usual = report['standing_silence_s'], report['sequential_silence_s']
    names = {
        NODE: 'node,\nWhisper base',
        FALLBACK: 'node,\npocketsphinx',
        WITHOUT: 'node without\ntranscription',
        SAME_SILENCE: f'sequential,\n{standing:g} s silence',
        SEQUENTIAL: f'sequential,\n{usual:g} s silence',
    }
    return {name: text for name, text in names.items() if name in report['arrangements']}


def _table(first: str, columns: Mapping[str, str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, vertical='bottom')
    for text in columns.values():
        table.add_column(text, justify='right', vertical='bottom')
    return table


def _arrangements(report: Mapping[str, Any]) -> RenderableType:
    columns = _columns(report)
    table = _table('', columns)
    for row in _ROWS:
        table.add_row(
            row.text,
            *(_show(report['arrangements'][name].get(row.name), row.form) for name in columns),
        )
    notes = Text(
        'sequential: the same node with everything done after the silence; the same transcription '
        'and landmarks, text by transformers in float32, voice and face by torch with random '
        'weights of the same size (for their time, not their answers).',
        'dim',
    )
    return Group(table, notes)


def _stages(report: Mapping[str, Any]) -> RenderableType:
    """Return the time per stage of the node and of the sequential arrangement."""
    columns = {name: text for name, text in _columns(report).items() if name in (NODE, SEQUENTIAL)}
    table = _table('\nstage: runs; median, p95 (ms); of real time', columns)
    found = {name: report['arrangements'][name]['stages'] for name in columns}
    for stage in dict.fromkeys(stage for stages in found.values() for stage in stages):
        table.add_row(stage, *(_stage(found[name].get(stage)) for name in columns))
    return table


def _stage(one: Mapping[str, float] | None) -> str:
    if one is None:
        return _NOTHING
    return f'{one["runs"]}; {one["ms_p50"]:.1f}, {one["ms_p95"]:.1f}; {one["share"]:.1%}'


def _threads(report: Mapping[str, Any]) -> RenderableType:
    columns = _columns(report)
    table = _table('\nthread: processor seconds per second', columns)
    found = {name: report['arrangements'][name]['cpu_by_thread'] for name in columns}
    names = dict.fromkeys(thread for name in columns for thread in found[name])
    for thread in names:
        values = [found[name].get(thread, 0.0) for name in columns]
        if max(values) >= 0.005:
            table.add_row(thread, *(f'{value:.2f}' if value else _NOTHING for value in values))
    return table


def _targets(report: Mapping[str, Any]) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for text in ('\nfigure', 'measured', 'must', 'goal', ''):
        table.add_column(text, justify='left' if text in ('\nfigure', '') else 'right')
    for text, name, wanted, must, goal, unit in _TARGETS:
        value = report.get(name)
        if value is None and report.get('partial'):
            continue
        measured = _NOTHING if value is None else f'{value:.3g} {unit}'.rstrip()
        if value is not None and abs(value) >= 100:
            measured = f'{value:.0f} {unit}'.rstrip()
        if not wanted:
            table.add_row(text, measured, '', '', '')
            continue
        table.add_row(text, measured, f'{must:g}', f'{goal:g}', _assess(value, wanted, must, goal))
    return table


def _assess(value: float | None, wanted: str, must: float, goal: float) -> Text:
    if value is None:
        return Text('not measured', 'yellow')
    sign = 1 if wanted == '<' else -1
    if sign * value <= sign * goal:
        return Text('goal reached', 'green')
    return Text('reached', 'green') if sign * value <= sign * must else Text('missed', 'red')


def _talk(talk: Mapping[str, Any]) -> RenderableType:
    table = _table('\nthe long talk', {'talk': 'node,\nWhisper base'})
    for row in (
        _Row('latency in the first minute, median (ms)', 'first_minute_ms_p50'),
        _Row('latency in the last minute, median (ms)', 'last_minute_ms_p50'),
        *_ROWS,
    ):
        table.add_row(row.text, _show(talk.get(row.name), row.form))
    return table


def _show(value: Any, form: str) -> str:
    return _NOTHING if value is None else form.format(value)
