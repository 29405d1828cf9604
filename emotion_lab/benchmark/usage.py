"""What a process takes: processor time by thread, and memory, as Linux tells."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf('SC_CLK_TCK')
_USER, _SYSTEM = 11, 12
"""Places in /proc/PID/stat behind the name, which may hold spaces."""
_NUMBERED: Final = re.compile(r'[./:_-]?\d+$')


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process had taken at one moment.

    Attributes:
        at_ns: of the monotonic clock.
        threads: name and processor time in s, by thread id. Of a thread that has ended, the time
            is in `total_s` alone.
        total_s: processor time of all threads that there ever were.
        resident: bytes of memory.
    """

    at_ns: int
    threads: Mapping[int, tuple[str, float]]
    total_s: float
    resident: int


def sample(pid: int) -> Sample | None:
    """Return what a process has taken until now; None when it is no more."""
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
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Sample(time.monotonic_ns(), threads, total_s, pages * os.sysconf('SC_PAGE_SIZE'))


def _read_stat(path: Path) -> tuple[str, float]:
    head, _, tail = path.read_text().rpartition(')')
    fields = tail.split()
    name = head.partition('(')[2]
    return name, (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS


@dataclass(slots=True)
class Usage:
    """What a process took over a stretch of time.

    Attributes:
        pid: the process.
        samples: in order.
    """

    pid: int
    samples: list[Sample] = field(default_factory=list)

    def look(self) -> None:
        """Take a sample."""
        one = sample(self.pid)
        if one is not None:
            self.samples.append(one)

    @property
    def seconds(self) -> float:
        """Length of the stretch."""
        return (self.samples[-1].at_ns - self.samples[0].at_ns) / 1e9

    @property
    def cores(self) -> float:
        """Processor seconds per second."""
        return (self.samples[-1].total_s - self.samples[0].total_s) / self.seconds

    @property
    def resident(self) -> int:
        """Most bytes of memory in any sample."""
        return max(one.resident for one in self.samples)

    def by_thread(self) -> dict[str, float]:
        """Return processor seconds per second by name of thread, most first.

        Threads whose names differ in their number alone are one. The main thread, which is named
        after the program, is "main". A thread counts as far as it was seen at work.
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
