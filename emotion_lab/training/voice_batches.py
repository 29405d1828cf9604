"""The batches of one epoch of the voice model: the choice of clips and their variation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.data.speech import FOLDS
from emotion_lab.data.voice_spectra import VoiceStore
from emotion_lab.training.outliers import FAMILIES
from emotion_lab.training.voice_model import NO_FOLD, VoiceTraining, collate, expected
from emotion_node.backends.voice_features import MELS
from emotion_node.datatypes import FloatArray
from emotion_node.labels import CIRCUMPLEX, LABELS, NEUTRAL

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
        known: (clips, 7) True for labels that the clip's corpus has.
        clips: number of clips in the batch.
    """

    spectra: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor
    known: torch.Tensor
    clips: int


def training_rows(store: VoiceStore, config: VoiceTraining) -> IntArray:
    """Return the training clips."""
    chosen = store.folds != config.held_out
    return np.flatnonzero(chosen & ~np.isin(store.corpora, config.left_out.split(',')))


def epoch_rows(
    store: VoiceStore, config: VoiceTraining, rows: IntArray, rng: np.random.Generator
) -> IntArray:
    """Return the clips of an epoch in random order, each as often as the recipe requires.

    Raises:
        ValueError: `repeats` is not like "emodb=4,ased=0.5".
    """
    repeats = np.ones(len(rows))
    for part in filter(None, config.repeats.split(',')):
        corpus, _, times = part.partition('=')
        repeats[store.corpora[rows] == corpus] = float(times)
    # Systematic sampling: the same number in every epoch.
    places = np.floor(np.cumsum(repeats[order := rng.permutation(len(rows))]) + 1e-6)
    return rng.permutation(np.repeat(rows[order], np.diff(places, prepend=0).astype(np.int64)))


def corpus_labels(store: VoiceStore) -> npt.NDArray[np.bool_]:
    """Return (n, 7) whether a clip's corpus has a label."""
    known = np.zeros((len(store.names), len(LABELS)), bool)
    for corpus in np.unique(store.corpora):
        rows = store.corpora == corpus
        known[np.ix_(rows, np.unique(store.labels[rows]))] = True
    return known


def find_prior(store: VoiceStore, rows: IntArray) -> FloatArray:
    """Return the (`MELS`,) mean of the clean training clips, each corpus with the same weight."""
    means = [
        store.condition_means[rows[store.corpora[rows] == corpus], 0].mean(axis=0)
        for corpus in np.unique(store.corpora[rows])
    ]
    return np.asarray(np.mean(means, axis=0), np.float32)


class Hearing:
    """Draws what was heard of a clip's speaker and microphone before it.

    The other clips are clean; they get the colour of the clip's own microphone, by which its
    degraded variant differs from the clean one.

    Args:
        store: all spectra.
        config: the recipe.
        rows: training clips.
        prior: (`MELS`,) as `find_prior` returns it.
    """

    def __init__(
        self, store: VoiceStore, config: VoiceTraining, rows: IntArray, prior: FloatArray
    ) -> None:
        self._store = store
        self._config = config
        self._prior = prior
        unique = np.unique(rows)
        neutral = unique[store.labels[unique] == LABELS.index(NEUTRAL)]
        self._of_speaker = _by_name(store.speakers, unique)
        self._neutral_of_speaker = _by_name(store.speakers, neutral)
        self._of_corpus = _by_name(store.corpora, unique)

    def draw(self, row: int, variant: int, rng: np.random.Generator) -> FloatArray:
        """Return the (`MELS`,) spectrum to be expected before a degraded variant of a clip."""
        config, store = self._config, self._store
        if rng.random() < config.cold_share:
            return self._prior
        speaker = str(store.speakers[row])
        pool = self._of_speaker[speaker]
        if rng.random() < config.mixed_speakers:
            pool = self._of_corpus[str(store.corpora[row])]
        elif rng.random() < config.neutral_share:
            pool = self._neutral_of_speaker.get(speaker, pool)
        others = pool[rng.integers(len(pool), size=int(rng.integers(1, config.most_heard + 1)))]
        others = np.unique(others[others != row])
        if not len(others):
            return self._prior
        heard = store.condition_means[others, 0].mean(axis=0)
        heard = heard + store.variant_means[row, variant] - store.condition_means[row, 0]
        return np.asarray(expected(heard, len(others), self._prior), np.float32)


