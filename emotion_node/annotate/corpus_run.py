"""`annotate` on folders, and over several processes or machines."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from emotion_node.annotate.annotator import Options
from emotion_node.annotate.corpus import Done, Task, annotate_one, plan_corpus
from emotion_node.annotate.plan import OutputError
from emotion_node.errors import UserError

_SHOWN = 5


class ClusterError(UserError):
    """What spreads the work is not installed."""

    exit_status = 2


def annotate_corpus(
    paths: Sequence[Path],
    output: str,
    options: Options,
    console: Console,
    jobs: int = 1,
    scheduler: str = '',
    force: bool = False,
    formats: Sequence[str] = (),
) -> int:
    """Annotate recordings and folders of them, each into files of its own.

    Args:
        paths: recordings, and folders of them.
        output: the folder for the outputs.
        options: for all recordings; `progress` shows one bar for all of them.
        console: for the bar and the summary.
        jobs: number of processes.
        scheduler: address of a Dask scheduler that has the work done; empty for none.
        force: annotate also what is finished.
        formats: of further files.

    Returns:
        0; or 1 when something could not be annotated or read.

    Raises:
        OutputError: an input is missing, or outputs would collide.
        ClusterError: Dask distributed is not installed.
        SchedulerError: the scheduler cannot be reached.
    """
    if output == '-' or output.endswith('.jsonl'):
        raise OutputError(
            f'--jobs and --scheduler write a file for each recording: name a folder with -o, not '
            f'{output}'
        )
    tasks, finished = plan_corpus(paths, Path(output), force, formats)
    begin = time.monotonic()
    done: list[Done] = []
    with Progress(
        TextColumn('recordings'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not options.progress,
    ) as progress:
        bar = progress.add_task('', total=len(tasks) + finished, completed=finished)
        for one in _annotate(tasks, options, jobs, scheduler):
            done.append(one)
            progress.advance(bar)
            for text, count in one.problems.items():
                times = f'{count} x ' if count > 1 else ''
                _print(console, f'{one.path}: {times}{text}', 'yellow')
    _summarise(console, done, finished, time.monotonic() - begin)
    return 1 if any(one.failures for one in done) else 0


def _annotate(
    tasks: Sequence[Task], options: Options, jobs: int, scheduler: str
) -> Iterator[Done]:
    if not tasks:
        return iter(())
    if jobs == 1 and not scheduler:
        return (annotate_one(task, options) for task in tasks)
    try:
        from emotion_node.annotate import cluster
    except ModuleNotFoundError as error:
        raise ClusterError(
            f'--jobs and --scheduler need the Python package {error.name}: pip install distributed'
        ) from error
    if scheduler:
        return cluster.annotate_over_machines(tasks, options, scheduler)
    return cluster.annotate_over_processes(tasks, _sharing(options, jobs), jobs)


def _sharing(options: Options, jobs: int) -> Options:
    """Return options for one of several processes that share the processors."""
    transcriber = options.config.transcriber
    threads = max(min(transcriber.threads, (os.cpu_count() or 1) // jobs), 1)
    config = replace(options.config, transcriber=replace(transcriber, threads=threads))
    return replace(options, config=config)


def _summarise(console: Console, done: Sequence[Done], finished: int, wall_s: float) -> None:
    audio_s = sum(one.audio_s for one in done)
    speed = f', {audio_s / wall_s:.1f} times real time' if audio_s else ''
    before = f'; {finished} finished before' if finished else ''
    _print(
        console,
        f'{_count(len(done), "recording")}, '
        f'{_count(sum(one.utterances for one in done), "utterance")} in '
        f'{audio_s:.1f} s of audio took {wall_s:.1f} s{speed}{before}',
        'bold',
    )
    failed: defaultdict[str, list[Path]] = defaultdict(list)
    for one in done:
        for text in one.failures:
            failed[text.replace(str(one.path), 'it')].append(one.path)
    for text, paths in failed.items():
        named = ', '.join(map(str, paths[:_SHOWN]))
        more = f' and {len(paths) - _SHOWN} more' if len(paths) > _SHOWN else ''
        _print(console, f'failed: {named}{more}: {text}', 'red')


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}' + 's' * (number != 1)


def _print(console: Console, text: str, style: str) -> None:
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
