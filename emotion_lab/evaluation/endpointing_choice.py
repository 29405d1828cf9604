"""Choose the rule that ends utterances, on the dev half of the concatenated dialogues."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from emotion_lab.data.metrics import Array
from emotion_lab.evaluation.concatenated import ConcatenatedDialogue
from emotion_lab.evaluation.endpointing_figures import (
    TOLERANCE_NS,
    endpointing_figures,
    with_fixed_silence,
)
from emotion_node.config import Config
from emotion_node.core.hearing.endpointing import WEIGHTS, PauseEvidence, gather_evidence
from emotion_node.datatypes import SpeechPaused
from emotion_node.factory import Models, build_hearing

LONGEST_S: Final = 0.8
"""Silence that ends an utterance while its pauses are collected."""
MIN_SILENCES: Final = (0.2, 0.25, 0.3)
MAX_SILENCES: Final = (0.5, 0.55, 0.6, 0.7)
MAX_CUT_OFF_RATE: Final = 0.035
"""On dev, to be sure of 0.05 elsewhere."""


def choose(
    dialogues: Sequence[ConcatenatedDialogue], config: Config, models: Models
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return weights and bounds, and the figures of all bounds that were tried.

    The weights are those of a logistic regression over pauses at ends and inside utterances, with
    both classes balanced. Words are left out and their weight is kept, because RAVDESS has only
    two sentences. The bounds are those with the shortest mean delay whose rate of cut-offs is at
    most `MAX_CUT_OFF_RATE`.

    Args:
        dialogues: of the dev half.
        config: parameters that are not chosen.
        models: voice activity detector alone.
    """
    pauses = [pause for one in dialogues for pause in _pauses(one, config, models)]
    features = np.array([evidence.features for evidence, _ in pauses])
    ends = np.array([end for _, end in pauses])
    weights = fit_logistic(features[:, (0, 2, 3)], ends)
    tried = []
    for low, high in itertools.product(MIN_SILENCES, MAX_SILENCES):
        bounds = dataclasses.replace(
            config.endpointing, adaptive=True, min_silence=low, max_silence=high
        )
        figures = endpointing_figures(
            dialogues, dataclasses.replace(config, endpointing=bounds), models
        )
        tried.append({'min_silence': low, 'max_silence': high, **figures})
    safe = [one for one in tried if one['cut_off_rate'] <= MAX_CUT_OFF_RATE]
    best = min(safe, key=lambda one: one['delay_ms_mean']) if safe else None
    bias, spoken, sound = (round(float(one), 3) for one in weights)
    return {
        'weights': (bias, WEIGHTS[1], spoken, sound),
        'weights_in_use': WEIGHTS,
        'bounds': best and (best['min_silence'], best['max_silence']),
    }, tried


def _pauses(
    dialogue: ConcatenatedDialogue, config: Config, models: Models
) -> list[tuple[PauseEvidence, bool]]:
    """Return the evidence at each known pause, and whether the pause ends an utterance."""
    hearing = build_hearing(with_fixed_silence(config, LONGEST_S), models)
    found = []
    for chunk in dialogue.chunks():
        for event in hearing.process(chunk):
            if not isinstance(event, SpeechPaused):
                continue
            end_ns = event.utterance.end_ns
            at_end = any(abs(end_ns - end) < TOLERANCE_NS for _, end in dialogue.utterances)
            inside = any(abs(end_ns - begin) < TOLERANCE_NS for begin, _ in dialogue.pauses)
            if at_end or inside:
                found.append((gather_evidence(event.utterance, None), at_end))
    return found


def fit_logistic(features: Array, truth: Any, decay: float = 1.0, rounds: int = 30) -> Array:
    """Fit a logistic regression with balanced classes, and return its (k,) weights.

    Newton's method (iteratively reweighted least squares).

    Args:
        features: (n, k); the first column is 1.
        truth: (n,) bool.
        decay: L2 regularisation.
        rounds: iterations of Newton's method.
    """
    counts = np.where(truth, 0.5 / truth.mean(), 0.5 / (1 - truth.mean()))
    weights = np.zeros(features.shape[1])
    for _ in range(rounds):
        likely = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (counts * (likely - truth)) + decay * weights
        curvature = (features * (counts * likely * (1 - likely))[:, None]).T @ features
        weights = weights - np.linalg.solve(curvature + decay * np.eye(len(weights)), gradient)
    return weights
