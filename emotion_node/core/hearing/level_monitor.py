"""Whether what a microphone delivers can be sound: level, clipping and sample format."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.hearing.channels import Samples

_WINDOW_S: Final = 30
LOUD_DBFS: Final = -30.0
"""Chunks from this level on are judged for clipping and noise; in quieter ones neither matters."""
_LEAST_LOUD_S: Final = 0.3
_LEAST_S: Final = 3.0
"""Less audio is not judged for silence and offset."""
_CONSTANT_S: Final = 30.0
"""A microphone that has delivered sound may deliver constant samples this long, such as behind a
noise gate."""
FULL_SCALE: Final = 0.999
_FLAT: Final = 1 - 1e-4
"""Three samples in a row from this share of the peak on were clipped, be it below full scale: then
the signal was attenuated later."""
MAX_CLIPPED: Final = 0.02
"""Share of clipped samples among loud ones; loud speech that is mastered well stays below."""
MAX_LOUD_DBFS: Final = -5.0
"""Level of loud chunks that speech cannot reach without clipping."""
SQUARE_DBFS: Final = -2.0
"""From this level on it is nearly a square wave."""
MAX_BEYOND: Final = 0.01
"""Share of loud samples beyond full scale; decoders of compressed audio overshoot in single
samples."""
MIN_PEAK: Final = 2.0**-15
"""A peak of one step of 16 bits (-90 dBFS): quieter than the noise of any microphone."""
NOISE_DBFS: Final = -22.0
MAX_NOISE_CORRELATION: Final = 0.35
"""Neighbouring samples of speech correlate with 0.6 or more, those of misread data hardly."""
MIN_SWAPPED_CORRELATION: Final = 0.6
MAX_OFFSET: Final = 0.1
MAX_ALTERNATION: Final = 1e-3
"""Energy of every other sample over that of those between, in sound: close to 1."""
MIN_SPEECH_DBFS: Final = -62.0
"""The quietest speakers of RAVDESS are at -55 dBFS."""
_LEAST_SPEECH_S: Final = 0.5
_TINY: Final = 1e-30


class LevelProblem(enum.StrEnum):
    """What is wrong with the audio."""

    CONSTANT = 'constant'
    """All samples are zero, or have the same value."""
    CLIPPED = 'clipped'
    """Much of the loud audio is clipped."""
    BEYOND_FULL_SCALE = 'beyond_full_scale'
    """Floats beyond -1..1."""
    TINY = 'tiny'
    """No sample exceeds one step of 16 bits."""
    BYTE_ORDER = 'byte_order'
    """The bytes of each sample are in the wrong order."""
    NOISE = 'noise'
    """Loud white noise, as data of another format gives."""
    ALTERNATING = 'alternating'
    """Every other sample is empty."""
    OFFSET = 'offset'
    """The samples have a constant offset."""
    QUIET_SPEECH = 'quiet_speech'
    """Speech is far too quiet."""


@dataclass(slots=True)
class _Sums:
    """Sums over some audio. "loud" ones are over the chunks from `LOUD_DBFS` on."""

    samples: float = 0.0
    seconds: float = 0.0
    total: float = 0.0
    loud_samples: float = 0.0
    loud_seconds: float = 0.0
    loud_energy: float = 0.0
    clipped: float = 0.0
    beyond: float = 0.0
    neighbours: float = 0.0
    neighbours_energy: float = 0.0
    swapped: float = 0.0
    swapped_energy: float = 0.0
    even_energy: float = 0.0
    odd_energy: float = 0.0
    speech_seconds: float = 0.0
    speech_energy: float = 0.0

    def add(self, other: _Sums) -> None:
        for name in _SUM_NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_SUM_NAMES: Final = tuple(entry.name for entry in fields(_Sums))


@dataclass(slots=True)
class _Second:
    """A second of audio or more."""

    sums: _Sums = field(default_factory=_Sums)
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
        second.peak = max(second.peak, float(np.max(np.abs(one))))
        second.sums.add(_measure(one, raw, rate))
        self._follow_constant(one, rate)
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

    def _follow_constant(self, samples: npt.NDArray[np.float64], rate: int) -> None:
        if float(np.ptp(samples)) > 0 or (self._constant_s and samples[0] != self._constant):
            self._constant_s = 0.0
            self._varied = True
        else:
            self._constant_s += len(samples) / rate
        self._constant = float(samples[-1])

    def _is_constant(self, seconds: float) -> bool:
        return seconds >= (_CONSTANT_S if self._varied else _LEAST_S)

    def _constant_text(self) -> str:
        value = 'zero' if not self._constant else f'{self._constant:.2g} of full scale'
        return (
            f'all samples of the last {self._constant_s:.0f} s are {value}: the microphone is '
            'muted, or another device is needed (arecord -l, pactl list sources)'
        )

    def _lasting(self) -> dict[LevelProblem, str]:
        sums = _Sums()
        seconds = list(self._seconds)  # may be called from another thread than `add`
        for one in seconds:
            sums.add(one.sums)
        peak = max(one.peak for one in seconds)
        found = _format_problems(sums, peak, self._pcm)
        if not found:
            found = _level_problems(sums)
        return found


def _measure(one: npt.NDArray[np.float64], raw: Samples, rate: int) -> _Sums:
    """Return the sums over the samples of one channel, as floats and as they came."""
    sums = _Sums(samples=len(one), seconds=len(one) / rate, total=float(np.sum(one)))
    level = float(np.mean(np.square(one)))
    if _db(level) < LOUD_DBFS:
        return sums
    size = np.abs(one)
    sums.loud_samples = len(one)
    sums.loud_seconds = len(one) / rate
    sums.loud_energy = level * len(one)
    sums.clipped = float(np.count_nonzero(size >= FULL_SCALE))
    if not sums.clipped:
        sums.clipped = _flat(one, _FLAT * float(np.max(size)))
    sums.beyond = float(np.count_nonzero(size > 1.0))
    # Sums of one chunk weigh alike, so that single wild samples do not dominate.
    sums.neighbours, sums.neighbours_energy = _correlation(one)
    even, odd = float(np.sum(np.square(one[::2]))), float(np.sum(np.square(one[1::2])))
    sums.even_energy, sums.odd_energy = max(even, odd), min(even, odd)
    if raw.dtype == np.int16:
        sums.swapped, sums.swapped_energy = _correlation(raw.byteswap().astype(np.float64))
    return sums


def _flat(samples: npt.NDArray[np.float64], level: float) -> float:
    """Return how many samples stand beyond a level, of either sign, between two that do too."""
    return sum(
        float(np.count_nonzero(beyond[:-2] & beyond[1:-1] & beyond[2:]))
        for beyond in (samples >= level, samples <= -level)
    )


def _correlation(samples: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the correlation of neighbouring samples, and its weight, both by the length."""
    energy = float(np.sum(np.square(samples)))
    if len(samples) < 2 or not energy:
        return 0.0, 0.0
    return len(samples) * float(np.sum(samples[1:] * samples[:-1])) / energy, float(len(samples))


