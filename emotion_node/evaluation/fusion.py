"""Measure the fusion on MELD's text, with SIMULATED voices and faces (`evaluation.simulation`).

Text is the shipped model's answers to MELD in its dialogue order, as transcribed by people and
with 15 and 35 % word errors. Voices and faces are answers of the shipped models' kind to people
held out, drawn by the utterance's label and degraded until each alone scores 0.40 and 0.35
weighted F1. They are no recordings of MELD: such figures tell what the fusion does, not how well
people are understood.

--choose tries weights and temperatures on MELD dev and prints the best; nothing is chosen on test.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from emotion_node.assemble import load_models
from emotion_node.config import Config, FusionConfig
from emotion_node.core.dialogue import DialogueTurn
from emotion_node.core.fusion import Fusion
from emotion_node.core.transitions import TransitionFilter
from emotion_node.datatypes import ModalityEmotion, ModelInfo
from emotion_node.evaluation.fused import (
    Evidence,
    fuse_with,
    in_dialogue,
)
from emotion_node.evaluation.interim import Agreement, compare, replay, replay_file
from emotion_node.evaluation.meld_dialogues import read_dialogues
from emotion_node.evaluation.simulation import (
    TARGETS,
    Pool,
    Simulated,
    face_pool,
    simulate,
    voice_pool,
)
from emotion_node.evaluation.text_answers import CONDITIONS, TextAnswers, text_answers
from emotion_node.interfaces import ModelError
from emotion_node.labels import MODALITIES, Modality
from emotion_node.training.datasets import SPLITS, DatasetError
from emotion_node.training.metrics import (
    Array,
    IntArray,
    confusion,
    expected_calibration_error,
    weighted_f1,
)

DEMO: Final = Path('demo/conversation')
COVERAGES: Final = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
SUBSETS: Final = tuple(
    subset for size in (1, 2, 3) for subset in itertools.combinations(MODALITIES, size)
)
SIMULATED_NOTE: Final = (
    'Voice and face are SIMULATED: answers of such models to other people, drawn by label and '
    'degraded to a weighted F1 of 0.40 and 0.35.'
)

WEIGHTS: Final = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
TEMPERATURES: Final = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0)
POWERS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is known of a split's utterances.

    Attributes:
        text: the text model's answers.
        others: simulated modalities.
    """

    text: TextAnswers
    others: Mapping[Modality, Simulated]

    def evidence(self, condition: str, subset: Sequence[Modality] = MODALITIES) -> Evidence:
        """Return what there is of some modalities."""
        found: dict[Modality, tuple[Array, Array]] = {}
        for modality in subset:
            if modality is Modality.TEXT:
                scores = self.text.scores[condition]
                found[modality] = scores, np.ones(len(scores))
            else:
                found[modality] = self.others[modality].scores, self.others[modality].reliability
        return found

    def fused(self, config: Config, condition: str, subset: Sequence[Modality]) -> Array:
        """Return (n, 7) fused scores, without the dialogue."""
        return fuse_with(config, self.evidence(condition, subset))

    def score(self, scores: Array) -> float:
        """Return the weighted F1 of (n, 7) scores."""
        return weighted_f1(confusion(self.text.truth, scores.argmax(1)))


def make_world(text: TextAnswers, pools: Mapping[Modality, Pool]) -> World:
    """Simulate the modalities that there are answers of."""
    others = {
        modality: simulate(pool, text.truth, TARGETS[modality], seed=7 + place)
        for place, (modality, pool) in enumerate(pools.items())
    }
    return World(text, others)


