"""Sound whose speech is known: acted speech at known places in silence and in noise.

Speech is RAVDESS (Livingstone and Russo, PLoS ONE 13(5), 2018), which was recorded in a studio.
Where a clip's speech begins and ends is found by its level: 10 ms frames, smoothed over 30 ms,
count as sound when they are less than `SPEECH_RANGE_DB` below the clip's 95th percentile; sounds
shorter than 50 ms (clicks, lips) do not count, nor do first or last sounds (breath) that stay
`BREATH_DB` below it. What lies between the first and the last sound is the utterance. Clips with
an inner pause of `MAX_PAUSE` or more are left out, so that each is one utterance beyond doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import SAMPLE_RATE, FloatArray
from emotion_node.training.datasets import DatasetError

SPEECH_RANGE_DB: Final = 25.0
BREATH_DB: Final = 12.0
MIN_SOUND: Final = 0.05
MAX_PAUSE: Final = 0.3
MARGIN: Final = 0.05
"""Seconds of the clip kept, faded, before and after its speech."""
PAUSES: Final = (0.7, 3.0)
"""Range of the pauses between utterances, in s."""
FLOOR_DB: Final = -72.0
"""Level of the white noise in "silence", that of a quiet sound card, in dB of full scale."""
NOISE_DB: Final = -40.0
"""Level of all other noise before the mixture's gain."""
GAINS_DB: Final = (-12.0, 6.0)
BABBLE: Final = 'babble'
NOISES: Final = ('white', 'pink', 'hum', 'knocks', 'music', BABBLE)
BABBLE_TALKERS: Final = 8

Signal = npt.NDArray[np.floating[Any]]

_FRAME: Final = SAMPLE_RATE // 100


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance without what is around it.

    Attributes:
        samples: (n,) float32 at `SAMPLE_RATE`, with `MARGIN` before and after, faded.
        start, end: of the speech in `samples`.
        level: root mean square of the speech.
    """

    samples: FloatArray
    start: int
    end: int
    level: float


@dataclass(frozen=True, slots=True)
class Mixture:
    """A minute of sound and where its speech is.

    Attributes:
        noise: one of `NOISES`, or "silence".
        snr_db: level of each utterance above the noise; None for silence, where utterances keep
            the level of their recording, soft ones included.
        samples: (n,) float32 at `SAMPLE_RATE`.
        truth: (start, end) of each utterance, in samples.
    """

    noise: str
    snr_db: float | None
    samples: FloatArray
    truth: tuple[tuple[int, int], ...]

    @property
    def condition(self) -> str:
        """Name of the row it counts for; babble, being speech, has one of its own."""
        if self.snr_db is None or self.noise == BABBLE:
            return self.noise
        return f'{self.snr_db:g} dB'


def read_audio(path: Path) -> FloatArray:
    """Return the (n,) float32 samples of a 16 kHz mono file.

    Raises:
        DatasetError: it is none.
    """
    with av.open(path) as container:
        stream = container.streams.audio[0]
        if stream.rate != SAMPLE_RATE or stream.channels != 1:
            raise DatasetError(
                f'{path}: expected {SAMPLE_RATE} Hz mono, found {stream.rate} Hz with '
                f'{stream.channels} channels'
            )
        resampler = av.AudioResampler('flt', 'mono', SAMPLE_RATE)
        frames = [
            part.to_ndarray()[0].astype(np.float32)
            for frame in container.decode(stream)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(frames)


def find_speech(samples: FloatArray) -> list[tuple[int, int]]:
    """Return (start, end) of each sound in samples, as the module's text defines it."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.convolve(np.mean(np.square(frames), axis=1), np.full(3, 1 / 3), 'same')
    loud = power > np.percentile(power, 95) * 10 ** (-SPEECH_RANGE_DB / 10)
    spoken = power > np.percentile(power, 95) * 10 ** (-BREATH_DB / 10)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    sounds = [
        (int(start), int(end))
        for start, end in edges.reshape(-1, 2)
        if (end - start) * _FRAME >= MIN_SOUND * SAMPLE_RATE
    ]
    while sounds and not spoken[slice(*sounds[0])].any():
        del sounds[0]
    while sounds and not spoken[slice(*sounds[-1])].any():
        del sounds[-1]
    return [(start * _FRAME, end * _FRAME) for start, end in sounds]


def read_clips(ravdess: Path, actors: range, limit: int, rng: np.random.Generator) -> list[Clip]:
    """Return `limit` utterances of these actors in random order, all emotions among them.

    Raises:
        DatasetError: there are no such files.
    """
    paths = sorted(
        path for path in ravdess.glob('*-*.*') if int(path.stem.rsplit('-', 1)[-1]) in actors
    )
    if not paths:
        raise DatasetError(
            f'expected RAVDESS speech of actors {actors.start} to {actors.stop - 1} in {ravdess}, '
            'found none'
        )
    clips: list[Clip] = []
    for index in rng.permutation(len(paths)):
        if len(clips) == limit:
            break
        clip = _cut_out(read_audio(paths[index]))
        if clip is not None:
            clips.append(clip)
    return clips


def _cut_out(samples: FloatArray) -> Clip | None:
    sounds = find_speech(samples)
    pauses = [later[0] - earlier[1] for earlier, later in pairwise(sounds)]
    if not sounds or max(pauses, default=0) >= MAX_PAUSE * SAMPLE_RATE:
        return None
    margin = round(MARGIN * SAMPLE_RATE)
    first = max(0, sounds[0][0] - margin)
    kept: FloatArray = samples[first : sounds[-1][1] + margin].copy()
    start, end = sounds[0][0] - first, sounds[-1][1] - first
    kept[:start] *= np.linspace(0, 1, start, endpoint=False, dtype=np.float32)
    kept[end:] *= np.linspace(1, 0, len(kept) - end, dtype=np.float32)
    return Clip(kept, start, end, _level(kept[start:end]))


