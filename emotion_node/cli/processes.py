"""Processes of this Python in a ROS domain of their own: what `demo` and `bench` are made of."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_node.errors import UserError

_STOP_S = 10.0
_POLL_S = 0.05


class ProcessError(UserError):
    """A process failed, or did not do in time what was awaited; the text says what it said."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process under way.

    Attributes:
        name: for messages.
        process: it.
        log: what it says.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Stage:
    """Starts processes that hear each other and nobody else, and ends them.

    Args:
        folder: where their logs go.
        domain: ROS_DOMAIN_ID; one of its own when None.
    """

    def __init__(self, folder: Path, domain: int | None = None) -> None:
        # Domains up to 101 keep clear of the ports that Linux hands out to programs.
        domain = random.randint(1, 101) if domain is None else domain
        self._folder = folder
        self._environment = {
            **os.environ,
            'ROS_DOMAIN_ID': str(domain),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'PYTHONUNBUFFERED': '1',
        }

    @contextlib.contextmanager
    def process(
        self,
        name: str,
        command: Sequence[str],
        shown: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Running]:
        """Run a process for as long as the block lasts.

        Args:
            name: for messages.
            command: arguments of this Python.
            shown: whether its standard output is shown; the rest is kept for when it fails.
            environment: variables to be set besides.
        """
        log = self._folder / f'{name}.log'
        with log.open('wb') as file:
            process = subprocess.Popen(
                [sys.executable, *command],
                env={**self._environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=None if shown else file,
                stderr=file,
                # Ctrl-C reaches this process alone, which then ends the others in order.
                start_new_session=True,
            )
            try:
                yield Running(name, process, log)
            finally:
                _end(process)

    def wait(self, awaited: Running, needed: Sequence[Running]) -> None:
        """Wait until a process has ended.

        Raises:
            ProcessError: it failed, or one that is needed ended before it.
        """
        while awaited.process.poll() is None:
            self.check(needed)
            time.sleep(_POLL_S)
        if awaited.process.returncode:
            raise ProcessError(_failure(awaited))

    def wait_until(
        self, done: Callable[[], bool], what: str, timeout_s: float, needed: Sequence[Running]
    ) -> None:
        """Wait until something has come about.

        Args:
            done: tells whether it has.
            what: for messages.
            timeout_s: longest wait.
            needed: processes without which it cannot.

        Raises:
            ProcessError: it has not come about in time, or one of the processes has ended.
        """
        deadline = time.monotonic() + timeout_s
        while not done():
            self.check(needed)
            if time.monotonic() > deadline:
                said = '; '.join(f'the {one.name} said: {_last_lines(one)}' for one in needed)
                raise ProcessError(f'{what} has not come within {timeout_s:g} s; {said}')
            time.sleep(_POLL_S)

    def check(self, needed: Sequence[Running]) -> None:
        """Make sure that processes still run.

        Raises:
            ProcessError: one does not.
        """
        for one in needed:
            if one.process.poll() is not None:
                raise ProcessError(_failure(one))


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)


def _failure(one: Running) -> str:
    said = _last_lines(one)
    text = f'the {one.name} ended with status {one.process.returncode}'
    return f'{text}; {said}' if said else text


def _last_lines(one: Running) -> str:
    lines = one.log.read_text(encoding='utf-8', errors='replace').splitlines()
    return '; '.join(line.strip() for line in lines[-5:])
