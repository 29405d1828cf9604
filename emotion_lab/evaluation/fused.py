"""Run the node's fusion over many utterances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emotion_lab.data.metrics import Array
from emotion_node.config import Config
from emotion_node.core.analysis.fusion import Fusion
from emotion_node.labels import LABELS, MODALITIES, Modality

Evidence = Mapping[Modality, tuple[Array, Array]]
"""By available modality: scores (n, 7) and reliability (n,)."""


def fuse_with(config: Config, evidence: Evidence) -> Array:
    """Return (n, 7) scores of the configured fusion."""
    (count,) = {len(one) for one, _ in evidence.values()}
    scores = np.full((len(MODALITIES), count, len(LABELS)), 1 / len(LABELS))
    reliability = np.zeros((len(MODALITIES), count))
    for place, modality in enumerate(MODALITIES):
        if modality in evidence:
            scores[place], reliability[place] = evidence[modality]
    return Fusion(config.fusion).fuse_many(scores, reliability)[0]
