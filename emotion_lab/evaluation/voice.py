"""Measure the voice model: speaker-independent, across corpora, in noise, on non-speech sounds.

The shipped model was trained on all speakers. The figures on RAVDESS and EMO-DB are therefore
speaker-independent, by five folds: each fold's model has the same recipe, is tested on speakers
that it was not trained on, and is calibrated on the other folds. Their answers are stored in this
folder; --folds computes them again. EMO-DB has no surprise, so only the six labels that both
corpora share are compared there. False alarms, flite's voices, MELD's recordings and the time of a
call are those of the shipped file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.speech import EMODB, RAVDESS
from emotion_lab.data.tables import confusion_table
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.evaluation.non_speech_sounds import flite_sounds, non_speech_sounds
from emotion_lab.evaluation.voice_figures import (
    false_alarm_figures,
    held_out_figures,
    latency_figures,
    meld_figures,
)
from emotion_lab.evaluation.voice_folds import load_answers, predict_folds
from emotion_node.backends.voice_onnx import OnnxVoiceEmotion
from emotion_node.model_store.manifest import find_model


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
        folds: folder of the folds' models, to compute their answers instead of reading them.
        store: file to write the answers to.

    Returns:
        On held-out speakers, by corpus: `C_uar` (over the labels that the corpus has), its 95 %
        bootstrap interval over speakers, `C_uar_by_fold`, `C_accuracy`, `C_weighted_f1`,
        `C_confusion`, `C_arousal_accuracy`, `C_valence_accuracy`; by condition X of
        `voice_conditions` but clean, `C_X_uar`, `X_drop` (of the UAR, mean of both corpora) and
        `X_ece`; `ece` (15 bins, clean); by condition, the mean `X_reliability` and the share
        `X_doubted` of it below one half; across corpora `cross_A_to_B_uar` (six labels),
        `cross_A_to_B_arousal_accuracy` and `cross_arousal_accuracy`, that from RAVDESS to EMO-DB.
        Of the shipped file: `false_alarm_rate`, `false_alarms_by_kind`, `non_speech_absent`;
        `flite_laughter_alarm_rate` and `flite_speech_alarm_rate`, and `meld_...`, or in `skipped`
        what was missing; `latency_ms_p50`, `latency_ms_p95` of a call with 5 s, `file_mb`.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: data that the folds are tested on are missing.
    """
    entry = find_model(model, models)
    backend = OnnxVoiceEmotion(entry, threads)
    if folds is None:
        answers = load_answers(entry)
    else:
        answers = predict_folds(folds, data, threads, entry.file('weights').sha256)
    if store is not None:
        answers.save(store)
    non_speech = false_alarm_figures(backend, non_speech_sounds())
    figures: dict[str, Any] = {
        'model': entry.name,
        'version': entry.version,
        'clips': len(answers.names),
        **held_out_figures(answers),
        'false_alarm_rate': non_speech['rate'],
        'false_alarms_by_kind': non_speech['by_kind'],
        'non_speech_absent': non_speech['absent'],
        'skipped': [],
    }
    try:
        synthesised = false_alarm_figures(backend, flite_sounds())
        figures['flite_laughter_alarm_rate'] = synthesised['by_kind']['flite laughter']
        figures['flite_speech_alarm_rate'] = synthesised['by_kind']['flite speech']
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
    parser.add_argument(
        '--folds', type=Path, help="compute the answers of the folds' models in this folder"
    )
    parser.add_argument('--store', type=Path, help='write the answers to this .npz')
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
        console.print(confusion_table(counts, f'{corpus}, held-out speakers'))
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
    table.add_row('false alarms in non-speech sounds', _share(figures, 'false_alarm_rate'))
    for kind, rate in figures['false_alarms_by_kind'].items():
        if rate:
            table.add_row(f'  in {kind}', f'{rate:.2f}')
    for key, name in (
        ('flite_laughter_alarm_rate', "false alarms in flite's laughter"),
        ('flite_speech_alarm_rate', "false alarms in flite's speech"),
        ('meld_accuracy', 'accuracy on MELD recordings'),
        ('meld_reliability', 'mean reliability on these'),
        ('meld_loud_and_wrong', 'wrong with high confidence on these'),
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
