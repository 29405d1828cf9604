"""The figures of the voice model: on held-out speakers, on other sounds, and its time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_lab.data.metrics import (
    Array,
    IntArray,
    accuracy,
    arousal_accuracy,
    bootstrap_interval,
    confusion,
    expected_calibration_error,
    unweighted_average_recall,
    valence_accuracy,
    weighted_f1,
)
from emotion_lab.data.recordings import read_meld_recordings
from emotion_lab.data.speech import EMODB, FOLDS, RAVDESS
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.evaluation.non_speech_sounds import NonSpeechSound
from emotion_lab.evaluation.voice_folds import HeldOutAnswers
from emotion_node.backends.voice_onnx import OnnxVoiceEmotion
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FloatArray,
    ModalityEmotion,
    Utterance,
)
from emotion_node.labels import LABELS, NEUTRAL

ALARM_CONFIDENCE: Final = 0.6
"""A label other than neutral above this confidence is a false alarm in a non-speech sound."""
MIN_RELIABILITY: Final = 1e-3
"""Smallest reliability by which arousal is divided."""
CALLS: Final = 200
CALL_S: Final = 5.0

_SCORES, _VALENCE_PLACE, _AROUSAL_PLACE, _RELIABILITY = slice(0, 7), 7, 8, 9


def shared_scores(scores: Array, corpus: str) -> Array:
    """Return (n, 7) scores with those of labels that the corpus lacks set to 0; rows sum to 1."""
    if corpus == RAVDESS:
        return scores
    without = scores.copy()
    without[:, LABELS.index('surprise')] = 0
    return np.asarray(without / without.sum(axis=1, keepdims=True))


def unscaled_arousal(answers: Array) -> Array:
    """Return (n,) arousal before it was scaled by reliability.

    Args:
        answers: (n, 10), whose arousal is multiplied by their reliability.
    """
    return np.asarray(
        answers[:, _AROUSAL_PLACE] / np.maximum(answers[:, _RELIABILITY], MIN_RELIABILITY)
    )


def held_out_figures(answers: HeldOutAnswers) -> dict[str, Any]:
    """Return the figures on held-out speakers and across corpora, as in `evaluate_voice`."""
    figures: dict[str, Any] = {}
    for corpus in (RAVDESS, EMODB):
        rows = answers.corpora == corpus
        truth = answers.labels[rows]
        for condition in CONDITIONS:
            outputs = answers.under(condition)[rows]
            predicted = shared_scores(outputs[:, _SCORES], corpus).argmax(1)
            counts = confusion(truth, predicted)
            key = corpus if condition == 'clean' else f'{corpus}_{condition}'
            figures[f'{key}_uar'] = unweighted_average_recall(counts)
            if condition == 'clean':
                _, speakers = np.unique(answers.speakers[rows], return_inverse=True)
                figures[f'{corpus}_uar_interval'] = bootstrap_interval(
                    speakers.tolist(), truth, predicted, unweighted_average_recall
                )
                figures[f'{corpus}_accuracy'] = accuracy(counts)
                figures[f'{corpus}_weighted_f1'] = weighted_f1(counts)
                figures[f'{corpus}_confusion'] = counts.tolist()
                figures[f'{corpus}_uar_by_fold'] = _by_fold(truth, predicted, answers.folds[rows])
                figures[f'{corpus}_arousal_accuracy'] = arousal_accuracy(
                    unscaled_arousal(outputs), truth
                )
                figures[f'{corpus}_valence_accuracy'] = valence_accuracy(
                    outputs[:, _VALENCE_PLACE], truth
                )
        outputs = answers.crossed.astype(np.float64)[rows]
        other = EMODB if corpus == RAVDESS else RAVDESS
        figures[f'cross_{other}_to_{corpus}_arousal_accuracy'] = arousal_accuracy(
            unscaled_arousal(outputs), truth
        )
        figures[f'cross_{other}_to_{corpus}_reliability'] = float(outputs[:, _RELIABILITY].mean())
        predicted = shared_scores(outputs[:, _SCORES], EMODB).argmax(1)
        known = truth != LABELS.index('surprise')
        figures[f'cross_{other}_to_{corpus}_uar'] = unweighted_average_recall(
            confusion(truth[known], predicted[known])
        )
    for condition in CONDITIONS:
        outputs = answers.under(condition)
        key = 'ece' if condition == 'clean' else f'{condition}_ece'
        figures[key] = expected_calibration_error(outputs[:, _SCORES], answers.labels)
        if condition != 'clean':
            drops = [
                figures[f'{corpus}_uar'] - figures[f'{corpus}_{condition}_uar']
                for corpus in (RAVDESS, EMODB)
            ]
            figures[f'{condition}_drop'] = float(np.mean(drops))
        reliability = outputs[:, _RELIABILITY]
        figures[f'{condition}_reliability'] = float(reliability.mean())
        figures[f'{condition}_doubted'] = float(np.mean(reliability < 0.5))
    figures['cross_arousal_accuracy'] = figures['cross_ravdess_to_emodb_arousal_accuracy']
    return figures


def _by_fold(truth: IntArray, predicted: IntArray, folds: IntArray) -> list[float]:
    return [
        unweighted_average_recall(confusion(truth[folds == fold], predicted[folds == fold]))
        for fold in range(FOLDS)
    ]


def as_utterance(samples: FloatArray) -> Utterance:
    """Return an utterance of (n,) samples, all of which count as speech."""
    end_ns = len(samples) * NS_PER_SAMPLE
    return Utterance('u1', 0, end_ns, end_ns, samples, 0, EndReason.SILENCE, ClockSource.FILE)


def is_false_alarm(emotion: ModalityEmotion) -> bool:
    """Return whether a non-speech sound was given an emotion with high confidence."""
    return emotion.label not in ('', NEUTRAL) and emotion.confidence > ALARM_CONFIDENCE


def false_alarm_figures(
    backend: OnnxVoiceEmotion, sounds: Iterable[NonSpeechSound]
) -> dict[str, Any]:
    """Return `rate` of false alarms, `absent`, the share without an answer, and `by_kind`."""
    alarms: dict[str, list[bool]] = {}
    absent = []
    for sound in sounds:
        emotion = backend.estimate(as_utterance(sound.samples))
        alarms.setdefault(sound.kind, []).append(is_false_alarm(emotion))
        absent.append(not emotion.available)
    return {
        'rate': float(np.mean([alarm for kind in alarms.values() for alarm in kind])),
        'absent': float(np.mean(absent)),
        'by_kind': {kind: float(np.mean(found)) for kind, found in alarms.items()},
    }


def meld_figures(backend: OnnxVoiceEmotion, data: Path | None) -> dict[str, Any]:
    """Return the figures on MELD's recordings, which are too few for conclusions.

    Raises:
        DatasetError: there are none.
    """
    recordings = list(read_meld_recordings(data))
    emotions = [backend.estimate(as_utterance(one.samples)) for one in recordings]
    loud = [is_false_alarm(emotion) for emotion in emotions]
    wrong = [
        emotion.label != LABELS[one.label]
        for one, emotion in zip(recordings, emotions, strict=True)
    ]
    figures: dict[str, Any] = {
        'meld_clips': len(recordings),
        'meld_answered': sum(emotion.available for emotion in emotions),
        'meld_reliability': float(np.mean([emotion.reliability for emotion in emotions])),
        'meld_loud': float(np.mean(loud)),
        'meld_loud_and_wrong': float(np.mean(np.logical_and(loud, wrong))),
    }
    if figures['meld_answered']:
        answered = [n for n, emotion in enumerate(emotions) if emotion.available]
        truth = np.array([recordings[n].label for n in answered], dtype=np.int64)
        scores = np.array([emotions[n].scores for n in answered], dtype=np.float64)
        counts = confusion(truth, scores.argmax(1))
        figures |= {
            'meld_accuracy': accuracy(counts),
            'meld_weighted_f1': weighted_f1(counts),
            'meld_confidence': float(scores.max(1).mean()),
        }
    return figures


def latency_figures(backend: OnnxVoiceEmotion) -> dict[str, float]:
    """Return the time of a call with an utterance of `CALL_S` seconds, over `CALLS` calls."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, round(CALL_S * SAMPLE_RATE)).astype(np.float32)
    utterance = as_utterance(noise)
    taken = []
    for _ in range(CALLS):
        begin = time.perf_counter_ns()
        backend.estimate(utterance)
        taken.append((time.perf_counter_ns() - begin) / NS_PER_MS)
    p50, p95 = np.percentile(taken, (50, 95))
    return {'latency_ms_p50': float(p50), 'latency_ms_p95': float(p95)}
