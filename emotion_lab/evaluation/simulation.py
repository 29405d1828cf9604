"""SIMULATED voices and faces for the utterances of MELD, whose audio and video are not available.

For each utterance, an answer of a voice model to an actor outside its training data (RAVDESS) and
an answer of a face model to a face outside its training data (FER+) are drawn among those with the
utterance's label. They are then degraded until each modality alone scores what the literature
reports for it on MELD (`TARGETS`): some answers are replaced by answers to another label, some by
answers to a random person, and all get noise. The draws depend only on the seed.

Errors of a simulated modality are independent of the text and of the other modality; those of real
ones are not. The gains are therefore what fusion can reach with modalities of that accuracy, not
what it reaches on a robot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.ferplus import read_ferplus
from emotion_lab.data.metrics import Array, IntArray, confusion, weighted_f1
from emotion_lab.data.speech import RAVDESS
from emotion_lab.evaluation.voice_folds import HeldOutAnswers, load_answers
from emotion_node.backends.face_onnx import EXPRESSIONS, OnnxFaceEmotion
from emotion_node.labels import LABELS, Modality
from emotion_node.model_store.manifest import find_model

TARGETS: Final = {Modality.VOICE: 0.40, Modality.FACE: 0.35}
"""Approximate weighted F1 of one modality alone on MELD in the literature."""
SEED: Final = 7
NOISE_STD: Final = 1.5
"""Standard deviation of the noise on the log scores of fully degraded answers."""
SHARES: Final = (0.471, 0.174, 0.068, 0.111, 0.121, 0.027, 0.027)
"""Shares of the labels in MELD train, by which the labels of replaced answers are drawn."""

_FLOOR: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Pool:
    """Answers of a model to people outside its training data.

    Attributes:
        scores: (n, 7) probabilities.
        labels: (n,) true labels.
        reliability: (n,) 0..1, from the model; 1 where it has none.
    """

    scores: Array
    labels: IntArray
    reliability: Array

    @property
    def weighted_f1(self) -> float:
        """Weighted F1 of the answers without degradation."""
        return weighted_f1(confusion(self.labels, self.scores.argmax(1)))


@dataclass(frozen=True, slots=True)
class Simulated:
    """One simulated modality.

    Attributes:
        scores: (n, 7) probabilities, one for each utterance.
        reliability: (n,) 0..1.
        degraded: 0..1, level of degradation that was needed.
        weighted_f1: of this modality alone.
    """

    scores: Array
    reliability: Array
    degraded: float
    weighted_f1: float


def voice_pool(model: str = 'voice', models: str = '') -> Pool:
    """Return the stored answers of voice models to held-out RAVDESS actors.

    Raises:
        ModelError: there is no voice model, or no stored answers for it.
    """
    return pool_of_voices(load_answers(find_model(model, models)))


def pool_of_voices(answers: HeldOutAnswers) -> Pool:
    """Return the answers to clean RAVDESS clips."""
    rows = answers.corpora == RAVDESS
    clean = answers.under('clean')[rows]
    return Pool(clean[:, : len(LABELS)], answers.labels[rows], clean[:, -1])


def face_pool(
    model: str = 'face', models: str = '', data: Path | None = None, cache: Path | None = None
) -> Pool:
    """Return the answers of the face model to FER+ test, which is outside its training data.

    Contempt is removed from the answers as in the node, and faces labelled contempt are left out.

    Args:
        model: its key in the manifest.
        models: folder of the manifest.
        data: folder of the data sets, as in `datasets.data_root`.
        cache: folder where answers are stored, by the model's checksum; None to store none.

    Raises:
        ModelError: there is no face model, or it cannot be used.
        DatasetError: FER+ is missing.
    """
    entry = find_model(model, models, EXPRESSIONS)
    place = cache and cache / f'face-{entry.file("weights").sha256[:12]}.npz'
    if place and place.is_file():
        with np.load(place) as stored:
            return pool_of_faces(stored['scores'], stored['labels'])
    faces = read_ferplus('test', data)
    backend = OnnxFaceEmotion(entry)
    images = track(faces.images, 'FER+ test', console=Console(stderr=True), transient=True)
    scores = np.array([backend.run(face).scores for face in images], np.float64)
    if place:
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(place, scores=scores, labels=faces.labels)
    return pool_of_faces(scores, faces.labels)


def pool_of_faces(scores: Array, labels: IntArray) -> Pool:
    """Return (n, 8) scores of `EXPRESSIONS` as a pool of seven labels.

    Args:
        scores: (n, 8) probabilities.
        labels: (n,) indices into `EXPRESSIONS`; faces labelled contempt are left out.
    """
    known = labels < len(LABELS)
    seven = scores[known, : len(LABELS)]
    rest = np.maximum(seven.sum(axis=1), _FLOOR)
    return Pool(seven / rest[:, None], labels[known].astype(np.int64), np.minimum(rest, 1.0))


def simulate(pool: Pool, truth: IntArray, target: float, seed: int = SEED) -> Simulated:
    """Draw an answer for each utterance, and degrade the answers until they score `target`.

    Answers of a pool that is worse than that are not degraded.

    Args:
        pool: answers to draw from; for a label that it lacks, all are drawn from.
        truth: (n,) labels of the utterances.
        target: weighted F1 of the modality alone.
        seed: of all draws.
    """
    draws = _Draws(pool, truth, seed)
    low, high = 0.0, 1.0
    if _score(draws.degrade(0.0)[0], truth) <= target:
        high = 0.0
    for _ in range(20):
        middle = (low + high) / 2
        if _score(draws.degrade(middle)[0], truth) > target:
            low = middle
        else:
            high = middle
    scores, reliability = draws.degrade(high)
    return Simulated(scores, reliability, high, _score(scores, truth))


class _Draws:
    """The draws, which are the same for every level of degradation."""

    def __init__(self, pool: Pool, truth: IntArray, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n = len(truth)
        self._pool = pool
        self._when = rng.random(n)
        other_label = rng.choice(len(LABELS), n, p=np.array(SHARES) / sum(SHARES))
        places = rng.random((3, n))
        self._noise = rng.normal(0, NOISE_STD, (n, len(LABELS)))
        right = _draw(pool.labels, truth, places[0])
        mislabelled = _draw(pool.labels, other_label, places[1])
        stranger = (places[2] * len(pool.labels)).astype(np.int64)
        self._right = right
        self._wrong = np.where(rng.random(n) < 0.5, mislabelled, stranger)

    def degrade(self, level: float) -> tuple[Array, Array]:
        """Return (n, 7) scores and (n,) reliability; `level` is the share of replaced answers."""
        rows = np.where(self._when < level, self._wrong, self._right)
        logs = np.log(np.maximum(self._pool.scores[rows], _FLOOR)) + level * self._noise
        scores = np.exp(logs - logs.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True), self._pool.reliability[rows]


def _draw(labels: IntArray, wanted: IntArray, places: Array) -> IntArray:
    """Return the index of an answer to each wanted label."""
    found = np.empty(len(wanted), np.int64)
    for label in np.unique(wanted):
        rows = np.flatnonzero(labels == label)
        rows = rows if len(rows) else np.arange(len(labels))
        chosen = wanted == label
        found[chosen] = rows[(places[chosen] * len(rows)).astype(np.int64)]
    return found


def _score(scores: Array, truth: IntArray) -> float:
    return weighted_f1(confusion(truth, scores.argmax(1)))
