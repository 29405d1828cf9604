"""Sounds that are nobody speaking: what a voice model must learn not to read emotion into.

Outlier exposure (Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure", ICLR 2019).
All are synthetic but those made of speech, and seeded. Sounds come in families, so that a fold
can be judged on families that it did not learn from. The sounds of `evaluation.non_speech_sounds`,
with which the shipped model is tested, are made by other code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from emotion_lab.data.microphone import (
    clip_or_attenuate,
    limit_band,
    make_background,
    reverberate,
    tilt_spectrum,
)
from emotion_lab.data.sounds import BABBLE, Signal, level, make_noise, scaled
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

LENGTHS_S: Final = (0.6, 4.0)
LEVEL_DB: Final = -25.0

Maker = Callable[[int, Sequence[FloatArray], np.random.Generator], Signal]
"""(length in samples, voices, rng) to (length,) samples at any level."""


def make_outlier(
    family: str, voices: Sequence[FloatArray], rng: np.random.Generator
) -> FloatArray:
    """Return a sound of a family, as some microphone might hear it.

    Args:
        family: one of `FAMILIES`.
        voices: speech, for the families made of it.
        rng: draws everything.
    """
    length = round(rng.uniform(*LENGTHS_S) * SAMPLE_RATE)
    sound = FAMILIES[family](length, voices, rng)[:length]
    sound = scaled(sound + 1e-6 * rng.standard_normal(len(sound)), LEVEL_DB)
    if rng.random() < 0.4:
        sound = np.asarray(reverberate(sound, rng), np.float32)
    if rng.random() < 0.4:
        sound = np.asarray(tilt_spectrum(sound, rng), np.float32)
    if rng.random() < 0.4:
        background = make_background(level(sound), len(sound), (5.0, 35.0), voices, rng)
        sound = np.asarray(sound + background, np.float32)
    if rng.random() < 0.3:
        sound = np.asarray(limit_band(sound, rng), np.float32)
    if rng.random() < 0.2:
        sound = np.asarray(clip_or_attenuate(sound, rng), np.float32)
    return np.asarray(sound, np.float32)


def _seconds(length: int) -> Signal:
    return np.arange(length) / SAMPLE_RATE


def _wander(length: int, rate_hz: float, rng: np.random.Generator) -> Signal:
    """Return a smooth random course around 0, with a standard deviation of about 1."""
    knots = max(4, round(length / SAMPLE_RATE * rate_hz) + 3)
    course: Signal = np.interp(
        np.linspace(0, knots - 1, length), np.arange(knots), rng.standard_normal(knots)
    )
    return course


def _noise(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Steady, gusty or throbbing noise of any colour."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hertz = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 20)
    noise: Signal = np.fft.irfft(spectrum * hertz ** -rng.uniform(0, 1), length)
    match rng.integers(3):
        case 0:
            return noise
        case 1:
            return np.asarray(noise * np.exp(rng.uniform(0.3, 1.2) * _wander(length, 4, rng)))
        case _:
            throb = np.sin(2 * np.pi * rng.uniform(0.5, 12) * _seconds(length))
            return np.asarray(noise * (1 + rng.uniform(0.3, 1) * throb))


def _machine(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """A fan, motor or servo: harmonics whose pitch is steady, wanders or ramps, and noise."""
    base = rng.uniform(40, 400)
    match rng.integers(3):
        case 0:
            course = np.full(length, base)
        case 1:
            course = base * np.exp(0.1 * _wander(length, 2, rng))
        case _:
            stops = np.sort(rng.uniform(0, length, 4))
            course = base * np.interp(np.arange(length), stops, rng.uniform(0.5, 2.5, 4))
    phase = 2 * np.pi * np.cumsum(course) / SAMPLE_RATE
    tone = np.zeros(length)
    for n in range(1, int(rng.integers(4, 20))):
        tone += rng.uniform(0.2, 1) / n ** rng.uniform(0.3, 1.5) * np.sin(n * phase)
    noise = _noise(length, voices, rng)
    return tone + noise / level(noise) * level(tone) * 10 ** (rng.uniform(-25, 5) / 20)


def _tones(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Beeps, dial tones, alarms and sweeps."""
    time = _seconds(length)
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


