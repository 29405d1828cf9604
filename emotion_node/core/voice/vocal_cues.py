"""Prosody of an utterance, compared with what is normal for its speaker."""

from __future__ import annotations

import math
import statistics
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from emotion_node.core.voice.prosody import Prosody
from emotion_node.core.voice.usual_voice import MAX_AGE_NS, MAX_SPEAKERS, MEMORY
from emotion_node.datatypes import VocalCue

MIN_UTTERANCES: Final = 2
"""With fewer utterances there is no normal."""


def _semitones(value: float, normal: float) -> float:
    return 12 * math.log2(value / normal)


def _difference(value: float, normal: float) -> float:
    return value - normal


def _percent(value: float, normal: float) -> float:
    return 100 * (value / normal - 1)


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    unit: str
    deviation_unit: str
    of: Callable[[Prosody], float | None]
    compare: Callable[[float, float], float]


_KINDS: Final = (
    _Kind('pitch', 'Hz', 'semitones', lambda one: one.pitch_hz, _semitones),
    _Kind('pitch range', 'semitones', 'semitones', lambda one: one.pitch_range, _difference),
    _Kind('loudness', 'dBFS', 'dB', lambda one: one.loudness_db, _difference),
    _Kind('speaking rate', 'syllables/s', 'percent', lambda one: one.rate, _percent),
)


class VocalCues:
    """Keeps what is normal for each speaker: the median of recent utterances.

    Shifting all stamps by a constant changes nothing.
    """

    def __init__(self) -> None:
        self._past: OrderedDict[str, deque[tuple[int, Prosody]]] = OrderedDict()

    def compare(self, prosody: Prosody, speaker_id: str, end_ns: int) -> tuple[VocalCue, ...]:
        """Return an utterance's prosody with its deviation from the normal, then add it to that.

        Args:
            prosody: of the utterance.
            speaker_id: who spoke; the empty id of unknown speakers counts as a speaker too.
            end_ns: end of the utterance.
        """
        past = self._past.setdefault(speaker_id, deque(maxlen=MEMORY))
        self._past.move_to_end(speaker_id)
        if len(self._past) > MAX_SPEAKERS:
            self._past.popitem(last=False)
        while past and past[0][0] < end_ns - MAX_AGE_NS:
            past.popleft()
        cues = []
        for kind in _KINDS:
            value = kind.of(prosody)
            if value is None:
                continue
            before = [one for _, earlier in past if (one := kind.of(earlier)) is not None]
            known = len(before) >= MIN_UTTERANCES
            deviation = kind.compare(value, statistics.median(before)) if known else 0.0
            count = len(before) if known else 0
            cues.append(
                VocalCue(kind.name, value, kind.unit, deviation, kind.deviation_unit, count)
            )
        past.append((end_ns, prosody))
        return tuple(cues)

    def reset(self) -> None:
        """Forget all speakers."""
        self._past.clear()
