"""Measure Whisper's hallucinations in non-speech sounds, and the cost of the filter against them.

Non-speech sounds go straight to Whisper, as if the voice activity detector had classified each as
speech: near silence, white and pink noise, mains hum, knocks and music (all synthetic, see
`data.sounds`), and the audio between the utterances of MELD's recordings: laughter of the
audience, steps, rooms. Speech is that of `evaluate transcription`, segmented as in the node.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import data_root
from emotion_lab.data.metrics import word_errors
from emotion_lab.data.sounds import BABBLE, NOISES, make_noise, scaled
from emotion_lab.data.splitting import Splitter
from emotion_lab.evaluation.mixtures import FLOOR_DB
from emotion_lab.evaluation.transcription import add_source_arguments, sources
from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.backends.hallucinations import evidence, hallucinated
from emotion_node.config import TranscriberConfig
from emotion_node.datatypes import (
    SAMPLE_RATE,
    FloatArray,
)
from emotion_node.recordings.truth import words_of

SECONDS: Final = (0.6, 4.0)
"""Range of the lengths of synthetic sounds, in s."""
LEVELS_DB: Final = (-45.0, -15.0)
"""Range of the levels of synthetic sounds, in dB of full scale."""
SEED: Final = 1


@dataclass(slots=True)
class Tally:
    """Counts of Whisper's segments in some recordings.

    Attributes:
        sound: name of the recordings.
        stretches: stretches of audio that Whisper transcribed.
        spoken: of these, those with any words in Whisper's output.
        believed: of these, those of which words remained after the filter.
        words: number of words in the true text.
        wrong_unfiltered: word errors without the filter.
        wrong: word errors after the filter.
        evidence: for each segment, as in `backends.hallucinations.evidence`.
        inventions: segments that remained although there is no speech.
        refused: segments that were removed although there is speech.
    """

    sound: str
    stretches: int
    spoken: int
    believed: int
    words: int
    wrong_unfiltered: int
    wrong: int
    evidence: list[float]
    inventions: list[str]
    refused: list[str]


def silences(count: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield `count` sounds of the noise of a quiet sound card."""
    for _ in range(count):
        yield scaled(rng.standard_normal(_length(rng)), FLOOR_DB)


def noises(kind: str, count: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield `count` sounds of a kind of noise (see `make_noise`), of random length and level."""
    for _ in range(count):
        noise = make_noise(kind, _length(rng), [], rng)
        yield np.clip(scaled(noise, rng.uniform(*LEVELS_DB)), -1, 1)


def _length(rng: np.random.Generator) -> int:
    return round(rng.uniform(*SECONDS) * SAMPLE_RATE)


def tally(
    sound: str, clips: Sequence[tuple[str, Sequence[FloatArray]]], transcriber: WhisperTranscriber
) -> Tally:
    """Transcribe clips with Whisper, and count.

    Args:
        sound: name of the clips.
        clips: true text of each clip, empty for non-speech, and its stretches of audio.
        transcriber: Whisper.
    """
    total = Tally(sound, 0, 0, 0, 0, 0, 0, [], [], [])
    for text, stretches in track(clips, sound, console=Console(stderr=True), transient=True):
        everything: list[str] = []
        believed: list[str] = []
        for samples in stretches:
            segments = transcriber.segments(samples, final=True)
            said = [one for one in segments if words_of(one.text)]
            kept = [one for one in said if not hallucinated(one, len(samples) / SAMPLE_RATE)]
            total.stretches += 1
            total.spoken += bool(said)
            total.believed += bool(kept)
            total.evidence += [evidence(one) for one in said]
            everything += [one.text for one in said]
            believed += [one.text for one in kept]
            if text:
                total.refused += [one.text.strip() for one in said if one not in kept]
            else:
                total.inventions += [one.text.strip() for one in kept]
        expected = words_of(text)
        total.words += len(expected)
        total.wrong_unfiltered += word_errors(expected, words_of(' '.join(everything)))
        total.wrong += word_errors(expected, words_of(' '.join(believed)))
    return total


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument(
        '--whisper-model',
        default=TranscriberConfig().whisper_model,
        help='as transcriber.whisper_model; default %(default)s',
    )
    add_source_arguments(parser)
    parser.add_argument(
        '--count', type=int, default=12, help='synthetic sounds of each kind; default %(default)s'
    )


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the tallies of all sounds, each as a dictionary."""
    return [asdict(one) for one in tally_all(args)]


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    print(json.dumps(measure(args)) if args.json else markdown(tally_all(args)))
    return 0


def tally_all(args: argparse.Namespace) -> list[Tally]:
    """Return the tallies of synthetic sounds and of all recordings that are there."""
    transcriber = WhisperTranscriber(args.whisper_model)
    splitter = Splitter()
    rng = np.random.default_rng(SEED)
    kinds = {'silence': list(silences(args.count, rng))}
    kinds |= {kind: list(noises(kind, args.count, rng)) for kind in NOISES if kind != BABBLE}
    tallies = [tally(kind, [('', clips)], transcriber) for kind, clips in kinds.items()]
    for name, clips in sources(args.demo, data_root(args.data)):
        if name.startswith('MELD'):
            between = [piece for _, samples in clips for piece in splitter.between(samples)]
            tallies.append(tally('MELD, between the lines', [('', between)], transcriber))
        cut = [(text, splitter.utterances(samples)) for text, samples in clips]
        tallies.append(tally(name, cut, transcriber))
    return tallies


def markdown(tallies: Sequence[Tally]) -> str:
    """Return the figures as a Markdown table, and the errors of the filter.

    Evidence is given as minimum, median and maximum.
    """
    lines = [
        '| sound | stretches | with words | evidence | kept | words wrong, unfiltered '
        '| filtered |',
        '|---|--:|--:|--:|--:|--:|--:|',
    ]
    for one in tallies:
        errors = [
            f'{wrong / one.words:.1%}' if one.words else ''
            for wrong in (one.wrong_unfiltered, one.wrong)
        ]
        span = np.quantile(one.evidence, (0.0, 0.5, 1.0)) if one.evidence else ()
        spread = ', '.join(f'{value:.2f}' for value in span)
        cells = [one.sound, one.stretches, one.spoken, spread, one.believed, *errors]
        lines.append(f'| {" | ".join(map(str, cells))} |')
    for title, texts in (
        ('Kept where nobody spoke', [text for one in tallies for text in one.inventions]),
        ('Removed where somebody spoke', [text for one in tallies for text in one.refused]),
    ):
        lines += ['', f'{title}: ' + ('; '.join(texts) or 'nothing')]
    return '\n'.join(lines)
