"""Commands of the command line as executables of the package, for `ros2 run` and launch files."""

from __future__ import annotations

import argparse
import signal
import sys
from types import ModuleType

from rclpy.utilities import remove_ros_args

from emotion_node.cli import guard


def run_executable(name: str, command: ModuleType, args: list[str] | None = None) -> int:
    """Run a command with its own arguments and those of ROS.

    Args:
        name: of the executable.
        command: its module, with `DESCRIPTION`, `EPILOG`, `add_arguments` and `run`.
        args: the command line without the name of the program; `sys.argv`'s when None.

    Returns:
        The exit status; 0 when it was interrupted.
    """
    arguments = sys.argv[1:] if args is None else args

    def action() -> int:
        parser = argparse.ArgumentParser(
            prog=name,
            description=command.DESCRIPTION,
            epilog=command.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(parser)
        own = remove_ros_args([name, *arguments])[1:]
        status: int = command.run(parser.parse_args(own), arguments)
        return status

    status = guard(action)
    # To a launch system, a process that was asked to end and says so has died.
    return 0 if status == 128 + signal.SIGINT else status
