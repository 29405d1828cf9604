"""Measure the text model on MELD: the shipped file, one utterance per call, as at run time."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from emotion_node.backends.text_onnx import OnnxTextEmotion
from emotion_node.interfaces import ModelError
from emotion_node.labels import LABELS
from emotion_node.models import find_model
from emotion_node.training.datasets import SPLITS, DatasetError, read_meld
from emotion_node.training.metrics import (
    accuracy,
    bootstrap_interval,
    confusion,
    expected_calibration_error,
    f1_per_class,
    macro_f1,
    weighted_f1,
)


def evaluate_text(
    split: str = 'test',
    model: str = 'text',
    models: str | Path = '',
    data: Path | None = None,
    threads: int = 1,
) -> dict[str, Any]:
    """Return the figures of a text model on a split of MELD.

    Args:
        split: train, dev or test.
        model: the model's key in the manifest.
        models: folder of the manifest, as in `models.models_dir`.
        data: folder of the data sets, as in `datasets.data_root`.
        threads: threads of the model.

    Returns:
        `weighted_f1`, its 95 % bootstrap interval over dialogues `weighted_f1_interval`,
        `macro_f1`, `f1` by label, `accuracy`, `ece` (15 bins), `latency_ms_p50` and
        `latency_ms_p95` of one call, `file_mb` of all the model's files, and what was measured.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: the data are not there.
    """
    utterances = read_meld(split, data)
    entry = find_model(model, models)
    backend = OnnxTextEmotion(entry, threads, clock=time.perf_counter_ns)
    answers = [
        backend.estimate(utterance.text)
        for utterance in track(
            utterances, f'{entry.name} on MELD {split}', console=Console(stderr=True)
        )
    ]
    scores = np.array([answer.scores for answer in answers], dtype=np.float64)
    truth = np.array([utterance.label for utterance in utterances], dtype=np.int64)
    predicted = scores.argmax(axis=1)
    counts = confusion(truth, predicted)
    p50, p95 = np.percentile([answer.inference_ns / 1e6 for answer in answers], (50, 95))
    return {
        'model': entry.name,
        'version': entry.version,
        'data': f'MELD {split}',
        'utterances': len(utterances),
        'weighted_f1': weighted_f1(counts),
        'weighted_f1_interval': bootstrap_interval(
            [utterance.dialogue_id for utterance in utterances], truth, predicted
        ),
        'macro_f1': macro_f1(counts),
        'accuracy': accuracy(counts),
        'f1': dict(zip(LABELS, f1_per_class(counts).tolist(), strict=True)),
        'ece': expected_calibration_error(scores, truth),
        'latency_ms_p50': float(p50),
        'latency_ms_p95': float(p95),
        'threads': threads,
        'file_mb': entry.size / 1e6,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--split', choices=SPLITS, default='test', help='default %(default)s')
    parser.add_argument('--model', default='text', help='key in the manifest; default %(default)s')
    parser.add_argument('--models-dir', default='', help='folder of manifest.toml')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--threads', type=int, default=1, help='default %(default)s')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    try:
        figures = evaluate_text(
            args.split, args.model, args.models_dir, args.data, threads=args.threads
        )
    except (ModelError, DatasetError) as error:
        Console(stderr=True).print(f'error: {error}', markup=False, highlight=False)
        return 1
    if args.json:
        print(json.dumps(figures))
    else:
        Console().print(_table(figures))
    return 0


def _table(figures: dict[str, Any]) -> Table:
    title = '{model} {version} on {data}, {utterances} utterances'.format_map(figures)
    table = Table('figure', 'value', title=title)
    low, high = figures['weighted_f1_interval']
    table.add_row(
        'weighted F1', f'{figures["weighted_f1"]:.3f} (95 % interval {low:.3f} to {high:.3f})'
    )
    table.add_row('macro F1', f'{figures["macro_f1"]:.3f}')
    table.add_row('accuracy', f'{figures["accuracy"]:.3f}')
    for label, value in figures['f1'].items():
        table.add_row(f'F1 {label}', f'{value:.3f}')
    table.add_row('calibration error, 15 bins', f'{figures["ece"]:.3f}')
    table.add_row(
        f'time per call, {figures["threads"]} thread(s)',
        f'p50 {figures["latency_ms_p50"]:.1f} ms, p95 {figures["latency_ms_p95"]:.1f} ms',
    )
    table.add_row('files', f'{figures["file_mb"]:.1f} MB')
    return table


def main(args: Sequence[str] | None = None) -> int:
    """Run as a command of its own."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_node.evaluation.text', description=__doc__
    )
    add_arguments(parser)
    return run(parser.parse_args(args))


if __name__ == '__main__':
    raise SystemExit(main())
