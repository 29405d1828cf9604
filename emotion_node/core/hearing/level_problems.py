"""What is wrong with audio, by its level and its sample format, in words that name the remedy."""

from __future__ import annotations

import enum
from typing import Final

from emotion_node.core.hearing.level_sums import TINY, LevelSums, decibels

_LEAST_LOUD_S: Final = 0.3
LEAST_S: Final = 3.0
"""Less audio is not judged for silence and offset."""
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


def format_problems(sums: LevelSums, peak: float, pcm: bool) -> dict[LevelProblem, str]:
    """Return what a wrong sample format explains."""
    found: dict[LevelProblem, str] = {}
    enough = sums.loud_seconds >= _LEAST_LOUD_S
    correlation = sums.neighbours / max(sums.neighbours_weight, 1.0)
    swapped = sums.swapped / max(sums.swapped_weight, 1.0)
    level = decibels(sums.loud_energy / max(sums.loud_samples, 1.0))
    offset = sums.total / max(sums.samples, 1.0)
    if enough and sums.beyond > MAX_BEYOND * sums.loud_samples:
        found[LevelProblem.BEYOND_FULL_SCALE] = (
            f'float samples reach {peak:.3g}, {decibels(peak**2):.0f} dB beyond full scale: they '
            'have to lie within -1 to 1 (divide 16-bit values by 32768), in the byte order of '
            'this machine'
        )
    elif 0 < peak <= MIN_PEAK and sums.seconds >= LEAST_S:
        cause = (
            'the microphone is muted or its gain is at its minimum'
            if pcm
            else 'samples of 16 bits come as 32 bits, floats are in the wrong byte order, or the '
            'microphone is muted'
        )
        found[LevelProblem.TINY] = f'no sample exceeds {decibels(peak**2):.0f} dBFS: {cause}'
    elif enough and swapped > max(MIN_SWAPPED_CORRELATION, correlation + 0.3):
        found[LevelProblem.BYTE_ORDER] = (
            f'the bytes of each sample are in the wrong order: neighbouring samples correlate '
            f'with {correlation:.2f}, with the bytes swapped with {swapped:.2f}; publish '
            'little-endian samples (S16LE)'
        )
    elif enough and sums.smaller_energy < MAX_ALTERNATION * sums.larger_energy:
        found[LevelProblem.ALTERNATING] = (
            'every other sample is empty '
            f'({decibels(sums.smaller_energy / sums.larger_energy):.0f} dB): samples of 32 bits '
            'are read as 16 bits, or two channels as one (audio.channels, or the format that the '
            'driver states)'
        )
    elif enough and level > NOISE_DBFS and abs(correlation) < MAX_NOISE_CORRELATION:
        found[LevelProblem.NOISE] = (
            f'it is loud white noise, not sound ({level:.0f} dBFS, neighbouring samples correlate '
            f'with {correlation:.2f}): the sample format is not the one stated, or the audio is '
            'compressed'
        )
    elif abs(offset) > MAX_OFFSET and sums.seconds >= LEAST_S:
        found[LevelProblem.OFFSET] = (
            f'the samples have an offset of {offset:+.2f} of full scale: unsigned samples are '
            'read as signed, or the microphone is faulty'
        )
    return found


def level_problems(sums: LevelSums) -> dict[LevelProblem, str]:
    """Return what is wrong with the level, the sample format being right."""
    found: dict[LevelProblem, str] = {}
    clipped = sums.clipped / max(sums.loud_samples, 1.0)
    level = decibels(sums.loud_energy / max(sums.loud_samples, 1.0))
    speech = decibels(sums.speech_energy / max(sums.speech_seconds, TINY))
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
