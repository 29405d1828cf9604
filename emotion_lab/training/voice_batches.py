"""The batches of one epoch of the voice model: the choice of clips and their variation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.data.speech import EMODB, FOLDS
from emotion_lab.training.outliers import FAMILIES
from emotion_lab.training.voice_model import NO_FOLD, VoiceTraining, collate
from emotion_lab.training.voice_store import VoiceStore
from emotion_node.backends.voice_features import MELS
from emotion_node.labels import CIRCUMPLEX, LABELS

PLACES: Final = np.array([CIRCUMPLEX[label] for label in LABELS], np.float32)
"""(7, 2) target valence and arousal of each label in training: the corpora have no ratings."""

WINDOW: Final = 8
"""Batches are filled by length from as many batches' worth of shuffled clips."""

Spectrum = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class VoiceBatch:
    """The input of one training step: clips, then outliers.

    Attributes:
        spectra: (batch, frames, `MELS`).
        mask: (batch, frames), see `VoiceNet`.
        targets: (clips, 7) shares of the labels.
        clips: number of clips in the batch.
    """

    spectra: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor
    clips: int


def training_rows(store: VoiceStore, config: VoiceTraining) -> IntArray:
    """Return the training clips, each as often as the recipe requires."""
    chosen = store.folds != config.held_out
    if config.corpus != 'both':
        chosen &= store.corpora == config.corpus
    rows = np.flatnonzero(chosen)
    repeats = np.where(store.corpora[rows] == EMODB, config.emodb_repeats, 1)
    return np.repeat(rows, repeats if config.corpus == 'both' else 1)


def held_out_families(fold: int) -> list[int]:
    """Return the outlier families that are held out from a fold's training."""
    return [] if fold == NO_FOLD else [n for n in range(len(FAMILIES)) if n % FOLDS == fold]


def class_weights(labels: IntArray, power: float) -> Array:
    """Return (7,) weights whose mean over the clips is 1; 0 for an absent class."""
    shares = np.bincount(labels, minlength=len(LABELS)) / len(labels)
    weights = np.divide(1.0, shares**power, out=np.zeros(len(LABELS)), where=shares > 0)
    return np.asarray(weights / (weights @ shares))


def epoch_batches(
    store: VoiceStore, config: VoiceTraining, rows: IntArray, rng: np.random.Generator
) -> Iterator[VoiceBatch]:
    """Yield the batches of one epoch.

    Args:
        store: all spectra.
        config: the recipe.
        rows: clips as `training_rows` gives them.
        rng: source of all random draws.
    """
    known = ~np.isin(store.families, held_out_families(config.held_out))
    outliers = np.flatnonzero(known)
    drawn = rng.permutation(rows)
    variants = rng.integers(store.variants.shape[1], size=len(drawn))
    lengths = store.variants[drawn, variants, 1]
    batches = []
    for start in range(0, len(drawn), config.batch * WINDOW):
        near = start + np.argsort(lengths[start : start + config.batch * WINDOW], kind='stable')
        batches += [near[at : at + config.batch] for at in range(0, len(near), config.batch)]
    for at in rng.permutation(len(batches)):
        chosen = batches[at]
        spectra = [
            vary(store.read(store.variants[drawn[n], variants[n]]), config, rng) for n in chosen
        ]
        targets = np.eye(len(LABELS), dtype=np.float32)[store.labels[drawn[chosen]]]
        if rng.random() < config.mixed_share and config.mixup > 0:
            spectra, targets = mix(spectra, targets, config.mixup, rng)
        # At least one outlier: a batch of a single clip could not be normalised.
        picked = rng.choice(outliers, max(1, round(config.outlier_share * len(chosen))))
        spectra += [vary(store.read(store.outliers[n]), config, rng) for n in picked]
        yield VoiceBatch(*collate(spectra), torch.from_numpy(targets), len(chosen))


def vary(spectrum: Spectrum, config: VoiceTraining, rng: np.random.Generator) -> Spectrum:
    """Return a spectrum stretched, shifted in frequency, cut to length and masked in places."""
    pace = 1 + rng.uniform(-config.warp, config.warp)
    shift = rng.uniform(-config.shift, config.shift)
    count = max(8, round(len(spectrum) / pace))
    varied = _interpolate(spectrum.astype(np.float32), np.linspace(0, len(spectrum) - 1, count))
    varied = _interpolate(varied.T, np.clip(np.arange(MELS) - shift, 0, MELS - 1)).T
    if count > config.max_frames:
        start = int(rng.integers(count - config.max_frames + 1))
        varied = varied[start : start + config.max_frames]
    varied = np.ascontiguousarray(varied)
    mean = float(varied.mean())
    for _ in range(config.band_masks):
        width = int(rng.integers(config.band_mask + 1))
        start = int(rng.integers(MELS - width + 1))
        varied[:, start : start + width] = mean
    for _ in range(config.time_masks):
        width = int(rng.integers(int(config.time_mask * len(varied)) + 1))
        start = int(rng.integers(len(varied) - width + 1))
        varied[start : start + width] = mean
    return varied


def _interpolate(rows: Spectrum, places: Array) -> Spectrum:
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, len(rows) - 1)
    part = (places - low).astype(np.float32)[:, None]
    return np.asarray(rows[low] * (1 - part) + rows[high] * part)


def mix(
    spectra: Sequence[Spectrum],
    targets: npt.NDArray[np.float32],
    parameter: float,
    rng: np.random.Generator,
) -> tuple[list[Spectrum], npt.NDArray[np.float32]]:
    """Return each clip mixed with another; the shorter one is repeated."""
    partners = rng.permutation(len(spectra))
    shares = rng.beta(parameter, parameter, len(spectra)).astype(np.float32)
    shares = np.maximum(shares, 1 - shares)
    mixed = []
    for spectrum, other, share in zip(
        spectra, (spectra[n] for n in partners), shares, strict=True
    ):
        repeated = np.resize(other, spectrum.shape)
        mixed.append(share * spectrum + (1 - share) * repeated)
    shares = shares[:, None]
    return mixed, shares * targets + (1 - shares) * targets[partners]
