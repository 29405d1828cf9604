"""Late fusion of the modalities: one answer from whatever is there."""

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
"""How often each label is expected before anything was heard or seen, by modality: what its
answers lean towards by themselves. Text: the shares in MELD train; voice and face: alike."""


class Pool(Protocol):
    """A way of making one answer of several."""

    def __call__(self, scores: Array, says: Array, weights: Array) -> tuple[Array, Array]:
        """Return one answer for each of n utterances, and the share that each modality has in it.

        Args:
            scores: (3, n, 7) probabilities, in the order of `labels.MODALITIES`; anything where
                `says` is 0.
            says: (3, n) how much each counts, 0 or more: its weight times its reliability; for
                each utterance at least one is above 0.
            weights: (3,) the weights alone.

        Returns:
            (n, 7) probabilities and (3, n) shares, each summing to 1.
        """
        ...


def linear_pool(scores: Array, says: Array, weights: Array) -> tuple[Array, Array]:
    """Return the weighted mean (linear opinion pool; Stone, 1961), a `Pool`.

    An absent or doubtful modality shifts its say to the others.
    """
    shares = says / says.sum(axis=0)
    return np.asarray(np.einsum('mn,mnl->nl', shares, scores)), shares


class LogLinearPool:
    """Product of experts (logarithmic opinion pool; Genest and Zidek, 1986), one prior for all.

    The answer stands on the prior of the modality that weighs most among those that are there,
    and so counts it once. Each modality adds how far its answer departs from its own prior, as a
    ratio of probabilities, as far as its say goes in proportion to the highest of these. So one
    modality alone is believed as it is, one that tells nothing beyond its prior changes nothing,
    and a doubtful one changes little.

    Args:
        robust: how a smaller say counts. If not, the ratio is raised to it. If so, it is the
            probability that the answer is about this person and moment at all, and else it tells
            no more than its prior: then no witness, however sure, can outvote the others alone
            (contamination model; Huber, "Robust Estimation of a Location Parameter", 1964).
        priors: (7,) by modality, each summing to about 1.
    """

    def __init__(
        self, robust: bool, priors: Mapping[Modality, tuple[float, ...]] = PRIORS
    ) -> None:
        self._robust = robust
        self._priors = np.log([priors[modality] for modality in MODALITIES])

    def __call__(self, scores: Array, says: Array, weights: Array) -> tuple[Array, Array]:
        """Return the answers and the shares, as a `Pool` does."""
        departures = np.log(np.maximum(scores, SCORE_FLOOR)) - self._priors[:, None]
        informed = np.where(np.ptp(departures, axis=2) > SCORE_FLOOR, says, 0.0)
        says = np.where(informed.any(axis=0), informed, says)
        exponents = says / says.max(axis=0)
        anchor = np.where(says > 0, weights[:, None], -1.0).argmax(axis=0)
        if self._robust:
            kept = exponents[:, :, None]
            departures = np.log(kept * np.exp(departures) + (1 - kept))
        else:
            departures = exponents[:, :, None] * departures
        pooled = self._priors[anchor] + departures.sum(axis=0)
        return softmax(pooled), exponents / exponents.sum(axis=0)


class Fusion:
    """Makes one answer of those of the modalities.

    A modality of weight 0 has no say even when it is alone, and the answer of one alone is left
    as it is. That of several is flattened by `FusionConfig.temperature` (Guo et al., "On
    Calibration of Modern Neural Networks", ICML 2017), the less so the more one of them prevails.

    Args:
        config: method, weights and temperature.
        pool: by default, that of the method.
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
        evidence = (text, voice, face)
        told = np.zeros((len(evidence), 1, len(LABELS)))
        trust = np.zeros((len(evidence), 1))
        for n, one in enumerate(evidence):
            if one.scores is not None:
                told[n, 0], trust[n] = one.scores, one.reliability
        if not np.any(self._weights[:, None] * trust):
            return FusedScores(None, 0.0, 0.0, text, voice, face)
        scores, shares = self.fuse_many(told, trust)
        text, voice, face = weighted = [
            dataclasses.replace(one, weight=float(share))
            for one, share in zip(evidence, shares[:, 0], strict=True)
        ]
        return FusedScores(
            scores[0].astype(np.float32),
            float(sum(one.weight * one.valence for one in weighted)),
            float(sum(one.weight * one.arousal for one in weighted)),
            text,
            voice,
            face,
            self._config.min_confidence,
        )

    def fuse_many(self, scores: Array, reliability: Array) -> tuple[Array, Array]:
        """Return the answers to n utterances, and the shares that the modalities have in them.

        Args:
            scores: (3, n, 7) probabilities, in the order of `labels.MODALITIES`.
            reliability: (3, n) 0..1; 0 where a modality is absent, but for each utterance one is
                above 0 that has a weight.

        Returns:
            (n, 7) probabilities and (3, n) shares.
        """
        says = self._weights[:, None] * reliability
        pooled, shares = self._pool(scores, says, self._weights)
        if self._config.temperature != 1.0:
            # Without a step: the less the others say, the more the answer is that of one alone.
            others = np.minimum(1.0, 1.0 / shares.max(axis=0) - 1.0)
            temperature = self._config.temperature**others
            pooled = softmax(np.log(np.maximum(pooled, SCORE_FLOOR)) / temperature[:, None])
        alone = shares.max(axis=0) == 1.0
        speaker = shares.argmax(axis=0)
        own = scores[speaker, np.arange(scores.shape[1])]
        return np.where(alone[:, None], own, pooled), shares


def softmax(logits: Array) -> Array:
    """Return the distributions (..., 7) with these logarithms, up to a constant."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))
