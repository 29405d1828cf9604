"""The choice of the fusion's parameters on MELD dev, with SIMULATED voices and faces."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np

from emotion_lab.data.metrics import Array, class_weights
from emotion_lab.evaluation.fusion_dataset import SUBSETS, World, after_dialogue, with_fusion
from emotion_lab.evaluation.text_answers import CONDITIONS
from emotion_node.config import Config, FusionConfig
from emotion_node.labels import MODALITIES

WEIGHTS: Final = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
TEMPERATURES: Final = tuple(round(0.7 + 0.05 * step, 2) for step in range(27))


def choose(
    world: World, config: Config, shares: Array
) -> tuple[FusionConfig, list[dict[str, Any]]]:
    """Return the best parameters of the fusion on a split, and all that was tried.

    For each method: the weights with the highest mean weighted F1 over conditions and subsets of
    at least two modalities, one coordinate after the other, text at its default; then the
    temperature with the least negative log-likelihood of the answers of all three in their
    dialogue, over all conditions. The method with the highest mean is chosen.

    Answers are weighed as if the classes were as frequent as in training: dev's few dialogues
    have fewer neutral utterances, on which no choice should rest.

    Args:
        world: the split.
        config: parameters that are not chosen.
        shares: (7,) of the classes in training.
    """
    weights = class_weights(world.text.truth, shares)
    tried: list[dict[str, Any]] = []
    best: tuple[float, FusionConfig] | None = None
    several = [subset for subset in SUBSETS if len(subset) > 1]
    for method in ('robust', 'log_linear', 'linear'):
        current = with_fusion(config, method=method, temperature=1.0, min_confidence=0.0)
        merits: dict[tuple[float, float], float] = {}

        def merit(candidate: Config, merits: dict[tuple[float, float], float] = merits) -> float:
            key = candidate.fusion.voice_weight, candidate.fusion.face_weight
            if key not in merits:
                merits[key] = float(
                    np.mean(
                        [
                            world.score(world.fused(candidate, condition, subset), weights)
                            for condition in CONDITIONS
                            for subset in several
                        ]
                    )
                )
            return merits[key]

        for name in ('voice_weight', 'face_weight', 'voice_weight'):
            candidates = [with_fusion(current, **{name: weight}) for weight in WEIGHTS]
            current = max(candidates, key=merit)
        fits = {
            temperature: float(
                np.mean(
                    [
                        _surprise(
                            world,
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
        current = with_fusion(current, temperature=min(fits, key=lambda one: fits[one]))
        reached = merit(current)
        tried.append({**dataclasses.asdict(current.fusion), 'mean_weighted_f1': reached})
        if best is None or reached > best[0]:
            best = reached, current.fusion
    assert best is not None
    return best[1], tried


def _surprise(world: World, config: Config, condition: str, weights: Array) -> float:
    """Return the mean negative log-likelihood of the truth, counted by (7,) weights."""
    scores = after_dialogue(world, config, condition, MODALITIES)
    told = scores[np.arange(len(scores)), world.text.truth]
    return float(np.average(-np.log(np.maximum(told, 1e-9)), weights=weights[world.text.truth]))
