"""Measure the voice model: on speakers held out, across corpora, in noise, on what is no voice.

The shipped model was trained on all speakers, so the figures on RAVDESS and EMO-DB are those of
five models of the same recipe, each on the speakers that it was not trained on, calibrated on the
other folds: from the answers stored beside the shipped model or, with --folds, asked anew. EMO-DB
has no surprise, so that there the six labels compete that both corpora share. False alarms,
flite's voices, MELD's recordings and the time of a call are the shipped file's own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from emotion_lab.data.datasets import DatasetError
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
from emotion_lab.data.tables import confusion_table
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.evaluation.false_alarms import StrangeSound, flite_sounds, strange_sounds
from emotion_lab.evaluation.voice_folds import HeldOutAnswers, ask_folds, load_answers
from emotion_node.backends.voice_onnx import OnnxVoiceEmotion
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FloatArray,
    ModalityEmotion,
    Utterance,
)
from emotion_node.labels import LABELS, NEUTRAL
from emotion_node.model_store.manifest import find_model

LOUD: Final = 0.6
"""A label other than neutral above this, given to a sound that is no voice, is a false alarm."""
LEAST: Final = 1e-3
"""Reliability by which arousal is divided at least."""
CALLS: Final = 200
CALL_S: Final = 5.0

_SCORES, _VALENCE_PLACE, _AROUSAL_PLACE, _RELIABILITY = slice(0, 7), 7, 8, 9


def shared_scores(scores: Array, corpus: str) -> Array:
    """Return (n, 7) scores of the labels that a corpus has, summing to 1."""
    if corpus == RAVDESS:
        return scores
    without = scores.copy()
    without[:, LABELS.index('surprise')] = 0
    return np.asarray(without / without.sum(axis=1, keepdims=True))


def heard_arousal(told: Array) -> Array:
    """Return (n,) arousal as it was heard, before doubt drew it towards 0.

    Args:
        told: (n, 10) answers, whose arousal is multiplied by their reliability.
    """
    return np.asarray(told[:, _AROUSAL_PLACE] / np.maximum(told[:, _RELIABILITY], LEAST))


def held_out_figures(answers: HeldOutAnswers) -> dict[str, Any]:
    """Return the figures on speakers held out and across corpora."""
    figures: dict[str, Any] = {}
    for corpus in (RAVDESS, EMODB):
        rows = answers.corpora == corpus
        truth = answers.labels[rows]
        for condition in CONDITIONS:
            told = answers.under(condition)[rows]
            predicted = shared_scores(told[:, _SCORES], corpus).argmax(1)
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
                    heard_arousal(told), truth
                )
                figures[f'{corpus}_valence_accuracy'] = valence_accuracy(
                    told[:, _VALENCE_PLACE], truth
                )
        told = answers.crossed.astype(np.float64)[rows]
        other = EMODB if corpus == RAVDESS else RAVDESS
        figures[f'cross_{other}_to_{corpus}_arousal_accuracy'] = arousal_accuracy(
            heard_arousal(told), truth
        )
        figures[f'cross_{other}_to_{corpus}_reliability'] = float(told[:, _RELIABILITY].mean())
        predicted = shared_scores(told[:, _SCORES], EMODB).argmax(1)
        known = truth != LABELS.index('surprise')
        figures[f'cross_{other}_to_{corpus}_uar'] = unweighted_average_recall(
            confusion(truth[known], predicted[known])
        )
    for condition in CONDITIONS:
        told = answers.under(condition)
        key = 'ece' if condition == 'clean' else f'{condition}_ece'
        figures[key] = expected_calibration_error(told[:, _SCORES], answers.labels)
        if condition != 'clean':
            drops = [
                figures[f'{corpus}_uar'] - figures[f'{corpus}_{condition}_uar']
                for corpus in (RAVDESS, EMODB)
            ]
            figures[f'{condition}_drop'] = float(np.mean(drops))
        reliability = told[:, _RELIABILITY]
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
    """Return a sound as if all of it were speech."""
    end_ns = len(samples) * NS_PER_SAMPLE
    return Utterance('u1', 0, end_ns, end_ns, samples, 0, EndReason.SILENCE, ClockSource.FILE)


def is_false_alarm(emotion: ModalityEmotion) -> bool:
    """Return whether a sound that is no voice was given an emotion loudly."""
    return emotion.label not in ('', NEUTRAL) and emotion.confidence > LOUD


def false_alarm_figures(
    backend: OnnxVoiceEmotion, sounds: Iterable[StrangeSound]
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
    """Return what comes of MELD's few recordings: far from enough to measure, enough to look at.

    Raises:
        DatasetError: there are none.
    """
    recordings = list(read_meld_recordings(data))
    told = [backend.estimate(as_utterance(one.samples)) for one in recordings]
    loud = [is_false_alarm(emotion) for emotion in told]
    wrong = [
        emotion.label != LABELS[one.label] for one, emotion in zip(recordings, told, strict=True)
    ]
    figures: dict[str, Any] = {
        'meld_clips': len(recordings),
        'meld_answered': sum(emotion.available for emotion in told),
        'meld_reliability': float(np.mean([emotion.reliability for emotion in told])),
        'meld_loud': float(np.mean(loud)),
        'meld_loud_and_wrong': float(np.mean(np.logical_and(loud, wrong))),
    }
    if figures['meld_answered']:
        answered = [n for n, emotion in enumerate(told) if emotion.available]
        truth = np.array([recordings[n].label for n in answered], dtype=np.int64)
        scores = np.array([told[n].scores for n in answered], dtype=np.float64)
        counts = confusion(truth, scores.argmax(1))
        figures |= {
            'meld_accuracy': accuracy(counts),
            'meld_weighted_f1': weighted_f1(counts),
            'meld_confidence': float(scores.max(1).mean()),
        }
    return figures


def latency_figures(backend: OnnxVoiceEmotion) -> dict[str, float]:
    """Return the time of a call with an utterance of `CALL_S` seconds."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, round(CALL_S * SAMPLE_RATE)).astype(np.float32)
    utterance = as_utterance(noise)
    taken = []
    for _ in range(CALLS):
        begin = time.perf_counter_ns()
        backend.estimate(utterance)
        taken.append((time.perf_counter_ns() - begin) / 1e6)
    p50, p95 = np.percentile(taken, (50, 95))
    return {'latency_ms_p50': float(p50), 'latency_ms_p95': float(p95)}