def fusion_figures(world: World, config: Config) -> dict[str, Any]:
    """Return the figures of the fusion with simulated voices and faces.

    Returns:
        `weighted_f1` by subset and condition, `gain_gold`, `gain_wer15`, `gain_wer35` (all three
        over text alone, with a 95 % interval of a bootstrap over dialogues each),
        `worst_subset_loss` (of any subset under any condition against its best single modality),
        `ece` and `wer35_ece` (15 bins, all three, in dialogue), `ece_without_calibration` (the
        same at temperature 1), `coverage` (share kept and weighted F1, gold), and
        `wf1_at_80_coverage`.
    """
    names = {subset: '+'.join(subset) for subset in SUBSETS}
    table: dict[str, dict[str, float]] = {name: {} for name in names.values()}
    found: dict[tuple[str, str], Array] = {}
    worst = 0.0
    for condition in CONDITIONS:
        for subset, name in names.items():
            scores = world.fused(config, condition, subset)
            found[condition, name] = scores
            table[name][condition] = world.score(scores)
            best = max(table[one][condition] for one in subset)
            worst = max(worst, best - table[name][condition])
    everything = names[SUBSETS[-1]]
    figures: dict[str, Any] = {'weighted_f1': table, 'worst_subset_loss': worst}
    truth, dialogues = world.text.truth, world.text.dialogues
    for condition in CONDITIONS:
        with_all, alone = found[condition, everything], found[condition, str(Modality.TEXT)]
        figures[f'gain_{condition}'] = world.score(with_all) - world.score(alone)
        figures[f'gain_{condition}_interval'] = gain_interval(
            dialogues, truth, with_all.argmax(1), alone.argmax(1)
        )
    for key, condition in (('ece', 'gold'), ('wer35_ece', 'wer35')):
        scores = after_dialogue(world, config, condition, MODALITIES)
        figures[key] = expected_calibration_error(scores, truth)
        if condition == 'gold':
            figures['weighted_f1_in_dialogue'] = world.score(scores)
            figures['coverage'] = coverage_curve(scores, truth)
            figures['wf1_at_80_coverage'] = dict(figures['coverage'])[0.8]
    plain = with_fusion(config, temperature=1.0)
    figures['ece_without_calibration'] = expected_calibration_error(
        after_dialogue(world, plain, 'gold', MODALITIES), truth
    )
    figures['simulated'] = {
        str(modality): {'weighted_f1': one.weighted_f1, 'degraded': one.degraded}
        for modality, one in world.others.items()
    }
    return figures


def after_dialogue(
    world: World, config: Config, condition: str, subset: Sequence[Modality]
) -> Array:
    """Return (n, 7) fused scores with the dialogue before each utterance."""
    scores = world.fused(config, condition, subset)
    return in_dialogue(scores, world.text.dialogues, world.text.speakers, config)


def transition_figures(text: TextAnswers, config: Config) -> dict[str, Any]:
    """Return what the dialogue adds to the text alone, in weighted F1: `transition_gain`, ..."""
    world = World(text, {})
    figures: dict[str, Any] = {}
    for condition in CONDITIONS:
        without = text.scores[condition]
        scores = after_dialogue(world, config, condition, (Modality.TEXT,))
        key = 'transition_gain' if condition == 'gold' else f'transition_gain_{condition}'
        figures[key] = world.score(scores) - world.score(without)
        if condition == 'gold':
            figures['transition_gain_interval'] = gain_interval(
                text.dialogues, text.truth, scores.argmax(1), without.argmax(1)
            )
            figures['text_ece'] = expected_calibration_error(scores, text.truth)
            figures['text_coverage'] = coverage_curve(scores, text.truth)
        figures[f'text_{condition}_weighted_f1'] = world.score(without)
    return figures


def gain_interval(
    groups: IntArray, truth: IntArray, one: IntArray, other: IntArray
) -> tuple[float, float]:
    """Return the 95 % interval of a difference in weighted F1, resampling dialogues."""
    # Both answers of a row are drawn together: the second is told as a label 7 higher.
    _, member = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(0)
    count = int(member.max()) + 1
    tables = np.zeros((2, count, 49))
    for table, answers in zip(tables, (one, other), strict=True):
        np.add.at(table, (member, truth * 7 + answers), 1)
    draws = rng.multinomial(count, np.full(count, 1 / count), size=1000)
    first, second = (draws @ table for table in tables)
    gains = [
        weighted_f1(a.reshape(7, 7)) - weighted_f1(b.reshape(7, 7))
        for a, b in zip(first, second, strict=True)
    ]
    low, high = np.percentile(gains, (2.5, 97.5))
    return float(low), float(high)


def coverage_curve(scores: Array, truth: IntArray) -> list[tuple[float, float]]:
    """Return for each of `COVERAGES` the weighted F1 of the answers that are surest."""
    order = np.argsort(-scores.max(axis=1), kind='stable')
    curve = []
    for share in COVERAGES:
        kept = order[: max(1, round(share * len(order)))]
        curve.append((share, weighted_f1(confusion(truth[kept], scores[kept].argmax(1)))))
    return curve


