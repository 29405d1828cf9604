"""How right the fusion is on recordings of people, with weights chosen without each of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.metrics import Array
from emotion_lab.evaluation.fusion_dataset import with_fusion
from emotion_lab.evaluation.people_recordings import CORPORA, NEUTRAL, Answers
from emotion_node.config import Config, FusionConfig
from emotion_node.core.analysis.fusion import Fusion
from emotion_node.labels import LABELS, Modality

WEIGHTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
TEMPERATURES: Final = (0.8, 1.0, 1.2, 1.35, 1.5, 1.8, 2.2)
FLOOR: Final = 0.01
"""Probability that counts at least, and that of an utterance of which nothing is known is 1/7."""

Options = Sequence[Config]


def log_losses(scores: Array, truth: npt.NDArray[np.int64]) -> Array:
    """Return (n,) negative log-likelihoods in nats of (n, 7) scores; NaN rows know nothing."""
    known = np.where(np.isnan(scores), 1 / len(LABELS), scores)
    return np.asarray(-np.log(np.maximum(known[np.arange(len(truth)), truth], FLOOR)))


def right(scores: Array, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return (n,) whether the most likely label is the true one; NaN rows are wrong."""
    known = ~np.isnan(scores).any(axis=1)
    return np.asarray(known & (np.nan_to_num(scores).argmax(axis=1) == truth))


def fuse(answers: Answers, config: FusionConfig) -> Array:
    """Return (n, 7) scores of a fusion; NaN where all that it listens to is absent."""
    weights = np.array([config.text_weight, config.voice_weight, config.face_weight])
    known = (weights[:, None] * answers.reliability).any(axis=0)
    fused = np.full((len(known), len(LABELS)), np.nan)
    if known.any():
        found, _ = Fusion(config).fuse_many(
            answers.scores[:, known], answers.reliability[:, known]
        )
        fused[known] = found
    return fused


def options(config: Config) -> list[Config]:
    """Return the parameters among which to choose; text keeps its weight."""
    return [
        with_fusion(config, voice_weight=voice, face_weight=face, temperature=temperature)
        for voice, face, temperature in itertools.product(WEIGHTS, WEIGHTS, TEMPERATURES)
    ]


def leave_one_out(losses: Array, recordings: Sequence[str]) -> list[int]:
    """Return, for each utterance, the option that is best on all other recordings.

    Args:
        losses: (options, n) of the utterances.
        recordings: of the utterances; those of one are left out together.
    """
    names = np.array(recordings)
    best = {name: int(losses[:, names != name].mean(axis=1).argmin()) for name in set(recordings)}
    return [best[name] for name in recordings]


def figures_of(scores: Array, answers: Answers) -> dict[str, Any]:
    """Return how right some scores are.

    Returns:
        `right`, by corpus and of `all`; `log_loss`, the mean in nats; and `emotional`, the share
        of neutral utterances that get another label with more than 0.5.
    """
    found = right(scores, answers.truth)
    corpora = np.array(answers.corpora)
    neutral = answers.truth == NEUTRAL
    sure = np.nan_to_num(scores).max(axis=1) > 0.5
    return {
        'right': {
            **{name: int(found[corpora == name].sum()) for name in CORPORA if name in corpora},
            'all': int(found.sum()),
        },
        'log_loss': float(log_losses(scores, answers.truth).mean()),
        'emotional': float((sure & ~found)[neutral].mean()) if neutral.any() else None,
    }


def people_figures(answers: Answers, config: Config) -> dict[str, Any]:
    """Return how right each modality and the fusion are.

    Returns:
        By name of the answer, as `figures_of`: `neutral` (always), `text`, `voice`, `face`, `node`
        (as it fuses them) and `left_out` (weights and temperature chosen by log loss on all other
        recordings); `chosen`, the same on all of them; and `utterances` by corpus.
    """
    always = np.full_like(answers.fused, 0.0)
    always[:, NEUTRAL] = 1.0
    tried = options(config)
    fused = np.array([fuse(answers, one.fusion) for one in tried])
    losses = np.array([log_losses(one, answers.truth) for one in fused])
    places = leave_one_out(losses, answers.recordings)
    best = tried[int(losses.mean(axis=1).argmin())].fusion
    return {
        'utterances': {
            **{name: answers.corpora.count(name) for name in dict.fromkeys(answers.corpora)},
            'all': len(answers.truth),
        },
        'neutral': figures_of(always, answers),
        **{str(one): figures_of(answers.alone(one), answers) for one in Modality},
        'node': figures_of(answers.fused, answers),
        'left_out': figures_of(fused[places, np.arange(len(places))], answers),
        'chosen': {
            'voice_weight': best.voice_weight,
            'face_weight': best.face_weight,
            'temperature': best.temperature,
        },
    }