def evaluate_voice(
    model: str = 'voice',
    models: str | Path = '',
    data: Path | None = None,
    threads: int = 1,
    folds: Path | None = None,
    store: Path | None = None,
) -> dict[str, Any]:
    """Return the figures of a voice model.

    Args:
        model: the model's key in the manifest.
        models: folder of the manifest, as in `models.models_dir`.
        data: folder of the data sets, as in `datasets.data_root`.
        threads: threads of the model.
        folds: folder of the folds' models, to ask them anew instead of reading what is stored.
        store: file to write their answers to.

    Returns:
        On speakers held out, by corpus: `C_uar` (over the labels that the corpus has), its 95 %
        bootstrap interval over speakers, `C_uar_by_fold`, `C_accuracy`, `C_weighted_f1`,
        `C_confusion`, `C_arousal_accuracy`, `C_valence_accuracy`; by condition X of
        `voice_conditions` but clean, `C_X_uar`, `X_drop` (of the UAR, mean of both corpora) and
        `X_ece`; `ece` (15 bins, clean); by condition, the mean `X_reliability` and the share
        `X_doubted` of it below one half; across corpora `cross_A_to_B_uar` (six labels),
        `cross_A_to_B_arousal_accuracy` and `cross_arousal_accuracy`, that from RAVDESS to EMO-DB.
        Of the shipped file: `false_alarm_rate`, `false_alarms_by_kind`, `strange_absent`;
        `flite_laughter_alarm_rate` and `flite_speech_alarm_rate`, and `meld_...`, or what was
        missing in `skipped`; `latency_ms_p50`, `latency_ms_p95` of a call with 5 s, `file_mb`.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: the data are not there that the folds are asked about.
    """
    entry = find_model(model, models)
    backend = OnnxVoiceEmotion(entry, threads, clock=time.perf_counter_ns)
    if folds is None:
        answers = load_answers(entry)
    else:
        answers = ask_folds(folds, data, threads, entry.file('weights').sha256)
    if store is not None:
        answers.save(store)
    strange = false_alarm_figures(backend, strange_sounds())
    figures: dict[str, Any] = {
        'model': entry.name,
        'version': entry.version,
        'clips': len(answers.names),
        **held_out_figures(answers),
        'false_alarm_rate': strange['rate'],
        'false_alarms_by_kind': strange['by_kind'],
        'strange_absent': strange['absent'],
        'skipped': [],
    }
    try:
        spoken = false_alarm_figures(backend, flite_sounds())
        figures['flite_laughter_alarm_rate'] = spoken['by_kind']['flite laughter']
        figures['flite_speech_alarm_rate'] = spoken['by_kind']['flite speech']
    except FileNotFoundError as error:
        figures['skipped'].append(str(error))
    try:
        figures |= meld_figures(backend, data)
    except DatasetError as error:
        figures['skipped'].append(str(error))
    return figures | {
        **latency_figures(backend),
        'threads': threads,
        'file_mb': entry.file('weights').size / 1e6,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument(
        '--model', default='voice', help='key in the manifest; default %(default)s'
    )
    parser.add_argument('--models-dir', default='', help='folder of manifest.toml')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--threads', type=int, default=1, help='default %(default)s')
    parser.add_argument('--folds', type=Path, help="ask the folds' models in this folder anew")
    parser.add_argument('--store', type=Path, help='write their answers to this .npz')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_voice` does, for these arguments."""
    return evaluate_voice(
        args.model, args.models_dir, args.data, args.threads, args.folds, args.store
    )


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
        return 0
    console = Console()
    for corpus in (RAVDESS, EMODB):
        counts = np.array(figures[f'{corpus}_confusion'])
        console.print(confusion_table(counts, f'{corpus}, speakers held out'))
    console.print(_table(figures))
    return 0


def _table(figures: dict[str, Any]) -> Table:
    table = Table('figure', 'value', title='{model} {version}'.format_map(figures))
    for corpus, labels in ((RAVDESS, 'seven'), (EMODB, 'six shared')):
        low, high = figures[f'{corpus}_uar_interval']
        table.add_row(
            f'UAR on {corpus}, {labels} labels',
            f'{figures[f"{corpus}_uar"]:.3f} (95 % interval {low:.3f} to {high:.3f})',
        )
        for condition, how in list(CONDITIONS.items())[1:]:
            table.add_row(
                f'UAR on {corpus}, {how.description}',
                f'{figures[f"{corpus}_{condition}_uar"]:.3f}',
            )
        table.add_row(
            f'arousal high or low, {corpus}', _share(figures, f'{corpus}_arousal_accuracy')
        )
        table.add_row(f'valence, sign, {corpus}', _share(figures, f'{corpus}_valence_accuracy'))
        table.add_section()
    for first, second in ((RAVDESS, EMODB), (EMODB, RAVDESS)):
        key = f'cross_{first}_to_{second}'
        table.add_row(f'arousal, {first} to {second}', _share(figures, f'{key}_arousal_accuracy'))
        table.add_row(f'UAR of six labels, {first} to {second}', _share(figures, f'{key}_uar'))
    table.add_section()
    for condition, how in CONDITIONS.items():
        key = 'ece' if condition == 'clean' else f'{condition}_ece'
        table.add_row(
            f'calibration error, {how.description}',
            f'{figures[key]:.3f}; reliability {figures[f"{condition}_reliability"]:.2f}',
        )
    table.add_section()
    table.add_row('false alarms at sounds', _share(figures, 'false_alarm_rate'))
    for kind, rate in figures['false_alarms_by_kind'].items():
        if rate:
            table.add_row(f'  at {kind}', f'{rate:.2f}')
    for key, name in (
        ('flite_laughter_alarm_rate', "false alarms at flite's laughter"),
        ('flite_speech_alarm_rate', "loud emotion in flite's speech"),
        ('meld_accuracy', 'accuracy on MELD recordings'),
        ('meld_reliability', 'reliability on these'),
        ('meld_loud_and_wrong', 'loud and wrong on these'),
    ):
        if key in figures:
            table.add_row(name, f'{figures[key]:.3f}')
    table.add_section()
    table.add_row(
        f'time per call with 5 s, {figures["threads"]} thread(s)',
        f'p50 {figures["latency_ms_p50"]:.1f} ms, p95 {figures["latency_ms_p95"]:.1f} ms',
    )
    table.add_row('file', f'{figures["file_mb"]:.1f} MB')
    for reason in figures['skipped']:
        table.add_row('skipped', reason)
    return table


def _share(figures: dict[str, Any], key: str) -> str:
    return f'{figures[key]:.3f}'
