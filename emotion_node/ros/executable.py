"""Runs nodes and commands as executables of `ros2 run` and of launch files."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args, try_shutdown

from emotion_node.cli.guard import guard
from emotion_node.errors import UserError
from emotion_node.ros.periods import STOP_CHECK_S
from emotion_node.ros.security import security_explained

RCLError = rclpy_implementation.RCLError
AnyNode = TypeVar('AnyNode', bound=Node)


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
        args: the command line; `sys.argv` when None.
        start: called once before the node spins; logs the reason when it returns False.

    Returns:
        The exit status; 0 when it was interrupted.
    """
    stop = threading.Event()
    # A KeyboardInterrupt could be raised anywhere, and a launch system sends the signal again
    # while the node shuts down.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with security_explained():
            rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except UserError as error:
        get_logger(name).fatal(str(error))
        return 1
    node: AnyNode | None = None
    try:
        with security_explained():
            node = make()
        if not start(node):
            return 1 if rclpy.ok() and not stop.is_set() else 0
        with SingleThreadedExecutor() as executor:
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
        own = remove_ros_args([name, *arguments])[1:]
        status: int = command.run(parser.parse_args(own), arguments)
        return status

    status = guard(action)
    # A launch system takes any status but 0 for a crash, even after an interrupt.
    return 0 if status == 128 + signal.SIGINT else status
