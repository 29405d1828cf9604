"""Outliers without a voice: noise, machines, tones, music, impacts and quiet rooms.

Each maker takes the length in samples, voices and a source of random draws, and returns (length,)
samples at any level.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emotion_lab.data.sounds import Signal, level, make_noise
from emotion_node.datatypes import SAMPLE_RATE, FloatArray


def seconds(length: int) -> Signal:
    """Return (length,) times in s, from 0."""
    return np.arange(length) / SAMPLE_RATE


def wander(length: int, rate_hz: float, rng: np.random.Generator) -> Signal:
    """Return a smooth random curve around 0, with a standard deviation of about 1."""
    knots = max(4, round(length / SAMPLE_RATE * rate_hz) + 3)
    course: Signal = np.interp(
        np.linspace(0, knots - 1, length), np.arange(knots), rng.standard_normal(knots)
    )
    return course


def coloured_noise(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Steady, gusty or throbbing noise of any colour."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hertz = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 20)
    noise: Signal = np.fft.irfft(spectrum * hertz ** -rng.uniform(0, 1), length)
    match rng.integers(3):
        case 0:
            return noise
        case 1:
            return np.asarray(noise * np.exp(rng.uniform(0.3, 1.2) * wander(length, 4, rng)))
        case _:
            throb = np.sin(2 * np.pi * rng.uniform(0.5, 12) * seconds(length))
            return np.asarray(noise * (1 + rng.uniform(0.3, 1) * throb))


def machine(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """A fan, motor or servo: harmonics whose pitch is steady, wanders or ramps, and noise."""
    base = rng.uniform(40, 400)
    match rng.integers(3):
        case 0:
            course = np.full(length, base)
        case 1:
            course = base * np.exp(0.1 * wander(length, 2, rng))
        case _:
            stops = np.sort(rng.uniform(0, length, 4))
            course = base * np.interp(np.arange(length), stops, rng.uniform(0.5, 2.5, 4))
    phase = 2 * np.pi * np.cumsum(course) / SAMPLE_RATE
    tone = np.zeros(length)
    for n in range(1, int(rng.integers(4, 20))):
        tone += rng.uniform(0.2, 1) / n ** rng.uniform(0.3, 1.5) * np.sin(n * phase)
    noise = coloured_noise(length, voices, rng)
    return tone + noise / level(noise) * level(tone) * 10 ** (rng.uniform(-25, 5) / 20)


def tones(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Beeps, dial tones, alarms and sweeps."""
    time = seconds(length)
    match rng.integers(4):
        case 0:
            return sum(
                (
                    np.sin(2 * np.pi * rng.uniform(150, 4000) * time)
                    for _ in range(rng.integers(1, 4))
                ),
                np.zeros(length),
            )
        case 1:
            tone = np.sin(2 * np.pi * rng.uniform(300, 3500) * time)
            period = rng.uniform(0.15, 1.2)
            return np.asarray(tone * ((time % period) < period * rng.uniform(0.2, 0.8)))
        case 2:
            low, high = np.sort(rng.uniform(200, 3500, 2))
            swing = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.3, 6) * time)
            return np.asarray(
                np.sin(2 * np.pi * np.cumsum(low + (high - low) * swing) / SAMPLE_RATE)
            )
        case _:
            low, high = rng.uniform(100, 6000, 2)
            course = low * (high / low) ** (time / time[-1])
            return np.asarray(np.sin(2 * np.pi * np.cumsum(course) / SAMPLE_RATE))


def music(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Plucked chords, or a melody over held chords, with or without drums."""
    if rng.random() < 0.3:
        return make_noise('music', length, (), rng)
    time = seconds(length)
    step = round(rng.uniform(0.12, 0.5) * SAMPLE_RATE)
    root = rng.uniform(90, 250)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12]) if rng.random() < 0.5 else np.array([0, 2, 3, 7])
    total = np.zeros(length)
    for start in range(0, length, step):
        size = min(round(step * rng.uniform(0.7, 1.6)), length - start)
        pitch = root * 2 ** (rng.choice(scale) / 12 + rng.integers(0, 3))
        shape = np.minimum(time[:size] / 0.01, 1) * np.exp(-time[:size] / rng.uniform(0.1, 1))
        for n in range(1, 7):
            total[start : start + size] += shape * np.sin(2 * np.pi * n * pitch * time[:size]) / n
    if rng.random() < 0.6:
        for start in range(0, length, 4 * step):
            size = min(4 * step, length - start)
            for pitch in root * 2 ** (rng.choice(scale, 3) / 12):
                vibrato = 1 + 0.004 * np.sin(2 * np.pi * 5 * time[:size])
                phase = 2 * np.pi * np.cumsum(pitch * vibrato) / SAMPLE_RATE
                for n in (1, 2, 3, 4):
                    total[start : start + size] += 0.3 / n * np.sin(n * phase)
    if rng.random() < 0.6:
        for start in range(0, length, 2 * step):
            size = min(SAMPLE_RATE // 8, length - start)
            hit = rng.standard_normal(size) * np.exp(-time[:size] / rng.uniform(0.01, 0.05))
            total[start : start + size] += rng.uniform(0.5, 2) * hit
    return total


def impacts(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Knocks, typing, clatter, applause: few or very many short sounds."""
    per_second = 10 ** rng.uniform(0, 2.3)
    total = np.zeros(length)
    pitches = rng.uniform(150, 5000, 3)
    decay = rng.uniform(0.002, 0.05)
    for start in rng.integers(0, length, max(1, round(per_second * length / SAMPLE_RATE))):
        time = seconds(min(round(8 * decay * SAMPLE_RATE), length - start))
        hit = rng.standard_normal(len(time)) * rng.uniform(0.2, 1)
        hit += np.sin(2 * np.pi * rng.choice(pitches) * rng.uniform(0.9, 1.1) * time)
        total[start : start + len(time)] += rng.uniform(0.2, 1) * hit * np.exp(-time / decay)
    return total


def stillness(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """A quiet room: faint noise with a touch of hum and a rare click."""
    noise = coloured_noise(length, voices, rng)
    hum = np.sin(2 * np.pi * rng.choice([50.0, 60.0, 100.0]) * seconds(length))
    clicks = (rng.random(length) < 2 / SAMPLE_RATE) * rng.standard_normal(length)
    return np.asarray(noise / level(noise) + rng.uniform(0, 2) * hum + rng.uniform(0, 10) * clicks)