def fusion_time(config: Config, calls: int = 500) -> dict[str, float]:
    """Return the time of fusing one utterance of three modalities, in its dialogue."""
    rng = np.random.default_rng(0)
    fusion, transitions = Fusion(config.fusion), TransitionFilter(config.dialogue)
    turns = [
        DialogueTurn(f'u{n}', f's{n}', 0, 0, '', 'joy', rng.dirichlet(np.ones(7)).astype('f4'))
        for n in range(config.dialogue.max_turns)
    ]
    taken = []
    for _ in range(calls):
        text, voice, face = (
            ModalityEmotion.from_scores(
                modality, rng.dirichlet(np.ones(7)).astype(np.float32), ModelInfo()
            )
            for modality in MODALITIES
        )
        begin = time.perf_counter_ns()
        transitions.apply(fusion.fuse(text, voice, face), turns, 's1', 0)
        taken.append((time.perf_counter_ns() - begin) / 1e6)
    p50, p95 = np.percentile(taken, (50, 95))
    return {'fusion_ms': float(p50), 'fusion_ms_p95': float(p95)}


def interim_figures(config: Config, data: Path | None, demo: Path) -> dict[str, Any]:
    """Return how often the last interim label is the final one, by recording and in all."""
    models = load_models(config, time.perf_counter_ns, lambda text: None)
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


def find_pools(
    models: str, data: Path | None, cache: Path | None
) -> tuple[dict[Modality, Pool], list[str]]:
    """Return the answers to people held out that there are, and what is missing of them."""
    makers: dict[Modality, tuple[Callable[[], Pool], str]] = {
        Modality.VOICE: (
            lambda: voice_pool(models=models),
            'a model with a file held_out beside it, made by emotion_node.training.voice_export '
            'and "evaluate voice --folds RUNS --store models/voice/held_out.npz"',
        ),
        Modality.FACE: (
            lambda: face_pool(models=models, data=data, cache=cache),
            'a model made by emotion_node.training.face_export, and FER+ (ferplus.npz) to ask it '
            'about',
        ),
    }
    pools, missing = {}, []
    for modality, (make, remedy) in makers.items():
        try:
            pools[modality] = make()
        except (ModelError, DatasetError) as error:
            missing.append(
                f'no held-out answers of a {modality} model ({error}); needed is {remedy}'
            )
    return pools, missing


def with_fusion(config: Config, **changes: Any) -> Config:
    """Return the parameters with some of the fusion's changed."""
    return dataclasses.replace(config, fusion=dataclasses.replace(config.fusion, **changes))


def choose(world: World, config: Config) -> tuple[FusionConfig, list[dict[str, Any]]]:
    """Return the best parameters of the fusion on a split, and all that was tried.

    For each method: the weights with the highest mean weighted F1 over conditions and subsets of
    at least two modalities, one coordinate after the other, text at its default; then the
    temperature with the least negative log-likelihood of the answers of all three in their
    dialogue, over all conditions. The method with the highest mean is chosen.
    """
    tried: list[dict[str, Any]] = []
    best: tuple[float, FusionConfig] | None = None
    several = [subset for subset in SUBSETS if len(subset) > 1]
    for method in ('robust', 'log_linear', 'linear'):
        current = with_fusion(config, method=method, temperature=1.0, min_confidence=0.0)
        merits: dict[tuple[float, float], float] = {}

        def merit(candidate: Config, merits: dict[tuple[float, float], float] = merits) -> float:
            key = candidate.fusion.voice_weight, candidate.fusion.face_weight
            if key not in merits:
                merits[key] = float(
                    np.mean(
                        [
                            world.score(world.fused(candidate, condition, subset))
                            for condition in CONDITIONS
                            for subset in several
                        ]
                    )
                )
            return merits[key]

        for name in ('voice_weight', 'face_weight', 'voice_weight'):
            candidates = [with_fusion(current, **{name: weight}) for weight in WEIGHTS]
            current = max(candidates, key=merit)
        fits = {
            temperature: float(
                np.mean(
                    [
                        _surprise(world, with_fusion(current, temperature=temperature), condition)
                        for condition in CONDITIONS
                    ]
                )
            )
            for temperature in TEMPERATURES
        }
        current = with_fusion(current, temperature=min(fits, key=lambda one: fits[one]))
        reached = merit(current)
        tried.append({**dataclasses.asdict(current.fusion), 'mean_weighted_f1': reached})
        if best is None or reached > best[0]:
            best = reached, current.fusion
    assert best is not None
    return best[1], tried


