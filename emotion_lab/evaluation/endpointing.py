"""Measure how soon the end of an utterance is decided, and how often wrongly.

Concatenated dialogues (`evaluation.concatenated`) have known pauses. An utterance that is ended at
a pause inside it is cut off; two utterances without an end between them are merged. The rule that
uses words and sound is compared with fixed silences. The words are those of pocketsphinx. In real
dialogues of MELD and in the demo conversation, whose inner pauses are not annotated, the number of
parts is counted in which each utterance was found.

--choose fits weights and bounds on the dev half, without words, and prints them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import track

from emotion_lab.evaluation.concatenated import make_dialogues
from emotion_lab.evaluation.endpointing_choice import choose
from emotion_lab.evaluation.endpointing_figures import (
    endpointing_figures,
    endpointing_only,
    real_dialogue_figures,
    with_fixed_silence,
)
from emotion_node.cli import parameter_options as parameters
from emotion_node.config import Config
from emotion_node.datatypes import SAMPLE_RATE
from emotion_node.factory import load_models

DEMO: Final = Path('demo/conversation')
SILENCES: Final = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.8)
"""Fixed end-of-speech silences, in s."""


def evaluate_endpointing(
    config: Config, half: str, count: int, data: Path | None, demo: Path, seed: int = 0
) -> dict[str, Any]:
    """Return the figures of the rule in use, of the adaptive rule, and of fixed silences.

    Args:
        config: parameters; what endpointing does not need is switched off.
        half: "dev" or "test", of the speakers.
        count: number of concatenated dialogues.
        data: folder of the data sets, as in `datasets.data_root`.
        demo: the recorded conversation.
        seed: of what is drawn.

    Returns:
        Those of `endpointing_figures` for the rule in use; the same under `adaptive`, and under
        `fixed` by silence; `real` and `real_fixed_0.4`, as `real_dialogue_figures`.

    Raises:
        DatasetError: RAVDESS or MELD is missing.
    """
    dialogues = make_dialogues(half, count, data, seed)
    config = endpointing_only(config)
    adaptive = dataclasses.replace(
        config, endpointing=dataclasses.replace(config.endpointing, adaptive=True)
    )
    models = load_models(config, lambda text: None)
    wordless = dataclasses.replace(models, transcriber=None)
    in_use = models if config.endpointing.adaptive else wordless
    console = Console(stderr=True)
    return {
        'half': half,
        'seed': seed,
        'dialogues': count,
        'seconds': sum(len(one.samples) for one in dialogues) / SAMPLE_RATE,
        **endpointing_figures(dialogues, config, in_use),
        'adaptive': endpointing_figures(dialogues, adaptive, models),
        'fixed': {
            f'{silence:g}': endpointing_figures(
                dialogues, with_fixed_silence(config, silence), wordless
            )
            for silence in track(SILENCES, 'fixed silences', console=console, transient=True)
        },
        'real': real_dialogue_figures(adaptive, models, data, demo),
        'real_fixed_0.4': real_dialogue_figures(
            with_fixed_silence(config, 0.4), wordless, data, demo
        ),
    }


def choose_endpointing(config: Config, count: int, data: Path | None) -> dict[str, Any]:
    """Return what `endpointing_choice.choose` finds on dev without words, and all it `tried`.

    Raises:
        DatasetError: RAVDESS or MELD is missing.
    """
    config = endpointing_only(config)
    config = dataclasses.replace(
        config, transcriber=dataclasses.replace(config.transcriber, backend='off')
    )
    models = load_models(config, lambda text: None)
    chosen, tried = choose(make_dialogues('dev', count, data), config, models)
    return {**chosen, 'tried': tried}


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
        '--choose', action='store_true', help='choose weights and bounds on dev, without words'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parameters.add_arguments(parser)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures that the arguments ask for; with --choose, those of the choice."""
    config = parameters.read_config(args)
    if args.choose:
        return choose_endpointing(config, args.dialogues, args.data)
    return evaluate_endpointing(config, args.half, args.dialogues, args.data, args.demo, args.seed)


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
    elif args.choose:
        print(json.dumps(figures, indent=2))
    else:
        print(markdown(figures), end='')
    return 0


def markdown(figures: dict[str, Any]) -> str:
    """Return Markdown tables of the figures."""
    rows = [('in use', figures), ('by words and sound', figures['adaptive'])]
    rows += [(f'{silence} s', one) for silence, one in figures['fixed'].items()]
    lines = [
        '| end of speech | cut off | merged | delay: median, 95 %, mean |',
        '|---|--:|--:|--:|',
        *(
            f'| {name} | {one["cut_off_rate"]:.1%} of {one["pauses"]} '
            f'| {one["merged_rate"]:.1%} of {one["utterances"]} '
            f'| {one["delay_ms_p50"]:.0f}, {one["delay_ms_p95"]:.0f}, '
            f'{one["delay_ms_mean"]:.0f} ms |'
            for name, one in rows
        ),
        '',
        '| recording | utterances | by words and sound: whole, in parts, missed | after 0.4 s |',
        '|---|--:|--:|--:|',
    ]
    for name, one in figures['real'].items():
        if isinstance(one, str):
            lines.append(f'| {name} | {one} | | |')
            continue
        cells = (
            f'{of["heard_whole"]}, {of["in_parts"]}, {of["missed"]}'
            for of in (one, figures['real_fixed_0.4'][name])
        )
        lines.append(f'| {name} | {one["utterances"]} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'
