"""Degrade studio speech as a robot's microphone does: speed, room, noise, band, codec.

Needs no torch. Each kind of degradation has its own share of the clips and its own range; both
are in `Degradation`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
import soxr

from emotion_lab.data.sounds import BABBLE, NOISES, Signal, level, make_noise, scaled
from emotion_lab.data.speech import find_speech
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

NORMAL_DB: Final = -25.0
"""Level of the speech before noise and gain, dB of full scale."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """Shares of the clips that are degraded in each way, and the ranges.

    Attributes:
        speed: share played faster or slower, which shifts pitch and formants too.
        room: share with reverberation.
        tilt: share whose spectrum is tilted, as by a microphone or a mouth turned away.
        band: share without low or high frequencies.
        noise: share with noise.
        codec: share that goes through a codec.
        gain: share too loud (clipped) or so soft that 16-bit quantisation is audible.
        speeds: range of the factors of the speed.
        margins_s: range of the silence (and noise) kept before and after the speech, in s.
        snr_db: range of the speech's level above the noise, in dB.
    """

    speed: float = 0.6
    room: float = 0.5
    tilt: float = 0.5
    band: float = 0.3
    noise: float = 0.75
    codec: float = 0.25
    gain: float = 0.2
    speeds: tuple[float, float] = (0.88, 1.14)
    margins_s: tuple[float, float] = (0.02, 0.35)
    snr_db: tuple[float, float] = (5.0, 30.0)


def cut_out(samples: FloatArray, before_s: float, after_s: float) -> FloatArray:
    """Return the speech of a studio recording with a margin before and after it."""
    sounds = find_speech(samples)
    if not sounds:
        return samples
    first = max(0, sounds[0][0] - round(before_s * SAMPLE_RATE))
    return samples[first : sounds[-1][1] + round(after_s * SAMPLE_RATE)]


def degrade(
    samples: FloatArray, how: Degradation, voices: Sequence[FloatArray], rng: np.random.Generator
) -> FloatArray:
    """Return a studio recording as an unknown microphone might pick it up.

    Args:
        samples: (n,) float32 at `SAMPLE_RATE`.
        how: shares and ranges.
        voices: speech for the babble in the background.
        rng: source of all random draws.
    """
    speech: Signal = cut_out(samples, rng.uniform(*how.margins_s), rng.uniform(*how.margins_s))
    if rng.random() < how.speed:
        factor = float(rng.uniform(*how.speeds))
        speech = soxr.resample(speech, SAMPLE_RATE * factor, SAMPLE_RATE, 'MQ')
    speech = scaled(speech, NORMAL_DB)
    if rng.random() < how.room:
        speech = reverberate(speech, rng)
    if rng.random() < how.tilt:
        speech = tilt_spectrum(speech, rng)
    if rng.random() < how.noise:
        speech = speech + make_background(level(speech), len(speech), how.snr_db, voices, rng)
    if rng.random() < how.band:
        speech = limit_band(speech, rng)
    if rng.random() < how.codec:
        speech = encode(speech, rng)
    if rng.random() < how.gain:
        speech = clip_or_attenuate(speech, rng)
    return np.asarray(speech, np.float32)


def make_background(
    speech_level: float,
    length: int,
    snr_db: tuple[float, float],
    voices: Sequence[FloatArray],
    rng: np.random.Generator,
) -> Signal:
    """Return (length,) noise of any kind, at a ratio to speech drawn from `snr_db`."""
    kind = str(rng.choice([name for name in NOISES if voices or name != BABBLE]))
    noise = make_noise(kind, max(length, SAMPLE_RATE), voices, rng)[:length]
    ratio = 10 ** (-rng.uniform(*snr_db) / 20)
    return noise * (ratio * speech_level / max(level(noise), 1e-9))


def add_noise(
    samples: FloatArray, kind: str, snr_db: float, voices: Sequence[FloatArray], seed: int
) -> FloatArray:
    """Return speech with one kind of noise, `snr_db` below the level of the speech in it."""
    rng = np.random.default_rng(seed)
    noise = make_noise(kind, max(len(samples), SAMPLE_RATE), voices, rng)[: len(samples)]
    ratio = 10 ** (-snr_db / 20) * level(samples) / max(level(noise), 1e-9)
    return (samples + ratio * noise).astype(np.float32)


def reverberate(samples: Signal, rng: np.random.Generator) -> Signal:
    """Return speech in a room: decaying noise as its response.

    Reverberation time 0.15 to 0.8 s, less at high frequencies; direct sound 0 to 15 dB above the
    reverberation (Habets, "Single- and Multi-Microphone Speech Dereverberation", 2007, has the
    model).
    """
    decay_s = rng.uniform(0.15, 0.8)
    count = round(decay_s * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    noise = rng.standard_normal(count) * 10 ** (-3 * time / decay_s)
    dull = np.convolve(noise, np.ones(4) / 4)[:count]
    mixed = noise * np.exp(-time / 0.1) + dull * (1 - np.exp(-time / 0.1))
    mixed[: round(rng.uniform(0.002, 0.02) * SAMPLE_RATE)] = 0  # the first echo comes later
    response = mixed * 10 ** (-rng.uniform(0, 15) / 20) / np.sqrt(np.square(mixed).sum())
    response[0] = 1.0
    return _filtered(samples, response)


def tilt_spectrum(samples: Signal, rng: np.random.Generator) -> Signal:
    """Return sound whose spectrum is tilted by up to 4 dB per octave and rippled by up to 4 dB."""
    return _shaped(samples, lambda octaves: _tilt(octaves, rng))


def _tilt(octaves: Signal, rng: np.random.Generator) -> Signal:
    wave = rng.uniform(0, 4) * np.sin(rng.uniform(0.5, 2.5) * octaves + rng.uniform(0, 2 * np.pi))
    return np.asarray(rng.uniform(-4, 4) * octaves + wave)


def limit_band(samples: Signal, rng: np.random.Generator) -> Signal:
    """Return sound without frequencies below 80 to 350 Hz or above 3.2 to 7 kHz, or both."""
    which = rng.integers(3)
    low = np.log2(rng.uniform(80, 350) / 1000) if which != 1 else -np.inf
    high = np.log2(rng.uniform(3200, 7000) / 1000) if which != 0 else np.inf

    def gain_db(octaves: Signal) -> Signal:
        return np.asarray(-24 * (np.maximum(low - octaves, 0) + 3 * np.maximum(octaves - high, 0)))

    return _shaped(samples, gain_db)


def encode(samples: Signal, rng: np.random.Generator) -> Signal:
    """Return sound after a codec: mu-law at 8 kHz, few bits, MP3 or Opus at a low rate."""
    match rng.integers(4):
        case 0:
            return mu_law(samples)
        case 1:
            step = 2.0 ** -rng.integers(7, 11)
            return np.asarray(np.round(samples / step) * step)
        case 2:
            return through_codec(samples, 'libmp3lame', int(rng.choice([24, 32, 48])))
        case _:
            return through_codec(samples, 'libopus', int(rng.choice([10, 16, 24])))


def mu_law(samples: Signal) -> Signal:
    """Return sound as a telephone transmits it: 8 kHz, 8 bits, G.711 mu-law."""
    narrow = soxr.resample(samples, SAMPLE_RATE, 8000, 'MQ')
    compressed = np.sign(narrow) * np.log1p(255 * np.minimum(np.abs(narrow), 1)) / np.log(256)
    compressed = np.round(compressed * 127) / 127
    wide = np.sign(compressed) * np.expm1(np.abs(compressed) * np.log(256)) / 255
    restored = soxr.resample(wide, 8000, SAMPLE_RATE, 'MQ')
    return np.asarray(restored[: len(samples)])


def through_codec(samples: Signal, codec: str, kbps: int) -> Signal:
    """Return sound encoded and decoded by FFmpeg."""
    memory = io.BytesIO()
    with av.open(memory, 'w', format='mp3' if codec == 'libmp3lame' else 'ogg') as container:
        stream = container.add_stream(codec, rate=SAMPLE_RATE, layout='mono')
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = kbps * 1000
        pcm = np.clip(samples * 32768, -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None], 's16', 'mono')
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    memory.seek(0)
    parts = []
    resampler = av.AudioResampler('flt', 'mono', SAMPLE_RATE)
    with av.open(memory, 'r') as written:
        for decoded in [*written.decode(audio=0), None]:
            parts += [part.to_ndarray()[0] for part in resampler.resample(decoded)]
    result: Signal = np.concatenate(parts)[: len(samples)]
    return result


def clip_or_attenuate(samples: Signal, rng: np.random.Generator) -> Signal:
    """Return sound clipped by 1 to 10 dB, or so soft that 16-bit quantisation is coarse."""
    peak = max(float(np.abs(samples).max()), 1e-9)
    if rng.random() < 0.5:
        limit = peak * 10 ** (-rng.uniform(1, 10) / 20)
        return np.clip(samples, -limit, limit)
    soft = samples * (10 ** (-rng.uniform(20, 40) / 20) / peak)
    return np.asarray(np.round(soft * 32768) / 32768)


def _filtered(samples: Signal, response: Signal) -> Signal:
    size = 1 << (len(samples) + len(response) - 1).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    result: Signal = np.fft.irfft(spectrum, size)[: len(samples)]
    return result


def _shaped(samples: Signal, gain_db: Callable[[Signal], Signal]) -> Signal:
    """Return sound with a gain that depends on the octaves above 1 kHz."""
    size = 1 << (len(samples) + SAMPLE_RATE // 20).bit_length()
    octaves = np.log2(np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 20) / 1000)
    spectrum = np.fft.rfft(samples, size) * 10 ** (gain_db(octaves) / 20)
    result: Signal = np.fft.irfft(spectrum, size)[: len(samples)]
    return result
