"""The command line: `python -m emotion_node COMMAND`.

Each command lives in a module with `add_arguments(parser)` and `run(args) -> int`, imported only
when that command is asked for: `--help` needs no model library, and only the commands that talk
to a running ROS need ROS.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from emotion_node.cli.guard import guard


@dataclass(frozen=True, slots=True)
class Command:
    """A command: one line of help, and the module it lives in or the commands below it."""

    help: str
    module: str = ''
    commands: Mapping[str, Command] | None = None


COMMANDS: Final[Mapping[str, Command]] = {
    'demo': Command(
        'run the node over the recorded demo conversation, with ROS, and show what it publishes',
        'emotion_node.cli.demo',
    ),
    'annotate': Command(
        'find the emotions in bags, video and audio files, faster than real time, without ROS',
        'emotion_node.annotate.command',
    ),
    'replay': Command(
        'play a rosbag2 recording onto ROS topics, with /clock', 'emotion_node.ros.tools.player'
    ),
    'view': Command(
        'show the emotions that a running node publishes', 'emotion_node.ros.tools.view'
    ),
    'parameters': Command("list the node's parameters", 'emotion_node.cli.parameters'),
    'models': Command('list, check or fetch the models', 'emotion_node.cli.models'),
}


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A program with commands.

    Attributes:
        program: as people call it.
        description: what it is for.
        commands: by name.
    """

    program: str
    description: str
    commands: Mapping[str, Command]


COMMAND_LINE: Final = CommandLine(
    'python -m emotion_node', "Perceive the emotion that a robot's partner expresses.", COMMANDS
)


def main(argv: Sequence[str] | None = None, line: CommandLine = COMMAND_LINE) -> int:
    """Run a command.

    Returns:
        As `guard` does; 2 as well when the command line could not be understood.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)

    def action() -> int:
        args = _parse(arguments, line)
        status: int = args.run(args)
        return status

    return guard(action, verbose='--verbose' in arguments)


def _parse(arguments: list[str], line: CommandLine) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=line.program,
        description=line.description,
        epilog=f'"{line.program} COMMAND --help" tells more about a command.',
    )
    parser.add_argument('--verbose', action='store_true', help=_VERBOSE_HELP)
    words = [argument for argument in arguments if not argument.startswith('-')]
    _add_commands(parser, line.commands, words)
    return parser.parse_args(arguments)


_VERBOSE_HELP = 'show where an error came from'


def _add_commands(
    parser: argparse.ArgumentParser, commands: Mapping[str, Command], words: list[str]
) -> None:
    """Add the commands to a parser; only the one that `words` begin with gets its arguments."""
    choices = parser.add_subparsers(metavar='COMMAND', required=True)
    for name, command in commands.items():
        chosen = words[:1] == [name]
        if not chosen:
            choices.add_parser(name, help=command.help)
            continue
        if command.commands is not None:
            below = choices.add_parser(name, help=command.help, description=command.help)
            _add_commands(below, command.commands, words[1:])
            continue
        module = importlib.import_module(command.module)
        below = choices.add_parser(
            name,
            help=command.help,
            description=getattr(module, 'DESCRIPTION', module.__doc__),
            epilog=getattr(module, 'EPILOG', None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        below.add_argument('--verbose', action='store_true', help=_VERBOSE_HELP)
        module.add_arguments(below)
        below.set_defaults(run=module.run)
