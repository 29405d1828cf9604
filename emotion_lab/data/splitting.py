"""Recordings split into speech and non-speech, by the node's hearing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from emotion_node.config import Config
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    AudioChunk,
    FloatArray,
    SpeechEnded,
    Utterance,
)
from emotion_node.factory import Models, build_hearing, load_vad

MIN_BETWEEN: Final = 0.5
"""Shortest stretch between utterances that counts, in s."""


class Splitter:
    """Splits recordings into speech and non-speech, by the node's hearing."""

    def __init__(self) -> None:
        self._config = Config()
        self._models = Models(load_vad(self._config), None, None)

    def utterances(self, samples: FloatArray) -> list[FloatArray]:
        """Return the samples of each utterance, with the padding that the recogniser gets."""
        return [utterance.samples for utterance in self._find(samples)]

    def between(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Yield the samples before, between and after the utterances."""
        begin = 0
        found = [(one.start_ns, one.end_ns) for one in self._find(samples)]
        for start_ns, end_ns in (*found, (len(samples) * NS_PER_SAMPLE, 0)):
            start = start_ns // NS_PER_SAMPLE
            if start - begin >= MIN_BETWEEN * SAMPLE_RATE:
                yield samples[begin:start]
            begin = end_ns // NS_PER_SAMPLE

    def _find(self, samples: FloatArray) -> list[Utterance]:
        hearing = build_hearing(self._config, self._models)
        chunk = AudioChunk(0, samples[:, None], SAMPLE_RATE)
        events = (*hearing.push(chunk), *hearing.flush())
        return [event.utterance for event in events if isinstance(event, SpeechEnded)]
