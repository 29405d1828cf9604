"""Faults while running: counted, logged at a limited rate, shown in diagnostics."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.impl.rcutils_logger import RcutilsLogger

from emotion_node.config import PrivacyConfig
from emotion_node.messages.privacy import describe_fault
from emotion_node.ros.periods import LOG_PERIOD_S


@dataclass(slots=True)
class Fault:
    """One kind of fault in one stage.

    Attributes:
        stage: where it happened, e.g. "transcription".
        text: description of the last one.
        count: how many there were.
        at: when the last one was, by the steady clock in seconds.
        logged_at: when one was last logged.
        logged: value of `count` at that time.
    """

    stage: str
    text: str = ''
    count: int = 0
    at: float = 0.0
    logged_at: float = float('-inf')
    logged: int = 0


class FaultLog:
    """Collects the faults of all threads.

    Args:
        logger: logger of the node.
        clock: steady clock, in seconds.

    Attributes:
        privacy: whether the texts of faults, which may quote words, are hidden.
    """

    def __init__(self, logger: RcutilsLogger, clock: Callable[[], float]) -> None:
        self.privacy = PrivacyConfig()
        self._logger = logger
        self._clock = clock
        self._faults: dict[tuple[str, type[Exception]], Fault] = {}
        self._lock = threading.Lock()

    def __call__(self, stage: str, error: Exception) -> None:
        """Count a fault, and log it unless its kind was logged within `LOG_PERIOD_S`."""
        now = self._clock()
        with self._lock:
            fault = self._faults.setdefault((stage, type(error)), Fault(stage))
            fault.text = describe_fault(error, self.privacy)
            fault.count += 1
            fault.at = now
            due = now - fault.logged_at >= LOG_PERIOD_S
            more = fault.count - fault.logged - 1
            if due:
                fault.logged_at = now
                fault.logged = fault.count
        if due:
            again = f' (and {more} more since the last report)' if more else ''
            self._logger.error(f'fault in {stage}, which continues: {fault.text}{again}')
        lines = (
            traceback.format_tb(error.__traceback__)
            if self.privacy.hides_words
            else traceback.format_exception(error)
        )
        self._logger.debug(''.join(lines))

    def all(self) -> list[Fault]:
        """Return all kinds of faults so far."""
        with self._lock:
            return list(self._faults.values())
