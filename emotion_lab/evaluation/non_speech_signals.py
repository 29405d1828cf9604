"""Synthetic signals of sounds that are no speech: weather, machines, music, laughter, animals.

None is made as `training.outliers` makes those that the voice model was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import SAMPLE_RATE

Signal = npt.NDArray[np.floating[Any]]
"""(n,) samples at `SAMPLE_RATE`, of any level."""


def _times(count: int) -> Signal:
    return np.arange(count) / SAMPLE_RATE


def _saw(pitch: Signal) -> Signal:
    """Return a sawtooth without aliased partials.

    Args:
        pitch: (n,) in Hz.
    """
    phase = np.cumsum(pitch) / SAMPLE_RATE
    top = int(7000 / pitch.max())
    partials = [np.sin(2 * np.pi * k * phase) / k for k in range(1, max(top, 1) + 1)]
    return np.asarray(np.sum(partials, axis=0))


def _resonate(source: Signal, formants: tuple[tuple[float, float], ...]) -> Signal:
    """Return a source filtered by resonators in series, each (centre in Hz, bandwidth in Hz)."""
    size = 2 * len(source)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    response = np.ones(len(z), complex)
    for hertz, width in formants:
        radius = np.exp(-np.pi * width / SAMPLE_RATE)
        turn = 2 * np.cos(2 * np.pi * hertz / SAMPLE_RATE) * radius
        response *= (1 - turn + radius**2) / (1 - turn * z + radius**2 * z**2)
    filtered: Signal = np.fft.irfft(np.fft.rfft(source, size) * response, size)[: len(source)]
    return filtered


_VOWELS: Final = (
    ((730.0, 90.0), (1090.0, 110.0), (2440.0, 170.0)),
    ((530.0, 80.0), (1840.0, 110.0), (2480.0, 170.0)),
    ((570.0, 80.0), (840.0, 90.0), (2410.0, 170.0)),
    ((850.0, 90.0), (1220.0, 110.0), (2810.0, 180.0)),
)


def _wind(count: int, rng: np.random.Generator) -> Signal:
    noise = np.cumsum(rng.standard_normal(count))
    noise -= np.convolve(noise, np.full(801, 1 / 801), 'same')
    gusts = np.interp(_times(count), np.arange(0, 6, 0.5), rng.uniform(0.05, 1, 12))
    return np.asarray(noise * gusts**2)


def _rain(count: int, rng: np.random.Generator) -> Signal:
    drops = (rng.random(count) < 0.02) * rng.standard_normal(count)
    return np.asarray(np.diff(drops, prepend=0) + 0.02 * rng.standard_normal(count))


def _telephone(count: int, rng: np.random.Generator) -> Signal:
    time = _times(count)
    rows, columns = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0)
    if rng.random() < 0.5:
        key = (time / 0.25).astype(int)
        low = np.take(rows, rng.integers(4, size=key.max() + 1))[key]
        high = np.take(columns, rng.integers(3, size=key.max() + 1))[key]
        keyed = (np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)) * (
            time % 0.25 < 0.12
        )
        return np.asarray(keyed)
    bell = np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time)
    return np.asarray(bell * (1 + np.sin(2 * np.pi * 20 * time)) * (time % 1.5 < 1.0))


def _alarm(count: int, rng: np.random.Generator) -> Signal:
    time = _times(count)
    low, high = rng.uniform(400, 900), rng.uniform(1000, 2500)
    course = np.where(time * rng.uniform(1, 4) % 1 < 0.5, low, high)
    return np.asarray(np.sign(np.sin(2 * np.pi * np.cumsum(course) / SAMPLE_RATE)))


def _song(count: int, rng: np.random.Generator) -> Signal:
    """Return a melody of FM bells over a bass, with a cymbal on every second beat."""
    time = _times(count)
    beat = rng.uniform(0.25, 0.5)
    total = np.zeros(count)
    scale = 261.6 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14]) / 12)
    for n, begin in enumerate(np.arange(0, count / SAMPLE_RATE, beat)):
        since = time - begin
        on = (since >= 0) * np.exp(-np.maximum(since, 0) / 0.4)
        note = rng.choice(scale)
        total += on * np.sin(2 * np.pi * note * since + 2 * on * np.sin(4 * np.pi * note * since))
        bass = rng.choice(scale[:4]) / 4
        total += on * np.sin(2 * np.pi * bass * since)
        if n % 2:
            total += (
                0.3
                * (since >= 0)
                * np.exp(-np.maximum(since, 0) / 0.03)
                * (rng.standard_normal(count))
            )
    return total


def _choir(count: int, rng: np.random.Generator) -> Signal:
    """Return a sustained organ chord, detuned."""
    time = _times(count)
    total = np.zeros(count)
    root = rng.uniform(110, 220)
    for step in (0, 4, 7, 12):
        for detune in rng.uniform(-0.004, 0.004, 3):
            total += _saw(np.full(count, root * 2 ** (step / 12) * (1 + detune)))
    return np.asarray(total * np.minimum(time / 0.3, 1))


def _laughter(count: int, rng: np.random.Generator) -> Signal:
    """Return the laughter of one person: syllables of breath, voice and breath."""
    total = np.zeros(count)
    at = round(rng.uniform(0, 0.2) * SAMPLE_RATE)
    pitch = rng.uniform(140, 420)
    vowel = _VOWELS[int(rng.integers(len(_VOWELS)))]
    gap = rng.uniform(0.15, 0.26)
    loud = 1.0
    while at < count - 800:
        size = min(round(gap * rng.uniform(0.8, 1.1) * SAMPLE_RATE), count - at)
        part = np.linspace(0, 1, size)
        voice = np.exp(-(((part - 0.45) / 0.18) ** 2))
        breath = np.exp(-(((part - 0.15) / 0.12) ** 2)) + np.exp(-(((part - 0.8) / 0.15) ** 2))
        tone = _saw(pitch * (1 + 0.15 * np.sin(np.pi * part)))
        source = voice * tone + rng.uniform(0.1, 0.5) * breath * rng.standard_normal(size)
        total[at : at + size] += loud * _resonate(source, vowel)
        at += size
        pitch *= rng.uniform(0.93, 1.02)
        loud *= rng.uniform(0.82, 1.0)
        if loud < 0.2:
            loud, pitch = 1.0, pitch * 1.3
            at += round(rng.uniform(0.2, 0.5) * SAMPLE_RATE)
    return total


def _audience(count: int, rng: np.random.Generator) -> Signal:
    """Return the laughter of an audience."""
    laughs = [_laughter(count, rng) for _ in range(12)]
    shape = np.minimum(_times(count) / 0.4, 1)
    return np.asarray(np.sum([one / (np.std(one) + 1e-9) for one in laughs], axis=0) * shape)


def _applause(count: int, rng: np.random.Generator) -> Signal:
    total = np.zeros(count + 400)
    for _ in range(30):
        period, first = rng.uniform(0.18, 0.35), rng.uniform(0, 0.3)
        hertz = rng.uniform(800, 2500)
        clap = np.exp(-_times(320) / 0.004) * np.sin(2 * np.pi * hertz * _times(320))
        clap += np.exp(-_times(320) / 0.002) * rng.standard_normal(320)
        for when in np.arange(first, count / SAMPLE_RATE, period):
            at = round((when + rng.normal(0, 0.015)) * SAMPLE_RATE)
            if 0 <= at < count:
                total[at : at + 320] += rng.uniform(0.3, 1) * clap
    return total[:count]


def _cough(count: int, rng: np.random.Generator) -> Signal:
    total = np.zeros(count)
    for begin in np.arange(rng.uniform(0.05, 0.3), count / SAMPLE_RATE - 0.4, 0.55):
        at = round(begin * SAMPLE_RATE)
        time = _times(round(0.35 * SAMPLE_RATE))
        shape = np.exp(-time / 0.02) + 0.4 * np.exp(-(((time - 0.15) / 0.05) ** 2))
        source = shape * rng.standard_normal(len(time))
        total[at : at + len(time)] += _resonate(source, ((650, 300), (1400, 350), (2700, 400)))
    return total


def _cry(count: int, rng: np.random.Generator) -> Signal:
    """Return a baby's cry: about one a second, with an arched pitch around 450 Hz."""
    time = _times(count)
    within = time % rng.uniform(0.9, 1.3)
    pitch = rng.uniform(350, 520) * (1 + 0.2 * np.sin(np.pi * within / 1.2))
    shape = np.clip(np.sin(np.pi * within / 0.85), 0, None) * (within < 0.85)
    return _resonate(_saw(pitch) * shape, ((1100, 200), (3300, 300)))


