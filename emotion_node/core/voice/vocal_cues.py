"""What people hear in a voice, against how its speaker usually sounds."""

from __future__ import annotations

import math
import statistics
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from emotion_node.core.voice.prosody import Prosody, measure_prosody
from emotion_node.datatypes import NS_PER_S, Utterance, VocalCue

MEMORY: Final = 20
"""Past utterances of a speaker that make up the normal."""
MAX_AGE_NS: Final = 600 * NS_PER_S
"""Utterances older than this no longer count."""
MIN_UTTERANCES: Final = 2
"""Utterances without which there is no normal."""
MAX_SPEAKERS: Final = 64
"""Whoever was heard longest ago is forgotten beyond this."""


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


def measure_utterance(utterance: Utterance) -> Prosody | None:
    """Return the prosody of an utterance without its padding; None when it holds no sound."""
    return measure_prosody(utterance.speech)


class VocalCues:
    """Measures utterances and keeps each speaker's running normal: the median of late.

    Shifting all stamps by a constant changes nothing.
    """

    def __init__(self) -> None:
        self._past: OrderedDict[str, deque[tuple[int, Prosody]]] = OrderedDict()

    def hear(self, utterance: Utterance, speaker_id: str = '') -> tuple[VocalCue, ...]:
        """Return what can be heard in an utterance; nothing when it holds no sound.

        Args:
            utterance: its padding is left out.
            speaker_id: who spoke; empty, when nobody can be told apart, is a speaker too.
        """
        prosody = measure_utterance(utterance)
        return () if prosody is None else self.compare(prosody, speaker_id, utterance.end_ns)

    def compare(self, prosody: Prosody, speaker_id: str, end_ns: int) -> tuple[VocalCue, ...]:
        """Return an utterance's prosody against the normal before it, which it then joins.

        Args:
            prosody: what was measured in it.
            speaker_id: who spoke.
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
        """Forget everybody."""
        self._past.clear()
