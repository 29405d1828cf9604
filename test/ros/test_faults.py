"""Faults are counted, and logged at a limited rate."""

from __future__ import annotations

from typing import Any

from emotion_node.ros.faults import FaultLog
from emotion_node.ros.periods import LOG_PERIOD_S


class Logger:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.details: list[str] = []

    def error(self, text: str) -> None:
        self.errors.append(text)

    def debug(self, text: str) -> None:
        self.details.append(text)


class SteadyClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fault_log() -> tuple[FaultLog, SteadyClock, Any]:
    logger: Any = Logger()
    clock = SteadyClock()
    return FaultLog(logger, clock), clock, logger


def test_a_model_that_fails_with_every_utterance_does_not_flood_the_log() -> None:
    faults, clock, logger = fault_log()
    for _ in range(50):
        faults('text emotion', RuntimeError('out of memory'))
        clock.now += LOG_PERIOD_S / 100
    assert logger.errors == ['fault in text emotion, which continues: RuntimeError: out of memory']
    clock.now += LOG_PERIOD_S
    faults('text emotion', RuntimeError('out of memory'))
    assert logger.errors[1].endswith('out of memory (and 49 more since the last report)')
    (fault,) = faults.all()
    assert (fault.stage, fault.count, fault.at) == ('text emotion', 51, clock.now)
    assert len(logger.details) == 51, 'at debug level there is every one, with its traceback'


def test_another_fault_is_logged_at_once() -> None:
    faults, _, logger = fault_log()
    faults('text emotion', RuntimeError('out of memory'))
    faults('text emotion', ValueError('no tokens'))
    faults('face emotion', RuntimeError('out of memory'))
    assert len(logger.errors) == 3
    assert [fault.count for fault in faults.all()] == [1, 1, 1]
