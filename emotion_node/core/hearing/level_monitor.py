"""Whether what a microphone delivers can be sound: level, clipping and sample format."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.hearing.channels import Samples
from emotion_node.core.hearing.level_problems import (
    LEAST_S,
    LevelProblem,
    format_problems,
    level_problems,
)
from emotion_node.core.hearing.level_sums import LevelSums, measure

_WINDOW_S: Final = 30
_CONSTANT_S: Final = 30.0
"""A microphone that has delivered sound may deliver constant samples this long, such as behind a
noise gate."""


@dataclass(slots=True)
class _Second:
    """A second of audio or more."""

    sums: LevelSums = field(default_factory=LevelSums)
    peak: float = 0.0


class LevelMonitor:
    """Judges the audio of the last 30 s, before channels are mixed, by its loudest channel.

    A wrong sample format explains a wrong level, so only one of the two is reported.

    Attributes:
        found: what was found so far, with the number and the remedy, by problem.
    """

    def __init__(self) -> None:
        self.found: dict[LevelProblem, str] = {}
        self.reset()

    def reset(self) -> None:
        """Forget the audio, but not what was found in it."""
        self._seconds: deque[_Second] = deque([_Second()], maxlen=_WINDOW_S)
        self._constant_s = 0.0
        self._constant = 0.0
        self._varied = False
        self._pcm = True

    def add(self, samples: Samples, rate: int) -> None:
        """Take the next audio.

        Args:
            samples: (n, channels), n > 0, finite; int16, or float32 with full scale at -1..1.
            rate: samples per second and channel.
        """
        self._pcm = samples.dtype == np.int16
        values = samples * np.float32(1 / 32768) if self._pcm else samples
        loudest = int(np.argmax(np.max(np.abs(values), axis=0))) if values.shape[1] > 1 else 0
        raw = samples[:, loudest]
        one = values[:, loudest].astype(np.float64)
        second = self._seconds[-1]
        low, high = float(one.min()), float(one.max())
        second.peak = max(second.peak, high, -low)
        second.sums.add(measure(one, raw, rate))
        self._follow_constant(one, rate, varies=low < high)
        if second.sums.seconds >= 1.0:
            self._seconds.append(_Second())
            self.found.update(self._lasting())

    def add_speech(self, samples: npt.NDArray[np.float32], seconds: float) -> None:
        """Take (n,) mono samples in which speech was detected."""
        sums = self._seconds[-1].sums
        sums.speech_seconds += seconds
        sums.speech_energy += seconds * float(np.mean(np.square(samples), dtype=np.float64))

    def problems(self) -> dict[LevelProblem, str]:
        """Return what is wrong with the latest audio, with the number and the remedy."""
        if self._is_constant(self._constant_s):
            return {LevelProblem.CONSTANT: self._constant_text()}
        return self._lasting()

    def summary(self) -> dict[LevelProblem, str]:
        """Return what was wrong with the audio at any time; the recording has ended."""
        if self._constant_s and not self._varied:
            return {LevelProblem.CONSTANT: self._constant_text()}
        return self.found | self.problems()

    def _follow_constant(self, samples: npt.NDArray[np.float64], rate: int, varies: bool) -> None:
        if varies or (self._constant_s and samples[0] != self._constant):
            self._constant_s = 0.0
            self._varied = True
        else:
            self._constant_s += len(samples) / rate
        self._constant = float(samples[-1])

    def _is_constant(self, seconds: float) -> bool:
        return seconds >= (_CONSTANT_S if self._varied else LEAST_S)

    def _constant_text(self) -> str:
        value = 'zero' if not self._constant else f'{self._constant:.2g} of full scale'
        return (
            f'all samples of the last {self._constant_s:.0f} s are {value}: the microphone is '
            'muted, or another device is needed (arecord -l, pactl list sources)'
        )

    def _lasting(self) -> dict[LevelProblem, str]:
        sums = LevelSums()
        seconds = list(self._seconds)  # may be called from another thread than `add`
        for one in seconds:
            sums.add(one.sums)
        peak = max(one.peak for one in seconds)
        found = format_problems(sums, peak, self._pcm)
        if not found:
            found = level_problems(sums)
        return found
