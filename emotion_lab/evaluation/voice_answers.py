"""The figures of stored answers: on speakers and on whole corpora that were left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.metrics import (
    Array,
    IntArray,
    accuracy,
    area_under_roc,
    arousal_accuracy,
    arousal_auc,
    bootstrap_interval,
    confusion,
    expected_calibration_error,
    interval_over_groups,
    shared_scores,
    unweighted_average_recall,
    valence_accuracy,
    weighted_f1,
)
from emotion_lab.data.speech import FOLDS, SPOKEN
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.data.voice_dialogues import NEUTRAL_CONFIDENCE, dialogue_means
from emotion_lab.data.voice_spectra import CONDITIONED
from emotion_lab.evaluation.voice_folds import HeldOutAnswers
from emotion_node.labels import LABELS, NEUTRAL

Names = npt.NDArray[np.str_]
_NEUTRAL: Final = LABELS.index(NEUTRAL)
_SCORES, _VALENCE_PLACE, _AROUSAL_PLACE, _RELIABILITY = slice(0, 7), 7, 8, 9


def held_out_figures(answers: HeldOutAnswers) -> dict[str, Any]:
    """Return the figures on held-out speakers of known corpora, as in `evaluate_voice`."""
    figures: dict[str, Any] = {}
    for corpus in CONDITIONED:
        rows = answers.corpora == corpus
        truth, speakers = answers.labels[rows], answers.speakers[rows]
        for condition in CONDITIONS:
            outputs = answers.under(condition)[rows]
            predicted = shared_scores(outputs[:, _SCORES], truth).argmax(1)
            counts = confusion(truth, predicted)
            key = corpus if condition == 'clean' else f'{corpus}_{condition}'
            figures[f'{key}_uar'] = unweighted_average_recall(counts)
            if condition == 'clean':
                figures[f'{corpus}_uar_interval'] = _recall_interval(speakers, truth, predicted)
                figures[f'{corpus}_accuracy'] = accuracy(counts)
                figures[f'{corpus}_weighted_f1'] = weighted_f1(counts)
                figures[f'{corpus}_confusion'] = counts.tolist()
                figures[f'{corpus}_uar_by_fold'] = _by_fold(truth, predicted, answers.folds[rows])
                figures[f'{corpus}_arousal_accuracy'] = arousal_accuracy(
                    outputs[:, _AROUSAL_PLACE], truth
                )
                figures[f'{corpus}_valence_accuracy'] = valence_accuracy(
                    outputs[:, _VALENCE_PLACE], truth
                )
    conditioned = np.isin(answers.corpora, CONDITIONED)
    for condition in CONDITIONS:
        outputs = answers.under(condition)[conditioned]
        key = 'ece' if condition == 'clean' else f'{condition}_ece'
        figures[key] = expected_calibration_error(outputs[:, _SCORES], answers.labels[conditioned])
        if condition != 'clean':
            drops = [
                figures[f'{corpus}_uar'] - figures[f'{corpus}_{condition}_uar']
                for corpus in CONDITIONED
            ]
            figures[f'{condition}_drop'] = float(np.mean(drops))
        figures[f'{condition}_reliability'] = float(outputs[:, _RELIABILITY].mean())
    return figures


def left_out_figures(answers: HeldOutAnswers) -> dict[str, Any]:
    """Return the figures on corpora that were left out of training, as in `evaluate_voice`."""
    figures: dict[str, Any] = {}
    warm, cold = answers.left_out.astype(np.float64), answers.cold.astype(np.float64)
    alone = answers.alone.astype(np.float64)
    for corpus in SPOKEN:
        rows = np.flatnonzero(answers.corpora == corpus)
        truth, speakers, outputs = answers.labels[rows], answers.speakers[rows], warm[rows]
        key = f'without_{corpus}'
        figures |= _recall_figures(key, outputs, truth, speakers)
        for way, those in (('cold', cold), ('alone', alone)):
            figures |= _recall_figures(f'{key}_{way}', those[rows], truth)
        figures |= _area_figures(f'{key}_reliability_auc', outputs, truth, speakers, _is_right)
        figures[f'{key}_reliability'] = float(outputs[:, _RELIABILITY].mean())
        figures[f'{key}_ece'] = expected_calibration_error(outputs[:, _SCORES], truth)
        figures |= _neutral_figures(key, outputs, truth, speakers)
    figures['left_out_alone_reliability_auc'] = _is_right(alone, answers.labels)
    for name in (
        *('uar', 'arousal_auc', 'neutral_alarms'),
        *(f'{way}_{name}' for way in ('cold', 'alone') for name in ('uar', 'arousal_auc')),
    ):
        figures[f'left_out_{name}'] = float(
            np.mean([figures[f'without_{corpus}_{name}'] for corpus in SPOKEN])
        )
    figures |= _area_figures(
        'left_out_reliability_auc', warm, answers.labels, answers.speakers, _is_right
    )
    figures['left_out_ece'] = expected_calibration_error(warm[:, _SCORES], answers.labels)
    return figures


def dialogue_figures(answers: HeldOutAnswers) -> dict[str, Any]:
    """Return the figures of dialogues on corpora left out, as in `evaluate_voice`."""
    truth = answers.labels[answers.dialogue_rows]
    ways = (('', answers.dialogue_answers), ('alone_', answers.dialogue_alone))
    return {
        f'{way}{name}': value
        for way, outputs in ways
        for name, value in dialogue_means(
            answers.dialogues, truth, outputs[:, _SCORES].astype(np.float64)
        ).items()
    }


def _recall_figures(
    key: str, outputs: Array, truth: IntArray, speakers: Names | None = None
) -> dict[str, Any]:
    """Return mean recall and the area of arousal, with intervals where speakers are given."""
    predicted = shared_scores(outputs[:, _SCORES], truth).argmax(1)
    found: dict[str, Any] = {f'{key}_uar': unweighted_average_recall(confusion(truth, predicted))}
    if speakers is None:
        return found | {f'{key}_arousal_auc': arousal_auc(outputs[:, _AROUSAL_PLACE], truth)}
    found[f'{key}_uar_interval'] = _recall_interval(speakers, truth, predicted)
    return found | _area_figures(f'{key}_arousal_auc', outputs, truth, speakers, _is_aroused)


def _area_figures(
    key: str,
    outputs: Array,
    truth: IntArray,
    speakers: Names,
    area: Callable[[Array, IntArray], float],
) -> dict[str, Any]:
    interval = interval_over_groups(speakers, lambda rows: area(outputs[rows], truth[rows]))
    return {key: area(outputs, truth), f'{key}_interval': interval}


def _is_aroused(outputs: Array, truth: IntArray) -> float:
    return arousal_auc(outputs[:, _AROUSAL_PLACE], truth)


def _is_right(outputs: Array, truth: IntArray) -> float:
    right = outputs[:, _SCORES].argmax(1) == truth
    if right.all() or not right.any():
        return 0.5  # a bootstrap sample of few clips
    return area_under_roc(outputs[:, _RELIABILITY], right)


def _neutral_figures(key: str, outputs: Array, truth: IntArray, speakers: Names) -> dict[str, Any]:
    """Return the share of neutral speech that is given an emotion with `NEUTRAL_CONFIDENCE`."""
    neutral = truth == _NEUTRAL
    scores = outputs[neutral, _SCORES]
    alarms = (scores.argmax(1) != _NEUTRAL) & (scores.max(1) > NEUTRAL_CONFIDENCE)
    return {
        f'{key}_neutral_alarms': float(alarms.mean()),
        f'{key}_neutral_alarms_interval': interval_over_groups(
            speakers[neutral], lambda rows: float(alarms[rows].mean())
        ),
    }


def _recall_interval(speakers: Names, truth: IntArray, predicted: IntArray) -> tuple[float, float]:
    _, groups = np.unique(speakers, return_inverse=True)
    return bootstrap_interval(groups.tolist(), truth, predicted, unweighted_average_recall)


def _by_fold(truth: IntArray, predicted: IntArray, folds: IntArray) -> list[float]:
    return [
        unweighted_average_recall(confusion(truth[folds == fold], predicted[folds == fold]))
        for fold in range(FOLDS)
    ]
