"""The commands of `python -m emotion_lab`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from emotion_lab.evaluation.commands import EVALUATIONS
from emotion_node.cli import main as cli
from emotion_node.cli.main import Command

COMMANDS: Final[Mapping[str, Command]] = {
    'evaluate': Command(
        'measure a part on labelled data',
        commands=EVALUATIONS,
    ),
    'soak': Command(
        'bear a load for long, in line or over DDS, and watch memory and latency',
        'emotion_lab.benchmark.soak',
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
    return cli.main(argv, COMMAND_LINE)
