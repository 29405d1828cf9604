"""Measure the expression model: on FER+ test, on neutral people who talk, and its time.

Of FER+ test, the faces count on which more than half of the votes agree, after single votes have
been removed, as is the custom. The label is that of the majority: eight expressions, contempt
included. A robot's camera gives worse images than these, hence the rows with small, dim,
compressed and covered faces.

Before faces of FER+ test, visors, bandanas and other things are drawn, of other kinds than in
training: is it found that eyes or mouth are hidden, and how much of their quality do such frames
lose? Real glasses and masks are not among them.

Talking moves a face without expressing anything. GRID's talkers are neutral, so any other label
while they talk is an error. Their frames go through the node's own vision, from frame to estimate,
as recorded and degraded. There are only a few talkers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.data.ferplus import read_ferplus
from emotion_lab.data.speaker_clips import read_talkers
from emotion_lab.data.tables import confusion_table
from emotion_lab.evaluation.face_conditions import CONDITIONS, SCENES
from emotion_lab.evaluation.face_figures import (
    HEIGHT,
    WIDTH,
    covered_figures,
    expression_time_figures,
    ferplus_figures,
    talking_figures,
    time_figures,
)
from emotion_node.backends.face_onnx import EXPRESSIONS, OnnxFaceEmotion
from emotion_node.backends.faces_onnx import open_faces
from emotion_node.model_store.manifest import find_model


def evaluate_face(data: Path | None = None) -> dict[str, Any]:
    """Return all figures; `skipped` holds the reasons for those without data.

    Args:
        data: folder of the data sets, as in `datasets.data_root`.

    Raises:
        ModelError: the model cannot be used.
    """
    entry = find_model('face', labels=EXPRESSIONS)
    backend = OnnxFaceEmotion(entry)
    figures: dict[str, Any] = {'model': f'{backend.info.name} {backend.info.version}'}
    skipped = []
    try:
        faces = read_ferplus('test', data)
        figures |= ferplus_figures(backend, faces)
        figures['covers'] = covered_figures(backend, faces, open_faces())
    except DatasetError as error:
        skipped.append(f'FER+: {error}')
    try:
        talkers = read_talkers(data_root(data) / 'grid')
        figures |= talking_figures(backend, talkers) | time_figures(backend, talkers[0])
    except DatasetError as error:
        skipped.append(f'talkers: {error}')
        figures |= expression_time_figures(backend)
    figures['file_mb'] = entry.file('weights').path.stat().st_size / 1e6
    figures['skipped'] = skipped
    return figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_face` does, for these arguments."""
    return evaluate_face(args.data)


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
        return 0
    console = Console()
    console.print(_table(figures))
    if 'ferplus_confusion' in figures:
        counts = np.array(figures['ferplus_confusion'], np.int64)
        console.print(confusion_table(counts, 'FER+ test, agreed faces', EXPRESSIONS))
    if 'covers' in figures:
        console.print(_cover_table(figures['covers']))
    return 0


def _cover_table(figures: Mapping[str, Mapping[str, float]]) -> Table:
    faces = figures['nothing']['faces']
    columns = {
        'eyes': 'eyes covered',
        'mouth': 'mouth covered',
        'shown': 'quality kept',
        'accuracy': 'accuracy',
        'confidence': 'confidence',
    }
    table = Table('before the face', *columns.values(), title=f'FER+ test, {faces} faces')
    for name, row in figures.items():
        table.add_row(name, *(f'{row[key]:.2f}' for key in columns))
    return table


def _table(figures: Mapping[str, Any]) -> Table:
    table = Table('figure', 'value', title=figures['model'])
    for name, (words, _) in CONDITIONS.items():
        key = 'ferplus' if name == 'clean' else f'ferplus_{name}'
        if f'{key}_accuracy' in figures:
            value = f'{figures[f"{key}_accuracy"]:.3f}'
            if f'{key}_accuracy_interval' in figures:
                low, high = figures[f'{key}_accuracy_interval']
                value += f' ({low:.3f} to {high:.3f})'
            table.add_row(f'FER+ test, accuracy, {words}', value)
            table.add_row('  calibration error', f'{figures[f"{key}_ece"]:.3f}')
    for key, words in (
        ('ferplus_uar', 'FER+ test, mean recall of eight expressions'),
        ('ferplus_all_accuracy', 'FER+ test, accuracy on all faces'),
        ('ferplus_all_ece', '  calibration error'),
        ('ferplus_seven_weighted_f1', 'FER+ test, seven labels, weighted F1'),
        ('talking_neutral', 'neutral talkers estimated as neutral'),
    ):
        if key in figures:
            table.add_row(words, f'{figures[key]:.3f}')
    for scene, share in figures.get('talking_neutral_by_scene', {}).items():
        table.add_row(f'  {SCENES[scene][0]}', f'{share:.2f}')
    table.add_section()
    for key, words in (
        ('track', f'tracking one face at {WIDTH}x{HEIGHT}, per frame'),
        ('expression', 'expression, per face'),
    ):
        if f'{key}_ms_p95' in figures:
            table.add_row(
                words,
                f'p50 {figures[f"{key}_ms_p50"]:.1f} ms, p95 {figures[f"{key}_ms_p95"]:.1f} ms',
            )
    table.add_row('file', f'{figures["file_mb"]:.1f} MB')
    for reason in figures['skipped']:
        table.add_row('skipped', reason)
    return table
