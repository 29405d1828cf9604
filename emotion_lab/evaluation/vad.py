"""Measure voice activity detection, as the node runs it, on speech at known places.

Mixtures (see `mixtures`) take a minute each: RAVDESS utterances 0.7 to 3 s apart, in silence and
in white and pink noise, mains hum, knocks, music and the babble of eight people, at 20, 10 and
5 dB. Babble has a row of its own, because it is speech too. Each detector runs with resampler,
framing and segmenter at their default parameters. Thresholds were chosen on the actors of "dev"
(1 to 12); "test" has the others.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import data_root
from emotion_lab.data.sounds import BABBLE, NOISES
from emotion_lab.data.speech import read_babble
from emotion_lab.evaluation.mixtures import Mixture, make_mixture, read_clips
from emotion_lab.evaluation.scoring import Score, score
from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.backends.vad_silero import SileroVad
from emotion_node.backends.vad_webrtc import WebrtcVad
from emotion_node.config import Config
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    AudioChunk,
    ClockSource,
    SpeechEnded,
)
from emotion_node.interfaces import Vad

ACTORS: Final = {'dev': range(1, 13), 'test': range(13, 25)}
SNRS_DB: Final = (20.0, 10.0, 5.0)
DURATION: Final = 60.0
CLIPS: Final = 150
BABBLE_CLIPS: Final = 60
CHUNK_SAMPLES: Final = SAMPLE_RATE // 10
SEEDS: Final = {'dev': 1, 'test': 2}


def make_mixtures(half: str, rounds: int, root: Path | None = None) -> list[Mixture]:
    """Return `rounds` minutes for each noise and signal-to-noise ratio, and as many of silence.

    Raises:
        DatasetError: RAVDESS or EMO-DB is missing.
    """
    root = data_root(root)
    rng = np.random.default_rng(SEEDS[half])
    clips = read_clips(root / 'ravdess', ACTORS[half], CLIPS, rng)
    babble = read_babble(root / 'emodb', BABBLE_CLIPS, rng)
    conditions: list[tuple[str, float | None]] = [('silence', None)] * len(NOISES)
    conditions += [(noise, snr_db) for snr_db in SNRS_DB for noise in NOISES if noise != BABBLE]
    conditions += [(BABBLE, snr_db) for snr_db in SNRS_DB]
    mixtures = []
    for noise, snr_db in conditions * rounds:
        order = [clips[index] for index in rng.permutation(len(clips))]
        mixtures.append(make_mixture(order, noise, snr_db, DURATION, babble, rng))
    return mixtures


def detectors() -> list[Vad]:
    """Return all detectors: Silero, and WebRTC in its four modes.

    Raises:
        ModelError: Silero's file is missing.
    """
    frame = Config().vad.webrtc_frame
    return [SileroVad(), *(WebrtcVad(mode, frame) for mode in range(4))]


def detector_figures(vad: Vad, mixtures: Sequence[Mixture]) -> dict[str, Any]:
    """Return a detector's figures by condition, by noise, and its cost."""
    conditions: dict[str, Score] = {}
    noises: dict[str, Score] = {}
    seconds = 0.0
    for mixture in mixtures:
        result, cost = _measure_one(vad, mixture)
        seconds += cost
        for scores, key in (
            (conditions, mixture.condition),
            (noises, mixture.noise),
        ):
            scores.setdefault(key, Score())
            scores[key] += result
    audio = sum(len(mixture.samples) for mixture in mixtures) / SAMPLE_RATE
    return {
        'detector': vad.name,
        'cost_ms_per_s': 1000 * seconds / audio,
        'conditions': {key: total.as_dict() for key, total in conditions.items()},
        'noises': {key: total.as_dict() for key, total in noises.items()},
    }


def _measure_one(vad: Vad, mixture: Mixture) -> tuple[Score, float]:
    config = Config()
    hearing = Hearing(config.audio, config.segmenter, 0.0, vad, SoxrResampler)
    samples = mixture.samples.reshape(-1, 1)
    events = []
    started = time.process_time()
    for first in range(0, len(samples), CHUNK_SAMPLES):
        events += hearing.push(
            AudioChunk(
                first * NS_PER_SAMPLE,
                samples[first : first + CHUNK_SAMPLES],
                SAMPLE_RATE,
                ClockSource.FILE,
            )
        )
    events += hearing.flush()
    cost = time.process_time() - started
    found = [event.utterance for event in events if isinstance(event, SpeechEnded)]
    return (
        score(
            [(start * NS_PER_SAMPLE, end * NS_PER_SAMPLE) for start, end in mixture.truth],
            [(utterance.start_ns, utterance.end_ns) for utterance in found],
            [utterance.decided_ns for utterance in found],
            len(samples) * NS_PER_SAMPLE,
        ),
        cost,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument(
        '--half', choices=sorted(ACTORS), default='test', help='actors; default %(default)s'
    )
    parser.add_argument(
        '--rounds',
        type=int,
        default=1,
        help='number of rounds, of 24 minutes of audio each; default %(default)s',
    )
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument(
        '--by-noise', action='store_true', help='a row per kind of noise, at 20 to 5 dB'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of all detectors, under `detectors`, on the same mixtures."""
    console = Console(stderr=True)
    mixtures = make_mixtures(args.half, args.rounds, args.data)
    figures = [
        detector_figures(vad, mixtures)
        for vad in track(detectors(), 'detectors', console=console, transient=True)
    ]
    return {'half': args.half, 'rounds': args.rounds, 'detectors': figures}


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
    else:
        by = 'noises' if args.by_noise else 'conditions'
        print(markdown(figures['detectors'], by), end='')
    return 0


def markdown(figures: Sequence[dict[str, Any]], by: str) -> str:
    """Return a Markdown table of detectors' figures, by "conditions" or by "noises"."""
    lines = [
        '| detector | in | utterances | frame error | missed | false | split | merged '
        '| start error | end error | end decided | cost |',
        '|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
    ]
    for figure in figures:
        for condition, value in figure[by].items():
            cells = [
                figure['detector'],
                condition,
                str(value['utterances']),
                f'{value["frame_error_percent"]:.1f} %',
                *(str(value[key]) for key in ('missed', 'false', 'split', 'merged')),
                _error(value['start_error_ms_median'], value['start_error_ms_p95']),
                _error(value['end_error_ms_median'], value['end_error_ms_p95']),
                _milliseconds(value['endpointing_ms_p95']),
                f'{figure["cost_ms_per_s"]:.1f} ms/s',
            ]
            lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def _error(median: float | None, p95: float | None) -> str:
    return 'none' if median is None else f'{median:+.0f} / {_milliseconds(p95)}'


def _milliseconds(value: float | None) -> str:
    return 'none' if value is None else f'{value:.0f} ms'
