"""Non-speech sounds, in which a voice model must not find emotion.

Outlier exposure (Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure", ICLR 2019).
All are seeded, and synthetic except those made from speech. Sounds are in families, so that a fold
can be measured on families held out from its training. The sounds of
`evaluation.non_speech_sounds`, with which the shipped model is tested, are made by other code.
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
from emotion_lab.data.sounds import Signal, level, scaled
from emotion_lab.training import outlier_sounds, outlier_voices
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

LENGTHS_S: Final = (0.6, 4.0)
LEVEL_DB: Final = -25.0

Maker = Callable[[int, Sequence[FloatArray], np.random.Generator], Signal]
"""(length in samples, voices, rng) to (length,) samples at any level."""

FAMILIES: Final[Mapping[str, Maker]] = {
    'noise': outlier_sounds.coloured_noise,
    'machine': outlier_sounds.machine,
    'tones': outlier_sounds.tones,
    'music': outlier_sounds.music,
    'impacts': outlier_sounds.impacts,
    'babble': outlier_voices.babble,
    'laughter': outlier_voices.laughter,
    'wail': outlier_voices.wail,
    'animal': outlier_voices.animal,
    'scrambled speech': outlier_voices.scrambled,
    'stillness': outlier_sounds.stillness,
}


def make_outlier(
    family: str, voices: Sequence[FloatArray], rng: np.random.Generator
) -> FloatArray:
    """Return a sound of a family, as an unknown microphone might pick it up.

    Args:
        family: one of `FAMILIES`.
        voices: speech, for the families made from it.
        rng: source of all random draws.
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
