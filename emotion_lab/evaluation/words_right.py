"""Measure what the text model's answers are worth by the share of words that are right.

MELD dev is written as Whisper writes (`data.whisper_errors`). For utterances with about the same
share of right words, the exponent is found under which the model's probabilities are most likely;
its ratio to that of text without errors is the factor by which the fusion should rely on them
(`core.analysis.reliability`).
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_lab.data.alignment import align
from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import Speakers, meld_samples
from emotion_lab.data.spoken import normal_words
from emotion_lab.evaluation.text import read_all
from emotion_node.backends.text_onnx import OnnxTextEmotion
from emotion_node.core.analysis.reliability import text_factor
from emotion_node.model_store.manifest import find_model

SHARES: Final = (0.0, 0.4, 0.6, 0.8, 0.999, 1.01)
"""Limits of the groups of utterances, by the share of the written words that are right."""
EXPONENTS: Final = np.linspace(0.05, 2.0, 79)


def best_exponent(scores: Array, truth: IntArray) -> float:
    """Return the exponent under which probabilities are most likely.

    Args:
        scores: (n, 7) probabilities.
        truth: (n,) true labels.
    """
    logs = np.log(np.maximum(scores, 1e-6))
    likelihoods = []
    for exponent in EXPONENTS:
        raised = exponent * logs
        norm = np.log(np.exp(raised).sum(axis=1))
        likelihoods.append(float((raised[np.arange(len(truth)), truth] - norm).mean()))
    return float(EXPONENTS[int(np.argmax(likelihoods))])


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return for each group its `right` (mean share), `utterances`, best and used `factor`."""
    backend = OnnxTextEmotion(find_model('text'))
    gold = meld_samples('dev', CONDITIONS['gold'], args.data)
    written = meld_samples('dev', CONDITIONS['whisper'], args.data)
    clean = read_all(backend, gold, Speakers.LETTERS, 'gold')
    noisy = read_all(backend, written, Speakers.LETTERS, 'whisper')
    right = np.array(
        [_share_right(one.text, other.text) for one, other in zip(gold, written, strict=True)]
    )
    whole = best_exponent(clean.scores, clean.truth)
    rows = []
    for low, high in itertools.pairwise(SHARES):
        here = (right >= low) & (right < high)
        if here.any():
            exponent = best_exponent(noisy.scores[here], noisy.truth[here])
            share = float(right[here].mean())
            rows.append(
                {
                    'right': share,
                    'utterances': int(here.sum()),
                    'factor': exponent / whole,
                    'used': text_factor(share),
                }
            )
    return rows


def _share_right(said: str, written: str) -> float:
    words = normal_words(written, 'en')
    steps = align(normal_words(said, 'en'), words)
    return sum(step.right for step in steps) / max(len(words), 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    rows = measure(args)
    if args.json:
        print(json.dumps(rows))
        return 0
    print('| words right | utterances | best factor | factor used |\n|--:|--:|--:|--:|')
    for row in rows:
        print('| {right:.0%} | {utterances} | {factor:.2f} | {used:.2f} |'.format_map(row))
    return 0
