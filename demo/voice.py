"""Speech by flite, trimmed and normalised in level, and room noise."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.float32]

SAMPLE_RATE: Final = 16_000
LEVEL: Final = -22.0
"""Level of speech, dBFS (root mean square of its loud half)."""
SOUND: Final = -38.0
"""Threshold of sound, in dB relative to the loudest 5 ms of an utterance."""
LONGEST_PAUSE: Final = 0.18
"""Longer pauses within an utterance are shortened to this, in seconds."""
STEP: Final = SAMPLE_RATE // 200
"""Window of all loudness measurements: 5 ms."""


@dataclass(frozen=True)
class Voice:
    """A voice of flite, changed into another person's by resampling.

    Played slower, a voice becomes deeper and its vocal tract longer; flite speaks faster by the
    same factor, so that the pace stays.
    """

    flite: str
    """Name of the voice, as `flite -lv` lists it."""
    tract: float
    """Shift of pitch and formants; below 1 is deeper."""
    pitch: float
    """Mean fundamental frequency, Hz."""
    spread: float
    """Its standard deviation, Hz."""


@dataclass(frozen=True)
class Manner:
    """Prosody of an emotion, relative to the voice's neutral prosody.

    The directions follow Scherer, "Vocal communication of emotion: a review of research
    paradigms", Speech Communication 40 (2003); the changes are small because large ones
    degrade speech recognition.
    """

    pace: float = 1.0
    """Duration; above 1 is slower."""
    pitch: float = 1.0
    spread: float = 1.0
    gain: float = 0.0
    """Loudness, dB."""


MANNERS: Final[Mapping[str, Manner]] = {
    'neutral': Manner(),
    'joy': Manner(pace=0.97, pitch=1.08, spread=1.3, gain=2.0),
    'sadness': Manner(pace=1.08, pitch=0.95, spread=0.75, gain=-3.0),
    'anger': Manner(pace=0.96, pitch=1.05, spread=1.3, gain=4.0),
    'surprise': Manner(pace=0.98, pitch=1.1, spread=1.4, gain=2.0),
    'fear': Manner(pace=0.97, pitch=1.1, spread=1.1, gain=0.0),
    'disgust': Manner(pace=1.04, pitch=0.97, spread=0.9, gain=0.0),
}


def check_flite(voices: set[str]) -> str:
    """Return flite's version.

    Raises:
        FileNotFoundError: flite or one of the voices is not installed.
    """
    if shutil.which('flite') is None:
        raise FileNotFoundError(
            'the voices come from flite, which is not on the PATH; run: apt-get install flite'
        )
    listed = _flite('-lv')
    missing = voices - set(listed.split(':')[-1].split())
    if missing:
        raise FileNotFoundError(
            f'this flite lacks the voices {sorted(missing)}; it has: {listed.strip()}'
        )
    found = re.search(r'version:\s*(\S+)', _flite('--version'))
    return found[1] if found else 'unknown'


def speak(text: str, voice: Voice, emotion: str) -> Samples:
    """Synthesise an utterance.

    Args:
        text: English.
        voice: of the speaker.
        emotion: one of the seven labels.

    Returns:
        (n,) mono at `SAMPLE_RATE`, -1..1, from the first sound of speech to the last.
    """
    manner = MANNERS[emotion]
    settings = {
        'duration_stretch': manner.pace * voice.tract,
        'int_f0_target_mean': voice.pitch * manner.pitch / voice.tract,
        'int_f0_target_stddev': voice.spread * manner.spread / voice.tract,
    }
    options = [part for key, value in settings.items() for part in ('--setf', f'{key}={value:g}')]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'speech.wav'
        _flite('-voice', voice.flite, *options, '-t', text, '-o', str(path))
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            raw = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    spoken = soxr.resample(raw.astype(np.float32) / 32768, rate * voice.tract, SAMPLE_RATE)
    sound = _shorten_pauses(np.asarray(spoken, np.float32))
    power = loudness(sound) ** 2
    level = 10 * np.log10(np.mean(power[power >= np.median(power)]))
    sound = sound * np.float32(10 ** ((LEVEL + manner.gain - level) / 20))
    return np.asarray(np.clip(sound, -0.98, 0.98), np.float32)


def loudness(samples: Samples) -> Samples:
    """Return the root mean square of every whole `STEP` samples: (n // STEP,)."""
    frames = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    return np.asarray(np.sqrt(np.mean(frames**2, axis=1) + 1e-12), np.float32)


def mouth_opening(samples: Samples) -> Samples:
    """Return the opening of the mouth during these samples.

    Loudness in dB, from 26 dB under the loud parts (closed) to the loudest (wide open), is
    smoothed with an attack of 25 ms and a decay of 60 ms, for the inertia of the lips.

    Returns:
        (n // STEP,) 0..1.
    """
    level = 20 * np.log10(loudness(samples))
    goal = np.clip((level - np.percentile(level, 97) + 26) / 26, 0, 1) ** 1.7
    attack, decay = (1 - np.exp(-STEP / SAMPLE_RATE / time) for time in (0.025, 0.06))
    opening = np.zeros(len(goal), np.float32)
    now = 0.0
    for i, aim in enumerate(goal):
        now += (attack if aim > now else decay) * (float(aim) - now)
        opening[i] = now
    return opening


def room_noise(count: int, level: float, rng: np.random.Generator) -> Samples:
    """Return pink noise, (count,), with a root mean square of `level` dBFS."""
    size = 1 << (count - 1).bit_length()  # a fast length of the Fourier transform
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    white = rng.normal(size=(2, len(frequency)))
    # Flat below 20 Hz, where microphones do not respond.
    spectrum = (white[0] + 1j * white[1]) / np.sqrt(np.maximum(frequency, 20.0))
    noise = np.fft.irfft(spectrum, size)[:count]
    return np.asarray(noise * 10 ** (level / 20) / np.sqrt(np.mean(noise**2)), np.float32)


def _flite(*arguments: str) -> str:
    done = subprocess.run(['flite', *arguments], capture_output=True, text=True, check=False)
    if done.returncode and '--version' not in arguments:  # exits with 1
        raise RuntimeError(f'flite {" ".join(arguments)} failed: {done.stderr.strip()}')
    return done.stdout


def _shorten_pauses(samples: Samples) -> Samples:
    """Remove the silence around speech, and shorten pauses inside it to `LONGEST_PAUSE`."""
    level = 20 * np.log10(loudness(samples))
    sounding = np.flatnonzero(level > level.max() + SOUND)
    longest = round(LONGEST_PAUSE * SAMPLE_RATE / STEP)
    kept: list[Samples] = []
    start = sounding[0]
    for last, following in zip(sounding, [*sounding[1:], None], strict=True):
        if following is None or following - last > longest:
            kept.append(samples[start * STEP : (last + 1) * STEP])
            if following is not None:
                kept.append(samples[(last + 1) * STEP : (last + 1 + longest // 2) * STEP])
                kept.append(
                    samples[(following - (longest - longest // 2)) * STEP : following * STEP]
                )
                start = following
    return np.concatenate(kept)
