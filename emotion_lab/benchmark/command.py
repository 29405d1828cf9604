"""`python -m emotion_lab bench`: latency and cost in the recorded conversation, over DDS."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from emotion_lab.benchmark import arrangements, timeline
from emotion_lab.benchmark.cut_offs import evaluated_cut_off_rate
from emotion_lab.benchmark.figures import Figures, match, ratio
from emotion_lab.benchmark.offline import annotate_speed
from emotion_lab.benchmark.play import Arrangement, Play, Scene, play
from emotion_lab.benchmark.scene import find_scene
from emotion_lab.benchmark.tables import tables
from emotion_node.cli.demo import find_bag
from emotion_node.cli.processes import ProcessError

DESCRIPTION = """\
Play the recorded demo conversation to the node over DDS, at real speed, and measure: how long
after the true end of speech the emotion comes, how often and how soon interim estimates do, what
each stage takes, processor time by thread, memory, what is dropped, how fast `annotate` is.

Beside it, in the same run, the usual arrangement: everything after a fixed end-of-speech silence,
text emotion by transformers in float32, networks of torch for voice and face. It needs what
training needs (make bench sees to it); without, that part is not measured, and why is told.

Nothing else should be running on the machine.
"""
EPILOG = """\
Examples:
  make bench
  python -m emotion_lab bench --quick
  python -m emotion_lab bench --train-env .venv-train --json bench.json
"""

_QUICK_S: Final = 10.3
_DELAY: Final = 'final_latency_ms_p50'
_DELAY_WITHOUT_FACES: Final = 'final_latency_without_faces_ms_p50'
_DRAWER: Final = Path(__file__).resolve().parents[2] / 'docs' / 'draw_timeline.py'
_BUSY: Final = 0.5
_WIDTH: Final = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures')
    parser.add_argument(
        '--plot',
        type=Path,
        metavar='FILE',
        help="draw an utterance's way through the stages (PNG)",
    )
    parser.add_argument(
        '--quick', action='store_true', help='a part of the conversation, in under two minutes'
    )
    parser.add_argument(
        '--bag', type=Path, metavar='BAG', help='another recording, with its truth.json'
    )
    parser.add_argument(
        '--train-env',
        type=Path,
        metavar='FOLDER',
        help='virtual environment with torch and transformers, which make train-setup makes',
    )
    parser.add_argument(
        '--draw-env',
        type=Path,
        metavar='FOLDER',
        help='virtual environment with matplotlib; this one by default',
    )
    parser.add_argument(
        '--whisper',
        type=Path,
        default=Path('whisper_cost.json'),
        metavar='FILE',
        help="figures of Whisper's cost to take in, where the file exists "
        '(default whisper_cost.json)',
    )


@dataclass
class _Session:
    """What is done, and what came of it so far."""

    args: argparse.Namespace
    folder: Path
    scene: Scene
    progress: Progress
    plays: dict[str, Play] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def step(self, text: str, total: float | None = None) -> Callable[[float], None]:
        """Show what is being done; what it returns takes how far it is."""
        for task in self.progress.task_ids:
            self.progress.remove_task(task)
        task = self.progress.add_task(text, total=total)
        if not self.progress.console.is_terminal:
            self.progress.console.print(text, style='dim')
        return lambda done: self.progress.update(task, completed=done)

    def play(self, name: str, arrangement: Arrangement) -> None:
        """Play the scene to an arrangement."""
        length_s = self.scene.length_s
        advance = self.step(f'Playing {length_s:.0f} s to {arrangement.name}', length_s)
        self.plays[name] = play(arrangement, self.scene, self.folder / name, advance)

    def figures(self, name: str) -> Figures | None:
        """Return the figures of a play, if it was made."""
        return self.plays[name].figures if name in self.plays else None


def run(args: argparse.Namespace) -> int:
    """Measure.

    Returns:
        0 when an emotion came for every utterance, to the node as it is.
    """
    console = Console(width=None if Console().is_terminal else _WIDTH)
    signal.signal(signal.SIGTERM, _terminated)
    if args.plot is not None:
        _check_drawing(args)
    begin = time.monotonic()
    load = os.getloadavg()[0]
    if load > _BUSY:
        console.print(
            f'Something else is running here (load {load:.1f}): figures will be too slow.',
            style='yellow',
            highlight=False,
        )
    scene = find_scene(args.bag or find_bag(), _QUICK_S if args.quick else None)
    with (
        tempfile.TemporaryDirectory(prefix='emotion_node_bench_') as folder,
        Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as progress,
    ):
        session = _Session(args, Path(folder), scene, progress)
        report = _measure(session)
    report |= {'load_before': load, 'took_s': time.monotonic() - begin, 'quick': args.quick}
    for table in tables(report):
        console.print(table)
    for name, why in report['not_measured'].items():
        console.print(f'not measured: {name} ({why})', style='yellow', highlight=False)
    if args.json is not None:
        args.json.write_text(json.dumps(report, indent=1) + '\n', encoding='utf-8')
    if args.plot is not None:
        _draw(args, report)
    return 0 if report['utterances_found'] == report['utterances'] else 1


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


def _measure(session: _Session) -> dict[str, Any]:
    """Make all plays and return all figures."""
    bag, folder = session.scene.bag, session.folder
    session.play(arrangements.NODE, arrangements.node())
    session.play(arrangements.WITHOUT, arrangements.without_transcription())
    try:
        session.step('Making the text model for transformers')
        torch = arrangements.find_torch(session.args.train_env, folder / 'torch')
    except ProcessError as error:
        session.missing['the sequential arrangement'] = str(error)
    else:
        for name, silence_s in (
            (arrangements.SAME_SILENCE, arrangements.standing_silence()),
            (arrangements.SEQUENTIAL, arrangements.USUAL_SILENCE_S),
        ):
            session.play(name, arrangements.sequential(torch, silence_s))
    session.step('Annotating without transcription')
    speed = annotate_speed(bag, {'transcriber.backend': 'off'}, folder / 'annotate-off')
    session.step('Annotating with transcription')
    speed_with = annotate_speed(bag, {'transcriber.backend': 'pocketsphinx'}, folder / 'annotate')
    rate, source = None, 'the concatenated dialogues are left out by --quick'
    if not session.args.quick:
        session.step('Counting cut-offs in concatenated dialogues')
        rate, source = evaluated_cut_off_rate()
        if rate is None:
            session.missing['cut-offs in concatenated dialogues'] = source
    return _report(session, speed, speed_with, rate, source)


def _report(
    session: _Session, speed: float, speed_with: float, rate: float | None, source: str
) -> dict[str, Any]:
    ours = session.figures(arrangements.NODE) or {}
    same = session.figures(arrangements.SAME_SILENCE)
    usual = session.figures(arrangements.SEQUENTIAL)
    without = session.figures(arrangements.WITHOUT) or {}
    scene = session.scene
    demo_rate = ours.get('cut_off_rate_demo')
    top = {name: value for name, value in ours.items() if not isinstance(value, dict)}
    lost = [ours[name] for name in ('frames_dropped', 'frames_not_received', 'frames_late')]
    whisper = session.args.whisper
    return {
        'schema': 1,
        **top,
        'frames_dropped': None if None in lost else sum(lost),
        'cut_off_rate': demo_rate if rate is None else rate,
        'cut_off_source': source
        if rate is not None
        else f'utterances of {scene.bag.name} that were cut in two, as {source}',
        'sequential_ratio': ratio(usual, _DELAY, ours, _DELAY),
        'sequential_ratio_same_silence': ratio(same, _DELAY, ours, _DELAY),
        'sequential_ratio_without_faces': ratio(usual, _DELAY_WITHOUT_FACES, ours, _DELAY),
        'sequential_ratio_same_silence_without_faces': ratio(
            same, _DELAY_WITHOUT_FACES, ours, _DELAY
        ),
        'sequential_silence_s': arrangements.USUAL_SILENCE_S,
        'standing_silence_s': arrangements.standing_silence(),
        'cpu_cores_without_asr': without.get('cpu_cores'),
        'annotate_speed': speed,
        'annotate_speed_with_asr': speed_with,
        'recording': {
            'name': scene.bag.name,
            'played_s': scene.length_s,
            'utterances': len(scene.truths),
            'frames_per_s': scene.images / scene.length_s,
            'image': scene.image,
        },
        'hardware': _hardware(),
        'arrangements': {name: one.figures for name, one in session.plays.items()},
        'not_measured': session.missing,
        'timeline': _timeline(session),
        'whisper': json.loads(whisper.read_text()) if whisper.exists() else None,
    }


def _timeline(session: _Session) -> dict[str, Any] | None:
    """Return one utterance's way through the stages, in the plays with transcription."""
    scene = session.scene
    plays = {name: one for name, one in session.plays.items() if name != arrangements.WITHOUT}
    place = timeline.choose(scene.truths, [one.observation for one in plays.values()])
    if place is None:
        session.missing['the timeline'] = 'no utterance was heard whole in all arrangements'
        return None
    truth = scene.truths[place]
    ways = {
        name: timeline.trace(
            match(scene.truths, one.observation.finals)[place], one.observation, one.stages
        )
        for name, one in plays.items()
    }
    until_ns = truth.start_ns + int(max(way['published'] for way in ways.values()) * 1e9)
    return {**timeline.draw_from(truth, scene.sound, until_ns), 'ways': ways}


