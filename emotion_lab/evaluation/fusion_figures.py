"""The figures of the fusion over a split of MELD, with SIMULATED voices and faces."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np

from emotion_lab.data.metrics import (
    Array,
    IntArray,
    confusion,
    expected_calibration_error,
    weighted_f1,
)
from emotion_lab.evaluation.fusion_dataset import (
    SUBSETS,
    FusionDataset,
    with_fusion,
)
from emotion_lab.evaluation.text_answers import CONDITIONS, TextAnswers
from emotion_node.config import Config
from emotion_node.core.analysis.fusion import Fusion
from emotion_node.datatypes import NS_PER_MS, ModalityEmotion, ModelInfo
from emotion_node.labels import MODALITIES, Modality

COVERAGES: Final = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)


def fusion_figures(dataset: FusionDataset, config: Config) -> dict[str, Any]:
    """Return the figures of the fusion with simulated voices and faces.

    Returns:
        `weighted_f1` by subset and condition, `gain_gold`, `gain_wer15`, `gain_wer35` (all three
        over text alone, with a 95 % interval of a bootstrap over dialogues each),
        `worst_subset_loss` (of any subset under any condition against its best single modality),
        `ece` and `wer35_ece` (15 bins, all three), `ece_without_calibration` (the
        same at temperature 1), `coverage` (share kept and weighted F1, gold), and
        `wf1_at_80_coverage`.
    """
    names = {subset: '+'.join(subset) for subset in SUBSETS}
    table: dict[str, dict[str, float]] = {name: {} for name in names.values()}
    found: dict[tuple[str, str], Array] = {}
    worst = 0.0
    for condition in CONDITIONS:
        for subset, name in names.items():
            scores = dataset.fused(config, condition, subset)
            found[condition, name] = scores
            table[name][condition] = dataset.score(scores)
            best = max(table[one][condition] for one in subset)
            worst = max(worst, best - table[name][condition])
    everything = names[SUBSETS[-1]]
    figures: dict[str, Any] = {'weighted_f1': table, 'worst_subset_loss': worst}
    truth, dialogues = dataset.text.truth, dataset.text.dialogues
    for condition in CONDITIONS:
        with_all, alone = found[condition, everything], found[condition, str(Modality.TEXT)]
        figures[f'gain_{condition}'] = dataset.score(with_all) - dataset.score(alone)
        figures[f'gain_{condition}_interval'] = gain_interval(
            dialogues, truth, with_all.argmax(1), alone.argmax(1)
        )
    for key, condition in (('ece', 'gold'), ('wer35_ece', 'wer35')):
        scores = found[condition, everything]
        figures[key] = expected_calibration_error(scores, truth)
        if condition == 'gold':
            figures['coverage'] = coverage_curve(scores, truth)
            figures['wf1_at_80_coverage'] = dict(figures['coverage'])[0.8]
    plain = with_fusion(config, temperature=1.0)
    figures['ece_without_calibration'] = expected_calibration_error(
        dataset.fused(plain, 'gold', MODALITIES), truth
    )
    figures['simulated'] = {
        str(modality): {'weighted_f1': one.weighted_f1, 'degraded': one.degraded}
        for modality, one in dataset.others.items()
    }
    return figures


def text_figures(text: TextAnswers, config: Config) -> dict[str, Any]:
    """Return what the fusion makes of text alone: `text_ece`, `text_coverage` and weighted F1."""
    dataset = FusionDataset(text, {})
    scores = dataset.fused(config, 'gold', (Modality.TEXT,))
    return {
        'text_ece': expected_calibration_error(scores, text.truth),
        'text_coverage': coverage_curve(scores, text.truth),
        **{
            f'text_{condition}_weighted_f1': dataset.score(text.scores[condition])
            for condition in CONDITIONS
        },
    }


def gain_interval(
    groups: IntArray, truth: IntArray, one: IntArray, other: IntArray
) -> tuple[float, float]:
    """Return the 95 % interval of a difference in weighted F1, resampling dialogues."""
    # Both answers of an utterance are drawn together, dialogue by dialogue.
    _, member = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(0)
    count = int(member.max()) + 1
    tables = np.zeros((2, count, 49))
    for table, answers in zip(tables, (one, other), strict=True):
        np.add.at(table, (member, truth * 7 + answers), 1)
    draws = rng.multinomial(count, np.full(count, 1 / count), size=1000)
    first, second = (draws @ table for table in tables)
    gains = [
        weighted_f1(a.reshape(7, 7)) - weighted_f1(b.reshape(7, 7))
        for a, b in zip(first, second, strict=True)
    ]
    low, high = np.percentile(gains, (2.5, 97.5))
    return float(low), float(high)


def coverage_curve(scores: Array, truth: IntArray) -> list[tuple[float, float]]:
    """Return for each of `COVERAGES` the weighted F1 of the most confident answers."""
    order = np.argsort(-scores.max(axis=1), kind='stable')
    curve = []
    for share in COVERAGES:
        kept = order[: max(1, round(share * len(order)))]
        curve.append((share, weighted_f1(confusion(truth[kept], scores[kept].argmax(1)))))
    return curve


def fusion_time(config: Config, calls: int = 500) -> dict[str, float]:
    """Return the time of one fusion of three modalities."""
    rng = np.random.default_rng(0)
    fusion = Fusion(config.fusion)
    times_ms = []
    for _ in range(calls):
        text, voice, face = (
            ModalityEmotion.from_scores(
                modality, rng.dirichlet(np.ones(7)).astype(np.float32), ModelInfo()
            )
            for modality in MODALITIES
        )
        begin = time.perf_counter_ns()
        fusion.fuse(text, voice, face)
        times_ms.append((time.perf_counter_ns() - begin) / NS_PER_MS)
    p50, p95 = np.percentile(times_ms, (50, 95))
    return {'fusion_ms': float(p50), 'fusion_ms_p95': float(p95)}
