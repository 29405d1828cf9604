"""The executables of `ros2 run` and of launch files.

A launch system takes any exit status but 0 for a crash, even after Ctrl-C. It sends SIGINT once
more than the terminal has, and SIGTERM when a process takes long. So both are handled from before
the heavy imports until the interpreter has ended.
"""

from __future__ import annotations

import importlib
import os
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def emotion_node() -> int:
    """Run the node."""
    return _run('emotion_node.ros.node')


def microphone_node() -> int:
    """Run the microphone's node."""
    return _run('emotion_node.ros.drivers.microphone')


def camera_node() -> int:
    """Run the camera's node."""
    return _run('emotion_node.ros.drivers.camera')


def replay() -> int:
    """Play a recording."""
    return _run('emotion_node.ros.tools.player')


def view() -> int:
    """Show emotions."""
    return _run('emotion_node.ros.tools.view')


def _run(module: str) -> int:
    for number in SIGNALS:
        signal.signal(number, _leave)
    status: int = importlib.import_module(module).main()
    for number in SIGNALS:
        # The interpreter keeps it while it ends; any other handler it replaces by the default.
        signal.signal(number, signal.SIG_IGN)
    return status


def _leave(*_: object) -> None:
    """End at once: nothing has been started yet."""
    os._exit(0)
