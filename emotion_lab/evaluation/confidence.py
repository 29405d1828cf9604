"""Measure whether Whisper's confidence means what it says: does 0.8 mean 80 % of the words right?

Speech whose words are known, in three languages, as recorded and with noise (`data.heard`). A word
that Whisper writes is right where the alignment with what was said finds it. The regression of
`backends.whisper_confidence` is fitted without a corpus, and that corpus is then measured; each
corpus counts the same in the fit.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from emotion_lab.data.alignment import align
from emotion_lab.data.decoding import add_decoder_arguments, load_decoder
from emotion_lab.data.heard import Heard, add_speech_arguments, hear_all
from emotion_lab.data.metrics import Array
from emotion_lab.data.spoken import CONDITIONS, normal_words
from emotion_node.backends.hallucinations import evidence, hallucinated
from emotion_node.backends.whisper_confidence import WEIGHTS, WhisperSegment, features

BINS: Final = 10
RIDGE: Final = 3.0
"""Weight of the penalty on the regression's weights, beside `WORDS` words of each corpus."""
WORDS: Final = 1000.0
STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Written:
    """The words of one utterance that Whisper writes and the filter keeps.

    Attributes:
        corpus, condition: of the clip.
        features: (3,), as `whisper_confidence.features` returns them.
        evidence: the measure without calibration: of the filter against hallucinations.
        words, right: how many words were written, and how many of them were said.
    """

    corpus: str
    condition: str
    features: Array
    evidence: float
    words: int
    right: int


def written_in(heard: Heard) -> list[Written]:
    """Return what was written in a clip, utterance by utterance."""
    language = heard.clip.language
    kept = [
        [one for one in utterance.segments if not hallucinated(one, utterance.seconds)]
        for utterance in heard.utterances
    ]
    words = [
        [word for one in segments for word in normal_words(one.text, language)]
        for segments in kept
    ]
    owners = [place for place, some in enumerate(words) for _ in some]
    right = [0] * len(kept)
    said = normal_words(heard.clip.text, language)
    for step in align(said, [word for some in words for word in some]):
        if step.right and step.written is not None:
            right[owners[step.written]] += 1
    return [
        Written(
            heard.clip.corpus,
            heard.condition,
            features(segments).astype(np.float64),
            _evidence(segments),
            len(some),
            hits,
        )
        for segments, some, hits in zip(kept, words, right, strict=True)
        if some
    ]


def _evidence(segments: Sequence[WhisperSegment]) -> float:
    tokens = np.array([max(len(one.tokens), 1) for one in segments], np.float64)
    return float(tokens @ np.array([evidence(one) for one in segments]) / tokens.sum())


def fit(some: Sequence[Written]) -> Array:
    """Return the (3,) weights of a logistic regression on the words; corpora count the same."""
    corpora = np.array([one.corpus for one in some])
    words = np.array([one.words for one in some], np.float64)
    right = np.array([one.right for one in some], np.float64)
    for corpus in set(corpora):
        share = WORDS / words[corpora == corpus].sum()
        right[corpora == corpus] *= share
        words[corpora == corpus] *= share
    given = np.stack([one.features for one in some])
    penalty = RIDGE * np.diag([0.0, 1.0, 1.0])
    weights = np.zeros(given.shape[1])
    for _ in range(STEPS):  # Newton's method
        chance = 1 / (1 + np.exp(-given @ weights))
        slope = given.T @ (right - words * chance) - penalty @ weights
        bend = (given.T * (words * chance * (1 - chance))) @ given + penalty
        weights = weights + np.linalg.solve(bend, slope)
    return weights


def held_out(some: Sequence[Written]) -> Array:
    """Return the (n,) confidences, each by a regression without the utterance's corpus."""
    corpora = np.array([one.corpus for one in some])
    given = np.stack([one.features for one in some])
    result = np.zeros(len(some))
    for corpus in set(corpora):
        weights = fit([one for one in some if one.corpus != corpus])
        result[corpora == corpus] = 1 / (1 + np.exp(-given[corpora == corpus] @ weights))
    return result


