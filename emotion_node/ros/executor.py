"""An executor for one thread that does not wake itself."""

from __future__ import annotations

import threading
from typing import Any

from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor


class NodeExecutor(SingleThreadedExecutor):
    """Runs the callbacks of a node in one thread, with half of rclpy's waits.

    After each callback rclpy triggers a guard condition, so that another thread may run the next
    one. With a single thread the next wait then ends at once, for nothing, and most of an
    executor's time goes into the preparation of its waits. What other threads trigger wakes this
    one as before; what its own thread does, the next wait sees anyway, as it begins with the
    present state of all nodes.

    rclpy's EventsExecutor would cost less still. In Jazzy it is experimental, and it crashes where
    subscriptions that have events are destroyed (issue 1644 of ros2/rclpy), as they are here when
    a node is deactivated or follows its publishers.

    Args:
        context: of rclpy; None for the default one.
    """

    def __init__(self, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._own = _Guard(self._guard)
        self._guard = self._own  # type: ignore[assignment]

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for a callback, and run it; rclpy's `TimeoutException` is not raised.

        Args:
            timeout_sec: longest wait; None for no limit.
        """
        self._own.thread = threading.get_ident()
        try:
            super().spin_once(timeout_sec)
        finally:
            self._own.thread = None


class _Guard:
    """A guard condition that one thread does not trigger.

    Args:
        guard: of rclpy.

    Attributes:
        thread: identifies that thread; None for none.
    """

    def __init__(self, guard: Any) -> None:
        self._guard = guard
        self.thread: int | None = None

    def trigger(self) -> None:
        """Wake the executor, if another thread asks for it."""
        if threading.get_ident() != self.thread:
            self._guard.trigger()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._guard, name)