def _hardware() -> dict[str, Any]:
    model = next(
        (
            line.partition(':')[2].strip()
            for line in Path('/proc/cpuinfo').read_text().splitlines()
            if line.startswith('model name')
        ),
        'unknown',
    )
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return {
        'cpu': model,
        'cores': len(os.sched_getaffinity(0)),
        'memory_mb': round(memory / 1e6),
        'python': sys.version.split()[0],
    }


def _drawing_python(args: argparse.Namespace) -> Path:
    return Path(sys.executable) if args.draw_env is None else args.draw_env / 'bin' / 'python'


def _check_drawing(args: argparse.Namespace) -> None:
    """Find out before anything is measured whether the result can be drawn.

    Raises:
        ProcessError: it cannot.
    """
    python = _drawing_python(args)
    if not _DRAWER.exists():
        raise ProcessError(f'{_DRAWER} is missing: --plot works in a checkout alone')
    if not python.exists():
        raise ProcessError(f'{python} is missing; "make bench" makes it')
    told = subprocess.run([python, '-c', 'import matplotlib'], capture_output=True, check=False)
    if told.returncode:
        raise ProcessError(
            f'{python} has no matplotlib; name an environment that has with --draw-env'
        )


def _draw(args: argparse.Namespace, report: dict[str, Any]) -> None:
    """Draw the timeline.

    Raises:
        ProcessError: it could not be drawn.
    """
    if report['timeline'] is None:
        return
    with tempfile.TemporaryDirectory(prefix='emotion_node_bench_') as folder:
        figures = Path(folder) / 'bench.json'
        figures.write_text(json.dumps(report), encoding='utf-8')
        command = [_drawing_python(args), _DRAWER, figures, args.plot]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        lines = told.stderr.strip().splitlines() or ['']
        raise ProcessError(f'{_DRAWER} failed: {lines[-1]}')
