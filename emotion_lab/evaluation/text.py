"""Measure the text model on MELD: the shipped file, one utterance per call, as at run time.

Each utterance is classified with the turns before it and letters for its speakers, as transcribed
by people and under the conditions of `data.noise`. So is DailyDialog's valid part, everyday
dialogues of two people, where it is there. Everyday sentences to a robot are in `sentences`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from emotion_lab.data.datasets import SPLITS, DatasetError
from emotion_lab.data.metrics import (
    Array,
    IntArray,
    accuracy,
    bootstrap_interval,
    confusion,
    expected_calibration_error,
    macro_f1,
    summary,
    weighted_f1,
)
from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import (
    Sample,
    Speakers,
    dailydialog_samples,
    meld_samples,
    without_past,
    without_speakers,
)
from emotion_lab.data.sentences import HALVES, read_sentences
from emotion_lab.evaluation.sentences import sentence_figures
from emotion_node.backends.text_onnx import OnnxTextEmotion
from emotion_node.datatypes import NS_PER_MS
from emotion_node.model_store.manifest import find_model

ALONE: Final = 'alone'
DAILYDIALOG_CONDITIONS: Final = ('gold', 'plain')
READINGS: Final = (
    *(name for name in CONDITIONS if name != 'gold'),
    Speakers.NAMES.value,
    Speakers.UNKNOWN.value,
    ALONE,
)
"""Variants of the split besides that as transcribed with letters: under the conditions of noise,
with speakers' names, with unknown speakers, and without the turns before."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The answers of one pass over a split.

    Attributes:
        scores: (n, 7) probabilities.
        truth: (n,) true labels.
        latencies_ms: (n,) inference time of each call.
    """

    scores: Array
    truth: IntArray
    latencies_ms: Array

    @property
    def counts(self) -> IntArray:
        """(7, 7) confusion matrix."""
        return confusion(self.truth, self.scores.argmax(axis=1))


def read_all(
    backend: OnnxTextEmotion, samples: Sequence[Sample], speakers: Speakers, title: str
) -> Reading:
    """Run the model on `samples`, one call each, and return its answers."""
    scores, latencies = [], []
    for sample in track(samples, title, console=Console(stderr=True), transient=True):
        masked = without_speakers(sample) if speakers is Speakers.UNKNOWN else sample
        begin_ns = time.perf_counter_ns()
        answer = backend.estimate(
            masked.text, masked.history, masked.speaker_id, names=speakers is Speakers.NAMES
        )
        scores.append(answer.scores)
        latencies.append((time.perf_counter_ns() - begin_ns) / NS_PER_MS)
    return Reading(
        np.array(scores, dtype=np.float64),
        np.array([sample.label for sample in samples], dtype=np.int64),
        np.array(latencies),
    )


def evaluate_text(
    split: str = 'test',
    model: str = 'text',
    models: str | Path = '',
    data: Path | None = None,
    threads: int = 1,
    readings: Sequence[str] = READINGS,
) -> dict[str, Any]:
    """Return the figures of a text model on a split of MELD.

    Args:
        split: train, dev or test.
        model: the model's key in the manifest.
        models: folder of the manifest, as in `models.models_dir`.
        data: folder of the data sets, as in `datasets.data_root`.
        threads: threads of the model.
        readings: which of `READINGS` to measure besides the split as transcribed.

    Returns:
        `weighted_f1`, its 95 % bootstrap interval over dialogues `weighted_f1_interval`,
        `macro_f1`, `f1` by label, `accuracy`, `ece` (15 bins), `latency_ms_p50` and
        `latency_ms_p95` of one call, `file_mb` of all the model's files, and what was measured;
        by condition X except gold, `X_weighted_f1`, its interval, `X_macro_f1` and `X_ece`; with
        names instead of letters `names_weighted_f1`, with unknown speakers
        `unknown_weighted_f1`, and without the turns before `alone_weighted_f1`; in `dailydialog`,
        empty where that is missing, `accuracy`, `weighted_f1`, `macro_f1` and `ece` of its valid
        part by condition; in `sentences` those of `sentence_figures` by half.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: MELD is missing.
    """
    samples = meld_samples(split, CONDITIONS['gold'], data)
    entry = find_model(model, models)
    backend = OnnxTextEmotion(entry, threads)
    groups = [sample.group for sample in samples]

    gold = read_all(backend, samples, Speakers.LETTERS, 'gold')
    p50, p95 = np.percentile(gold.latencies_ms, (50, 95))
    figures: dict[str, Any] = {
        'model': entry.name,
        'version': entry.version,
        'data': f'MELD {split}',
        'utterances': len(samples),
        **summary(gold.counts),
        'weighted_f1_interval': _interval(gold, groups),
        'ece': expected_calibration_error(gold.scores, gold.truth),
        'latency_ms_p50': float(p50),
        'latency_ms_p95': float(p95),
        'threads': threads,
        'file_mb': entry.size / 1e6,
    }
    for name in readings:
        if name in CONDITIONS:
            noisy = meld_samples(split, CONDITIONS[name], data)
            found = read_all(backend, noisy, Speakers.LETTERS, name)
            figures |= {
                f'{name}_weighted_f1_interval': _interval(found, groups),
                f'{name}_macro_f1': macro_f1(found.counts),
                f'{name}_ece': expected_calibration_error(found.scores, found.truth),
            }
        elif name == ALONE:
            alone = [without_past(sample) for sample in samples]
            found = read_all(backend, alone, Speakers.UNKNOWN, name)
        else:
            found = read_all(backend, samples, Speakers(name), name)
        figures[f'{name}_weighted_f1'] = weighted_f1(found.counts)
    figures['dailydialog'] = _dailydialog(backend, data)
    sentences = read_sentences()
    figures['sentences'] = {half: sentence_figures(backend, sentences, half) for half in HALVES}
    return figures


def _dailydialog(backend: OnnxTextEmotion, data: Path | None) -> dict[str, dict[str, float]]:
    figures = {}
    for name in DAILYDIALOG_CONDITIONS:
        try:
            samples = dailydialog_samples('dev', CONDITIONS[name], data)
        except DatasetError:
            return {}
        found = read_all(backend, samples, Speakers.LETTERS, f'DailyDialog, {name}')
        figures[name] = {
            'accuracy': accuracy(found.counts),
            'weighted_f1': weighted_f1(found.counts),
            'macro_f1': macro_f1(found.counts),
            'ece': expected_calibration_error(found.scores, found.truth),
        }
    return figures


def _interval(reading: Reading, groups: Sequence[int]) -> tuple[float, float]:
    return bootstrap_interval(groups, reading.truth, reading.scores.argmax(axis=1))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--split', choices=SPLITS, default='test', help='default %(default)s')
    parser.add_argument('--model', default='text', help='key in the manifest; default %(default)s')
    parser.add_argument('--models-dir', default='', help='folder of manifest.toml')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--threads', type=int, default=1, help='default %(default)s')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_text` does, for these arguments."""
    return evaluate_text(args.split, args.model, args.models_dir, args.data, args.threads)


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
    else:
        Console().print(_table(figures))
    return 0


