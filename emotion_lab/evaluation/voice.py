"""Measure the voice model: across corpora, on speakers held out, in noise, on other sounds.

The shipped model was trained on all corpora. The figures are therefore those of models of the same
recipe: four, each without one corpus, and five, each without a fold of the speakers of RAVDESS and
EMO-DB. Speakers say their clips in random order, and what was heard before is known to the models;
"cold" is without. Their answers are stored in this folder. Only the labels that a corpus has are
compared there. Non-speech sounds, neutral talk and the time of a call are those of the shipped
file.
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
from emotion_lab.data.speech import SPOKEN
from emotion_lab.data.tables import confusion_table
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.data.voice_spectra import CONDITIONED
from emotion_lab.evaluation.non_speech_sounds import flite_sounds, non_speech_sounds
from emotion_lab.evaluation.voice_answers import (
    dialogue_figures,
    held_out_figures,
    left_out_figures,
)
from emotion_lab.evaluation.voice_figures import (
    false_alarm_figures,
    latency_figures,
    talk_figures,
)
from emotion_lab.evaluation.voice_folds import load_answers
from emotion_node.backends.voice_onnx import OnnxVoiceEmotion
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import find_model


def evaluate_voice(
    model: str = 'voice',
    models: str | Path = '',
    data: Path | None = None,
    threads: int = 1,
) -> dict[str, Any]:
    """Return the figures of a voice model.

    Args:
        model: the model's key in the manifest.
        models: folder of the manifest, as in `models.models_dir`.
        data: folder of the data sets, as in `datasets.data_root`.
        threads: threads of the model.

    Returns:
        Of models without a corpus C: `without_C_uar` over the labels that the corpus has,
        `without_C_arousal_auc`, `without_C_reliability_auc` of right against wrong labels,
        `without_C_neutral_alarms`, the share of neutral speech that is given an emotion above 0.5,
        each with its 95 % `..._interval` by a bootstrap over speakers; `without_C_cold_uar`,
        `without_C_cold_arousal_auc`, and with `alone` for `cold` likewise, if answers are not
        compared with those that are usual of the speaker; `without_C_reliability`,
        `without_C_ece`; and the means over the corpora, `left_out_uar` and so on, but
        `left_out_reliability_auc` and `left_out_ece` of all answers together.
        Of simulated dialogues on corpora left out, means over the corpora: `everyday_neutral`,
        `everyday_others`, the recall of neutral clips and the mean recall of the others where 80 %
        are neutral, `everyday_alarms` of the neutral ones; `LABEL_in_a_row_first` and `..._last`,
        the share that is labelled right at the beginning and the end of ten clips with one label
        in a row, `..._neutral` the share labelled neutral; and all with `alone_` before it,
        without comparison with the usual answer.
        On held-out speakers of C, RAVDESS or EMO-DB: `C_uar`, `C_uar_interval`, `C_uar_by_fold`,
        `C_accuracy`, `C_weighted_f1`, `C_confusion`, `C_arousal_accuracy`, `C_valence_accuracy`;
        by condition X of `voice_conditions` but clean, `C_X_uar`, `X_drop` (of the UAR, mean of
        both corpora) and `X_ece`; `ece` (15 bins, clean); the mean `X_reliability`.
        Of the shipped file: `false_alarm_rate`, `false_alarms_by_kind`, `non_speech_absent`;
        `flite_laughter_alarm_rate` and `flite_speech_alarm_rate`, and what `talk_figures` returns,
        or in `skipped` what was missing; `latency_ms_p50`, `latency_ms_p95` of a call with 5 s,
        `file_mb`.

    Raises:
        ModelError: the model cannot be used.
    """
    entry = find_model(model, models)
    backend = OnnxVoiceEmotion(entry, threads)
    answers = load_answers(entry)
    non_speech = false_alarm_figures(backend, non_speech_sounds())
    figures: dict[str, Any] = {
        'model': entry.name,
        'version': entry.version,
        'clips': len(answers.names),
        **left_out_figures(answers),
        **dialogue_figures(answers),
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
        figures |= talk_figures(backend, data)
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
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_voice` does, for these arguments."""
    return evaluate_voice(
        args.model,
        args.models_dir,
        args.data,
        args.threads,
    )


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
        return 0
    console = Console()
    for corpus in CONDITIONED:
        counts = np.array(figures[f'{corpus}_confusion'])
        console.print(confusion_table(counts, f'{corpus}, held-out speakers'))
    console.print(_left_out_table(figures))
    console.print(_dialogue_table(figures))
    console.print(_table(figures))
    return 0


