"""Choose the fusion's parameters on MELD dev, with SIMULATED voices and faces."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np

from emotion_lab.data.metrics import Array, class_weights
from emotion_lab.evaluation.fusion_dataset import (
    SUBSETS,
    FusionDataset,
    with_fusion,
)
from emotion_lab.evaluation.text_answers import CONDITIONS
from emotion_node.config import Config, FusionConfig
from emotion_node.labels import MODALITIES

WEIGHTS: Final = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
TEMPERATURES: Final = tuple(round(0.7 + 0.05 * step, 2) for step in range(27))


def choose(
    dataset: FusionDataset, config: Config, shares: Array
) -> tuple[FusionConfig, list[dict[str, Any]]]:
    """Return the best parameters of the fusion on a split, and all parameters that were tried.

    For each method: the weights with the highest mean weighted F1 over conditions and subsets of
    at least two modalities, by coordinate search with text at its default; then the temperature
    with the smallest negative log-likelihood of all three modalities fused in their dialogue, over
    all conditions. The method with the highest mean is chosen.

    Utterances are weighed so that the classes are as frequent as in training, because dev's few
    dialogues have fewer neutral utterances by chance.

    Args:
        dataset: the split.
        config: parameters that are not chosen.
        shares: (7,) shares of the classes in training.
    """
    weights = class_weights(dataset.text.truth, shares)
    tried: list[dict[str, Any]] = []
    best: tuple[float, FusionConfig] | None = None
    several = [subset for subset in SUBSETS if len(subset) > 1]
    for method in ('robust', 'log_linear', 'linear'):
        current = with_fusion(config, method=method, temperature=1.0, min_confidence=0.0)
        means: dict[tuple[float, float], float] = {}

        def mean_f1(
            tried_config: Config, means: dict[tuple[float, float], float] = means
        ) -> float:
            key = tried_config.fusion.voice_weight, tried_config.fusion.face_weight
            if key not in means:
                means[key] = float(
                    np.mean(
                        [
                            dataset.score(dataset.fused(tried_config, condition, subset), weights)
                            for condition in CONDITIONS
                            for subset in several
                        ]
                    )
                )
            return means[key]

        for name in ('voice_weight', 'face_weight', 'voice_weight'):
            options = [with_fusion(current, **{name: weight}) for weight in WEIGHTS]
            current = max(options, key=mean_f1)
        losses = {
            temperature: float(
                np.mean(
                    [
                        _log_loss(
                            dataset,
                            with_fusion(current, temperature=temperature),
                            condition,
                            weights,
                        )
                        for condition in CONDITIONS
                    ]
                )
            )
            for temperature in TEMPERATURES
        }
        current = with_fusion(current, temperature=min(losses, key=lambda one: losses[one]))
        reached = mean_f1(current)
        tried.append({**dataclasses.asdict(current.fusion), 'mean_weighted_f1': reached})
        if best is None or reached > best[0]:
            best = reached, current.fusion
    assert best is not None
    return best[1], tried


def _log_loss(dataset: FusionDataset, config: Config, condition: str, weights: Array) -> float:
    """Return the mean negative log-likelihood of the truth; (7,) weights weigh the classes."""
    scores = dataset.fused(config, condition, MODALITIES)
    likelihood = scores[np.arange(len(scores)), dataset.text.truth]
    return float(
        np.average(-np.log(np.maximum(likelihood, 1e-9)), weights=weights[dataset.text.truth])
    )
