"""Calibration of the voice model: temperature, and reliability by similarity to its training data.

Everything is fitted on speakers and on families of outliers that were held out from the fold's
training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.training.voice_batches import held_out_families, training_rows
from emotion_lab.training.voice_model import (
    PacedVoice,
    VoiceOutput,
    VoiceTraining,
    predict,
)
from emotion_lab.training.voice_store import VoiceStore
from emotion_node.labels import LABELS

SIGNALS: Final = ('familiar', 'energy', 'distance')
"""Signals of the model's reliability; each is higher for speech similar to the training speech.

familiar: the logit of the head that separates speech from outliers.
energy: the logarithm of the sum of the logits' exponentials (Liu et al., "Energy-based
    Out-of-distribution Detection", NeurIPS 2020).
distance: the negative logarithm of the Mahalanobis distance of the embedding to the nearest class
    in training (Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples
    and Adversarial Attacks", NeurIPS 2018).
"""

SIGNAL_SETS: Final = (
    ('familiar',),
    ('energy',),
    ('distance',),
    ('familiar', 'energy'),
    ('familiar', 'distance'),
    ('familiar', 'energy', 'distance'),
)
"""Sets of signals, combined by logistic regression."""

STATISTICS_VARIANTS: Final = 2
"""Number of degraded variants of each training clip for the classes' places in the embedding."""
RIDGE: Final = 0.05
"""Share of the mean variance added to every direction of the embedding."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the classes lie in the embedding.

    Attributes:
        means: (7, width).
        whitening: (width, width), scales differences to unit variance.
    """

    means: torch.Tensor
    whitening: torch.Tensor

    def distance(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return (batch,) the negative logarithm of the distance to the nearest class."""
        turned = embedding @ self.whitening
        apart = turned[:, None, :] - (self.means @ self.whitening)[None]
        return -0.5 * torch.log(apart.square().mean(-1).amin(-1) + 1e-6)


def find_places(embedding: torch.Tensor, labels: IntArray) -> Places:
    """Return the classes' places, with one covariance for all classes."""
    kinds = torch.from_numpy(labels)
    means = torch.stack(
        [
            embedding[kinds == kind].mean(0) if (kinds == kind).any() else embedding.mean(0)
            for kind in range(len(LABELS))
        ]
    )
    within = (embedding - means[kinds]).double()
    covariance = within.T @ within / len(within)
    ridge = RIDGE * covariance.diagonal().mean()
    values, vectors = torch.linalg.eigh(covariance + ridge * torch.eye(len(covariance)))
    return Places(means, (vectors * values.rsqrt()).float())


def signals(output: VoiceOutput, places: Places) -> torch.Tensor:
    """Return (batch, 3), in the order of `SIGNALS`."""
    return torch.stack(
        [output.familiar, output.logits.logsumexp(-1), places.distance(output.embedding)], -1
    )


def training_places(model: PacedVoice, store: VoiceStore, config: VoiceTraining) -> Places:
    """Return the places of the training clips in the embedding."""
    rows = np.unique(training_rows(store, config))
    spans = store.variants[rows, :STATISTICS_VARIANTS].reshape(-1, 2)
    output = predict(model, [store.read(span) for span in spans])
    return find_places(output.embedding, np.repeat(store.labels[rows], len(spans) // len(rows)))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The outputs of a fold's model for held-out speakers and sounds.

    Attributes:
        logits: (n, 7), under all conditions one after the other.
        signals: (n, 3) of them.
        labels: (n,) true labels.
        outlier_logits: (m, 7).
        outlier_signals: (m, 3).
    """

    logits: torch.Tensor
    signals: torch.Tensor
    labels: IntArray
    outlier_logits: torch.Tensor
    outlier_signals: torch.Tensor


def hold_out(
    model: PacedVoice, store: VoiceStore, config: VoiceTraining, places: Places
) -> HeldOut:
    """Return the outputs of a fold's model for what was held out."""
    rows = np.flatnonzero(store.folds == config.held_out)
    spans = store.conditions[rows].transpose(1, 0, 2).reshape(-1, 2)
    speech = predict(model, [store.read(span) for span in spans])
    unseen = np.isin(store.families, held_out_families(config.held_out))
    outliers = predict(model, [store.read(span) for span in store.outliers[unseen]])
    return HeldOut(
        speech.logits,
        signals(speech, places),
        np.tile(store.labels[rows], len(CONDITIONS)),
        outliers.logits,
        signals(outliers, places),
    )


@dataclass(frozen=True, slots=True)
class VoiceCalibration:
    """How the network's outputs become the published ones.

    Attributes:
        temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
        weights: (3,) of `SIGNALS` in the logit of the reliability.
        bias: of that logit.
    """

    temperature: float
    weights: torch.Tensor
    bias: float

    def reliability(self, signals: torch.Tensor) -> torch.Tensor:
        """Return (batch,) 0..1."""
        return torch.sigmoid(signals @ self.weights + self.bias)

    def scores(self, logits: torch.Tensor, signals: torch.Tensor) -> torch.Tensor:
        """Return (batch, 7) probabilities: the flatter, the less reliable."""
        return temper((logits / self.temperature).softmax(-1), self.reliability(signals))


def temper(scores: torch.Tensor, reliability: torch.Tensor) -> torch.Tensor:
    """Return a mixture of the scores, weighted by reliability, and the uniform distribution."""
    share = reliability.unsqueeze(-1)
    return share * scores + (1 - share) / scores.shape[-1]


def fit_reliability(folds: Sequence[HeldOut], chosen: Sequence[str]) -> tuple[torch.Tensor, float]:
    """Return weights (3,) and bias that best separate held-out speech from held-out outliers.

    Args:
        folds: what was held out.
        chosen: signals that may be used; the weights of the others are 0.
    """
    columns = [SIGNALS.index(name) for name in chosen]
    speech = torch.cat([fold.signals for fold in folds])[:, columns].double().numpy()
    outliers = torch.cat([fold.outlier_signals for fold in folds])[:, columns].double().numpy()
    both = np.concatenate([speech, outliers])
    truth = np.repeat([1, 0], [len(speech), len(outliers)])
    model = LogisticRegression(class_weight='balanced', C=10.0, max_iter=1000).fit(both, truth)
    weights = torch.zeros(len(SIGNALS))
    weights[columns] = torch.from_numpy(model.coef_[0]).float()
    return weights, float(model.intercept_[0])


def fit_calibration(folds: Sequence[HeldOut], chosen: Sequence[str]) -> VoiceCalibration:
    """Return the calibration with the least negative log-likelihood under all conditions."""
    weights, bias = fit_reliability(folds, chosen)
    logits = torch.cat([fold.logits for fold in folds])
    every_signal = torch.cat([fold.signals for fold in folds])
    labels = torch.from_numpy(np.concatenate([fold.labels for fold in folds]))

    def loss(temperature: float) -> float:
        scores = VoiceCalibration(temperature, weights, bias).scores(logits, every_signal)
        return float(nn.functional.nll_loss(scores.clamp(min=1e-9).log(), labels))

    found = minimize_scalar(loss, bounds=(0.2, 5.0), method='bounded')
    return VoiceCalibration(float(found.x), weights, bias)


def compare_signals(folds: Sequence[HeldOut]) -> Mapping[tuple[str, ...], dict[str, float]]:
    """Return how well each set separates speech from outliers, fitted on the other folds.

    Returns:
        By set: `auroc`, the mean over the folds of the area under the receiver operating
        characteristic; `doubted_speech`, the share of speech whose reliability is below one half;
        and `believed_outliers`, the share of outliers whose reliability is above it.
    """
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for chosen in SIGNAL_SETS:
        areas, doubted, believed = [], [], []
        for place, fold in enumerate(folds):
            others = [*folds[:place], *folds[place + 1 :]]
            weights, bias = fit_reliability(others, chosen)
            speech: Array = (fold.signals @ weights + bias).double().numpy()
            outliers: Array = (fold.outlier_signals @ weights + bias).double().numpy()
            truth = np.repeat([1, 0], [len(speech), len(outliers)])
            areas.append(roc_auc_score(truth, np.concatenate([speech, outliers])))
            doubted.append(np.mean(speech < 0))
            believed.append(np.mean(outliers > 0))
        found[chosen] = {
            'auroc': float(np.mean(areas)),
            'doubted_speech': float(np.mean(doubted)),
            'believed_outliers': float(np.mean(believed)),
        }
    return found


class CalibratedVoice(nn.Module):
    """A network with its calibration, as exported.

    Args:
        net: the network.
        calibration: fitted on the folds.
        places: of the network's own training clips.
    """

    def __init__(self, net: PacedVoice, calibration: VoiceCalibration, places: Places) -> None:
        super().__init__()
        self.net = net
        self.calibration = calibration
        self.places = places

    def forward(self, spectra: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return scores (batch, 7), affect (batch, 2) and reliability (batch,)."""
        output = self.net(spectra)
        seen = signals(output, self.places)
        reliability = self.calibration.reliability(seen)
        scores = self.calibration.scores(output.logits, seen)
        return scores, output.affect * reliability.unsqueeze(-1), reliability
