"""The executor of the nodes: it waits once per callback, and other threads wake it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node

from emotion_node.ros.executor import NodeExecutor


class Counting(NodeExecutor):
    """Counts the waits: each begins with the nodes."""

    waits = 0

    def get_nodes(self) -> list[Node]:
        self.waits += 1
        return super().get_nodes()


@pytest.fixture
def spun() -> Iterator[tuple[Node, Counting]]:
    context = Context()
    rclpy.init(context=context)
    node = Node('spun', context=context, start_parameter_services=False)
    executor = Counting(context=context)
    executor.add_node(node)
    yield node, executor
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)


def test_each_callback_costs_one_wait(spun: tuple[Node, Counting]) -> None:
    node, executor = spun
    called: list[int] = []
    guard = node.create_guard_condition(lambda: called.append(1))
    executor.spin_once(timeout_sec=0.0)
    before = executor.waits
    for _ in range(8):
        # While the executor waits, as messages come.
        later = threading.Timer(0.01, guard.trigger)
        later.start()
        executor.spin_once(timeout_sec=5.0)
        later.join()
    assert len(called) == 8
    assert executor.waits - before <= 9


def test_another_thread_wakes_it(spun: tuple[Node, Counting]) -> None:
    _, executor = spun
    done: list[int] = []
    waker = threading.Timer(0.05, lambda: executor.create_task(lambda: done.append(1)))
    begin = time.monotonic()
    waker.start()
    while not done:
        executor.spin_once(timeout_sec=20.0)
    assert time.monotonic() - begin < 15.0
    waker.join()


def test_what_a_callback_adds_is_seen_by_the_next_wait(spun: tuple[Node, Counting]) -> None:
    node, executor = spun
    called: list[str] = []
    later = node.create_guard_condition(lambda: called.append('later'))

    def first() -> None:
        called.append('first')
        executor.create_task(lambda: called.append('task'))
        node.create_timer(0.0, lambda: called.append('timer'))
        later.trigger()

    node.create_guard_condition(first).trigger()
    deadline = time.monotonic() + 15.0
    while not {'first', 'task', 'timer', 'later'} <= set(called):
        assert time.monotonic() < deadline
        executor.spin_once(timeout_sec=5.0)
