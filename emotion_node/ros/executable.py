"""Runs nodes and commands as executables of `ros2 run` and of launch files."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Final, NoReturn, TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args, try_shutdown

from emotion_node.cli.guard import guard
from emotion_node.errors import UserError
from emotion_node.ros.executor import NodeExecutor
from emotion_node.ros.periods import STOP_CHECK_S
from emotion_node.ros.security import security_explained

RCLError = rclpy_implementation.RCLError
UnknownROSArgsError = rclpy_implementation.UnknownROSArgsError

_NO_LOG: Final = 'failed to initialize logging'
_LOG_PLACES: Final = {'HOME', 'ROS_HOME', 'ROS_LOG_DIR'}
"""Any of these variables says where log files are written."""
AnyNode = TypeVar('AnyNode', bound=Node)


class StartError(UserError):
    """ROS cannot be initialised: its arguments or a parameter file are wrong."""

    exit_status = 2


def init_ros(args: Sequence[str] | None = None) -> None:
    """Initialise rclpy, without handlers of signals.

    Where no log file can be written, such as without HOME, there is none, and a warning says so.

    Args:
        args: the command line; `sys.argv` when None.

    Raises:
        StartError: an argument or a parameter file cannot be used.
        SecurityError: security is demanded and cannot be had.
    """
    arguments = list(sys.argv if args is None else args)
    problem = '' if _LOG_PLACES & os.environ.keys() else 'HOME is not set'
    try:
        if not problem:
            try:
                _init(arguments)
                return
            except RCLError as error:
                if not str(error).startswith(_NO_LOG):
                    raise
                problem = _first_sentence(error)
                rclpy.shutdown()
        _init([*arguments, '--ros-args', '--disable-external-lib-logs'])
    except (RCLError, UnknownROSArgsError) as error:
        raise StartError(_explain(error)) from error
    get_logger('rclpy').warning(
        f'no log file is written: {problem}; set ROS_LOG_DIR to a folder that can be written'
    )


def _init(arguments: list[str]) -> None:
    with security_explained():
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)


def _first_sentence(error: Exception) -> str:
    """Return what rcl says, in one line and without the places in its sources."""
    text = ' '.join(re.sub(r',? at /\S+:\d+', '', str(error)).split())
    return re.sub(r'^failed to [\w ]+: ', '', text).rstrip(' ,.')


def _explain(error: Exception) -> str:
    problem = _first_sentence(error)
    if isinstance(error, UnknownROSArgsError):
        return f'unknown ROS arguments {problem}; a parameter is set by --ros-args -p NAME:=VALUE'
    if 'params file' in problem:
        return (
            f'{problem}. A parameter file holds "/**:", below it "ros__parameters:", and below '
            'that the parameters, without aliases'
        )
    if 'parameter override rule' in problem:
        return f'{problem}. Expected -p NAME:=VALUE, such as -p interim.period:=0.5'
    return problem


def _own_arguments(command_line: Sequence[str]) -> list[str]:
    """Return the arguments that are not for ROS.

    Args:
        command_line: the name of the program and its arguments.

    Raises:
        StartError: an argument cannot be used.
    """
    try:
        return list(remove_ros_args(list(command_line)))[1:]
    except (RCLError, UnknownROSArgsError) as error:
        raise StartError(_explain(error)) from error


def _refuse_other_arguments(name: str, args: Sequence[str] | None) -> None:
    """Refuse arguments that ROS would ignore.

    Raises:
        StartError: there are such arguments, or one cannot be used.
    """
    own = _own_arguments(sys.argv if args is None else args)
    if not own:
        return
    raise StartError(
        f'unexpected argument {own[0]!r}; arguments of ROS come after --ros-args, such as '
        f'"{name} --ros-args -p NAME:=VALUE"'
    )


def run_node(
    name: str,
    make: Callable[[], AnyNode],
    args: list[str] | None = None,
    start: Callable[[AnyNode], bool] = lambda node: True,
) -> int:
    """Run a node until it is interrupted by SIGINT or SIGTERM.

    The signals only ask the node to stop. Its context stays until the node is destroyed, so that
    it can publish what it has under way.

    Args:
        name: logger name until the node exists.
        make: makes the node, in an initialised context.
        args: the command line, name of the program first; `sys.argv` when None.
        start: called once before the node spins; logs the reason when it returns False.

    Returns:
        The exit status; 0 when it was interrupted.
    """
    stop = threading.Event()
    # A KeyboardInterrupt could be raised anywhere, and a launch system sends the signal again
    # while the node shuts down.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    node: AnyNode | None = None
    try:
        init_ros(args)
        _refuse_other_arguments(name, args)
        with security_explained():
            node = make()
        if not start(node):
            return 1 if rclpy.ok() and not stop.is_set() else 0
        with NodeExecutor() as executor:
            executor.add_node(node)
            while not stop.is_set() and rclpy.ok():
                executor.spin_once(timeout_sec=STOP_CHECK_S)
    except UserError as error:
        get_logger(name).fatal(str(error))
        return 1
    except ExternalShutdownException:
        pass
    except RCLError:
        # The context may be shut down during a wait or a start.
        if rclpy.ok():
            raise
    finally:
        if node is not None:
            node.destroy_node()
        try_shutdown()
    return 0


def run_executable(name: str, command: ModuleType, args: list[str] | None = None) -> int:
    """Run a command with its own arguments and those of ROS.

    Args:
        name: name of the executable.
        command: module of the command, with `DESCRIPTION`, `EPILOG`, `add_arguments` and `run`.
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
        own = parser.parse_args(_own_arguments([name, *arguments]))
        status: int = command.run(own, arguments)
        return status

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    status = guard(action)
    # A launch system takes any status but 0 for a crash, even after an interrupt.
    return 0 if status == 128 + signal.SIGINT else status


def _interrupt(*_: object) -> NoReturn:
    """End the command; further signals are ignored, as it is ending already."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
