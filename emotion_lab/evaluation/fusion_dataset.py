"""The data set of the fusion: text answers to a split of MELD; SIMULATED voices and faces."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.metrics import Array, confusion, weighted_f1
from emotion_lab.evaluation.fused import Evidence, fuse_with
from emotion_lab.evaluation.simulation import (
    TARGETS,
    Pool,
    Simulated,
    face_pool,
    simulate,
    voice_pool,
)
from emotion_lab.evaluation.text_answers import TextAnswers
from emotion_node.config import Config
from emotion_node.errors import ModelError
from emotion_node.labels import MODALITIES, Modality

SUBSETS: Final = tuple(
    subset for size in (1, 2, 3) for subset in itertools.combinations(MODALITIES, size)
)


@dataclass(frozen=True, slots=True)
class FusionDataset:
    """A split's utterances with the answers of every modality.

    Attributes:
        text: answers of the text model.
        others: simulated modalities.
    """

    text: TextAnswers
    others: Mapping[Modality, Simulated]

    def evidence(self, condition: str, subset: Sequence[Modality] = MODALITIES) -> Evidence:
        """Return scores and reliability of the modalities in a subset."""
        found: dict[Modality, tuple[Array, Array]] = {}
        for modality in subset:
            if modality is Modality.TEXT:
                scores = self.text.scores[condition]
                found[modality] = scores, np.ones(len(scores))
            else:
                found[modality] = self.others[modality].scores, self.others[modality].reliability
        return found

    def fused(self, config: Config, condition: str, subset: Sequence[Modality]) -> Array:
        """Return (n, 7) fused scores."""
        return fuse_with(config, self.evidence(condition, subset))

    def score(self, scores: Array, weights: Array | None = None) -> float:
        """Return the weighted F1 of (n, 7) scores, weighed by (7,) weights of the true labels."""
        counts = confusion(self.text.truth, scores.argmax(1))
        return weighted_f1(counts if weights is None else counts * weights[:, None])


def make_dataset(text: TextAnswers, pools: Mapping[Modality, Pool]) -> FusionDataset:
    """Simulate the modalities for which there are pools of answers."""
    others = {
        modality: simulate(pool, text.truth, TARGETS[modality], seed=7 + place)
        for place, (modality, pool) in enumerate(pools.items())
    }
    return FusionDataset(text, others)


def find_pools(
    models: str, data: Path | None, cache: Path | None
) -> tuple[dict[Modality, Pool], list[str]]:
    """Return the pools of answers to held-out people, and what is missing for the others."""
    makers: dict[Modality, tuple[Callable[[], Pool], str]] = {
        Modality.VOICE: (
            lambda: voice_pool(models=models),
            'a model made by emotion_lab.training.voice_export, and its file '
            'voice_held_out.npz, made by "evaluate voice --folds RUNS --store FILE"',
        ),
        Modality.FACE: (
            lambda: face_pool(models=models, data=data, cache=cache),
            'a model made by emotion_lab.training.face_export, and FER+ (ferplus.npz) to run it '
            'on',
        ),
    }
    pools, missing = {}, []
    for modality, (make, remedy) in makers.items():
        try:
            pools[modality] = make()
        except (ModelError, DatasetError) as error:
            missing.append(
                f'no held-out answers of a {modality} model ({error}); needed: {remedy}'
            )
    return pools, missing


def with_fusion(config: Config, **changes: Any) -> Config:
    """Return the parameters with changed fields of `fusion`."""
    return dataclasses.replace(config, fusion=dataclasses.replace(config.fusion, **changes))
