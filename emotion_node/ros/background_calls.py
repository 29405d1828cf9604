"""Calls that take too long for the executor: they run on a thread, and callbacks await them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rclpy.node import Node
from rclpy.task import Future

from emotion_node.errors import UserError

T = TypeVar('T')


class TooManyCallsError(UserError):
    """As many calls wait as may."""


class BackgroundCalls:
    """Runs calls one after the other on a thread of its own, while other callbacks go on.

    Args:
        node: node whose callbacks await the calls.
        name: of the thread.
        max_waiting: more calls than this do not wait.
    """

    def __init__(self, node: Node, name: str, max_waiting: int) -> None:
        self._node = node
        self._max_waiting = max_waiting
        self._waiting = 0
        self._pool = ThreadPoolExecutor(1, name)

    async def run(self, call: Callable[[], T]) -> T:
        """Return what a call returns, or raise what it raises.

        Raises:
            TooManyCallsError: as many calls wait as may, or the node stops.
        """
        if self._waiting >= self._max_waiting:
            raise TooManyCallsError(
                f'{self._waiting} calls wait already (queue.calls): call again later'
            )
        done = Future()
        try:
            running = self._pool.submit(call)
        except RuntimeError as error:
            raise TooManyCallsError('the node stops') from error
        self._waiting += 1

        def wake(_: object) -> None:
            done.set_result(None)
            executor = self._node.executor
            if executor is not None:
                executor.wake()

        running.add_done_callback(wake)
        try:
            await done
        finally:
            self._waiting -= 1
        if running.cancelled():
            raise TooManyCallsError('the node stops')
        return running.result()

    def stop(self) -> None:
        """Give up the calls that wait; each is answered that the node stops."""
        self._pool.shutdown(wait=False, cancel_futures=True)
