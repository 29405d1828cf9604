"""Run every measurement that the data here allow and gather the figures, by command."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from emotion_lab.evaluation.commands import EVALUATIONS
from emotion_node.cli.guard import guard

ITSELF: Final = 'all'


def measure(command: str) -> Any:
    """Return the figures of one command, as with --json, or why there are none in `error`."""
    printed, complaint = io.StringIO(), io.StringIO()

    def action() -> int:
        module: Any = importlib.import_module(EVALUATIONS[command].module)
        parser = argparse.ArgumentParser(command)
        module.add_arguments(parser)
        status: int = module.run(parser.parse_args(['--json']))
        return status

    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complaint):
        guard(action)
    lines = [line for line in printed.getvalue().splitlines() if line.startswith(('{', '['))]
    if not lines:
        told = complaint.getvalue().strip().splitlines() or ['it printed nothing']
        return {'error': told[-1]}
    return json.loads(lines[-1])


def gather(
    commands: Iterable[str], tell: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Return the figures of all commands by name."""
    figures = {}
    for command in commands:
        tell(command)
        figures[command] = measure(command)
    return figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    names = [name for name in EVALUATIONS if name != ITSELF]
    parser.add_argument(
        '--only', nargs='+', choices=names, default=names, metavar='COMMAND', help=', '.join(names)
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object on one line')


def run(args: argparse.Namespace) -> int:
    """Print the figures as JSON; return 0, or 1 when some could not be had."""
    figures = gather(args.only, lambda name: print(f'evaluate {name}', file=sys.stderr))
    print(json.dumps(figures, indent=None if args.json else 2))
    return int(any(isinstance(one, dict) and 'error' in one for one in figures.values()))
