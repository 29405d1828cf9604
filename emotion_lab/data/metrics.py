"""Figures of merit for classifiers over the seven labels. Needs numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.labels import CIRCUMPLEX, LABELS

HIGH_AROUSAL: Final = 0.2
"""Arousal above this counts as high: between neutral (0) and disgust (0.35), the least aroused of
the labels above neutral."""

_PLACES: Final = np.array([CIRCUMPLEX[label] for label in LABELS])

IntArray = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]


def confusion(truth: IntArray, predicted: IntArray, classes: int = len(LABELS)) -> IntArray:
    """Return (classes, classes) counts: rows are true labels, columns are predicted ones."""
    n = classes
    return np.bincount(truth * n + predicted, minlength=n * n).reshape(n, n)


def f1_per_class(counts: IntArray | Array) -> Array:
    """Return (7,) F1 scores, 0 for a class that is neither present nor predicted.

    Args:
        counts: (7, 7), rows are true labels; counts or sums of weights.
    """
    hits = np.diag(counts).astype(np.float64)
    marked = counts.sum(axis=0) + counts.sum(axis=1)
    return np.divide(2 * hits, marked, out=np.zeros_like(hits), where=marked > 0)


def weighted_f1(counts: IntArray | Array) -> float:
    """Return the mean F1 with each class weighted by its share of the truth."""
    return float(f1_per_class(counts) @ counts.sum(axis=1) / counts.sum())


def macro_f1(counts: IntArray | Array) -> float:
    """Return the unweighted mean F1 over the seven classes."""
    return float(f1_per_class(counts).mean())


def unweighted_average_recall(counts: IntArray | Array) -> float:
    """Return the mean recall over the classes that are present.

    Schuller et al., "The INTERSPEECH 2009 Emotion Challenge".
    """
    present = counts.sum(axis=1) > 0
    return float((np.diag(counts)[present] / counts.sum(axis=1)[present]).mean())


def arousal_accuracy(arousal: Array, truth: IntArray) -> float:
    """Return the share of answers whose arousal is on the right side of `HIGH_AROUSAL`.

    Args:
        arousal: (n,), -1..1.
        truth: (n,) true labels; their places on the circumplex are the truth.
    """
    return float(np.mean((arousal > HIGH_AROUSAL) == (_PLACES[truth, 1] > HIGH_AROUSAL)))


def arousal_auc(arousal: Array, truth: IntArray) -> float:
    """Return the area under the ROC curve of arousal, for labels above `HIGH_AROUSAL`.

    Args:
        arousal: (n,) of any scale.
        truth: (n,) true labels; their places on the circumplex are the truth.
    """
    return area_under_roc(arousal, _PLACES[truth, 1] > HIGH_AROUSAL)


def area_under_roc(scores: Array, positive: npt.NDArray[np.bool_]) -> float:
    """Return the chance that a positive has a higher score than a negative; ties count half.

    Args:
        scores: (n,).
        positive: (n,) some True, some False.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def valence_accuracy(valence: Array, truth: IntArray) -> float:
    """Return the share of answers with the right sign of valence, where the true label has one.

    Args:
        valence: (n,), -1..1.
        truth: (n,) true labels; their places on the circumplex are the truth.
    """
    true = _PLACES[truth, 0]
    return float(np.mean((valence[true != 0] > 0) == (true[true != 0] > 0)))


def shared_scores(scores: Array, labels: IntArray) -> Array:
    """Return (n, 7) scores with those of labels that a corpus lacks set to 0; rows sum to 1.

    Args:
        scores: (n, 7).
        labels: (n,) true labels of the corpus.
    """
    without = np.zeros_like(scores)
    shared = np.unique(labels)
    without[:, shared] = scores[:, shared]
    return np.asarray(without / without.sum(axis=1, keepdims=True))


def accuracy(counts: IntArray | Array) -> float:
    """Return the share of right answers."""
    return float(np.trace(counts) / counts.sum())


def summary(counts: IntArray) -> dict[str, Any]:
    """Return `accuracy`, `weighted_f1`, `macro_f1`, and `f1` by label."""
    return {
        'accuracy': accuracy(counts),
        'weighted_f1': weighted_f1(counts),
        'macro_f1': macro_f1(counts),
        'f1': dict(zip(LABELS, f1_per_class(counts).tolist(), strict=True)),
    }


def expected_calibration_error(
    scores: Array, truth: IntArray, bins: int = 15, weights: Array | None = None
) -> float:
    """Return the expected calibration error over equal-width bins of confidence.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Args:
        scores: (n, 7) probabilities.
        truth: (n,) true labels.
        bins: number of bins over 0..1.
        weights: (n,) weight of each answer; None for equal weights.
    """
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == truth
    counted = np.ones(len(truth)) if weights is None else weights
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    place = np.digitize(confidence, edges, right=True)
    gaps = np.bincount(place, weights=counted * (right - confidence), minlength=bins)
    return float(np.abs(gaps).sum() / counted.sum())


def class_weights(truth: IntArray, shares: Array) -> Array:
    """Return (7,) weights of answers by true label that give the labels the shares of other data.

    Args:
        truth: (n,) true labels.
        shares: (7,) of the classes in the other data, summing to 1.
    """
    found = np.bincount(truth, minlength=len(shares)) / len(truth)
    return np.asarray(shares / found.clip(1 / len(truth)))


def bootstrap_interval(
    groups: Sequence[int],
    truth: IntArray,
    predicted: IntArray,
    metric: Callable[[IntArray], float] = weighted_f1,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a metric, resampling whole groups.

    Args:
        groups: (n,) which dialogue or speaker each answer belongs to; answers of one group are
            not independent, so they are drawn together.
        truth: (n,) true labels.
        predicted: (n,) predicted labels.
        metric: figure of a (7, 7) confusion matrix.
        resamples: number of bootstrap samples.
        seed: of the random draws.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    n_groups = int(member.max()) + 1
    n = len(LABELS)
    cells = (member * n + truth) * n + predicted
    per_group = np.bincount(cells, minlength=n_groups * n * n).reshape(n_groups, n * n)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=resamples)
    values = [metric(counts.reshape(n, n)) for counts in draws @ per_group]
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def interval_over_groups(
    groups: Sequence[str] | npt.NDArray[np.str_],
    metric: Callable[[IntArray], float],
    resamples: int = 400,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of any metric, resampling whole groups.

    Args:
        groups: (n,) whom each answer belongs to.
        metric: figure of the answers at given places.
        resamples: number of bootstrap samples.
        seed: of the random draws.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    places = [np.flatnonzero(member == n) for n in range(len(names))]
    rng = np.random.default_rng(seed)
    values = [
        metric(np.concatenate([places[n] for n in rng.integers(len(names), size=len(names))]))
        for _ in range(resamples)
    ]
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def word_errors(expected: Sequence[str], said: Sequence[str]) -> int:
    """Return the number of words substituted, inserted or deleted (Levenshtein, 1966)."""
    row = list(range(len(said) + 1))
    for i, word in enumerate(expected, 1):
        above, row = row, [i]
        for j, other in enumerate(said, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1]
