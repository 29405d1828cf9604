"""Print the figures of training runs on MELD, each and on average.

Runs that differ only in their seed show how reliable one figure is. The logits are in float and
uncalibrated; letters stand for the speakers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import meld_samples
from emotion_lab.training.text_choice import figures
from emotion_lab.training.text_model import (
    BEST,
    TextClassifier,
    TextTraining,
    input_builder,
    predict_logits,
)

Figures = dict[str, dict[str, float]]

SHOWN: Final = ('weighted_f1', 'macro_f1')


def load_classifier(run: Path) -> tuple[TextClassifier, TextTraining]:
    """Return the best weights of a run and its recipe."""
    state = torch.load(run / BEST, weights_only=True)
    config = TextTraining(**state['config'])
    classifier = TextClassifier(config, attention='eager')
    classifier.load_state_dict(state['model'])
    return classifier.eval(), config


def measure(model: TextClassifier, config: TextTraining, split: str) -> Figures:
    """Return the figures on a split of MELD by condition."""
    builder = input_builder(config)
    found = {}
    for name, condition in CONDITIONS.items():
        samples = meld_samples(split, condition, config.data_folder)
        inputs = [builder.build(s.text, s.history, s.speaker_id) for s in samples]
        found[name] = figures(predict_logits(model, inputs), samples)
    return found


def main(args: Sequence[str] | None = None) -> int:
    """Measure each run and print a table, or JSON."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train text-runs',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('runs', type=Path, nargs='+', help='folders of training runs')
    parser.add_argument('--split', choices=('dev', 'test'), default='dev')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    given = parser.parse_args(args)
    found: dict[str, Figures] = {}
    for run in given.runs:
        print(f'measuring {run}', file=sys.stderr)
        found[run.name] = measure(*load_classifier(run), given.split)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        Console().print(table(found, given.split))
    return 0


def table(found: dict[str, Figures], split: str) -> Table:
    """Return the runs' weighted and macro F1 with their mean and standard deviation."""
    shown = Table(title=f'MELD {split}: weighted F1 (macro F1)')
    shown.add_column('run')
    for name in CONDITIONS:
        shown.add_column(name, justify='right')
    for run, by_condition in found.items():
        cells = [
            '{:.3f} ({:.3f})'.format(*(by_condition[name][key] for key in SHOWN))
            for name in CONDITIONS
        ]
        shown.add_row(run, *cells)
    if len(found) > 1:
        shown.add_section()
        for title, statistic in (('mean', np.mean), ('standard deviation', _deviation)):
            cells = []
            for name in CONDITIONS:
                both = [
                    float(statistic([one[name][key] for one in found.values()])) for key in SHOWN
                ]
                cells.append('{:.3f} ({:.3f})'.format(*both))
            shown.add_row(title, *cells)
    return shown


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))
