"""Runs the parts of the analysis so that a fault in one leaves the others at work."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from emotion_node.core.timings import Timings
from emotion_node.datatypes import ModalityEmotion, Reason
from emotion_node.labels import Modality

T = TypeVar('T')

FaultHandler = Callable[[str, Exception], None]
"""Called with the part that failed ("transcription", "text emotion", "voice emotion", "vocal
cues", "face emotion", "vision", "speaker") and with what it raised."""


class Guard:
    """Times calls, counts events, and replaces the result of a call that fails.

    May be used by several threads.

    Args:
        timings: where durations are added up, by stage.
        on_fault: called for every fault.

    Attributes:
        timings: as given.
        counters: events by name; the faults of a part are `faults_PART`, with underscores.
    """

    def __init__(self, timings: Timings, on_fault: FaultHandler | None = None) -> None:
        self.timings = timings
        self.counters: Counter[str] = Counter()
        self._on_fault = on_fault
        self._lock = Lock()

    def count(self, event: str) -> None:
        """Add one to a counter."""
        with self._lock:
            self.counters[event] += 1

    def attempt(self, stage: str, call: Callable[[], T], fallback: Callable[[Exception], T]) -> T:
        """Return what a call returns, and time it; where it fails, report that and go on.

        Args:
            stage: what the time is added to. The fault's part is this up to " (".
            call: what may fail.
            fallback: makes the result from what was raised.
        """
        with self.timings.measure(stage):
            return self.catch(stage.partition(' (')[0], call, fallback)

    def catch(self, part: str, call: Callable[[], T], fallback: Callable[[Exception], T]) -> T:
        """Return what a call returns, untimed; where it fails, report that and go on.

        Args:
            part: what the fault is counted and reported under.
            call: what may fail.
            fallback: makes the result from what was raised.
        """
        try:
            return call()
        except Exception as error:  # noqa: BLE001  the one place where analysis handles faults
            self.count(f'faults_{part.replace(" ", "_")}')
            if self._on_fault is not None:
                self._on_fault(part, error)
            return fallback(error)

    def ask(self, modality: Modality, estimate: Callable[[], ModalityEmotion]) -> ModalityEmotion:
        """Return a model's estimate with the time it took, or its absence where the model fails.

        Args:
            modality: of the model.
            estimate: asks the model.
        """
        begin = self.timings.clock()
        emotion = self.attempt(
            f'{modality} emotion', estimate, lambda error: failed(modality, error)
        )
        if not emotion.available:
            return emotion
        return dataclasses.replace(emotion, inference_ns=self.timings.clock() - begin)


def failed(modality: Modality, error: Exception) -> ModalityEmotion:
    """Return the absence of a modality whose model raised an exception."""
    return ModalityEmotion.absent(modality, Reason.ERROR, str(error))