def _format_problems(sums: _Sums, peak: float, pcm: bool) -> dict[LevelProblem, str]:
    """Return what a wrong sample format explains."""
    found: dict[LevelProblem, str] = {}
    enough = sums.loud_seconds >= _LEAST_LOUD_S
    correlation = sums.neighbours / max(sums.neighbours_energy, 1.0)
    swapped = sums.swapped / max(sums.swapped_energy, 1.0)
    level = _db(sums.loud_energy / max(sums.loud_samples, 1.0))
    offset = sums.total / max(sums.samples, 1.0)
    if enough and sums.beyond > MAX_BEYOND * sums.loud_samples:
        found[LevelProblem.BEYOND_FULL_SCALE] = (
            f'float samples reach {peak:.3g}, {_db(peak**2):.0f} dB beyond full scale: they have '
            'to lie within -1 to 1 (divide 16-bit values by 32768), in the byte order of this '
            'machine'
        )
    elif 0 < peak <= MIN_PEAK and sums.seconds >= _LEAST_S:
        cause = (
            'the microphone is muted or its gain is at its minimum'
            if pcm
            else 'samples of 16 bits come as 32 bits, floats are in the wrong byte order, or the '
            'microphone is muted'
        )
        found[LevelProblem.TINY] = f'no sample exceeds {_db(peak**2):.0f} dBFS: {cause}'
    elif enough and swapped > max(MIN_SWAPPED_CORRELATION, correlation + 0.3):
        found[LevelProblem.BYTE_ORDER] = (
            f'the bytes of each sample are in the wrong order: neighbouring samples correlate '
            f'with {correlation:.2f}, with the bytes swapped with {swapped:.2f}; publish '
            'little-endian samples (S16LE)'
        )
    elif enough and sums.odd_energy < MAX_ALTERNATION * sums.even_energy:
        found[LevelProblem.ALTERNATING] = (
            f'every other sample is empty ({_db(sums.odd_energy / sums.even_energy):.0f} dB): '
            'samples of 32 bits are read as 16 bits, or two channels as one (audio.channels, or '
            'the format that the driver states)'
        )
    elif enough and level > NOISE_DBFS and abs(correlation) < MAX_NOISE_CORRELATION:
        found[LevelProblem.NOISE] = (
            f'it is loud white noise, not sound ({level:.0f} dBFS, neighbouring samples correlate '
            f'with {correlation:.2f}): the sample format is not the one stated, or the audio is '
            'compressed'
        )
    elif abs(offset) > MAX_OFFSET and sums.seconds >= _LEAST_S:
        found[LevelProblem.OFFSET] = (
            f'the samples have an offset of {offset:+.2f} of full scale: unsigned samples are '
            'read as signed, or the microphone is faulty'
        )
    return found


def _level_problems(sums: _Sums) -> dict[LevelProblem, str]:
    """Return what is wrong with the level, the sample format being right."""
    found: dict[LevelProblem, str] = {}
    clipped = sums.clipped / max(sums.loud_samples, 1.0)
    level = _db(sums.loud_energy / max(sums.loud_samples, 1.0))
    speech = _db(sums.speech_energy / max(sums.speech_seconds, _TINY))
    if sums.loud_seconds >= _LEAST_LOUD_S and (clipped > MAX_CLIPPED or level > MAX_LOUD_DBFS):
        found[LevelProblem.CLIPPED] = (
            f'the microphone is too loud: {100 * clipped:.0f} % of the loud samples are clipped, '
            f'at a level of {level:.0f} dBFS; turn its gain down'
            + ', or correct the format: unsigned samples may be read as signed'
            * (level > SQUARE_DBFS)
        )
    elif sums.speech_seconds >= _LEAST_SPEECH_S and speech < MIN_SPEECH_DBFS:
        found[LevelProblem.QUIET_SPEECH] = (
            f'speech is far too quiet ({speech:.0f} dBFS, expected about -30): turn the gain of '
            'the microphone up, or move it closer; or the samples use only some of their bits'
        )
    return found


def _db(energy: float) -> float:
    return float(10 * np.log10(max(energy, _TINY)))
