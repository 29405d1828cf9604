"""`python -m emotion_lab bench`: latency and cost in the recorded conversation, over DDS."""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from emotion_lab.benchmark.comparison import (
    ANNOTATE,
    CONVERSATION,
    PARTS,
    SEQUENTIAL,
    Comparison,
    compare,
)
from emotion_lab.benchmark.drawing import check_drawing, draw
from emotion_lab.benchmark.scene import find_scene
from emotion_lab.benchmark.tables import tables
from emotion_node.backends.whisper_files import get_whisper_folder
from emotion_node.cli.demo import find_bag
from emotion_node.model_store.catalogue import WHISPER

DESCRIPTION = """\
Play the recorded demo conversation to the node over DDS in real time, with Whisper base, with
pocketsphinx and without transcription, and measure: latency of the emotion from the true end of
speech, rate and latency of interim estimates, time of each stage, processor time by thread,
memory, what is dropped, and the speed of `annotate`. In three minutes of talk with hardly a pause,
latency must not grow.

The usual arrangement is measured in the same run for comparison: everything after a fixed
end-of-speech silence, text emotion by transformers in float32, networks of torch for voice and
face. It needs the training environment ("make bench" makes it); without that it is left out, and
the reason is printed.

Nothing else should be running on the machine.
"""
EPILOG = """\
Examples:
  make bench
  python -m emotion_lab bench --quick
  python -m emotion_lab bench --train-env .venv-train --json bench.json
  python -m emotion_lab bench --only talk
"""

_QUICK_S: Final = 10.3
_QUICK: Final = (CONVERSATION, SEQUENTIAL, ANNOTATE)
_BUSY: Final = 0.5
"""Load above which the machine counts as busy."""
_WIDTH: Final = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures')
    parser.add_argument(
        '--plot',
        type=Path,
        metavar='FILE',
        help='draw the timeline of one utterance through the stages (PNG)',
    )
    parser.add_argument(
        '--quick', action='store_true', help='a part of the conversation, in two minutes'
    )
    parser.add_argument(
        '--only',
        nargs='+',
        choices=PARTS,
        metavar='PART',
        help='; '.join(f'{name}: {text}' for name, text in PARTS.items()),
    )
    parser.add_argument(
        '--bag', type=Path, metavar='BAG', help='another recording, with its truth.json'
    )
    parser.add_argument(
        '--train-env',
        type=Path,
        metavar='FOLDER',
        help='virtual environment with torch and transformers, which "make train-setup" makes',
    )
    parser.add_argument(
        '--draw-env',
        type=Path,
        metavar='FOLDER',
        help='virtual environment with matplotlib; default: the current one',
    )


def run(args: argparse.Namespace) -> int:
    """Measure, and print the figures.

    Returns:
        0 when the node gave an emotion for every utterance, 1 otherwise.

    Raises:
        ModelError: Whisper base has not been fetched.
        ProcessError: a process failed or timed out, or the plot cannot be drawn.
    """
    get_whisper_folder(WHISPER)
    console = Console(width=None if Console().is_terminal else _WIDTH)
    signal.signal(signal.SIGTERM, _interrupt)
    if args.plot is not None:
        check_drawing(args.draw_env)
    begin = time.monotonic()
    load = os.getloadavg()[0]
    if load > _BUSY:
        console.print(
            f'The machine is busy (load {load:.1f}): times will be too long.',
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
        comparison = Comparison(scene, Path(folder), progress)
        report = compare(
            comparison, args.train_env, args.only or (_QUICK if args.quick else PARTS)
        )
    report |= {
        'load_before': load,
        'took_s': time.monotonic() - begin,
        'quick': args.quick,
        'partial': bool(args.only),
    }
    for table in tables(report):
        console.print(table)
    for name, reason in report['not_measured'].items():
        console.print(f'not measured: {name} ({reason})', style='yellow', highlight=False)
    if args.json is not None:
        args.json.write_text(json.dumps(report, indent=1) + '\n', encoding='utf-8')
    if args.plot is not None:
        draw(report, args.plot, args.draw_env)
    return 0 if report.get('utterances_found') == report.get('utterances') else 1


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
