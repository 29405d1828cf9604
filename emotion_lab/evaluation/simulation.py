"""SIMULATED voices and faces for the utterances of MELD, whose sound and images are not at hand.

For each utterance an answer of a voice model to an actor that it had not heard (RAVDESS), and one
of a face model to a face that it had not seen (FER+), are drawn among those with the utterance's
label. They are then degraded until each modality alone scores what it scores on MELD in the
literature (`TARGETS`): some answers are given to another label, some are another person's
altogether, and all are shaken. What is drawn depends on the seed alone.

Errors of a simulated modality are independent of what was said and of the other modality, which
real ones are not: gains measured so are what fusion can make of witnesses that good, not what
they will be on a robot.
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
"""Weighted F1 of one modality alone on MELD in the literature, about."""
SEED: Final = 7
SHAKEN: Final = 1.5
"""Standard deviation of the noise on the logarithms of fully degraded answers."""
SHARES: Final = (0.471, 0.174, 0.068, 0.111, 0.121, 0.027, 0.027)
"""Of the labels in MELD train: what answers given to another label are drawn by."""

_FLOOR: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Pool:
    """Answers of a model to people that it was not trained on.

    Attributes:
        scores: (n, 7) probabilities.
        labels: (n,) true labels.
        reliability: (n,) 0..1, as told by the model; 1 where it tells none.
    """

    scores: Array
    labels: IntArray
    reliability: Array

    @property
    def weighted_f1(self) -> float:
        """Of its answers as they are."""
        return weighted_f1(confusion(self.labels, self.scores.argmax(1)))


@dataclass(frozen=True, slots=True)
class Simulated:
    """One simulated modality.

    Attributes:
        scores: (n, 7) probabilities, one for each utterance.
        reliability: (n,) 0..1.
        degraded: 0..1, by how much the answers had to be degraded.
        weighted_f1: that it reaches alone.
    """

    scores: Array
    reliability: Array
    degraded: float
    weighted_f1: float


def voice_pool(model: str = 'voice', models: str = '') -> Pool:
    """Return what voice models say of RAVDESS actors held out, stored beside the shipped model.

    Raises:
        ModelError: there is no voice model, or nothing stored beside it.
    """
    return pool_of_voices(load_answers(find_model(model, models)))


def pool_of_voices(answers: HeldOutAnswers) -> Pool:
    """Return the answers to RAVDESS, clean."""
    rows = answers.corpora == RAVDESS
    told = answers.under('clean')[rows]
    return Pool(told[:, : len(LABELS)], answers.labels[rows], told[:, -1])


def face_pool(
    model: str = 'face', models: str = '', data: Path | None = None, cache: Path | None = None
) -> Pool:
    """Return what the face model says of FER+ test, on which it was not trained.

    It is asked anew unless its answers are kept. They lose contempt as they do in the node, and
    faces in which most people saw contempt are left out.

    Args:
        model: its key in the manifest.
        models: folder of the manifest.
        data: folder of the data sets, as in `datasets.data_root`.
        cache: folder where answers are kept, by the model's checksum; None to keep none.

    Raises:
        ModelError: there is no face model, or it cannot be used.
        DatasetError: FER+ is missing.
    """
    entry = find_model(model, models, EXPRESSIONS)
    place = cache and cache / f'face-{entry.file("weights").sha256[:12]}.npz'
    if place and place.is_file():
        with np.load(place) as kept:
            return pool_of_faces(kept['scores'], kept['labels'])
    faces = read_ferplus('test', data)
    backend = OnnxFaceEmotion(entry)
    shown = track(faces.images, 'FER+ test', console=Console(stderr=True), transient=True)
    scores = np.array([backend.run(face) for face in shown], np.float64)
    if place:
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(place, scores=scores, labels=faces.labels)
    return pool_of_faces(scores, faces.labels)


def pool_of_faces(scores: Array, labels: IntArray) -> Pool:
    """Return the answers (n, 8) over `EXPRESSIONS` to faces with these labels, in seven labels."""
    known = labels < len(LABELS)
    seven = scores[known, : len(LABELS)]
    rest = np.maximum(seven.sum(axis=1), _FLOOR)
    return Pool(seven / rest[:, None], labels[known].astype(np.int64), np.minimum(rest, 1.0))


def simulate(pool: Pool, truth: IntArray, target: float, seed: int = SEED) -> Simulated:
    """Return an answer for each utterance, degraded until they score `target` alone.

    Where the pool is worse than that by itself, its answers are not degraded.

    Args:
        pool: what is drawn from; a label that it lacks is drawn among all.
        truth: (n,) labels of the utterances.
        target: weighted F1.
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
    """All that is drawn once, whatever the level of degradation."""

    def __init__(self, pool: Pool, truth: IntArray, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n = len(truth)
        self._pool = pool
        self._when = rng.random(n)
        other_label = rng.choice(len(LABELS), n, p=np.array(SHARES) / sum(SHARES))
        places = rng.random((3, n))
        self._noise = rng.normal(0, SHAKEN, (n, len(LABELS)))
        right = _draw(pool.labels, truth, places[0])
        mislabelled = _draw(pool.labels, other_label, places[1])
        stranger = (places[2] * len(pool.labels)).astype(np.int64)
        self._right = right
        self._wrong = np.where(rng.random(n) < 0.5, mislabelled, stranger)

    def degrade(self, level: float) -> tuple[Array, Array]:
        """Return scores and reliability; `level` is the share of answers that are not right."""
        rows = np.where(self._when < level, self._wrong, self._right)
        logs = np.log(np.maximum(self._pool.scores[rows], _FLOOR)) + level * self._noise
        scores = np.exp(logs - logs.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True), self._pool.reliability[rows]


def _draw(labels: IntArray, wanted: IntArray, places: Array) -> IntArray:
    """Return for each wanted label the index of an answer to it."""
    found = np.empty(len(wanted), np.int64)
    for label in np.unique(wanted):
        rows = np.flatnonzero(labels == label)
        rows = rows if len(rows) else np.arange(len(labels))
        chosen = wanted == label
        found[chosen] = rows[(places[chosen] * len(rows)).astype(np.int64)]
    return found


def _score(scores: Array, truth: IntArray) -> float:
    return weighted_f1(confusion(truth, scores.argmax(1)))
