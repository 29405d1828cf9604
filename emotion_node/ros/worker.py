"""Threads with bounded queues: what waits, and what is given up when the machine falls behind."""

from __future__ import annotations

import contextlib
import enum
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar('T')

_JOIN_TIMEOUT_S = 10.0


class Overload(enum.Enum):
    """What a full queue does with the next item."""

    DROP_OLDEST = 'drop_oldest'
    """Gives up what has waited longest, one for one: images, where only the newest matter."""
    DROP_OLDEST_HALF = 'drop_oldest_half'
    """Gives up the older half at once: audio, where one long gap harms less than many short ones,
    each of which would end the utterance under way."""
    WAIT = 'wait'
    """Lets the producer wait: whatever must not be lost."""


class WorkQueue(Generic[T]):
    """A queue between threads, bounded by what its items cost.

    Args:
        capacity: total cost that may wait, in the unit of `cost`.
        cost: of an item; an item that costs nothing (a command) is always taken, never given up.
        overload: what happens when an item would exceed the capacity.
    """

    def __init__(self, capacity: float, cost: Callable[[T], float], overload: Overload) -> None:
        self.capacity = capacity
        self.overload = overload
        self.dropped = 0
        self.dropped_cost = 0.0
        self.peak = 0.0
        self._cost = cost
        self._items: deque[T] = deque()
        self._waiting = 0.0
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._items)

    @property
    def waiting(self) -> float:
        """Total cost of what waits."""
        return self._waiting

    def put(self, item: T) -> float:
        """Add an item; returns the cost of what was given up for it."""
        cost = self._cost(item)
        given_up = 0.0
        with self._changed:
            if cost > 0 and self._waiting + cost > self.capacity:
                if self.overload is Overload.WAIT:
                    self._changed.wait_for(
                        lambda: self._closed or self._waiting + cost <= max(self.capacity, cost)
                    )
                else:
                    half = self.overload is Overload.DROP_OLDEST_HALF
                    keep = self.capacity / 2 if half else self.capacity
                    given_up = self._make_room(keep - cost)
            if self._closed:
                return given_up
            self._items.append(item)
            self._waiting += cost
            self.peak = max(self.peak, self._waiting)
            self._changed.notify_all()
        return given_up

    def get(self) -> T | None:
        """Wait for the next item and return it, or None once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            if self._closed:
                return None
            item = self._items.popleft()
            # Sums of fractions leave a rest.
            self._waiting = self._waiting - self._cost(item) if self._items else 0.0
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Forget what waits; nobody waits on the queue any more."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._waiting = 0.0
            self._changed.notify_all()

    def _make_room(self, allowed: float) -> float:
        kept: deque[T] = deque()
        given_up = 0.0
        for item in self._items:
            cost = self._cost(item)
            if cost > 0 and self._waiting - given_up > max(allowed, 0.0):
                given_up += cost
                self.dropped += 1
            else:
                kept.append(item)
        self._items = kept
        self._waiting -= given_up
        self.dropped_cost += given_up
        return given_up


class Worker(Generic[T]):
    """A thread that handles the items of a queue, one after the other.

    Args:
        name: of the thread, and of the stage in reports of faults.
        queue: where the items come from.
        handle: what is done with an item.
        on_fault: told of whatever `handle` raises; the next item is handled all the same.
    """

    def __init__(
        self,
        name: str,
        queue: WorkQueue[T],
        handle: Callable[[T], None],
        on_fault: Callable[[str, Exception], None],
    ) -> None:
        self.name = name
        self.queue = queue
        self._handle = handle
        self._on_fault = on_fault
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the item under way, forget the rest, and end the thread.

        Raises:
            TimeoutError: the item under way does not come to an end.
        """
        self.queue.close()
        if self._thread.is_alive():
            self._thread.join(_JOIN_TIMEOUT_S)
            if self._thread.is_alive():
                raise TimeoutError(f'{self.name} is still busy after {_JOIN_TIMEOUT_S:g} s')

    def _run(self) -> None:
        _name_thread(self.name)
        while (item := self.queue.get()) is not None:
            try:
                self._handle(item)
            except Exception as error:  # noqa: BLE001  the one place where a worker's faults land
                self._on_fault(self.name, error)


def _name_thread(name: str) -> None:
    """Give the calling thread its name where top, ps and debuggers show it, which Python does not.

    Linux takes 15 characters.
    """
    with contextlib.suppress(OSError):
        Path(f'/proc/self/task/{threading.get_native_id()}/comm').write_text(name[:15])
