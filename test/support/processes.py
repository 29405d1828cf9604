"""Commands of the command line in their own processes, beside a robot in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.robot import Robot

_started: list[subprocess.Popen[str]] = []


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a command of `python -m emotion_node`."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'emotion_node', *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, 'PYTHONUNBUFFERED': '1'},
    )
    _started.append(process)
    return process


def finish(process: subprocess.Popen[str], robot: Robot) -> tuple[str, str]:
    """Wait for the end of a process while the robot spins; return its output and its log."""
    robot.until(lambda: process.poll() is not None, 'the end of the process')
    return process.communicate()


def end_all() -> None:
    """End the processes that a failed test has left running."""
    while _started:
        process = _started.pop()
        process.kill()
        process.communicate()