def _by_name(names: npt.NDArray[np.str_], rows: IntArray) -> dict[str, IntArray]:
    return {str(name): rows[names[rows] == name] for name in np.unique(names[rows])}


def held_out_families(fold: int) -> list[int]:
    """Return the outlier families that are held out from a fold's training."""
    return [] if fold == NO_FOLD else [n for n in range(len(FAMILIES)) if n % FOLDS == fold]


def class_weights(labels: IntArray, power: float) -> Array:
    """Return (7,) weights whose mean over the clips is 1; 0 for an absent class."""
    shares = np.bincount(labels, minlength=len(LABELS)) / len(labels)
    weights = np.divide(1.0, shares**power, out=np.zeros(len(LABELS)), where=shares > 0)
    return np.asarray(weights / (weights @ shares))


def epoch_batches(
    store: VoiceStore,
    config: VoiceTraining,
    rows: IntArray,
    prior: FloatArray,
    rng: np.random.Generator,
) -> Iterator[VoiceBatch]:
    """Yield the batches of one epoch.

    Args:
        store: all spectra.
        config: the recipe.
        rows: clips as `training_rows` returns them.
        prior: (`MELS`,) as `find_prior` returns it.
        rng: source of all random draws.
    """
    hearing = Hearing(store, config, rows, prior)
    every_known = corpus_labels(store)
    outliers = np.flatnonzero(~np.isin(store.families, held_out_families(config.held_out)))
    drawn = epoch_rows(store, config, rows, rng)
    variants = rng.integers(store.variants.shape[1], size=len(drawn))
    lengths = store.variants[drawn, variants, 2]
    batches = []
    for start in range(0, len(drawn), config.batch * WINDOW):
        near = start + np.argsort(lengths[start : start + config.batch * WINDOW], kind='stable')
        batches += [near[at : at + config.batch] for at in range(0, len(near), config.batch)]
    for at in rng.permutation(len(batches)):
        chosen = batches[at]
        spectra = []
        for n in chosen:
            row, variant = int(drawn[n]), int(variants[n])
            usual = hearing.draw(row, variant, rng)
            spectra.append(vary(store.read(store.variants[row, variant]) - usual, config, rng))
        clips = drawn[chosen]
        targets = np.eye(len(LABELS), dtype=np.float32)[store.labels[clips]]
        if rng.random() < config.mixed_share and config.mixup > 0:
            spectra, targets = mix(spectra, targets, store.corpora[clips], config.mixup, rng)
        count = round(config.outlier_share * len(chosen))
        for n in rng.choice(outliers, max(1, count)) if config.outlier_share else ():
            # At least one: a batch of a single clip could not be normalised.
            # Whoever makes a sound, somebody of the training corpora may have been heard before.
            usual = hearing.draw(int(rng.choice(drawn)), 0, rng)
            spectra.append(vary(store.read(store.outliers[n]) - usual, config, rng))
        yield VoiceBatch(
            *collate(spectra),
            torch.from_numpy(targets),
            torch.from_numpy(every_known[clips]),
            len(chosen),
        )


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
    corpora: npt.NDArray[np.str_],
    parameter: float,
    rng: np.random.Generator,
) -> tuple[list[Spectrum], npt.NDArray[np.float32]]:
    """Return each clip mixed with another one of its corpus; the shorter one is repeated."""
    partners = np.arange(len(spectra))
    for corpus in np.unique(corpora):
        members = np.flatnonzero(corpora == corpus)
        partners[members] = rng.permutation(members)
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
