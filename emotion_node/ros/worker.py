"""Threads with bounded queues, and what a full queue drops."""

from __future__ import annotations

import contextlib
import enum
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

T = TypeVar('T')

_JOIN_TIMEOUT_S: Final = 10.0


class Overload(enum.Enum):
    """What a full queue does with the next item."""

    DROP_OLDEST = 'drop_oldest'
    """Drops the oldest items, one for one: frames, where only the newest matter."""
    DROP_OLDEST_HALF = 'drop_oldest_half'
    """Drops the older half at once: audio, where one long gap does less harm than many short
    ones, each of which would end the utterance under way."""
    WAIT = 'wait'
    """Blocks the producer: items that must not be lost."""


class WorkQueue(Generic[T]):
    """A queue between threads, bounded by the total cost of its items.

    Args:
        capacity: maximum total cost, in the unit of `cost`.
        cost: returns the cost of an item; an item of cost 0 (a command) is always accepted and
            never dropped.
        overload: what happens when an item would exceed the capacity.

    Attributes:
        dropped: number of items dropped so far.
        dropped_cost: their total cost.
        peak: highest total cost that has waited at once.
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
        self._busy = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Return the number of waiting items."""
        return len(self._items)

    @property
    def waiting(self) -> float:
        """Total cost of the waiting items."""
        return self._waiting

    def put(self, item: T) -> float:
        """Add an item; returns the cost of the items that were dropped for it."""
        cost = self._cost(item)
        dropped_cost = 0.0
        with self._changed:
            if cost > 0 and self._waiting + cost > self.capacity:
                if self.overload is Overload.WAIT:
                    self._changed.wait_for(
                        lambda: self._closed or self._waiting + cost <= max(self.capacity, cost)
                    )
                else:
                    half = self.overload is Overload.DROP_OLDEST_HALF
                    keep = self.capacity / 2 if half else self.capacity
                    dropped_cost = self._make_room(keep - cost)
            if self._closed:
                return dropped_cost
            self._items.append(item)
            self._waiting += cost
            self.peak = max(self.peak, self._waiting)
            self._changed.notify_all()
        return dropped_cost

    def get(self) -> T | None:
        """Wait for the next item and return it; None once the queue is closed."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._items or self._closed)
            if self._closed:
                return None
            self._busy = True
            item = self._items.popleft()
            # Sums of fractions leave a remainder.
            self._waiting = self._waiting - self._cost(item) if self._items else 0.0
            self._changed.notify_all()
            return item

    def wait_until_done(self, timeout_s: float | None = None) -> bool:
        """Wait until all items have been handled by the thread that gets them.

        Args:
            timeout_s: longest wait; None for no limit.

        Returns:
            False where that has not happened in time, or the queue was closed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not (self._items or self._busy), timeout_s
            )
            return not (self._closed or self._items or self._busy)

    def close(self) -> None:
        """Discard all items and release every thread that waits on the queue."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._waiting = 0.0
            self._changed.notify_all()

    def _make_room(self, allowed: float) -> float:
        """Drop the oldest items until at most `allowed` waits; returns their cost."""
        kept: deque[T] = deque()
        dropped_cost = 0.0
        for item in self._items:
            cost = self._cost(item)
            if cost > 0 and self._waiting - dropped_cost > max(allowed, 0.0):
                dropped_cost += cost
                self.dropped += 1
            else:
                kept.append(item)
        self._items = kept
        self._waiting -= dropped_cost
        self.dropped_cost += dropped_cost
        return dropped_cost


class Worker(Generic[T]):
    """A thread that handles the items of a queue, one after the other.

    Args:
        name: name of the thread, and of the stage in reports of faults.
        queue: source of the items.
        handle: called with every item.
        on_fault: called with `name` and whatever `handle` raises; the worker then goes on with
            the next item.
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
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the current item, discard the others, and end the thread.

        Raises:
            TimeoutError: the current item is not finished in time.
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
            except Exception as error:  # noqa: BLE001  counted and reported; the thread goes on
                self._on_fault(self.name, error)


def _name_thread(name: str) -> None:
    """Name the calling thread in top, ps and debuggers, which Python does not do.

    Linux takes 15 characters.
    """
    with contextlib.suppress(OSError):
        Path(f'/proc/self/task/{threading.get_native_id()}/comm').write_text(name[:15])
