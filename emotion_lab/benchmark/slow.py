"""A recogniser that takes longer than it needs."""

from __future__ import annotations

from collections.abc import Callable

from emotion_node.datatypes import SAMPLE_RATE, FloatArray, ModelInfo, Transcript
from emotion_node.interfaces import Transcriber, TranscriberStream


class SlowTranscriber:
    """A recogniser slowed down, as a large one is on a small machine.

    Args:
        transcriber: what understands.
        slowness: seconds that it takes besides, per second of speech.
        sleep: waits for so many seconds.
    """

    def __init__(
        self, transcriber: Transcriber, slowness: float, sleep: Callable[[float], None]
    ) -> None:
        self._transcriber = transcriber
        self._slowness = slowness
        self._sleep = sleep

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        return self._transcriber.info

    def stream(self) -> SlowStream:
        """Return a new stream."""
        return SlowStream(self._transcriber.stream(), self._slowness, self._sleep)


class SlowStream:
    """One microphone of it."""

    def __init__(
        self, stream: TranscriberStream, slowness: float, sleep: Callable[[float], None]
    ) -> None:
        self._slowness = slowness
        self._sleep = sleep
        self._stream = stream
        self.partial = stream.partial
        self.peek_final = stream.peek_final
        self.finish: Callable[[], Transcript] = stream.finish
        self.reset = stream.reset

    def accept(self, samples: FloatArray) -> None:
        """Take samples, and the time."""
        self._stream.accept(samples)
        self._sleep(self._slowness * len(samples) / SAMPLE_RATE)