def calibration(confidence: Array, words: Array, right: Array) -> dict[str, Any]:
    """Return how far confidences are from the shares of right words.

    Args:
        confidence: (n,) of each utterance.
        words: (n,) number of words of each utterance.
        right: (n,) how many of them are right.

    Returns:
        `ece`, the expected calibration error over `BINS` bins, weighted by words; `brier`, the
        mean squared error over the words; `curve`, for each bin with words its mean confidence,
        share right and number of words.
    """
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    curve = [
        (
            float(words[place == k] @ confidence[place == k] / words[place == k].sum()),
            float(right[place == k].sum() / words[place == k].sum()),
            int(words[place == k].sum()),
        )
        for k in range(BINS)
        if words[place == k].sum()
    ]
    wrong = (words - right) * confidence**2 + right * (1 - confidence) ** 2
    return {
        'ece': sum(abs(mean - share) * count for mean, share, count in curve) / words.sum(),
        'brier': float(wrong.sum() / words.sum()),
        'curve': curve,
    }


def evaluate_confidence(heard: Sequence[Heard]) -> dict[str, Any]:
    """Return the figures.

    Returns:
        `weights` fitted on all corpora; `shipped`, `held_out` and `evidence`: `calibration` of the
        shipped weights, of those without the corpus, and of the measure without calibration;
        `rows`: for each corpus and condition its `words`, `right` (share), and the means of
        `held_out` and `evidence`.
    """
    some = [written for one in heard for written in written_in(one)]
    words = np.array([one.words for one in some], np.float64)
    right = np.array([one.right for one in some], np.float64)
    raw = np.array([one.evidence for one in some])
    calibrated = held_out(some)
    given = np.stack([one.features for one in some])
    shipped = 1 / (1 + np.exp(-given @ np.array(WEIGHTS)))
    rows = []
    for key in dict.fromkeys((one.corpus, one.condition) for one in some):
        here = np.array([(one.corpus, one.condition) == key for one in some])
        total = words[here].sum()
        rows.append(
            {
                'corpus': key[0],
                'condition': key[1],
                'words': int(total),
                'right': float(right[here].sum() / total),
                'held_out': float(words[here] @ calibrated[here] / total),
                'evidence': float(words[here] @ raw[here] / total),
            }
        )
    return {
        'weights': [round(float(one), 3) for one in fit(some)],
        'shipped': calibration(shipped, words, right),
        'held_out': calibration(calibrated, words, right),
        'evidence': calibration(raw, words, right),
        'rows': sorted(rows, key=lambda row: row['corpus']),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    add_speech_arguments(parser)
    add_decoder_arguments(parser)
    parser.add_argument(
        '--conditions', nargs='+', choices=CONDITIONS, default=CONDITIONS, help='default: all'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_confidence` does, for these arguments."""
    return evaluate_confidence(
        hear_all(load_decoder(args), args.data, args.clips, args.conditions)
    )


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    print(json.dumps(figures) if args.json else markdown(figures))
    return 0


def markdown(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown tables."""
    lines = [
        '| speech | condition | words written | right | confidence, corpus held out '
        '| without calibration |',
        '|---|---|--:|--:|--:|--:|',
    ]
    lines += [
        '| {corpus} | {condition} | {words} | {right:.0%} | {held_out:.2f} | {evidence:.2f} |'
        ''.format_map(row)
        for row in figures['rows']
    ]
    lines += ['', '| confidence, corpus held out | words | right |', '|--:|--:|--:|']
    lines += [
        f'| {mean:.2f} | {count} | {share:.0%} |'
        for mean, share, count in figures['held_out']['curve']
    ]
    lines += [
        '',
        '| confidence | calibration error | Brier score |',
        '|---|--:|--:|',
        *(
            f'| {name} | {figures[key]["ece"]:.3f} | {figures[key]["brier"]:.3f} |'
            for name, key in (
                ('without calibration', 'evidence'),
                ('corpus held out', 'held_out'),
                ('as shipped, fitted on all', 'shipped'),
            )
        ),
        '',
        f'Weights fitted on all: {", ".join(map(str, figures["weights"]))}',
    ]
    return '\n'.join(lines)
