"""Measure the fusion on MELD's text, with SIMULATED voices and faces (`evaluation.simulation`).

Text is the shipped model's answers to MELD in dialogue order, as transcribed by people and with 15
and 35 % word errors. Voices and faces are answers of such models to held-out people, drawn by the
utterance's label and degraded until each alone has a weighted F1 of 0.40 and 0.35. They are not
recordings of MELD: the figures describe the fusion, not the node's accuracy.

--choose tries weights and temperatures on MELD dev and prints the best; nothing is chosen on test.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from emotion_lab.data.datasets import SPLITS, DatasetError, class_shares
from emotion_lab.evaluation.fusion_choice import choose
from emotion_lab.evaluation.fusion_dataset import find_pools, make_dataset
from emotion_lab.evaluation.fusion_figures import fusion_figures, fusion_time, text_figures
from emotion_lab.evaluation.interim import Agreement, compare, replay, replay_file
from emotion_lab.evaluation.meld_dialogues import read_dialogues
from emotion_lab.evaluation.text_answers import CONDITIONS, text_answers
from emotion_node.config import Config
from emotion_node.factory import load_models

DEMO: Final = Path('demo/conversation')
SIMULATED_NOTE: Final = (
    'Voice and face are SIMULATED: answers of such models to other people, drawn by label and '
    'degraded to a weighted F1 of 0.40 and 0.35.'
)


def interim_figures(config: Config, data: Path | None, demo: Path) -> dict[str, Any]:
    """Return how often the last interim label is the final one, by recording and in total."""
    models = load_models(config, lambda text: None)
    by_name: dict[str, Agreement] = {}
    skipped = []
    if demo.exists():
        by_name['demo'] = compare(replay_file(demo, config, models, time.perf_counter_ns))
    else:
        skipped.append(f'no recorded conversation at {demo}: run this in a checkout')
    try:
        for dialogue in read_dialogues(data):
            reports = replay(dialogue.chunks(), config, models, time.perf_counter_ns)
            by_name[f'MELD dialogue {dialogue.number}'] = compare(reports)
    except DatasetError as error:
        skipped.append(str(error))
    total = sum(by_name.values(), Agreement())
    return {
        'interim_agreement': total.share,
        'interim_utterances': total.utterances,
        'interim_by_recording': {name: dataclasses.asdict(one) for name, one in by_name.items()},
        'interim_skipped': skipped,
    }


def evaluate_fusion(
    config: Config,
    split: str = 'test',
    data: Path | None = None,
    cache: Path | None = None,
    demo: Path = DEMO,
    interim: bool = True,
) -> dict[str, Any]:
    """Return the figures of the fusion; None where answers of a model are `missing`.

    Args:
        config: parameters.
        split: of MELD.
        data: folder of the data sets, as in `datasets.data_root`.
        cache: folder where the models' answers are stored; None to store none.
        demo: the recorded conversation.
        interim: whether to replay recordings for `interim_agreement`.

    Returns:
        As `fusion_figures`, `text_figures`, `fusion_time` and `interim_figures`.

    Raises:
        ModelError: the text model cannot be used.
        DatasetError: MELD is missing.
    """
    text = text_answers(split, data, models=config.models_dir, cache=cache)
    pools, missing = find_pools(config.models_dir, data, cache)
    figures: dict[str, Any] = {
        'data': f'MELD {split}',
        'utterances': len(text.truth),
        'simulation': SIMULATED_NOTE,
        'fusion': dataclasses.asdict(config.fusion),
        'missing': missing,
        **dict.fromkeys(
            ('gain_gold', 'gain_wer35', 'worst_subset_loss', 'ece', 'wf1_at_80_coverage')
        ),
        'interim_agreement': None,
        **text_figures(text, config),
        **fusion_time(config),
    }
    if not missing:
        figures |= fusion_figures(make_dataset(text, pools), config)
    if interim:
        figures |= interim_figures(config, data, demo)
    return figures


def choose_fusion(config: Config, data: Path | None, cache: Path | None) -> dict[str, Any]:
    """Return the best parameters of the fusion on MELD dev, and all that were tried.

    Returns:
        `chosen` and `tried`, as `fusion_choice.choose` returns them, unless answers of a model
        are `missing`.

    Raises:
        ModelError: the text model cannot be used.
        DatasetError: MELD is missing.
    """
    pools, missing = find_pools(config.models_dir, data, cache)
    text = text_answers('dev', data, models=config.models_dir, cache=cache)
    figures: dict[str, Any] = {'missing': missing}
    if not missing:
        chosen, tried = choose(make_dataset(text, pools), config, class_shares(data))
        figures |= {'chosen': dataclasses.asdict(chosen), 'tried': tried}
    return figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--split', choices=SPLITS, default='test', help='default %(default)s')
    parser.add_argument('--models-dir', default='', help='folder of manifest.toml')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument(
        '--cache', type=Path, help="folder to store the models' answers in, for the next run"
    )
    parser.add_argument('--demo', type=Path, default=DEMO, help='default %(default)s')
    parser.add_argument('--no-interim', action='store_true', help='replay no recordings')
    parser.add_argument(
        '--choose', action='store_true', help='choose weights and temperatures on MELD dev'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_fusion` does; with --choose, what `choose_fusion` does."""
    config = Config(models_dir=args.models_dir)
    if args.choose:
        return choose_fusion(config, args.data, args.cache)
    return evaluate_fusion(
        config, args.split, args.data, args.cache, args.demo, not args.no_interim
    )


def run(args: argparse.Namespace) -> int:
    """Print the figures.

    Returns:
        0; 1 when some could not be computed.
    """
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
    elif args.choose:
        print(json.dumps(figures, indent=2))
    else:
        console = Console()
        for table in _tables(figures):
            console.print(table)
        console.print(figures['simulation'])
        for reason in figures['missing']:
            console.print(f'missing: {reason}', markup=False)
    return 1 if figures['missing'] else 0


def _tables(figures: dict[str, Any]) -> list[Table]:
    table = Table('figure', 'value', title='Fusion on {data}'.format_map(figures))
    for key in (
        'gain_gold',
        'gain_wer15',
        'gain_wer35',
        'worst_subset_loss',
        'ece',
        'ece_without_calibration',
        'wer35_ece',
        'wf1_at_80_coverage',
        'interim_agreement',
        'fusion_ms',
        'fusion_ms_p95',
    ):
        value = figures.get(key)
        if value is None:
            table.add_row(key, '-')
            continue
        interval = figures.get(f'{key}_interval')
        limits = f' (95 % interval {interval[0]:+.3f} to {interval[1]:+.3f})' if interval else ''
        sign = '+' if 'gain' in key else ''
        table.add_row(key, f'{value:{sign}.3f}{limits}')
    tables = [table]
    if 'weighted_f1' in figures:
        subsets = Table('modalities', *CONDITIONS, title='Weighted F1; voice and face SIMULATED')
        for name, by_condition in figures['weighted_f1'].items():
            subsets.add_row(name, *(f'{by_condition[one]:.3f}' for one in CONDITIONS))
        tables.append(subsets)
        coverage = Table('coverage', 'weighted F1', title='Most confident answers; SIMULATED')
        for share, value in figures['coverage']:
            coverage.add_row(f'{share:.0%}', f'{value:.3f}')
        tables.append(coverage)
    return tables
