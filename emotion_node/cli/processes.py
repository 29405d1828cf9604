"""Python processes in a ROS domain of their own: what `demo` and the benchmark consist of."""

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
    """A process failed or timed out; the text quotes its last lines of output."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running process.

    Attributes:
        name: for error messages.
        process: its handle.
        log: file with its output.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class ProcessGroup:
    """Starts processes that share a ROS domain with nobody else, and stops them.

    Args:
        folder: where their logs are written.
        domain: ROS_DOMAIN_ID; a random one when None.
    """

    def __init__(self, folder: Path, domain: int | None = None) -> None:
        # Domains up to 101 use ports below Linux's ephemeral range.
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
        """Run a process during the block and stop it afterwards.

        Args:
            name: for error messages.
            command: arguments of this Python interpreter.
            shown: show its standard output; otherwise it goes to the log, as standard error does.
            environment: additional environment variables.
        """
        log = self._folder / f'{name}.log'
        with log.open('wb') as file:
            process = subprocess.Popen(
                [sys.executable, *command],
                env={**self._environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=None if shown else file,
                stderr=file,
                # Ctrl-C reaches this process alone, which then stops the others in order.
                start_new_session=True,
            )
            try:
                yield Running(name, process, log)
            finally:
                _stop(process)

    def wait(self, awaited: Running, needed: Sequence[Running]) -> None:
        """Wait until a process has ended.

        Raises:
            ProcessError: it failed, or one of the needed processes ended before it.
        """
        while awaited.process.poll() is None:
            self.check(needed)
            time.sleep(_POLL_S)
        if awaited.process.returncode:
            raise ProcessError(_failure(awaited))

    def wait_until(
        self, done: Callable[[], bool], what: str, timeout_s: float, needed: Sequence[Running]
    ) -> None:
        """Wait until a condition holds.

        Args:
            done: returns whether it holds.
            what: its name, for error messages.
            timeout_s: longest wait, in s.
            needed: processes that must keep running meanwhile.

        Raises:
            ProcessError: the wait timed out, or one of the processes ended.
        """
        deadline = time.monotonic() + timeout_s
        while not done():
            self.check(needed)
            if time.monotonic() > deadline:
                outputs = '; '.join(
                    f'output of the {one.name}: {_last_lines(one)}' for one in needed
                )
                raise ProcessError(
                    f'timed out after {timeout_s:g} s waiting for {what}; {outputs}'
                )
            time.sleep(_POLL_S)

    def check(self, needed: Sequence[Running]) -> None:
        """Check that processes are still running.

        Raises:
            ProcessError: one has ended.
        """
        for one in needed:
            if one.process.poll() is not None:
                raise ProcessError(_failure(one))


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)


def _failure(one: Running) -> str:
    output = _last_lines(one)
    text = f'the {one.name} ended with status {one.process.returncode}'
    return f'{text}; {output}' if output else text


def _last_lines(one: Running) -> str:
    lines = one.log.read_text(encoding='utf-8', errors='replace').splitlines()
    return '; '.join(line.strip() for line in lines[-5:])
