"""Run every measurement that the data here allow and gather the figures, by command."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from emotion_lab.evaluation.commands import EVALUATIONS
from emotion_lab.evaluation.evaluation import Evaluation
from emotion_node.cli.guard import explain
from emotion_node.errors import UserError

ITSELF: Final = 'all'
PEOPLE: Final = 'people'
"""A table of figures of the others."""
FAILED: Final = 'error'
"""Key of the reason for which a command has no figures."""


def load_evaluation(command: str) -> Evaluation:
    """Import the module of a command."""
    return cast(Evaluation, importlib.import_module(EVALUATIONS[command].module))


def measure_default(command: str) -> Any:
    """Return the figures of a command with its default arguments.

    A measurement that fails must not stop the others: `error` then holds the reason. Of a fault
    of the program, the traceback is printed too.
    """
    try:
        evaluation = load_evaluation(command)
        parser = argparse.ArgumentParser(command)
        evaluation.add_arguments(parser)
        return evaluation.measure(parser.parse_args([]))
    except Exception as error:  # noqa: BLE001  reported, and counted by the exit status
        if not isinstance(error, UserError | OSError | ImportError):
            traceback.print_exc()
        return {FAILED: explain(error)}


def gather(
    commands: Iterable[str], on_begin: Callable[[str], None] = lambda command: None
) -> dict[str, Any]:
    """Return the figures of commands by name.

    Args:
        commands: names in `commands.EVALUATIONS`.
        on_begin: called with each name before it is measured.
    """
    figures = {}
    for command in commands:
        on_begin(command)
        figures[command] = measure_default(command)
    return figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    names = [name for name in EVALUATIONS if name not in (ITSELF, PEOPLE)]
    parser.add_argument(
        '--only', nargs='+', choices=names, default=names, metavar='COMMAND', help=', '.join(names)
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object on one line')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures by command."""
    return gather(args.only, lambda name: print(f'evaluate {name}', file=sys.stderr))


def run(args: argparse.Namespace) -> int:
    """Print the figures as JSON; return 0, or 1 when a measurement failed."""
    figures = measure(args)
    print(json.dumps(figures, indent=None if args.json else 2))
    return int(any(isinstance(one, dict) and FAILED in one for one in figures.values()))
