"""Classifiers on frozen sentence embeddings.

Logistic regression, support vector machines (Cortes and Vapnik, 1995) and gradient-boosted trees
(Chen and Guestrin, "XGBoost", KDD 2016).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits
from torch import nn
from tqdm import tqdm
from xgboost import XGBClassifier

from emotion_lab.data.metrics import IntArray, confusion, weighted_f1
from emotion_lab.training.text_model import (
    TextClassifier,
    TextTraining,
    collate,
    input_builder,
)
from emotion_node.datatypes import FloatArray

Predict = Callable[[FloatArray], IntArray]
"""(n, d) embeddings to (n,) labels."""

GRIDS: Final[Mapping[str, Mapping[str, Any]]] = {
    # Equal to scikit-learn's "scale" for vectors of unit length.
    'svm': {'C': (1.0, 3.0, 10.0), 'gamma': 1.0},
    'xgboost': {
        'trees': (100, 200, 400),
        'max_depth': 4,
        'learning_rate': 0.1,
        'subsample': 0.8,
        'colsample_bytree': 0.5,
    },
    'logistic': {'C': (1.0, 3.0, 10.0, 30.0)},
}
"""Hyper-parameters by classifier; where there are several values, one is chosen on dev."""

SEEDED: Final = frozenset(('xgboost',))
"""Classifiers that draw random numbers."""

_BATCH: Final = 64


def embed(texts: Sequence[str], config: TextTraining) -> FloatArray:
    """Return (n, d) embeddings of unit length: the mean over all tokens of each text.

    Reimers and Gurevych, "Sentence-BERT", EMNLP 2019.

    Args:
        texts: n texts; cut to `config.max_tokens`, special tokens included.
        config: names the encoder, which is used as published.
    """
    builder = input_builder(config)
    inputs = [builder.build(text) for text in texts]
    pooled = TextClassifier(config)
    pooled.head = nn.Identity()
    pooled.eval()
    # Batches of similar length need little padding.
    order = sorted(range(len(inputs)), key=lambda i: len(inputs[i].ids))
    found = torch.empty(len(inputs), pooled.encoder.config.hidden_size)
    with torch.inference_mode():
        for start in tqdm(range(0, len(order), _BATCH), desc='embedding', leave=False):
            chosen = order[start : start + _BATCH]
            found[chosen] = pooled(*collate([inputs[i] for i in chosen]))
    embeddings: FloatArray = nn.functional.normalize(found).numpy()
    return embeddings


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted classifier.

    Attributes:
        chosen: its hyper-parameter that was chosen on dev, and the value.
        predict: labels of embeddings.
    """

    chosen: Mapping[str, float]
    predict: Predict


def _svm(x: FloatArray, y: IntArray, seed: int, threads: int) -> Iterator[Fitted]:
    # By matrix products; SVC's own RBF kernel works vector by vector and takes four times as long.
    kernel = functools.partial(rbf_kernel, gamma=GRIDS['svm']['gamma'])
    for c in GRIDS['svm']['C']:
        yield Fitted({'C': c}, SVC(C=c, kernel=kernel).fit(x, y).predict)


def _xgboost(x: FloatArray, y: IntArray, seed: int, threads: int) -> Iterator[Fitted]:
    settings = dict(GRIDS['xgboost'])
    choices = settings.pop('trees')
    model = XGBClassifier(
        n_estimators=max(choices), random_state=seed, n_jobs=threads, **settings
    ).fit(x, y)
    for trees in choices:
        predict = functools.partial(model.predict, iteration_range=(0, trees))
        yield Fitted({'trees': trees}, predict)


def _logistic(x: FloatArray, y: IntArray, seed: int, threads: int) -> Iterator[Fitted]:
    for c in GRIDS['logistic']['C']:
        yield Fitted({'C': c}, LogisticRegression(C=c, max_iter=5000).fit(x, y).predict)


_FITS: Final = {'svm': _svm, 'xgboost': _xgboost, 'logistic': _logistic}


def fit(
    name: str,
    train: tuple[FloatArray, IntArray],
    dev: tuple[FloatArray, IntArray],
    seed: int = 0,
    threads: int = 1,
) -> Fitted:
    """Return the classifier with the highest weighted F1 on dev, the first of several.

    Args:
        name: svm (with the RBF kernel), xgboost or logistic.
        train: (n, d) embeddings and (n,) labels to fit to.
        dev: likewise, to choose on.
        seed: of random draws.
        threads: to fit with.
    """
    with threadpool_limits(threads):
        return max(
            _FITS[name](*train, seed, threads),
            key=lambda one: weighted_f1(confusion(dev[1], one.predict(dev[0]))),
        )
