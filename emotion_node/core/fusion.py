"""Late fusion of the modalities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from emotion_node.config import FusionConfig
from emotion_node.datatypes import FusedScores, ModalityEmotion
from emotion_node.labels import Modality


class LinearFusion:
    """Weighted mean of the modalities that are there (linear opinion pool; Stone, 1961).

    Each counts by its weight times its reliability; those present are scaled to sum to 1, so that
    an absent or doubtful modality shifts its say to the others. A modality of weight 0 has no say
    even when it is alone.
    """

    def __init__(self, config: FusionConfig) -> None:
        self._weights: Mapping[Modality, float] = {
            Modality.TEXT: config.text_weight,
            Modality.VOICE: config.voice_weight,
            Modality.FACE: config.face_weight,
        }

    def fuse(
        self, text: ModalityEmotion, voice: ModalityEmotion, face: ModalityEmotion
    ) -> FusedScores:
        """Return the fused scores, with the weight each modality had."""
        evidence = (text, voice, face)
        shares = np.array(
            [
                self._weights[one.modality] * one.reliability if one.available else 0.0
                for one in evidence
            ]
        )
        total = shares.sum()
        if total <= 0.0:
            return FusedScores(None, 0.0, 0.0, evidence)
        shares /= total
        scores = np.zeros(0, np.float32)
        for one, share in zip(evidence, shares, strict=True):
            if one.scores is not None and share > 0.0:
                part = np.float32(share) * one.scores
                scores = part if scores.size == 0 else scores + part
        valence = sum(share * one.valence for one, share in zip(evidence, shares, strict=True))
        arousal = sum(share * one.arousal for one, share in zip(evidence, shares, strict=True))
        weighted = tuple(
            dataclasses.replace(one, weight=float(share))
            for one, share in zip(evidence, shares, strict=True)
        )
        return FusedScores(
            scores, float(valence), float(arousal), (weighted[0], weighted[1], weighted[2])
        )