def make_mixture(
    clips: Sequence[Clip],
    noise: str,
    snr_db: float | None,
    duration: float,
    babble: Sequence[FloatArray],
    rng: np.random.Generator,
) -> Mixture:
    """Return a mixture of as many of the clips, in order, as fit into `duration` seconds."""
    samples = np.zeros(round(duration * SAMPLE_RATE), np.float32)
    truth = []
    position = round(rng.uniform(*PAUSES) * SAMPLE_RATE)
    for clip in clips:
        if position + len(clip.samples) + SAMPLE_RATE > len(samples):
            break
        gain = 1.0 if snr_db is None else 10 ** ((NOISE_DB + snr_db) / 20) / clip.level
        samples[position : position + len(clip.samples)] += np.float32(gain) * clip.samples
        truth.append((position + clip.start, position + clip.end))
        position += len(clip.samples) + round(rng.uniform(*PAUSES) * SAMPLE_RATE)
    if snr_db is None:
        samples += scaled(rng.standard_normal(len(samples)), FLOOR_DB)
    else:
        samples += scaled(make_noise(noise, len(samples), babble, rng), NOISE_DB)
        samples *= np.float32(10 ** (rng.uniform(*GAINS_DB) / 20))
    return Mixture(noise, snr_db, np.clip(samples, -1, 1), tuple(truth))


def make_noise(
    kind: str, length: int, babble: Sequence[FloatArray], rng: np.random.Generator
) -> Signal:
    """Return (length,) samples of noise at any level.

    "hum" is mains hum (50 Hz with harmonics) with pink noise 10 dB below it, as of a fan;
    "knocks" are decaying resonances, two a second, as of things set down; "music" is chords of
    plucked strings; "babble" is `BABBLE_TALKERS` people who speak all the time. All but the
    babble are synthetic.
    """
    match kind:
        case 'white':
            return rng.standard_normal(length)
        case 'pink':
            return _pink(length, rng)
        case 'hum':
            pink = _pink(length, rng)
            hum = _harmonics(length, 50.0, rng)
            return np.asarray(hum / np.std(hum) + pink / np.std(pink) * 10 ** (-10 / 20))
        case 'knocks':
            return _knocks(length, rng)
        case 'music':
            return _music(length, rng)
        case 'babble':  # BABBLE; a bare name would match anything
            return _babble(length, babble, rng)
    raise ValueError(f'noise: expected one of {NOISES}, got {kind!r}')


def _pink(length: int, rng: np.random.Generator) -> Signal:
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequency = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    pink: Signal = np.fft.irfft(spectrum * np.sqrt(20 / np.maximum(frequency, 20)), length)
    return pink


def _harmonics(length: int, pitch: float, rng: np.random.Generator) -> Signal:
    phase = 2 * np.pi * pitch * np.arange(length) / SAMPLE_RATE
    total = np.zeros(length)
    for n in range(1, 9):
        total += np.sin(n * phase + rng.uniform(0, 2 * np.pi)) / n
    return total


def _knocks(length: int, rng: np.random.Generator) -> Signal:
    total = np.zeros(length)
    for start in np.sort(rng.integers(length, size=2 * length // SAMPLE_RATE)):
        time = np.arange(min(SAMPLE_RATE // 2, length - start)) / SAMPLE_RATE
        ringing = np.sin(2 * np.pi * rng.uniform(200, 3000) * time)
        ringing += rng.standard_normal(len(time))
        total[start : start + len(time)] += ringing * np.exp(-time / rng.uniform(0.01, 0.06))
    return total


def _music(length: int, rng: np.random.Generator) -> Signal:
    scale = 110.0 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16, 19, 21, 24]) / 12)
    total = np.zeros(length)
    start = 0
    while start < length:
        size = min(SAMPLE_RATE, length - start)
        decay = np.exp(-np.arange(size) / SAMPLE_RATE / 0.4)
        for pitch in rng.choice(scale, 3, replace=False):
            total[start : start + size] += _harmonics(size, float(pitch), rng) * decay
        start += round(rng.uniform(0.2, 0.6) * SAMPLE_RATE)
    return total


def _babble(length: int, voices: Sequence[FloatArray], rng: np.random.Generator) -> Signal:
    total = np.zeros(length)
    for _ in range(BABBLE_TALKERS):
        position = -int(rng.integers(2 * SAMPLE_RATE))
        while position < length:
            voice = voices[int(rng.integers(len(voices)))]
            heard = voice[max(0, -position) : length - position]
            start = max(0, position)
            total[start : start + len(heard)] += heard
            position += len(voice)
    return total


def read_babble(emodb: Path, limit: int, rng: np.random.Generator) -> list[FloatArray]:
    """Return utterances of EMO-DB's ten speakers (German), all at the same level.

    Raises:
        DatasetError: there are none.
    """
    paths = sorted(path for path in emodb.glob('*.*') if path.suffix in ('.flac', '.wav'))
    if not paths:
        raise DatasetError(f'expected EMO-DB speech in {emodb}, found none')
    voices = []
    for index in rng.permutation(len(paths))[:limit]:
        samples = read_audio(paths[index])
        sounds = find_speech(samples)
        voices.append(scaled(samples[sounds[0][0] : sounds[-1][1]], NOISE_DB))
    return voices


def _level(samples: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def scaled(samples: Signal, level_db: float) -> FloatArray:
    """Return samples at a level, in dB of full scale."""
    return (samples * (10 ** (level_db / 20) / _level(samples))).astype(np.float32)
