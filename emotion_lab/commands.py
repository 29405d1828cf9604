"""The commands of `python -m emotion_lab`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from emotion_lab.evaluation.commands import EVALUATIONS
from emotion_lab.training.commands import TRAININGS, run_training
from emotion_node.cli import main as cli
from emotion_node.cli.guard import guard
from emotion_node.cli.main import Command

COMMANDS: Final[Mapping[str, Command]] = {
    'evaluate': Command('measure a part on labelled data', commands=EVALUATIONS),
    'train': Command('train, export or compare models, or make tables', commands=TRAININGS),
    'soak': Command(
        'run under load for a long time, offline or over DDS, and watch memory and latency',
        'emotion_lab.benchmark.soak',
    ),
    'faults': Command(
        'put faults of sensors, network and clocks into the demo, and show what comes of them',
        'emotion_lab.benchmark.faults',
    ),
    'fuzz': Command(
        'put random and damaged inputs into parts of the product', 'emotion_lab.fuzz.command'
    ),
    'bench': Command(
        'measure latency and cost of the node in the demo conversation, with ROS',
        'emotion_lab.benchmark.command',
    ),
}

COMMAND_LINE: Final = cli.CommandLine(
    'emotion_lab', 'Measure emotion_node and train its models.', COMMANDS
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status, as `emotion_node.cli.main` does."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verbose = '--verbose' in arguments
    match [one for one in arguments if one != '--verbose']:
        case ['train', name, *rest] if name in TRAININGS:
            return guard(lambda: run_training(name, rest), verbose, COMMAND_LINE.package)
    return cli.main(arguments, COMMAND_LINE)
