"""Calibrate the text model's logits to the published probabilities, on MELD dev."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from emotion_lab.data.metrics import (
    Array,
    IntArray,
    class_weights,
    confusion,
    expected_calibration_error,
    macro_f1,
    weighted_f1,
)
from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import meld_samples
from emotion_node.backends.text_input import InputBuilder, TextInput

CHECKED: Final = ('gold', 'plain')
"""Conditions under which the balance of the classes and the quantisation are chosen."""
CALIBRATED: Final = ('gold', 'plain', 'wer15', 'wer35')
"""Conditions under which the temperature is fitted, all together."""

BALANCES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


class Calibrated(nn.Module):
    """A classifier that gives probabilities.

    Args:
        classifier: gives (batch, 7) logits.
        calibration: of these logits.
    """

    def __init__(self, classifier: nn.Module, calibration: Calibration) -> None:
        super().__init__()
        self.classifier = classifier
        self.temperature = calibration.temperature
        self.register_buffer('shift', calibration.shift)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor,
    ) -> torch.Tensor:
        """Return (batch, 7) probabilities; arguments as in `TextClassifier`."""
        logits: torch.Tensor = self.classifier(input_ids, attention_mask, token_type_ids)
        return ((logits + self.shift) / self.temperature).softmax(-1)


class DevSet:
    """MELD dev as the model reads it, by condition.

    Args:
        builder: makes inputs.
        data: folder of the data sets, or None for the default.
    """

    def __init__(self, builder: InputBuilder, data: Path | None) -> None:
        self.inputs: dict[str, list[TextInput]] = {}
        for name in CALIBRATED:
            samples = meld_samples('dev', CONDITIONS[name], data)
            self.inputs[name] = [builder.build(s.text, s.history, s.speaker_id) for s in samples]
        self.truth: IntArray = np.array([sample.label for sample in samples], dtype=np.int64)

    def weighted_f1(self, scores: Array) -> float:
        """Return the weighted F1 of (n, 7) scores."""
        return weighted_f1(confusion(self.truth, scores.argmax(axis=1)))


def fit_temperature(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
) -> float:
    """Return the temperature with the least negative log-likelihood.

    Args:
        logits: (n, 7).
        labels: (n,) true labels.
        weights: (7,) weight of an answer by its true label; None for equal weights.
    """
    found = minimize_scalar(
        lambda t: nn.functional.cross_entropy(logits / t, labels, weights).item(),
        bounds=(0.2, 5.0),
        method='bounded',
    )
    return float(found.x)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How logits become probabilities: the softmax of (logits + shift) / temperature.

    Attributes:
        balance: by how much rare classes are raised: the shift is this many times the negative
            logarithm of the classes' shares (Menon et al., "Long-tail learning via logit
            adjustment", ICLR 2021, after training).
        shift: (7,).
        temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """

    balance: float
    shift: torch.Tensor
    temperature: float

    def scores(self, logits: torch.Tensor) -> Array:
        """Return (n, 7) probabilities."""
        probabilities = ((logits + self.shift) / self.temperature).softmax(-1)
        scores: Array = probabilities.double().numpy()
        return scores


def calibrate(logits: Mapping[str, torch.Tensor], truth: IntArray, shares: Array) -> Calibration:
    """Return the calibration with the best figures on dev.

    The temperature is that with the least negative log-likelihood over all conditions together;
    the balance that with the highest mean of weighted and macro F1, less the calibration error,
    over `CHECKED`. Answers are weighted as if dev's classes were as frequent as in training: dev
    happens to have fewer neutral utterances, which should not affect the choice.

    Args:
        logits: (n, 7) by condition.
        truth: (n,) true labels.
        shares: (7,) of the classes in training.
    """
    weights = class_weights(truth, shares)

    def fit(balance: float) -> Calibration:
        shift = torch.from_numpy(-balance * np.log(shares)).float()
        labels = torch.from_numpy(truth).repeat(len(logits))
        shifted = torch.cat(list(logits.values())) + shift
        counted = torch.from_numpy(weights).to(shifted.dtype)
        temperature = fit_temperature(shifted, labels, counted)
        return Calibration(balance, shift, temperature)

    def merit(found: Calibration) -> float:
        merits = []
        for name in CHECKED:
            scores = found.scores(logits[name])
            counts = confusion(truth, scores.argmax(1)) * weights[:, None]
            error = expected_calibration_error(scores, truth, weights=weights[truth])
            merits.append((weighted_f1(counts) + macro_f1(counts)) / 2 - error)
        return float(np.mean(merits))

    return max((fit(balance) for balance in BALANCES), key=merit)
