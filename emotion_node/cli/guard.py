"""How a program ends: one clear line for whatever ends it early, and its exit status."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable

from emotion_node.errors import UserError

_ROS_HINT = (
    'ROS 2 with emotion_msgs is not in this environment. In a checkout, run "make setup" once and '
    'then ". ./env.sh"; on a robot, source /opt/ros/jazzy/setup.bash and the workspace'
)


def guard(action: Callable[[], int], verbose: bool = False, program: str = 'emotion_node') -> int:
    """Run a program and report whatever ends it early in one line on standard error.

    Args:
        action: the program; returns its exit status.
        verbose: print the traceback of an error too.
        program: its name, for that line.

    Returns:
        What `action` returns; `exit_status` of a `UserError` (2 for a wrong parameter); 1 after
        any other error; 130 after an interrupt; 141 when the reader of its output has gone.
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
        print(f'{program}: {explain(error)}', file=sys.stderr)
        return error.exit_status if isinstance(error, UserError) else 1


def explain(error: Exception) -> str:
    """Return one line for an error: what went wrong, and what to do where that is known."""
    if isinstance(error, UserError):
        return _one_line(error)
    if isinstance(error, ImportError) and error.name:
        package = error.name.partition('.')[0]
        # The folder of the sources of emotion_msgs passes for a package, without messages in it.
        if package == 'rclpy' or package.endswith('_msgs'):
            return f'{_ROS_HINT} ({error})'
        if isinstance(error, ModuleNotFoundError):
            return f'the Python package {package} is missing; install what requirements/ lists'
    if isinstance(error, OSError):
        if error.strerror and error.filename:
            return f'{error.filename}: {error.strerror}'
        return _one_line(error)
    return f'{type(error).__name__}: {error} (a fault of the program; --verbose shows where)'


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())
