"""Late fusion: one emotion from the modalities that are available."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from emotion_node.config import FusionConfig
from emotion_node.datatypes import SCORE_FLOOR, FusedScores, ModalityEmotion
from emotion_node.labels import LABELS, MODALITIES, Modality

Array = npt.NDArray[np.float64]

PRIORS: Final[Mapping[Modality, tuple[float, ...]]] = {
    Modality.TEXT: (0.471, 0.174, 0.068, 0.111, 0.121, 0.027, 0.027),
    Modality.VOICE: (1 / 7,) * 7,
    Modality.FACE: (1 / 7,) * 7,
}
"""Prior probability of each label, by modality: what its answers contain without any evidence.
Text: the shares in MELD train; voice and face: uniform."""


class Pool(Protocol):
    """An opinion pool: combines several distributions into one."""

    def __call__(
        self, scores: Array, effective_weights: Array, weights: Array
    ) -> tuple[Array, Array]:
        """Return the pooled scores of n utterances, and the share of each modality in them.

        Args:
            scores: (3, n, 7) probabilities, in the order of `labels.MODALITIES`; anything where
                the effective weight is 0.
            effective_weights: (3, n) weight times reliability, 0 or more; for each utterance at
                least one is above 0.
            weights: (3,) the configured weights.

        Returns:
            (n, 7) probabilities, summing to 1 for each utterance, and (3, n) shares, likewise.
        """
        ...


def linear_pool(scores: Array, effective_weights: Array, weights: Array) -> tuple[Array, Array]:
    """Return the weighted mean (linear opinion pool; Stone, 1961), a `Pool`.

    What an absent or unreliable modality loses in weight goes to the others.
    """
    shares = effective_weights / effective_weights.sum(axis=0)
    return np.asarray(np.einsum('mn,mnl->nl', shares, scores)), shares


class LogLinearPool:
    """Product of experts (logarithmic opinion pool; Genest and Zidek, 1986) with a single prior.

    The pooled scores start from the prior of the available modality with the largest configured
    weight, so that a prior counts once. Each modality multiplies in its likelihood ratio: its
    scores divided by its own prior. The ratio is tempered by the modality's relative weight: its
    effective weight divided by the largest one. So the scores of a single modality stay as they
    are, a modality whose scores equal its prior changes nothing, and an unreliable one changes
    little.

    Args:
        robust: how a relative weight r below 1 tempers the ratio. If False, the ratio is raised
            to the power r. If True, r is the probability that the scores are about this person
            and moment, and otherwise they carry no more than the prior: the ratio becomes
            r * ratio + 1 - r. Then a single modality, however confident, cannot outvote the
            others (contamination model; Huber, "Robust Estimation of a Location Parameter",
            1964).
        priors: (7,) by modality, each summing to about 1.
    """

    def __init__(
        self, robust: bool, priors: Mapping[Modality, tuple[float, ...]] = PRIORS
    ) -> None:
        self._robust = robust
        self._priors = np.log([priors[modality] for modality in MODALITIES])

    def __call__(
        self, scores: Array, effective_weights: Array, weights: Array
    ) -> tuple[Array, Array]:
        """Return the pooled scores and the shares, as a `Pool` does."""
        log_ratios = np.log(np.maximum(scores, SCORE_FLOOR)) - self._priors[:, None]
        informative = np.where(np.ptp(log_ratios, axis=2) > SCORE_FLOOR, effective_weights, 0.0)
        effective = np.where(informative.any(axis=0), informative, effective_weights)
        relative = effective / effective.max(axis=0)
        largest = np.where(effective > 0, weights[:, None], -1.0).argmax(axis=0)
        tempering = relative[:, :, None]
        if self._robust:
            log_ratios = np.log(tempering * np.exp(log_ratios) + (1 - tempering))
        else:
            log_ratios = tempering * log_ratios
        pooled = self._priors[largest] + log_ratios.sum(axis=0)
        return softmax(pooled), relative / relative.sum(axis=0)


class Fusion:
    """Fuses the scores of the modalities.

    A modality of weight 0 is ignored, even when it is the only one. The scores of a single
    modality stay as they are. Pooled scores are calibrated by `FusionConfig.temperature` (Guo et
    al., "On Calibration of Modern Neural Networks", ICML 2017), applied less where one modality
    dominates.

    Args:
        config: method, weights and temperature.
        pool: by default, that of `config.method`.
    """

    def __init__(self, config: FusionConfig, pool: Pool | None = None) -> None:
        self._config = config
        self._pool = pool or (
            linear_pool
            if config.method == 'linear'
            else LogLinearPool(robust=config.method == 'robust')
        )
        self._weights = np.array([config.text_weight, config.voice_weight, config.face_weight])

    def fuse(
        self, text: ModalityEmotion, voice: ModalityEmotion, face: ModalityEmotion
    ) -> FusedScores:
        """Return the fused scores, with the weight that each modality had."""
        modalities = (text, voice, face)
        scores = np.zeros((len(modalities), 1, len(LABELS)))
        reliability = np.zeros((len(modalities), 1))
        for n, one in enumerate(modalities):
            if one.scores is not None:
                scores[n, 0], reliability[n] = one.scores, one.reliability
        if not np.any(self._weights[:, None] * reliability):
            return FusedScores(None, 0.0, 0.0, text, voice, face)
        fused, shares = self.fuse_many(scores, reliability)
        text, voice, face = weighted = [
            dataclasses.replace(one, weight=float(share))
            for one, share in zip(modalities, shares[:, 0], strict=True)
        ]
        return FusedScores(
            fused[0].astype(np.float32),
            float(sum(one.weight * one.valence for one in weighted)),
            float(sum(one.weight * one.arousal for one in weighted)),
            text,
            voice,
            face,
            self._config.min_confidence,
        )

    def fuse_many(self, scores: Array, reliability: Array) -> tuple[Array, Array]:
        """Return the fused scores of n utterances, and the shares of the modalities in them.

        Args:
            scores: (3, n, 7) probabilities, in the order of `labels.MODALITIES`.
            reliability: (3, n) 0..1; 0 where a modality is absent. For each utterance, at least
                one modality of non-zero weight is above 0.

        Returns:
            (n, 7) probabilities and (3, n) shares.
        """
        effective_weights = self._weights[:, None] * reliability
        pooled, shares = self._pool(scores, effective_weights, self._weights)
        if self._config.temperature != 1.0:
            # Continuous: as the largest share approaches 1, the temperature does too.
            others = np.minimum(1.0, 1.0 / shares.max(axis=0) - 1.0)
            temperature = self._config.temperature**others
            pooled = softmax(np.log(np.maximum(pooled, SCORE_FLOOR)) / temperature[:, None])
        alone = shares.max(axis=0) == 1.0
        dominant = scores[shares.argmax(axis=0), np.arange(scores.shape[1])]
        return np.where(alone[:, None], dominant, pooled), shares


def softmax(logits: Array) -> Array:
    """Return the distributions, (..., 7), of these logits."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))