def _music(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Plucked chords, or a melody over held chords, with or without drums."""
    if rng.random() < 0.3:
        return make_noise('music', length, (), rng)
    time = _seconds(length)
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


def _impacts(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Knocks, typing, clatter, applause: few or very many short sounds."""
    per_second = 10 ** rng.uniform(0, 2.3)
    total = np.zeros(length)
    pitches = rng.uniform(150, 5000, 3)
    decay = rng.uniform(0.002, 0.05)
    for start in rng.integers(0, length, max(1, round(per_second * length / SAMPLE_RATE))):
        time = _seconds(min(round(8 * decay * SAMPLE_RATE), length - start))
        hit = rng.standard_normal(len(time)) * rng.uniform(0.2, 1)
        hit += np.sin(2 * np.pi * rng.choice(pitches) * rng.uniform(0.9, 1.1) * time)
        total[start : start + len(time)] += rng.uniform(0.2, 1) * hit * np.exp(-time / decay)
    return total


def _crowd(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Many people at once."""
    return make_noise(BABBLE, length, voices, rng)


def voiced(
    pitch: Signal, loudness: Signal, vowel: Signal, breath: float, rng: np.random.Generator
) -> Signal:
    """Return a voice without words, by a source and filters of formants (Klatt, 1980).

    Args:
        pitch: (n,) Hz.
        loudness: (n,) amplitude.
        vowel: (formants, 2) frequency and bandwidth in Hz.
        breath: noise in the source, as a share of it.
        rng: draws the noise.
    """
    phase = np.cumsum(pitch) / SAMPLE_RATE
    # A pulse train with a slope like that of the glottis, without what would alias.
    harmonics = np.arange(1, max(2, int(4000 / pitch.max())))
    source = np.zeros(len(pitch))
    for n in harmonics:
        source += np.sin(2 * np.pi * n * phase) / n
    source = (source * (1 - breath) + breath * rng.standard_normal(len(pitch))) * loudness
    size = 1 << len(source).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    response = np.full(len(hertz), 1e-2)
    for number, (frequency, bandwidth) in enumerate(vowel):
        response += 0.6**number / (1 + ((hertz - frequency) / bandwidth) ** 2)
    sound: Signal = np.fft.irfft(np.fft.rfft(source, size) * response, size)[: len(source)]
    return sound


def _vowel(rng: np.random.Generator) -> Signal:
    tract = rng.uniform(0.85, 1.25)
    first, second = rng.uniform(300, 850), rng.uniform(850, 2300)
    frequencies = np.array([first, max(second, first + 250), rng.uniform(2400, 3000), 3500])
    return np.stack([frequencies * tract, rng.uniform(60, 160, 4)], axis=1)


def _laughter(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Bouts of short breathy bursts, 3.5 to 7 a second, that fall in pitch and loudness.

    Bachorowski et al., "The acoustic features of human laughter", JASA 110, 2001.
    """
    time = _seconds(length)
    base = rng.uniform(120, 480)
    rate = rng.uniform(3.5, 7)
    bout = rng.uniform(0.8, 2.5)
    within = time % bout
    bursts = np.maximum(0, np.sin(np.pi * ((within * rate) % 1) / rng.uniform(0.4, 0.8)))
    bursts *= ((within * rate) % 1) < 0.8
    loudness = bursts**1.5 * np.exp(-within / rng.uniform(0.6, 2)) * (within < bout * 0.9)
    pitch = base * np.exp(-0.25 * within + 0.08 * _wander(length, rate, rng))
    return voiced(pitch, loudness, _vowel(rng), rng.uniform(0.05, 0.7), rng)


def _wail(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Held vowels that waver, glide or sob: humming, singing, moans, screams."""
    time = _seconds(length)
    pitch = rng.uniform(90, 700) * np.exp(rng.uniform(0.02, 0.25) * _wander(length, 1.5, rng))
    pitch *= 1 + rng.uniform(0, 0.03) * np.sin(2 * np.pi * rng.uniform(4, 8) * time)
    loudness = np.exp(rng.uniform(0, 0.8) * _wander(length, 2, rng))
    if rng.random() < 0.4:
        loudness *= 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(0.8, 3) * time))
    return voiced(np.clip(pitch, 60, 1500), loudness, _vowel(rng), rng.uniform(0, 0.5), rng)


def _animal(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Barks, mews and birds: short calls with fast glides."""
    total = np.zeros(length)
    low, high = rng.uniform(200, 1500), rng.uniform(600, 5000)
    span = rng.uniform(0.06, 0.5)
    start = 0
    while start < length:
        time = _seconds(min(round(span * rng.uniform(0.7, 1.3) * SAMPLE_RATE), length - start))
        arch = np.sin(np.pi * time / span) if rng.random() < 0.5 else time / span
        phase = 2 * np.pi * np.cumsum(low + (high - low) * np.abs(arch)) / SAMPLE_RATE
        call = np.sin(phase) + 0.5 * np.sin(2 * phase) + rng.uniform(0, 0.5) * np.sin(3 * phase)
        call += rng.uniform(0, 0.7) * rng.standard_normal(len(time))
        total[start : start + len(time)] += call * np.abs(np.sin(np.pi * time / span))
        start += round((span + rng.uniform(0.05, 0.6)) * SAMPLE_RATE)
    return total


def _scrambled(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Speech made unspeakable: backwards, turned over in frequency, in shreds, or as noise."""
    speech = make_speech(length, voices, rng)
    match rng.integers(4):
        case 0:
            return speech[::-1]
        case 1:
            return np.asarray(speech * np.cos(np.pi * rng.uniform(0.4, 1) * np.arange(length)))
        case 2:
            size = round(rng.uniform(0.03, 0.1) * SAMPLE_RATE)
            shreds = speech[: length // size * size].reshape(-1, size)
            shreds = rng.permutation(shreds) * np.hanning(size)
            return np.resize(shreds.reshape(-1), length)
        case _:
            spectrum = np.abs(np.fft.rfft(speech))
            phase = rng.uniform(0, 2 * np.pi, len(spectrum))
            noise: Signal = np.fft.irfft(spectrum * np.exp(1j * phase), length)
            return noise


def make_speech(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Return (length,) samples of one voice after the other."""
    parts: list[FloatArray] = []
    while sum(map(len, parts)) < length:
        parts.append(voices[int(rng.integers(len(voices)))])
    return np.concatenate(parts)[:length]


def _stillness(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """A quiet room: faint noise with a touch of hum and a rare click."""
    noise = _noise(length, voices, rng)
    hum = np.sin(2 * np.pi * rng.choice([50.0, 60.0, 100.0]) * _seconds(length))
    clicks = (rng.random(length) < 2 / SAMPLE_RATE) * rng.standard_normal(length)
    return np.asarray(noise / level(noise) + rng.uniform(0, 2) * hum + rng.uniform(0, 10) * clicks)


FAMILIES: Final[Mapping[str, Maker]] = {
    'noise': _noise,
    'machine': _machine,
    'tones': _tones,
    'music': _music,
    'impacts': _impacts,
    'crowd': _crowd,
    'laughter': _laughter,
    'wail': _wail,
    'animal': _animal,
    'scrambled speech': _scrambled,
    'stillness': _stillness,
}
