"""Processor time by thread and memory of a process, from Linux's /proc."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from emotion_node.datatypes import NS_PER_S

_TICKS: Final = os.sysconf('SC_CLK_TCK')
_USER, _SYSTEM = 11, 12
"""Fields of /proc/PID/stat, counted after the name, which may contain spaces."""
_NUMBERED: Final = re.compile(r'[./:_-]?\d+$')


@dataclass(frozen=True, slots=True)
class Sample:
    """Processor time and memory of a process up to one moment.

    Attributes:
        at_ns: monotonic time.
        threads: name and processor time in s, by thread id. The time of a thread that has ended
            counts only in `total_s`.
        total_s: processor time of all threads, ended ones included.
        resident: resident memory, in bytes.
        files: number of open files, sockets included.
    """

    at_ns: int
    threads: Mapping[int, tuple[str, float]]
    total_s: float
    resident: int
    files: int = 0


def sample(pid: int) -> Sample | None:
    """Return the usage of a process so far; None when it has ended."""
    folder = Path(f'/proc/{pid}')
    threads: dict[int, tuple[str, float]] = {}
    try:
        for task in (folder / 'task').iterdir():
            try:
                name, seconds = _read_stat(task / 'stat')
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            threads[int(task.name)] = name, seconds
        _, total_s = _read_stat(folder / 'stat')
        pages = int((folder / 'statm').read_text().split()[1])
        files = sum(1 for _ in (folder / 'fd').iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return None
    resident = pages * os.sysconf('SC_PAGE_SIZE')
    return Sample(time.monotonic_ns(), threads, total_s, resident, files)


def _read_stat(path: Path) -> tuple[str, float]:
    head, _, tail = path.read_text().rpartition(')')
    fields = tail.split()
    name = head.partition('(')[2]
    return name, (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS


@dataclass(slots=True)
class Usage:
    """Usage of a process over a stretch of time.

    Attributes:
        pid: of the process.
        samples: in order.
    """

    pid: int
    samples: list[Sample] = field(default_factory=list)

    def sample(self) -> None:
        """Add a sample, unless the process has ended."""
        one = sample(self.pid)
        if one is not None:
            self.samples.append(one)

    @property
    def seconds(self) -> float:
        """Length of the stretch, in s."""
        return (self.samples[-1].at_ns - self.samples[0].at_ns) / NS_PER_S

    @property
    def cores(self) -> float:
        """Processor seconds per second."""
        return (self.samples[-1].total_s - self.samples[0].total_s) / self.seconds

    @property
    def resident(self) -> int:
        """Largest resident memory of any sample, in bytes."""
        return max(one.resident for one in self.samples)

    def by_thread(self) -> dict[str, float]:
        """Return processor seconds per second by name of thread, most first.

        Threads whose names differ only in a number count as one. The main thread, which is named
        after the program, is "main". A thread counts from its first sample to its last.
        """
        rates = {name: spent / self.seconds for name, spent in self.seconds_by_thread().items()}
        return dict(sorted(rates.items(), key=lambda one: -one[1]))

    def seconds_by_thread(self) -> dict[str, float]:
        """Return processor seconds by name of thread."""
        spent: defaultdict[str, float] = defaultdict(float)
        for before, after in zip(self.samples, self.samples[1:], strict=False):
            for thread, (name, seconds) in after.threads.items():
                begun = before.threads.get(thread, (name, 0.0))[1]
                spent[thread_name(name, thread == self.pid)] += seconds - begun
        return dict(spent)


def thread_name(name: str, is_main: bool) -> str:
    """Return the name under which a thread is counted."""
    if is_main:
        return 'main'
    while (shorter := _NUMBERED.sub('', name)) != name and shorter:
        name = shorter
    return name
