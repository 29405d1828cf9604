"""Measure how soon the end of an utterance is decided, and how often wrongly.

An utterance that is ended at a pause inside it is cut off; two utterances without an end between
them are merged. The pauses are those of concatenated dialogues (`evaluation.concatenated`), and
the real ones marked by hand in MELD and found in acted sentences (`evaluation.pauses`). In the
demo conversation and the dialogues of MELD, the number of parts is counted in which each
utterance was found.

--rules measures the rules that were tried in place of a fixed silence (docs/endpointing.md).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import track

from emotion_lab.evaluation.concatenated import make_dialogues
from emotion_lab.evaluation.endpointing_figures import (
    endpointing_figures,
    endpointing_only,
    real_dialogue_figures,
    with_fixed_silence,
)
from emotion_lab.evaluation.endpointing_rules import measure_rules, rules_markdown
from emotion_lab.evaluation.pauses import acted_pauses, cut_sentences, marked_turns
from emotion_node.backends.vad_silero import SileroVad
from emotion_node.cli import parameter_options as parameters
from emotion_node.config import Config
from emotion_node.datatypes import SAMPLE_RATE
from emotion_node.factory import load_models

DEMO: Final = Path('demo/conversation')
SILENCES: Final = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.8)
"""End-of-speech silences, in s."""


def evaluate_endpointing(
    config: Config,
    half: str,
    count: int,
    data: Path | None,
    demo: Path,
    seed: int = 0,
    clips: int = 0,
) -> dict[str, Any]:
    """Return the figures of the silence in use and of others.

    Args:
        config: parameters; what endpointing does not need is switched off.
        half: "dev" or "test", of the speakers.
        count: number of concatenated dialogues.
        data: folder of the data sets, as in `datasets.data_root`.
        demo: the recorded conversation.
        seed: of what is drawn.
        clips: files of each acted corpus; 0 for all.

    Returns:
        Those of `endpointing_figures` for the silence in use; by silence the same under `fixed`,
        and under `marked` for the marked pauses; `acted`, as `cut_sentences`; `real`, as
        `real_dialogue_figures`.

    Raises:
        DatasetError: RAVDESS or MELD is missing.
    """
    config = endpointing_only(config)
    models = load_models(config, lambda text: None)
    dialogues, turns = make_dialogues(half, count, data, seed), marked_turns(data)
    fixed, marked = {}, {}
    for silence in track(SILENCES, 'silences', console=Console(stderr=True), transient=True):
        changed = with_fixed_silence(config, silence)
        fixed[f'{silence:g}'] = endpointing_figures(dialogues, changed, models)
        marked[f'{silence:g}'] = endpointing_figures(turns, changed, models)
    acted = acted_pauses(SileroVad(), config.segmenter, data, clips)
    return {
        'half': half,
        'seed': seed,
        'dialogues': count,
        'seconds': sum(len(one.samples) for one in dialogues) / SAMPLE_RATE,
        **endpointing_figures(dialogues, config, models),
        'fixed': fixed,
        'marked': marked,
        'acted': cut_sentences(acted, SILENCES),
        'real': real_dialogue_figures(config, models, data, demo),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument(
        '--half', choices=('dev', 'test'), default='test', help='default %(default)s'
    )
    parser.add_argument(
        '--dialogues', type=int, default=10, help='of ten utterances; default %(default)s'
    )
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--demo', type=Path, default=DEMO, help='default %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='of what is drawn; default 0')
    parser.add_argument(
        '--rules', action='store_true', help='measure other rules than a fixed silence'
    )
    parser.add_argument(
        '--smart-turn', type=Path, metavar='FILE', help="Smart Turn's ONNX file, for --rules"
    )
    parser.add_argument(
        '--each',
        type=int,
        default=70,
        help='pauses of a corpus and kind, for --rules; default %(default)s',
    )
    parser.add_argument(
        '--clips',
        type=int,
        default=300,
        metavar='N',
        help='files of each corpus of acted sentences, 0 for all; default %(default)s',
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parameters.add_arguments(parser)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures that the arguments ask for."""
    config = parameters.read_config(args)
    if args.rules:
        return measure_rules(config, args.data, args.smart_turn, args.each, args.clips)
    return evaluate_endpointing(
        config, args.half, args.dialogues, args.data, args.demo, args.seed, args.clips
    )


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
    else:
        print(rules_markdown(figures) if args.rules else markdown(figures), end='')
    return 0


def markdown(figures: dict[str, Any]) -> str:
    """Return Markdown tables of the figures."""
    lines = []
    for title, rows in (
        ('concatenated dialogues', [('in use', figures), *figures['fixed'].items()]),
        ('marked pauses of MELD', figures['marked'].items()),
    ):
        lines += [
            f'| {title}: silence, s | cut off | merged | delay: median, 95 %, mean |',
            '|---|--:|--:|--:|',
            *(
                f'| {name} | {one["cut_off_rate"]:.1%} of {one["pauses"]} '
                f'| {one["merged_rate"]:.1%} of {one["utterances"]} '
                f'| {one["delay_ms_p50"]:.0f}, {one["delay_ms_p95"]:.0f}, '
                f'{one["delay_ms_mean"]:.0f} ms |'
                for name, one in rows
            ),
            '',
        ]
    acted = figures['acted']
    lines += [
        '| sentences cut off: silence, s | ' + ' | '.join(acted) + ' |',
        '|---|' + '--:|' * len(acted),
        '| sentences | ' + ' | '.join(str(one['sentences']) for one in acted.values()) + ' |',
        *(
            f'| {silence:g} | '
            + ' | '.join(f'{one["cut_off"][f"{silence:g}"]:.1%}' for one in acted.values())
            + ' |'
            for silence in SILENCES
        ),
        '',
        '| recording | utterances | whole, in parts, missed |',
        '|---|--:|--:|',
    ]
    for name, one in figures['real'].items():
        if isinstance(one, str):
            lines.append(f'| {name} | {one} | |')
            continue
        parts = f'{one["heard_whole"]}, {one["in_parts"]}, {one["missed"]}'
        lines.append(f'| {name} | {one["utterances"]} | {parts} |')
    return '\n'.join(lines) + '\n'
