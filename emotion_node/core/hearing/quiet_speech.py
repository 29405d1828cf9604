"""Tells speech at far too low a gain from a quiet room: the detector gets it amplified."""

from __future__ import annotations

from typing import Final

import numpy as np

from emotion_node.core.hearing.level_sums import decibels
from emotion_node.datatypes import NS_PER_S, FloatArray
from emotion_node.interfaces import Vad

MAX_DBFS: Final = -72.0
"""Audio from this level on is left to the detector alone."""
MIN_DBFS: Final = -96.0
"""Below, there is nothing but rounding."""
_TARGET_DBFS: Final = -26.0
"""The level of speech at a usual gain."""
_MEMORY_S: Final = 3.0
"""The level is averaged over about this long: pauses and words have the same gain."""


class QuietSpeech:
    """Amplifies audio that is far too quiet, and asks the detector again.

    Args:
        vad: the detector; asked only while the audio is that quiet.
        frame_ns: duration of its frames.
        activation: probability from which a frame is speech.
    """

    def __init__(self, vad: Vad, frame_ns: int, activation: float) -> None:
        self._vad = vad.stream()
        self._weight = frame_ns / (_MEMORY_S * NS_PER_S)
        self._activation = activation
        self.reset()

    def reset(self) -> None:
        """Begin anew with other audio."""
        self._energy: float | None = None
        self._vad.reset()

    def is_speech(self, frame: FloatArray) -> bool:
        """Return whether the next frame is speech once it is amplified; False in loud audio."""
        energy = float(np.mean(np.square(frame), dtype=np.float64))
        known = energy if self._energy is None else self._energy
        self._energy = known + self._weight * (energy - known)
        level = decibels(self._energy)
        if not MIN_DBFS < level < MAX_DBFS:
            return False
        gain = np.float32(10 ** ((_TARGET_DBFS - level) / 20))
        return self._vad.probability(np.clip(gain * frame, -1, 1)) >= self._activation