def _left_out_table(figures: dict[str, Any]) -> Table:
    """Return the figures on corpora left out of training, with 95 % intervals over speakers."""
    table = Table(
        'corpus left out',
        'mean recall of its labels',
        'arousal, AUC',
        'cold: recall, arousal',
        'not compared with the usual answer',
        'reliability of right and wrong, AUC',
        'neutral speech with an emotion above 0.5',
        title='{model} {version}'.format_map(figures),
    )
    for corpus in SPOKEN:
        key = f'without_{corpus}'
        table.add_row(
            corpus,
            _with_interval(figures, f'{key}_uar'),
            _with_interval(figures, f'{key}_arousal_auc'),
            *(
                f'{figures[f"{key}_{way}_uar"]:.3f}, {figures[f"{key}_{way}_arousal_auc"]:.3f}'
                for way in ('cold', 'alone')
            ),
            _with_interval(figures, f'{key}_reliability_auc'),
            _with_interval(figures, f'{key}_neutral_alarms'),
        )
    table.add_row(
        'mean (reliability: all answers)',
        _share(figures, 'left_out_uar'),
        _share(figures, 'left_out_arousal_auc'),
        *(
            f'{figures[f"left_out_{way}_uar"]:.3f}, {figures[f"left_out_{way}_arousal_auc"]:.3f}'
            for way in ('cold', 'alone')
        ),
        _with_interval(figures, 'left_out_reliability_auc'),
        _share(figures, 'left_out_neutral_alarms'),
    )
    return table


def _dialogue_table(figures: dict[str, Any]) -> Table:
    """Return the figures of dialogues, with the usual answer and without."""
    table = Table(
        'corpora left out, simulated dialogues',
        'compared with the usual answer',
        'not compared',
        title='{model} {version}'.format_map(figures),
    )

    def add(words: str, *keys: str) -> None:
        ways = [[key.format(way) for key in keys] for way in ('', 'alone_')]
        if all(key in figures for way in ways for key in way):
            table.add_row(words, *('; '.join(_share(figures, key) for key in way) for way in ways))

    add('everyday talk, 80 % neutral: recall of neutral', '{}everyday_neutral')
    add('mean recall of the others', '{}everyday_others')
    add('neutral with an emotion above 0.5', '{}everyday_alarms')
    for label in LABELS[1:]:
        keys = [f'{{}}{label}_in_a_row_{when}' for when in ('first', 'last')]
        add(f'ten times {label}: right at first; at last', *keys)
        add('  labelled neutral', *(f'{key}_neutral' for key in keys))
    return table


def _table(figures: dict[str, Any]) -> Table:
    table = Table('figure', 'value', title='{model} {version}'.format_map(figures))
    for corpus in CONDITIONED:
        table.add_row(f'UAR on {corpus}', _with_interval(figures, f'{corpus}_uar'))
        for condition, how in list(CONDITIONS.items())[1:]:
            table.add_row(
                f'UAR on {corpus}, {how.description}',
                _share(figures, f'{corpus}_{condition}_uar'),
            )
        table.add_row(
            f'arousal high or low, {corpus}', _share(figures, f'{corpus}_arousal_accuracy')
        )
        table.add_row(f'valence, sign, {corpus}', _share(figures, f'{corpus}_valence_accuracy'))
        table.add_section()
    for condition, how in CONDITIONS.items():
        key = 'ece' if condition == 'clean' else f'{condition}_ece'
        table.add_row(
            f'calibration error, {how.description}',
            f'{figures[key]:.3f}; reliability {figures[f"{condition}_reliability"]:.2f}',
        )
    table.add_row('calibration error on corpora left out', _share(figures, 'left_out_ece'))
    table.add_section()
    table.add_row('false alarms in non-speech sounds', _share(figures, 'false_alarm_rate'))
    for kind, rate in figures['false_alarms_by_kind'].items():
        if rate:
            table.add_row(f'  in {kind}', f'{rate:.2f}')
    for key, name in (
        ('flite_laughter_alarm_rate', "false alarms in flite's laughter"),
        ('flite_speech_alarm_rate', "false alarms in flite's speech"),
        ('grid_neutral_alarms', "GRID's neutral talk with an emotion above 0.5"),
        ('grid_neutral_label', 'of it labelled neutral'),
        ('grid_cold_neutral_alarms', 'the same, nothing heard before: above 0.5'),
        ('grid_cold_neutral_label', 'labelled neutral'),
        ('meld_neutral_alarms', "MELD's neutral lines with an emotion above 0.5"),
        ('meld_neutral_label', 'of them labelled neutral'),
        ('meld_cold_neutral_alarms', 'the same, nothing heard before: above 0.5'),
        ('meld_cold_neutral_label', 'labelled neutral'),
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


def _with_interval(figures: dict[str, Any], key: str) -> str:
    low, high = figures[f'{key}_interval']
    return f'{figures[key]:.3f} ({low:.3f} to {high:.3f})'


def _share(figures: dict[str, Any], key: str) -> str:
    return f'{figures[key]:.3f}'