def _surprise(world: World, config: Config, condition: str) -> float:
    """Return the mean negative log-likelihood of the truth."""
    scores = after_dialogue(world, config, condition, MODALITIES)
    told = scores[np.arange(len(scores)), world.text.truth]
    return float(-np.log(np.maximum(told, 1e-9)).mean())


def evaluate_fusion(
    config: Config,
    split: str = 'test',
    data: Path | None = None,
    cache: Path | None = None,
    demo: Path = DEMO,
    interim: bool = True,
) -> dict[str, Any]:
    """Return the figures of the fusion; those that cannot be had are None, and `missing` says why.

    Args:
        config: parameters.
        split: of MELD.
        data: folder of the data sets, as in `datasets.data_root`.
        cache: where the text model's answers are kept.
        demo: the recorded conversation.
        interim: whether to replay recordings for `interim_agreement`.

    Returns:
        As `fusion_figures`, `transition_figures`, `fusion_time` and `interim_figures`.

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
        **transition_figures(text, config),
        **fusion_time(config),
    }
    if not missing:
        figures |= fusion_figures(make_world(text, pools), config)
    if interim:
        figures |= interim_figures(config, data, demo)
    return figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--split', choices=SPLITS, default='test', help='default %(default)s')
    parser.add_argument('--models-dir', default='', help='folder of manifest.toml')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument(
        '--cache', type=Path, help='folder to keep the answers of models in, for next time'
    )
    parser.add_argument('--demo', type=Path, default=DEMO, help='default %(default)s')
    parser.add_argument('--no-interim', action='store_true', help='replay no recordings')
    parser.add_argument(
        '--choose', action='store_true', help='choose weights and temperatures on MELD dev'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def run(args: argparse.Namespace) -> int:
    """Print the figures.

    Returns:
        0; or 1 when some of them could not be had.
    """
    config = Config(models_dir=args.models_dir)
    if args.choose:
        return _choose(args, config)
    figures = evaluate_fusion(
        config, args.split, args.data, args.cache, args.demo, not args.no_interim
    )
    if args.json:
        print(json.dumps(figures))
    else:
        console = Console()
        for table in _tables(figures):
            console.print(table)
        console.print(figures['simulation'])
        for reason in figures['missing']:
            console.print(f'missing: {reason}', markup=False)
    return 1 if figures['missing'] else 0


def _choose(args: argparse.Namespace, config: Config) -> int:
    pools, missing = find_pools(config.models_dir, args.data, args.cache)
    text = text_answers('dev', args.data, models=config.models_dir, cache=args.cache)
    powers = {
        power: transition_figures(
            text,
            dataclasses.replace(
                config, dialogue=dataclasses.replace(config.dialogue, transition_power=power)
            ),
        )
        for power in POWERS
    }
    found: dict[str, Any] = {
        'missing': missing,
        'transition_gain': {
            power: {key: value for key, value in one.items() if key.startswith('transition_gain')}
            for power, one in powers.items()
        },
    }
    if not missing:
        chosen, tried = choose(make_world(text, pools), config)
        found |= {'chosen': dataclasses.asdict(chosen), 'tried': tried}
    print(json.dumps(found, indent=None if args.json else 2))
    return 1 if missing else 0


def _tables(figures: dict[str, Any]) -> list[Table]:
    table = Table('figure', 'value', title='Fusion on {data}'.format_map(figures))
    for key in (
        'transition_gain',
        'transition_gain_wer15',
        'transition_gain_wer35',
        'gain_gold',
        'gain_wer15',
        'gain_wer35',
        'worst_subset_loss',
        'weighted_f1_in_dialogue',
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
        coverage = Table('coverage', 'weighted F1', title='Surest answers; SIMULATED')
        for share, value in figures['coverage']:
            coverage.add_row(f'{share:.0%}', f'{value:.3f}')
        tables.append(coverage)
    return tables
