"""Measure how well voices tell speakers apart: an experiment, see docs/fusion_experiments.md.

Pairs of utterances of RAVDESS, EMO-DB, nEMO, GRID and MELD are compared by statistics of the voice
(linear discriminant analysis, fitted on RAVDESS and EMO-DB, never on the corpus that is measured),
by the GE2E encoder of Resemblyzer (Wan et al., "Generalized end-to-end loss for speaker
verification", ICASSP 2018), and by an ONNX model that takes 80 log-mel bands, such as CAM++.

The equal error rate is that of all pairs of a corpus. The dialogues of MELD are then diarized
turn by turn, as the node would: a turn is the most similar speaker's, or a new one's where none is
similar enough. The threshold is the one at the equal error rate on RAVDESS and EMO-DB.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.data.metrics import Array
from emotion_lab.data.recordings import GRID_NAMES, MELD_FOLDERS, read_samples
from emotion_lab.data.speech import find_speech
from emotion_lab.evaluation.voice_encoders import fbank_encoder, ge2e_encoder
from emotion_lab.evaluation.voice_statistics import voice_statistics
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

FITTED: Final = ('RAVDESS', 'EMO-DB')
"""Corpora on which thresholds and statistics are fitted."""
EMODB_MEN: Final = ('03', '10', '11', '12', '15')
MELD_WOMEN: Final = ('Rachel',)
DIMENSIONS: Final = 10
SHRINKAGE: Final = 0.1

Encoder = Callable[[FloatArray], Array | None]


@dataclass(frozen=True, slots=True)
class Voice:
    """One utterance.

    Attributes:
        corpus: name of the dataset.
        speaker: who speaks.
        sex: "f", "m" or, where it is not known, "?".
        samples: (n,) float32 at `SAMPLE_RATE`, speech without silence around it.
        group: the recording or dialogue that it is from.
    """

    corpus: str
    speaker: str
    sex: str
    samples: FloatArray
    group: str


def read_voices(root: Path | None, each: int) -> list[Voice]:
    """Return `each` utterances of every speaker, drawn at random; all of GRID and MELD.

    Raises:
        DatasetError: one of the datasets is missing.
    """
    base = data_root(root)
    rng = np.random.default_rng(0)
    found: list[tuple[str, str, str, Path, str]] = []
    acted: dict[tuple[str, str, str], list[Path]] = {}
    for path in sorted((base / 'ravdess').glob('*-*.*')):
        actor = path.stem.rsplit('-', 1)[-1]
        acted.setdefault(('RAVDESS', actor, 'fm'[int(actor) % 2]), []).append(path)
    for path in sorted((base / 'emodb').rglob('*.*')):
        name = path.stem[:2]
        if name.isdigit():
            sex = 'm' if name in EMODB_MEN else 'f'
            acted.setdefault(('EMO-DB', name, sex), []).append(path)
    people: dict[str, str] = {}
    table = base / 'nemo' / 'data.tsv'
    if table.is_file():
        with table.open(encoding='utf-8') as file:
            rows = csv.DictReader(file, delimiter='\t')
            people = {row['speaker_id'].strip(): row['gender'].strip()[:1] for row in rows}
    for path in sorted((base / 'nemo').rglob('*.opus')):
        name = path.stem.split('_')[0]
        acted.setdefault(('nEMO', name, people.get(name, '?')), []).append(path)
    for key, paths in acted.items():
        drawn = rng.permutation(len(paths))[:each]
        found += [(*key, paths[n], '') for n in sorted(drawn)]
    for path in sorted([*(base / 'grid').glob('*.mpg'), *(base / 'grid_more').glob('*.mpg')]):
        stem = path.stem
        name = stem.split('_')[0] if '_' in stem else GRID_NAMES.get(stem, stem)
        found.append(('GRID', name, '?', path, ''))
    for folder in MELD_FOLDERS:
        manifest = base / folder / 'manifest.csv'
        if not manifest.is_file():
            raise DatasetError(f'expected {manifest}, found none')
        with manifest.open(encoding='utf-8') as file:
            for row in csv.DictReader(file):
                sex = 'f' if row['speaker'] in MELD_WOMEN else 'm'
                path = base / folder / row['file']
                found.append(('MELD', row['speaker'], sex, path, row['dialogue']))
    voices = []
    for corpus, speaker, sex, path, group in track(
        found, 'reading', console=Console(stderr=True), transient=True
    ):
        samples = read_samples(path)
        sounds = find_speech(samples)
        if sounds and sounds[-1][1] - sounds[0][0] >= SAMPLE_RATE // 2:
            speech = samples[sounds[0][0] : sounds[-1][1]]
            voices.append(Voice(corpus, speaker, sex, speech, group))
    return voices


def fit_statistics(voices: Sequence[Voice]) -> Encoder:
    """Return an encoder by linear discriminant analysis of `voice_statistics` over speakers."""
    known = [(voice_statistics(one.samples), one) for one in voices]
    features = np.array([one for one, _ in known if one is not None])
    speakers = [f'{one.corpus} {one.speaker}' for value, one in known if value is not None]
    mean = np.nanmean(features, axis=0)
    centred = np.where(np.isnan(features), 0.0, features - mean)
    scale = centred.std(axis=0)
    centred /= scale
    names, member = np.unique(speakers, return_inverse=True)
    means = np.stack([centred[member == k].mean(axis=0) for k in range(len(names))])
    inside = centred - means[member]
    within = inside.T @ inside / len(inside)
    within += SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    _, turns = np.linalg.eigh(np.cov(means @ whiten, rowvar=False))
    projection = whiten @ turns[:, ::-1][:, :DIMENSIONS] / scale[:, None]

    def encode(samples: FloatArray) -> Array | None:
        value = voice_statistics(samples)
        if value is None:
            return None
        vector = np.where(np.isnan(value), 0.0, value - mean) @ projection
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))

    return encode


def equal_error_rate(same: Array, other: Array) -> tuple[float, float]:
    """Return the equal error rate and its threshold, for similarities of pairs."""
    levels = np.sort(np.concatenate([same, other]))
    missed = np.searchsorted(np.sort(same), levels) / len(same)
    passed = 1 - np.searchsorted(np.sort(other), levels) / len(other)
    place = int(np.argmin(np.abs(missed - passed)))
    return float((missed[place] + passed[place]) / 2), float(levels[place])


def corpus_figures(voices: Sequence[Voice], vectors: Sequence[Array | None]) -> dict[str, Any]:
    """Return `equal_error_rate`, its `threshold`, and the same rate within a sex."""
    both = zip(voices, vectors, strict=True)
    kept = [(one, vector) for one, vector in both if vector is not None]
    stacked = np.array([vector for _, vector in kept])
    speakers = np.array([one.speaker for one, _ in kept])
    sexes = np.array([one.sex for one, _ in kept])
    pairs = np.triu_indices(len(kept), 1)
    alike = (stacked @ stacked.T)[pairs]
    same = (speakers[:, None] == speakers)[pairs]
    one_sex = (sexes[:, None] == sexes)[pairs]
    rate, threshold = equal_error_rate(alike[same], alike[~same])
    within, _ = equal_error_rate(alike[same], alike[~same & one_sex])
    return {
        'utterances': len(kept),
        'speakers': len(set(speakers)),
        'equal_error_rate': rate,
        'threshold': threshold,
        'equal_error_rate_within_sex': None if '?' in sexes else within,
    }


def diarization_error(
    voices: Sequence[Voice], vectors: Sequence[Array | None], threshold: float
) -> float:
    """Return the share of the speech of one dialogue that is given to the wrong speaker.

    Speakers found and true ones are matched so that the error is smallest; the turns are known,
    so that nothing is missed or false.
    """
    found: list[int] = []
    sums: list[Array] = []
    for vector in vectors:
        if vector is None:
            found.append(-1)
            continue
        alike = [float(vector @ one / np.linalg.norm(one)) for one in sums]
        best = int(np.argmax(alike)) if alike else -1
        if best < 0 or alike[best] < threshold:
            best = len(sums)
            sums.append(np.zeros_like(vector))
        sums[best] = sums[best] + vector
        found.append(best)
    names = sorted({one.speaker for one in voices})
    seconds = np.zeros((len(names), max(len(names), len(sums))))
    for one, place in zip(voices, found, strict=True):
        if place >= 0:
            seconds[names.index(one.speaker), place] += len(one.samples)
    rows = np.arange(len(names))
    right = max(
        float(seconds[rows, list(columns)].sum())
        for columns in itertools.permutations(range(seconds.shape[1]), len(names))
    )
    return 1 - right / sum(len(one.samples) for one in voices)


def measure_encoder(voices: Sequence[Voice], encoder: Callable[[str], Encoder]) -> dict[str, Any]:
    """Return the figures of one encoder.

    Args:
        voices: of all corpora.
        encoder: returns it for the name of the corpus that is measured.

    Returns:
        `corpora`, by name as `corpus_figures`; `threshold`; `diarization_error` by dialogue of
        MELD, and that of giving all speech to one speaker; `ms`, the median time per utterance.
    """
    corpora: dict[str, Any] = {}
    vectors: dict[str, list[Array | None]] = {}
    times = []
    for corpus in dict.fromkeys(one.corpus for one in voices):
        own = [one for one in voices if one.corpus == corpus]
        encode = encoder(corpus)
        vectors[corpus] = []
        for one in own:
            begin = time.perf_counter()
            vectors[corpus].append(encode(one.samples))
            times.append(1000 * (time.perf_counter() - begin))
        corpora[corpus] = corpus_figures(own, vectors[corpus])
    threshold = float(np.mean([corpora[one]['threshold'] for one in FITTED]))
    errors = {}
    meld = [one for one in voices if one.corpus == 'MELD']
    for group in ('0', '1'):
        places = [n for n, one in enumerate(meld) if one.group == group]
        turns, known = [meld[n] for n in places], [vectors['MELD'][n] for n in places]
        errors[f'MELD dialogue {group}'] = diarization_error(turns, known, threshold)
        one_speaker = diarization_error(turns, [np.ones(1)] * len(turns), -1.0)
        errors[f'MELD dialogue {group}, all given to one speaker'] = one_speaker
    return {
        'corpora': corpora,
        'threshold': threshold,
        'diarization_error': errors,
        'ms': float(np.median(times)),
    }


def evaluate_voices(
    data: Path | None, each: int, ge2e: Path | None, onnx: Mapping[str, Path]
) -> dict[str, Any]:
    """Return the figures by encoder, as `measure_encoder`.

    Raises:
        DatasetError: one of the datasets is missing.
    """
    voices = read_voices(data, each)

    def statistics(corpus: str) -> Encoder:
        return fit_statistics(
            [one for one in voices if one.corpus in FITTED and one.corpus != corpus]
        )

    encoders: dict[str, Callable[[str], Encoder]] = {'statistics': statistics}
    if ge2e is not None:
        encoders['GE2E'] = _always(ge2e_encoder(ge2e))
    for name, path in onnx.items():
        encoders[name] = _always(fbank_encoder(path))
    return {name: measure_encoder(voices, encoder) for name, encoder in encoders.items()}


def _always(encoder: Encoder) -> Callable[[str], Encoder]:
    return lambda corpus: encoder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument(
        '--each', type=int, default=15, help='utterances of a speaker; default %(default)s'
    )
    parser.add_argument('--ge2e', type=Path, help='pretrained.pt of Resemblyzer')
    parser.add_argument(
        '--onnx', type=Path, nargs='*', default=[], help='models of 80 log-mel bands, (1, n, 80)'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_voices` does."""
    return evaluate_voices(args.data, args.each, args.ge2e, {one.stem: one for one in args.onnx})


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    print(json.dumps(figures) if args.json else markdown(figures), end='\n')
    return 0


def markdown(figures: dict[str, Any]) -> str:
    """Return Markdown tables of the figures."""
    lines = []
    for name, one in figures.items():
        lines += [
            f'| {name}, {one["ms"]:.0f} ms | utterances, speakers | equal error rate '
            '| within a sex |',
            '|---|--:|--:|--:|',
        ]
        for corpus, of in one['corpora'].items():
            within = of['equal_error_rate_within_sex']
            lines.append(
                f'| {corpus} | {of["utterances"]}, {of["speakers"]} '
                f'| {of["equal_error_rate"]:.1%} | {"" if within is None else f"{within:.1%}"} |'
            )
        lines += [
            f'| diarization error, {dialogue} | | {error:.1%} | |'
            for dialogue, error in one['diarization_error'].items()
        ]
        lines.append('')
    return '\n'.join(lines)
