"""Measure what Whisper says where nobody speaks, and what the filter against it costs.

Sounds without speech go straight to Whisper, as if the voice activity detector had taken each of
them for speech: near silence, white and pink noise, mains hum, knocks and music (all synthetic,
see `mixtures`), and what lies between the lines in MELD's recordings: the audience's laughter,
steps, rooms. Speech is that of `evaluate transcription`, cut as the node cuts it.
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
from emotion_lab.evaluation.mixtures import FLOOR_DB
from emotion_lab.evaluation.transcription import add_source_arguments, sources
from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.backends.hallucinations import evidence, hallucinated
from emotion_node.config import Config
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    AudioChunk,
    FloatArray,
    SpeechEnded,
    Utterance,
)
from emotion_node.factory import Models, build_hearing, load_vad
from emotion_node.recordings.truth import words_of

SECONDS: Final = (0.6, 4.0)
"""Range of the lengths of synthetic sounds."""
LEVELS_DB: Final = (-45.0, -15.0)
"""Range of their levels, in dB of full scale."""
MIN_BETWEEN: Final = 0.5
"""Seconds that MELD's characters are silent at least."""
SEED: Final = 1


@dataclass(slots=True)
class Tally:
    """What Whisper made of some recordings.

    Attributes:
        sound: what they are.
        stretches: how many Whisper was given.
        spoken: those in which it said something.
        believed: those of which something was left by the filter.
        evidence: of each, for what it said (see `backends.hallucinations.evidence`).
        words: number of words that were really said.
        wrong_unfiltered: word errors, every word that Whisper said being believed.
        wrong: word errors after the filter.
        inventions: what was believed though nobody spoke.
        refused: what was not believed though somebody spoke.
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
    """Yield the noise of a quiet sound card."""
    for _ in range(count):
        yield scaled(rng.standard_normal(_length(rng)), FLOOR_DB)


def noises(kind: str, count: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield noise of a kind (see `make_noise`), of many lengths and levels."""
    for _ in range(count):
        noise = make_noise(kind, _length(rng), [], rng)
        yield np.clip(scaled(noise, rng.uniform(*LEVELS_DB)), -1, 1)


def _length(rng: np.random.Generator) -> int:
    return round(rng.uniform(*SECONDS) * SAMPLE_RATE)


class Ears:
    """The node's hearing, which cuts recordings into what is speech and what is not."""

    def __init__(self) -> None:
        self._config = Config()
        self._models = Models(load_vad(self._config), None, None)

    def utterances(self, samples: FloatArray) -> list[FloatArray]:
        """Return what is speech, with the padding that the recogniser gets."""
        return [utterance.samples for utterance in self._find(samples)]

    def between(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Yield what lies before, between and after the utterances."""
        begin = 0
        found = [(one.start_ns, one.end_ns) for one in self._find(samples)]
        for start_ns, end_ns in (*found, (len(samples) * NS_PER_SAMPLE, 0)):
            start = start_ns // NS_PER_SAMPLE
            if start - begin >= MIN_BETWEEN * SAMPLE_RATE:
                yield samples[begin:start]
            begin = end_ns // NS_PER_SAMPLE

    def _find(self, samples: FloatArray) -> list[Utterance]:
        hearing = build_hearing(self._config, self._models)
        chunk = AudioChunk(0, samples[:, None], SAMPLE_RATE)
        events = (*hearing.push(chunk), *hearing.flush())
        return [event.utterance for event in events if isinstance(event, SpeechEnded)]


def tally(
    sound: str, clips: Sequence[tuple[str, Sequence[FloatArray]]], transcriber: WhisperTranscriber
) -> Tally:
    """Let Whisper hear clips, each of which is the words said in it, and its stretches."""
    total = Tally(sound, 0, 0, 0, 0, 0, 0, [], [], [])
    for text, stretches in track(clips, sound, console=Console(stderr=True), transient=True):
        everything: list[str] = []
        believed: list[str] = []
        for samples in stretches:
            segments, _ = transcriber.segments(samples, final=True)
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
    ears = Ears()
    rng = np.random.default_rng(SEED)
    kinds = {'silence': list(silences(args.count, rng))}
    kinds |= {kind: list(noises(kind, args.count, rng)) for kind in NOISES if kind != BABBLE}
    tallies = [tally(kind, [('', clips)], transcriber) for kind, clips in kinds.items()]
    for name, clips in sources(args.demo, data_root(args.data)):
        if name.startswith('MELD'):
            between = [piece for _, samples in clips for piece in ears.between(samples)]
            tallies.append(tally('MELD, between the lines', [('', between)], transcriber))
        cut = [(text, ears.utterances(samples)) for text, samples in clips]
        tallies.append(tally(name, cut, transcriber))
    return tallies


def markdown(tallies: Sequence[Tally]) -> str:
    """Return the figures as a Markdown table, and what the filter got wrong.

    Evidence is told as lowest, median and highest.
    """
    lines = [
        '| sound | stretches | with words | evidence | believed | words wrong, unfiltered '
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
        ('Believed where nobody spoke', [text for one in tallies for text in one.inventions]),
        ('Not believed where somebody spoke', [text for one in tallies for text in one.refused]),
    ):
        lines += ['', f'{title}: ' + ('; '.join(texts) or 'nothing')]
    return '\n'.join(lines)
