"""Audio with known speech: acted utterances at known positions in silence and in noise.

Speech is RAVDESS (Livingstone and Russo, PLoS ONE 13(5), 2018), a studio recording. An utterance
reaches from the first to the last sound of a clip, as `speech.find_speech` finds them. Clips with
an inner pause of `MAX_PAUSE` or more are left out, so that each is clearly one utterance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.sounds import BABBLE, level, make_noise, scaled
from emotion_lab.data.speech import find_speech, read_audio
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

MAX_PAUSE: Final = 0.3
"""Shortest inner pause for which a clip is left out, in s."""
MARGIN: Final = 0.05
"""Part of the clip that is kept and faded, before and after its speech, in s."""
PAUSES: Final = (0.7, 3.0)
"""Range of the pauses between utterances, in s."""
FLOOR_DB: Final = -72.0
"""Level of the white noise in "silence", that of a quiet sound card, in dB of full scale."""
NOISE_DB: Final = -40.0
"""Level of all other noise before the mixture's gain, in dB of full scale."""
GAINS_DB: Final = (-12.0, 6.0)
"""Range of the mixture's gain."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance, trimmed.

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
    """Audio with the positions of its utterances.

    Attributes:
        noise: one of `NOISES`, or "silence".
        snr_db: level of each utterance above the noise; None for silence, where utterances keep
            their recorded level, which may be low.
        samples: (n,) float32 at `SAMPLE_RATE`.
        truth: (start, end) of each utterance, in samples.
    """

    noise: str
    snr_db: float | None
    samples: FloatArray
    truth: tuple[tuple[int, int], ...]

    @property
    def condition(self) -> str:
        """Name of its condition in tables; babble, which is speech, has one of its own."""
        if self.snr_db is None or self.noise == BABBLE:
            return self.noise
        return f'{self.snr_db:g} dB'


def read_clips(ravdess: Path, actors: range, limit: int, rng: np.random.Generator) -> list[Clip]:
    """Return `limit` utterances of these actors, of all emotions, in random order.

    Raises:
        DatasetError: there are none.
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
        clip = cut_out(read_audio(paths[index]))
        if clip is not None:
            clips.append(clip)
    return clips


def cut_out(samples: FloatArray) -> Clip | None:
    """Trim (n,) samples to the utterance between the first and the last sound.

    None where there is no sound, or an inner pause of `MAX_PAUSE` or more.
    """
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
    return Clip(kept, start, end, level(kept[start:end]))


def make_mixture(
    clips: Sequence[Clip],
    noise: str,
    snr_db: float | None,
    duration: float,
    babble: Sequence[FloatArray],
    rng: np.random.Generator,
) -> Mixture:
    """Mix as many of the clips, in order, as fit into `duration` seconds.

    Args:
        clips: utterances.
        noise: one of `NOISES`, or "silence".
        snr_db: as in `Mixture`.
        duration: in s.
        babble: voices for the noise "babble".
        rng: source of all random choices.
    """
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