def _table(figures: dict[str, Any]) -> Table:
    title = '{model} {version} on {data}, {utterances} utterances'.format_map(figures)
    table = Table('figure', 'value', title=title)
    table.add_row('weighted F1', _with_interval(figures, 'weighted_f1'))
    table.add_row('macro F1', f'{figures["macro_f1"]:.3f}')
    table.add_row('accuracy', f'{figures["accuracy"]:.3f}')
    for label, value in figures['f1'].items():
        table.add_row(f'F1 {label}', f'{value:.3f}')
    table.add_row('calibration error, 15 bins', f'{figures["ece"]:.3f}')
    table.add_section()
    for name, condition in CONDITIONS.items():
        if f'{name}_weighted_f1' in figures:
            table.add_row(
                f'weighted F1, {condition.description}',
                _with_interval(figures, f'{name}_weighted_f1'),
            )
            table.add_row('  macro F1', f'{figures[f"{name}_macro_f1"]:.3f}')
            table.add_row('  calibration error', f'{figures[f"{name}_ece"]:.3f}')
    for name, description in (
        ('names', "speakers' names instead of letters"),
        ('unknown', 'speakers unknown'),
        ('alone', 'without the turns before'),
    ):
        if f'{name}_weighted_f1' in figures:
            table.add_row(f'weighted F1, {description}', f'{figures[f"{name}_weighted_f1"]:.3f}')
    if figures['dailydialog']:
        table.add_section()
    for name, one in figures['dailydialog'].items():
        table.add_row(
            f'DailyDialog valid, {CONDITIONS[name].description}',
            'accuracy {accuracy:.3f}, weighted F1 {weighted_f1:.3f}, macro F1 {macro_f1:.3f}, '
            'calibration error {ece:.3f}'.format_map(one),
        )
    table.add_section()
    for half, one in figures['sentences'].items():
        markings = ', '.join(f'{name} {share:.3f}' for name, share in one['accuracy'].items())
        table.add_row(
            f'accuracy, {one["sentences"]} everyday sentences ({half}), mean over three markings',
            f'{one["mean"]:.3f} ({markings})',
        )
        recalls = ', '.join(f'{label} {share:.2f}' for label, share in one['recall'].items())
        table.add_row('  recall by label', recalls)
        table.add_row('  neutral recall, ended with "!"', f'{one["neutral_exclaimed"]:.3f}')
    table.add_section()
    table.add_row(
        f'time per call, {figures["threads"]} thread(s)',
        f'p50 {figures["latency_ms_p50"]:.1f} ms, p95 {figures["latency_ms_p95"]:.1f} ms',
    )
    table.add_row('files', f'{figures["file_mb"]:.1f} MB')
    return table


def _with_interval(figures: dict[str, Any], key: str) -> str:
    low, high = figures[f'{key}_interval']
    return f'{figures[key]:.3f} (95 % interval {low:.3f} to {high:.3f})'
