"""The command line: `python -m emotion_node COMMAND`.

Each command lives in a module with `add_arguments(parser)` and `run(args) -> int`. The module is
imported only when its command is asked for: `--help` loads no model library, and only the
commands that talk to a running ROS need ROS.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from emotion_node.cli.guard import guard


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        help: one line about it.
        module: where it lives; empty for a group of commands.
        commands: the commands of a group by name; None for a single command.
    """

    help: str
    module: str = ''
    commands: Mapping[str, Command] | None = None


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A program with commands.

    Attributes:
        package: the package that runs it: `python -m PACKAGE COMMAND`.
        description: its purpose, for `--help`.
        commands: by name.
        lab_commands: names of commands that `emotion_lab` has instead.
    """

    package: str
    description: str
    commands: Mapping[str, Command]
    lab_commands: Collection[str] = ()

    @property
    def program(self) -> str:
        """How the program is called."""
        return f'python -m {self.package}'


COMMANDS: Final[Mapping[str, Command]] = {
    'demo': Command(
        'replay the recorded conversation through the node over ROS and show its emotions',
        'emotion_node.cli.demo',
    ),
    'live': Command(
        'perceive whoever sits in front of this machine: microphone, camera, node and page',
        'emotion_node.cli.live',
    ),
    'annotate': Command(
        'find the emotions in bags, video and audio files, faster than real time, without ROS',
        'emotion_node.annotate.command',
    ),
    'replay': Command(
        'play a rosbag2 recording onto ROS topics, with /clock', 'emotion_node.ros.tools.player'
    ),
    'view': Command(
        'show the emotions that a running node publishes, here or as a page',
        'emotion_node.ros.tools.view',
    ),
    'parameters': Command("list the node's parameters", 'emotion_node.cli.parameters'),
    'models': Command('list, verify or fetch the models', 'emotion_node.cli.models'),
}

COMMAND_LINE: Final = CommandLine(
    'emotion_node',
    "Perceive the emotion that a robot's partner expresses.",
    COMMANDS,
    lab_commands=('evaluate', 'bench', 'soak', 'train'),
)


def main(argv: Sequence[str] | None = None, line: CommandLine = COMMAND_LINE) -> int:
    """Run a command.

    Args:
        argv: arguments, without the program's name; those of the process when None.
        line: the program.

    Returns:
        The exit status, as `guard` does.

    Raises:
        SystemExit: the command line is wrong (status 2), or `--help` was given (status 0).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)

    def action() -> int:
        args = _parse(arguments, line)
        status: int = args.run(args)
        return status

    return guard(action, '--verbose' in arguments, line.package)


def _parse(arguments: list[str], line: CommandLine) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=line.program,
        description=line.description,
        epilog=f'"{line.program} COMMAND --help" describes a command.',
    )
    parser.add_argument('--verbose', action='store_true', help=_VERBOSE_HELP)
    words = [argument for argument in arguments if not argument.startswith('-')]
    if words and words[0] in line.lab_commands:
        parser.error(
            f'{words[0]} is part of the laboratory: run "python -m emotion_lab {words[0]}" in a '
            'checkout'
        )
    _add_commands(parser, line.commands, words)
    return parser.parse_args(arguments)


_VERBOSE_HELP = 'print the traceback of an error'


def _add_commands(
    parser: argparse.ArgumentParser, commands: Mapping[str, Command], words: list[str]
) -> None:
    """Add the commands to a parser; only the one that `words` begin with gets its arguments."""
    choices = parser.add_subparsers(metavar='COMMAND', required=True)
    for name, command in commands.items():
        if words[:1] != [name]:
            choices.add_parser(name, help=command.help)
            continue
        if command.commands is not None:
            group = choices.add_parser(name, help=command.help, description=command.help)
            _add_commands(group, command.commands, words[1:])
            continue
        module = importlib.import_module(command.module)
        chosen = choices.add_parser(
            name,
            help=command.help,
            description=getattr(module, 'DESCRIPTION', module.__doc__),
            epilog=getattr(module, 'EPILOG', None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        chosen.add_argument('--verbose', action='store_true', help=_VERBOSE_HELP)
        module.add_arguments(chosen)
        chosen.set_defaults(run=module.run)
