"""Outliers with a voice but without words: babble, laughter, wails, animals, scrambled speech.

The makers are called as those of `outlier_sounds`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emotion_lab.data.sounds import BABBLE, Signal, make_noise
from emotion_lab.training.outlier_sounds import seconds, wander
from emotion_node.datatypes import SAMPLE_RATE, FloatArray


def babble(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Many people talking at once."""
    return make_noise(BABBLE, length, voices, rng)


def voiced(
    pitch: Signal, loudness: Signal, vowel: Signal, breath: float, rng: np.random.Generator
) -> Signal:
    """Return a voice without words, by source and formant filters (Klatt, 1980).

    Args:
        pitch: (n,) Hz.
        loudness: (n,) amplitude.
        vowel: (formants, 2) frequency and bandwidth in Hz.
        breath: noise in the source, as a share of it.
        rng: source of the noise.
    """
    phase = np.cumsum(pitch) / SAMPLE_RATE
    # A band-limited pulse train with the spectral slope of a glottal source.
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


def laughter(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Bouts of short breathy bursts, 3.5 to 7 a second, that fall in pitch and loudness.

    Bachorowski et al., "The acoustic features of human laughter", JASA 110, 2001.
    """
    time = seconds(length)
    base = rng.uniform(120, 480)
    rate = rng.uniform(3.5, 7)
    bout = rng.uniform(0.8, 2.5)
    within = time % bout
    bursts = np.maximum(0, np.sin(np.pi * ((within * rate) % 1) / rng.uniform(0.4, 0.8)))
    bursts *= ((within * rate) % 1) < 0.8
    loudness = bursts**1.5 * np.exp(-within / rng.uniform(0.6, 2)) * (within < bout * 0.9)
    pitch = base * np.exp(-0.25 * within + 0.08 * wander(length, rate, rng))
    return voiced(pitch, loudness, _vowel(rng), rng.uniform(0.05, 0.7), rng)


def wail(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Sustained vowels with varying pitch: humming, singing, moans, screams."""
    time = seconds(length)
    pitch = rng.uniform(90, 700) * np.exp(rng.uniform(0.02, 0.25) * wander(length, 1.5, rng))
    pitch *= 1 + rng.uniform(0, 0.03) * np.sin(2 * np.pi * rng.uniform(4, 8) * time)
    loudness = np.exp(rng.uniform(0, 0.8) * wander(length, 2, rng))
    if rng.random() < 0.4:
        loudness *= 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(0.8, 3) * time))
    return voiced(np.clip(pitch, 60, 1500), loudness, _vowel(rng), rng.uniform(0, 0.5), rng)


def animal(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Barks, mews and birds: short calls with fast glides."""
    total = np.zeros(length)
    low, high = rng.uniform(200, 1500), rng.uniform(600, 5000)
    span = rng.uniform(0.06, 0.5)
    start = 0
    while start < length:
        time = seconds(min(round(span * rng.uniform(0.7, 1.3) * SAMPLE_RATE), length - start))
        arch = np.sin(np.pi * time / span) if rng.random() < 0.5 else time / span
        phase = 2 * np.pi * np.cumsum(low + (high - low) * np.abs(arch)) / SAMPLE_RATE
        call = np.sin(phase) + 0.5 * np.sin(2 * phase) + rng.uniform(0, 0.5) * np.sin(3 * phase)
        call += rng.uniform(0, 0.7) * rng.standard_normal(len(time))
        total[start : start + len(time)] += call * np.abs(np.sin(np.pi * time / span))
        start += round((span + rng.uniform(0.05, 0.6)) * SAMPLE_RATE)
    return total


def scrambled(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Unintelligible speech: reversed, inverted in frequency, in shuffled pieces, or as noise."""
    speech = make_speech(length, voices, rng)
    match rng.integers(4):
        case 0:
            return speech[::-1]
        case 1:
            return np.asarray(speech * np.cos(np.pi * rng.uniform(0.4, 1) * np.arange(length)))
        case 2:
            size = round(rng.uniform(0.03, 0.1) * SAMPLE_RATE)
            pieces = speech[: length // size * size].reshape(-1, size)
            pieces = rng.permutation(pieces) * np.hanning(size)
            return np.resize(pieces.reshape(-1), length)
        case _:
            spectrum = np.abs(np.fft.rfft(speech))
            phase = rng.uniform(0, 2 * np.pi, len(spectrum))
            noise: Signal = np.fft.irfft(spectrum * np.exp(1j * phase), length)
            return noise


def make_speech(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    """Return (length,) samples of voices in sequence."""
    parts: list[FloatArray] = []
    while sum(map(len, parts)) < length:
        parts.append(voices[int(rng.integers(len(voices)))])
    return np.concatenate(parts)[:length]
