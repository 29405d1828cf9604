"""Measure when the end of an utterance is decided, against how often that is a mistake.

Concatenated dialogues (`evaluation.concatenated`) have known pauses. An utterance ended at a pause
inside it is cut off; two utterances between which none is ended are merged. Fixed silences stand
beside the rule that uses words and sound. The words are
those of pocketsphinx. Real dialogues of MELD and the demo conversation, whose inner pauses nobody
marked, show in how many parts their utterances were heard.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import DatasetError
from emotion_lab.evaluation.concatenated import GluedDialogue, Span, make_dialogues
from emotion_lab.evaluation.interim import replay, replay_file
from emotion_lab.evaluation.meld_dialogues import read_dialogues
from emotion_node.cli import parameter_options as parameters
from emotion_node.config import Config
from emotion_node.datatypes import (
    NS_PER_S,
    SAMPLE_RATE,
    EndReason,
    Report,
    SpeechEnded,
    Utterance,
)
from emotion_node.factory import Models, build_pipeline, load_models
from emotion_node.recordings.truth import read_truth

DEMO: Final = Path('demo/conversation')
SILENCES: Final = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.8)
TOLERANCE_NS: Final = NS_PER_S // 5
"""By which the end of speech may be found early or late."""


def hear(dialogue: GluedDialogue, config: Config, models: Models) -> list[Utterance]:
    """Return the utterances that the pipeline hears in a dialogue."""
    pipeline = build_pipeline(config, models, time.perf_counter_ns)
    reports: list[Report] = []
    for chunk in dialogue.chunks():
        reports += pipeline.push_audio(chunk)
    return ended(reports + pipeline.flush())


def ended(reports: Iterable[Report]) -> list[Utterance]:
    """Return the utterances among reports."""
    return [report.utterance for report in reports if isinstance(report, SpeechEnded)]


def count_cut_offs(pauses: Sequence[Span], heard: Sequence[Utterance]) -> int:
    """Return at how many pauses inside utterances one was ended."""
    return sum(any(_ended_in(one, begin, end) for one in heard) for begin, end in pauses)


def _ended_in(utterance: Utterance, begin: int, end: int) -> bool:
    return (
        utterance.end_reason is EndReason.SILENCE
        and abs(utterance.end_ns - begin) <= TOLERANCE_NS
        and begin < utterance.decided_ns <= end + TOLERANCE_NS
    )


def delays(utterances: Sequence[Span], heard: Sequence[Utterance]) -> list[int | None]:
    """Return for each true utterance the time from its end to the decision, in ns.

    None where it was not decided before the next one began.
    """
    begins = [begin for begin, _ in utterances[1:]]
    found: list[int | None] = []
    for (_, end), following in zip(utterances, [*begins, None], strict=True):
        decided = [
            one.decided_ns - end
            for one in heard
            if abs(one.end_ns - end) <= TOLERANCE_NS
            and (following is None or one.end_ns < following)
        ]
        found.append(decided[0] if decided else None)
    return found


def measure(dialogues: Sequence[GluedDialogue], config: Config, models: Models) -> dict[str, Any]:
    """Return how well ends are told.

    Returns:
        `pauses` inside utterances, `cut_off_rate` of them; `utterances`, `merged_rate` of them;
        `delay_ms_p50`, `delay_ms_p95` and `delay_ms_mean` from the true end to the decision.
    """
    pauses = cut_off = 0
    found: list[int | None] = []
    for dialogue in dialogues:
        heard = hear(dialogue, config, models)
        pauses += len(dialogue.pauses)
        cut_off += count_cut_offs(dialogue.pauses, heard)
        found += delays(dialogue.utterances, heard)
    known = [one / 1e6 for one in found if one is not None]
    p50, p95 = np.percentile(known, (50, 95)) if known else (None, None)
    return {
        'pauses': pauses,
        'cut_off_rate': cut_off / pauses,
        'utterances': len(found),
        'merged_rate': 1 - len(known) / len(found),
        'delay_ms_p50': None if p50 is None else float(p50),
        'delay_ms_p95': None if p95 is None else float(p95),
        'delay_ms_mean': float(np.mean(known)) if known else None,
    }


def fixed(config: Config, silence: float) -> Config:
    """Return the parameters with the standing rule alone."""
    return dataclasses.replace(
        config,
        endpointing=dataclasses.replace(config.endpointing, adaptive=False),
        segmenter=dataclasses.replace(config.segmenter, min_silence_duration=silence),
    )


def listening_only(config: Config) -> Config:
    """Return the parameters with nothing running that ends do not need."""
    return dataclasses.replace(
        config,
        text=dataclasses.replace(config.text, backend='off'),
        voice=dataclasses.replace(config.voice, backend='off'),
        face=dataclasses.replace(config.face, backend='off'),
        image=dataclasses.replace(config.image, transport='off'),
        interim=dataclasses.replace(config.interim, enabled=False),
    )


def real_dialogues(
    config: Config, models: Models, data: Path | None, demo: Path
) -> dict[str, Any]:
    """Return into how many parts true utterances were heard, by recording; and what is missing."""
    found: dict[str, Any] = {}
    if (demo / 'truth.json').exists():
        truth = read_truth(demo / 'truth.json')
        heard = ended(replay_file(demo, config, models, time.perf_counter_ns))
        found['demo'] = _parts([(one.start_ns, one.end_ns) for one in truth], heard)
    else:
        found['demo'] = f'no recorded conversation at {demo}: run this in a checkout'
    try:
        for dialogue in read_dialogues(data):
            heard = ended(replay(dialogue.chunks(), config, models, time.perf_counter_ns))
            spans = [(one.start_ns, one.end_ns) for one in dialogue.utterances]
            found[f'MELD dialogue {dialogue.number}'] = _parts(spans, heard)
    except DatasetError as error:
        found['MELD'] = str(error)
    return found


def _parts(truth: Sequence[Span], heard: Sequence[Utterance]) -> dict[str, int]:
    parts = [
        sum(one.start_ns < end and one.end_ns > begin for one in heard) for begin, end in truth
    ]
    return {
        'utterances': len(truth),
        'heard_whole': parts.count(1),
        'in_parts': sum(count > 1 for count in parts),
        'missed': parts.count(0),
    }


def evaluate_endpointing(
    config: Config, half: str, count: int, data: Path | None, demo: Path, seed: int = 0
) -> dict[str, Any]:
    """Return all figures: those of `measure` for the rule in use, `adaptive`, `fixed` by silence.

    Raises:
        DatasetError: RAVDESS or MELD is missing.
    """
    dialogues = make_dialogues(half, count, data, seed)
    config = listening_only(config)
    adaptive = dataclasses.replace(
        config, endpointing=dataclasses.replace(config.endpointing, adaptive=True)
    )
    models = load_models(config, time.perf_counter_ns, lambda text: None)
    silent = dataclasses.replace(models, transcriber=None)
    console = Console(stderr=True)
    figures: dict[str, Any] = {
        'half': half,
        'seed': seed,
        'dialogues': count,
        'seconds': sum(len(one.samples) for one in dialogues) / SAMPLE_RATE,
        **measure(dialogues, config, models if config.endpointing.adaptive else silent),
        'adaptive': measure(dialogues, adaptive, models),
        'fixed': {
            f'{silence:g}': measure(dialogues, fixed(config, silence), silent)
            for silence in track(SILENCES, 'fixed silences', console=console, transient=True)
        },
        'real': real_dialogues(adaptive, models, data, demo),
        'real_fixed_0.4': real_dialogues(fixed(config, 0.4), silent, data, demo),
    }
    return figures


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


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    config = parameters.read_config(args)
    if args.choose:
        return _choose(config, args)
    figures = evaluate_endpointing(
        config, args.half, args.dialogues, args.data, args.demo, args.seed
    )
    print(json.dumps(figures) if args.json else markdown(figures), end='\n' if args.json else '')
    return 0


def _choose(config: Config, args: argparse.Namespace) -> int:
    from emotion_lab.evaluation.endpointing_choice import choose

    config = listening_only(config)
    silent = dataclasses.replace(config.transcriber, backend='off')
    config = dataclasses.replace(config, transcriber=silent)
    models = load_models(config, time.perf_counter_ns, lambda text: None)
    chosen, tried = choose(make_dialogues('dev', args.dialogues, args.data), config, models)
    print(json.dumps({**chosen, 'tried': tried}, indent=None if args.json else 2))
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
