"""One table of how the node does with people, as far as it can be measured here.

First, recordings of people are run through the whole node (`people_recordings`): how many labels
are the true ones, and the mean log loss, of each modality, of the fusion as it is, and of the
fusion with weights and temperature chosen by log loss on all other recordings. An utterance that
was not heard is wrong. Then follow figures of other evaluations, on people and material that was
left out of training. They take most of an hour: --figures reads them from what `evaluate all
--json` printed, --quick leaves them out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from emotion_lab.evaluation.everything import FAILED, gather
from emotion_lab.evaluation.people_fusion import people_figures
from emotion_lab.evaluation.people_recordings import CORPORA, Answers, hear_people
from emotion_lab.evaluation.speaker_methods import JAWS, LEARNED
from emotion_node.cli import parameter_options as parameters
from emotion_node.config import Config
from emotion_node.factory import load_models
from emotion_node.labels import Modality

ANSWERS: Final = {
    'neutral': 'always "neutral"',
    Modality.TEXT: 'text alone',
    Modality.VOICE: 'voice alone',
    Modality.FACE: 'face alone',
    'node': 'the node',
    'left_out': 'the node, its fusion chosen on the other recordings',
}
"""Answers to the recordings in order of display, with their words."""

SPEAKER: Final = 'active speaker in real clips marked by hand, share of seconds'
SCENES: Final = 'active speaker in scenes of nine people, utterances right'
OTHERS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (f'{SPEAKER} right, {JAWS}', ('speaker-marks', JAWS, 'right')),
    (f'{SPEAKER} wrong, {JAWS}', ('speaker-marks', JAWS, 'wrong')),
    (f'{SPEAKER} right, {LEARNED}', ('speaker-marks', LEARNED, 'right')),
    (f'{SPEAKER} wrong, {LEARNED}', ('speaker-marks', LEARNED, 'wrong')),
    (f'{SCENES}, others still or chewing', ('speaker', JAWS, 'still_utterances')),
    (f'{SCENES}, others mouthing', ('speaker', JAWS, 'mouthing_utterances')),
    (f'{SCENES}, speaker not visible', ('speaker', JAWS, 'absent_utterances')),
    ('everyday sentences, three markings', ('text', 'sentences', 'test', 'mean')),
    (
        'neutral everyday sentences with "!", recall',
        ('text', 'sentences', 'test', 'neutral_exclaimed'),
    ),
    ('MELD test, weighted F1', ('text', 'weighted_f1')),
    ('MELD test, calibration error', ('text', 'ece')),
    ('FER+ test, accuracy', ('face', 'ferplus_accuracy')),
    ('FER+ test, mean recall of eight expressions', ('face', 'ferplus_uar')),
    ('neutral talkers of GRID, face neutral', ('face', 'talking_neutral')),
    ('a corpus of voices left out, each in turn, mean recall', ('voice', 'left_out_uar')),
    ('a corpus of voices left out, arousal, AUC', ('voice', 'left_out_arousal_auc')),
    ('their neutral speech with an emotion above 0.5', ('voice', 'left_out_neutral_alarms')),
    ('RAVDESS, speakers left out, mean recall', ('voice', 'ravdess_uar')),
    ('EMO-DB, speakers left out, mean recall', ('voice', 'emodb_uar')),
)
"""Figures of other evaluations: words, and the command and keys of each."""


def find(figures: Mapping[str, Any], keys: tuple[str, ...]) -> float | None:
    """Return a number in nested figures; None where there is none."""
    value: Any = figures
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def evaluate_people(config: Config, data: Path | None = None) -> dict[str, Any]:
    """Return the figures of the recordings.

    Args:
        config: parameters.
        data: folder of the data sets, as in `datasets.data_root`.

    Returns:
        As `people_figures`, and in `skipped` the reasons why recordings are missing. Of no
        recording at all, only that.

    Raises:
        ModelError: a model cannot be used.
    """
    models = load_models(config, lambda text: None)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task('utterances of people', total=None)
        heard, skipped = hear_people(config, models, data, lambda: progress.advance(bar))
    figures = people_figures(Answers.collect(heard), config) if heard else {}
    return figures | {'skipped': skipped}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument(
        '--figures', type=Path, help='a file of "evaluate all --json", instead of measuring'
    )
    parser.add_argument(
        '--quick', action='store_true', help='only recordings, no figures of other evaluations'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parameters.add_arguments(parser)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_people` does and, by command in `others`, figures of the others."""
    figures = evaluate_people(parameters.read_config(args), args.data)
    if args.quick:
        return figures | {'others': {}}
    if args.figures is not None:
        return figures | {'others': json.loads(args.figures.read_text(encoding='utf-8'))}
    return figures | {'others': gather(dict.fromkeys(keys[0] for _, keys in OTHERS))}


def run(args: argparse.Namespace) -> int:
    """Print the table; return the exit status, 1 when a measurement failed."""
    figures = measure(args)
    failed = {name: one[FAILED] for name, one in figures['others'].items() if FAILED in one}
    if args.json:
        print(json.dumps(figures))
        return int(bool(failed))
    print('\n'.join(markdown(figures)))
    for name, reason in failed.items():
        print(f'evaluate {name} failed: {reason}')
    for reason in figures['skipped']:
        print(f'skipped: {reason}')
    return int(bool(failed))


def markdown(figures: Mapping[str, Any]) -> list[str]:
    """Return the lines of two Markdown tables."""
    lines = []
    if 'utterances' in figures:
        counts = figures['utterances']
        corpora = [name for name in (*CORPORA, 'all') if name in counts]
        heads = [f'{name} ({counts[name]})' for name in corpora]
        lines += [
            f'| labels right, of recorded utterances | {" | ".join(heads)} | log loss | neutral '
            'utterances with another label above 0.5 |',
            f'|---|{"--:|" * (len(heads) + 2)}',
        ]
        for key, words in ANSWERS.items():
            one = figures[key]
            emotional = '' if one['emotional'] is None else f'{one["emotional"]:.2f}'
            cells = [str(one['right'][name]) for name in corpora]
            loss = '' if key == 'neutral' else f'{one["log_loss"]:.2f}'
            lines.append(f'| {" | ".join((words, *cells, loss, emotional))} |')
        chosen = ', '.join(f'{key} {value:g}' for key, value in figures['chosen'].items())
        lines += ['', f'Chosen on all recordings: {chosen}.', '']
    rows = [
        f'| {words} | {value:.3f} | `evaluate {keys[0]}` |'
        for words, keys in OTHERS
        if (value := find(figures['others'], keys)) is not None
    ]
    if rows:
        lines += ['| people and material left out | | by |', '|---|--:|---|', *rows]
    return lines
