"""The command line: `python -m emotion_node COMMAND`.

Each command lives in a module with `add_arguments(parser)` and `run(args) -> int`, imported only
when that command is asked for: `--help` needs no model library, and only the commands that talk
to a running ROS need ROS.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final


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

_ROS_HINT = (
    'ROS 2 with emotion_msgs is not in this environment. In a checkout, run "make setup" once and '
    'then ". ./env.sh"; on a robot, source /opt/ros/jazzy/setup.bash and the workspace'
)


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


def guard(action: Callable[[], int], verbose: bool = False) -> int:
    """Run a program, making one clear line of whatever ends it early.

    Returns:
        What `action` returns, 1 when it failed, 2 when a parameter was wrong, 130 when it was
        interrupted, 141 when whoever read its output has gone.
    """
    try:
        status = action()
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The interpreter flushes standard output at its exit and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001  the last place where one line can be made of it
        if verbose:
            traceback.print_exc()
        print(f'emotion_node: {_explain(error)}', file=sys.stderr)
        return 2 if type(error).__name__ == 'ConfigError' else 1


def _explain(error: Exception) -> str:
    # The folder of the sources of emotion_msgs passes for a package, only without messages in it.
    if isinstance(error, ImportError) and error.name:
        package = error.name.partition('.')[0]
        if package == 'rclpy' or package.endswith('_msgs'):
            return f'{_ROS_HINT} ({error})'
        if isinstance(error, ModuleNotFoundError):
            return f'the Python package {package} is missing; install what requirements/ lists'
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f'{error.filename}: {error.strerror}'
    if _expected(error):
        return ' '.join(str(error).split())
    return (
        f'{type(error).__name__}: {error} (this is a fault of the program; --verbose shows more)'
    )


def _expected(error: Exception) -> bool:
    """Return whether an error was made for people to read."""
    return isinstance(error, OSError) or type(error).__module__.startswith('emotion_node.')


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
