"""Queues between threads, and what they drop when the machine falls behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from emotion_node.ros.worker import Overload, Worker, WorkQueue


def seconds(item: tuple[str, float]) -> float:
    return item[1]


def drain(queue: WorkQueue[tuple[str, float]]) -> list[str]:
    names = []
    while len(queue):
        item = queue.get()
        assert item is not None
        names.append(item[0])
    return names


def test_the_newest_frames_are_kept() -> None:
    queue: WorkQueue[tuple[str, float]] = WorkQueue(2, lambda item: 1, Overload.DROP_OLDEST)
    for name in 'abcd':
        queue.put((name, 0.0))
    assert queue.dropped == 2
    assert drain(queue) == ['c', 'd']


def test_audio_is_dropped_as_one_long_gap() -> None:
    queue: WorkQueue[tuple[str, float]] = WorkQueue(10.0, seconds, Overload.DROP_OLDEST_HALF)
    dropped = [queue.put((str(number), 1.0)) for number in range(13)]
    assert [one for one in dropped if one] == [6.0]
    assert drain(queue) == ['6', '7', '8', '9', '10', '11', '12']
    assert (queue.dropped, queue.dropped_cost, queue.peak) == (6, 6.0, 10.0)


def test_commands_are_never_dropped() -> None:
    queue: WorkQueue[tuple[str, float]] = WorkQueue(2.0, seconds, Overload.DROP_OLDEST_HALF)
    queue.put(('mute', 0.0))
    for number in range(6):
        queue.put((str(number), 1.0))
    queue.put(('unmute', 0.0))
    names = drain(queue)
    assert names[0] == 'mute'
    assert names[-1] == 'unmute'
    assert queue.waiting == 0.0


def test_a_chunk_larger_than_the_queue_still_passes() -> None:
    queue: WorkQueue[tuple[str, float]] = WorkQueue(1.0, seconds, Overload.DROP_OLDEST)
    queue.put(('a', 0.5))
    assert queue.put(('huge', 5.0)) == 0.5
    assert drain(queue) == ['huge']


def test_the_producer_waits_where_nothing_may_be_lost() -> None:
    queue: WorkQueue[tuple[str, float]] = WorkQueue(1.0, seconds, Overload.WAIT)
    queue.put(('first', 1.0))
    done = threading.Event()

    def produce() -> None:
        queue.put(('second', 1.0))
        done.set()

    producer = threading.Thread(target=produce)
    producer.start()
    assert not done.is_set()
    assert queue.get() == ('first', 1.0)
    assert done.wait(5.0)
    producer.join()
    assert drain(queue) == ['second']


def test_closing_releases_all_waiting_threads() -> None:
    queue: WorkQueue[tuple[str, float]] = WorkQueue(1.0, seconds, Overload.WAIT)
    queue.put(('first', 1.0))
    producer = threading.Thread(target=queue.put, args=(('second', 1.0),))
    producer.start()
    queue.close()
    producer.join(5.0)
    assert not producer.is_alive()
    assert queue.get() is None


def test_a_fault_does_not_stop_the_worker() -> None:
    queue: WorkQueue[int] = WorkQueue(10, lambda item: 0, Overload.WAIT)
    handled: list[int] = []
    faults: list[tuple[str, str]] = []
    all_done = threading.Event()

    def handle(item: int) -> None:
        if item == 2:
            raise ValueError('two is too much')
        handled.append(item)
        if item == 3:
            all_done.set()

    worker = Worker(
        'counting', queue, handle, lambda stage, error: faults.append((stage, f'{error}'))
    )
    worker.start()
    for item in (1, 2, 3):
        queue.put(item)
    assert all_done.wait(5.0)
    worker.stop()
    assert handled == [1, 3]
    assert faults == [('counting', 'two is too much')]


def test_stopping_finishes_the_current_item_and_discards_the_rest() -> None:
    queue: WorkQueue[int] = WorkQueue(10, lambda item: 0, Overload.WAIT)
    begun, go_on = threading.Event(), threading.Event()
    handled: list[int] = []

    def handle(item: int) -> None:
        begun.set()
        go_on.wait(5.0)
        handled.append(item)

    worker = Worker('slow', queue, handle, lambda stage, error: pytest.fail(str(error)))
    worker.start()
    queue.put(1)
    queue.put(2)
    assert begun.wait(5.0)
    queue.close()
    go_on.set()
    worker.stop()
    assert handled == [1]


def test_the_thread_has_the_name_of_the_worker() -> None:
    queue: WorkQueue[str] = WorkQueue(2, lambda item: 1, Overload.WAIT)
    names: list[str] = []
    done = threading.Event()

    def handle(item: str) -> None:
        names.append(Path(f'/proc/self/task/{threading.get_native_id()}/comm').read_text())
        done.set()

    worker = Worker('a name longer than Linux takes', queue, handle, lambda stage, error: None)
    worker.start()
    queue.put('item')
    assert done.wait(10)
    worker.stop()
    assert names == ['a name longer t\n']
