"""A recogniser with an added delay."""

from __future__ import annotations

from collections.abc import Callable

from emotion_node.datatypes import SAMPLE_RATE, FloatArray, ModelInfo, Transcript
from emotion_node.interfaces import Transcriber, TranscriberStream


class SlowTranscriber:
    """A recogniser with an added delay, as if it were a large one on a small machine.

    Args:
        transcriber: does the recognition.
        slowness: added delay, in seconds per second of speech.
        sleep: called with the number of seconds to wait.
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
    """Its stream: the stream of the slowed recogniser, with the delay in `accept`."""

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
        """Accept (n,) samples, and wait."""
        self._stream.accept(samples)
        self._sleep(self._slowness * len(samples) / SAMPLE_RATE)