def _dog(count: int, rng: np.random.Generator) -> Signal:
    time = _times(count)
    within = time % rng.uniform(0.4, 0.8)
    pitch = rng.uniform(250, 600) * (1 + 0.5 * np.exp(-within / 0.05))
    rough = _saw(pitch) + 0.5 * rng.standard_normal(count)
    return _resonate(rough * np.exp(-within / 0.07), ((800, 150), (1600, 250)))


def _vacuum(count: int, rng: np.random.Generator) -> Signal:
    motor = _saw(np.full(count, rng.uniform(90, 300)))
    air = np.convolve(rng.standard_normal(count), np.hanning(9), 'same')
    return np.asarray(motor / np.std(motor) * rng.uniform(0.1, 0.6) + air / np.std(air))


def _servo(count: int, rng: np.random.Generator) -> Signal:
    time = _times(count)
    moves = np.abs(np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * time))
    whine = _saw(rng.uniform(150, 500) * (0.3 + moves))
    return np.asarray(whine * (moves > 0.2) + 0.05 * rng.standard_normal(count))


def _door(count: int, rng: np.random.Generator) -> Signal:
    """Return knocks and a creaking hinge."""
    time = _times(count)
    creak = np.sign(np.sin(2 * np.pi * np.cumsum(20 + 40 * time) / SAMPLE_RATE))
    total = 0.2 * np.diff(creak, prepend=0) * (time > count / SAMPLE_RATE / 2)
    for begin in rng.uniform(0, count / SAMPLE_RATE / 2, 4):
        since = np.maximum(time - begin, 0)
        total += (time >= begin) * np.exp(-since / 0.03) * np.sin(2 * np.pi * 140 * since)
    return total


def _stillness(count: int, rng: np.random.Generator) -> Signal:
    return rng.standard_normal(count)


KINDS: Final[Mapping[str, Callable[[int, np.random.Generator], Signal]]] = {
    'wind': _wind,
    'rain': _rain,
    'telephone': _telephone,
    'alarm': _alarm,
    'music': _song,
    'organ': _choir,
    'laughter': _laughter,
    'audience laughing': _audience,
    'applause': _applause,
    'coughing': _cough,
    "a baby's cry": _cry,
    'a dog': _dog,
    'a vacuum cleaner': _vacuum,
    'a servo motor': _servo,
    'a door': _door,
    'silence': _stillness,
}
"""Generators by kind; each takes the number of samples and a random generator."""
