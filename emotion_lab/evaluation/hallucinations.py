"""Measure Whisper's hallucinations in non-speech sounds, and the cost of the filter against them.

Non-speech sounds go to Whisper twice: whole, as if the voice activity detector had taken each for
speech, and as the node's hearing cuts them, if it finds speech in them at all. They are near
silence, white and pink noise, mains hum, knocks and music (`data.sounds`), weather, machines,
animals, laughter and coughs (`non_speech_signals`), all of these synthetic; vocal bursts of people
who laugh, sob, gasp and scream (EmoGator; Buechel, 2021), and what stands between the lines in
MELD's recordings. Speech is that of `data.heard`. People and recordings fall into two halves:
thresholds are chosen on the first, and the second shows what they are worth.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import data_root
from emotion_lab.data.decoding import DecodedSegment, Decoder, add_decoder_arguments, load_decoder
from emotion_lab.data.heard import add_speech_arguments, hear_all
from emotion_lab.data.recordings import read_meld_recordings, read_samples
from emotion_lab.data.sounds import BABBLE, NOISES, make_noise, scaled
from emotion_lab.data.splitting import Splitter
from emotion_lab.evaluation.mixtures import FLOOR_DB
from emotion_lab.evaluation.non_speech_sounds import non_speech_sounds
from emotion_node.backends.asr_whisper import MIN_SAMPLES
from emotion_node.backends.hallucinations import MIN_EVIDENCE, evidence, hallucinated
from emotion_node.datatypes import SAMPLE_RATE, FloatArray
from emotion_node.recordings.truth import words_of

SECONDS: Final = (0.6, 4.0)
"""Range of the lengths of synthetic sounds, in s."""
LEVELS_DB: Final = (-45.0, -15.0)
"""Range of the levels of synthetic sounds, in dB of full scale."""
SEED: Final = 1
BURSTS: Final = 2
"""Vocal bursts of each person."""
PEOPLE: Final = 70
"""People of whom vocal bursts are taken."""
CLIPS: Final = 40
"""Clips of each corpus by default."""
SPEECH_CONDITIONS: Final = ('clean', '20 dB')
THRESHOLDS: Final = (0.05, 0.1, 0.13, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
"""Of the evidence, that are compared."""

Sound = tuple[str, int, FloatArray]
"""Its kind, its half (0 or 1), and (n,) samples at `SAMPLE_RATE`."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of audio that Whisper was given.

    Attributes:
        source: kind of sound, or corpus of speech.
        half: 0 or 1.
        seconds: its duration.
        segments: Whisper's, those with words alone.
    """

    source: str
    half: int
    seconds: float
    segments: Sequence[DecodedSegment]

    @property
    def kept(self) -> list[DecodedSegment]:
        """The segments that the filter keeps."""
        return [one for one in self.segments if not hallucinated(one, self.seconds)]


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


def synthetic(count: int) -> Iterator[Sound]:
    """Yield `count` synthetic sounds of each kind."""
    rng = np.random.default_rng(SEED)
    for place, samples in enumerate(silences(count, rng)):
        yield 'silence', place % 2, samples
    for kind in NOISES:
        if kind != BABBLE:
            for place, samples in enumerate(noises(kind, count, rng)):
                yield 'noise, hum, knocks, music', place % 2, samples
    seen: dict[str, int] = {}
    for sound in non_speech_sounds():
        place = seen[sound.kind] = seen.get(sound.kind, -1) + 1
        if place < count:
            yield 'weather, machines, animals, laughter', place % 2, sound.samples


def vocal_bursts(folder: Path) -> Iterator[Sound]:
    """Yield `BURSTS` vocal bursts of each person of EmoGator; people fall into the halves."""
    by_person: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('*-*-*.opus')):
        by_person.setdefault(path.stem.split('-')[0], []).append(path)
    rng = np.random.default_rng(0)
    for place, person in enumerate(sorted(by_person)[:PEOPLE]):
        paths = by_person[person]
        for index in sorted(rng.choice(len(paths), min(BURSTS, len(paths)), replace=False)):
            yield 'vocal bursts (EmoGator)', place % 2, read_samples(paths[index])


def between_lines(root: Path, splitter: Splitter) -> Iterator[Sound]:
    """Yield what stands between the utterances in MELD's recordings."""
    for place, one in enumerate(read_meld_recordings(root)):
        for samples in splitter.between(one.samples):
            yield 'between the lines (MELD)', place % 2, samples


def non_speech(decoder: Decoder, root: Path, count: int) -> tuple[list[Stretch], list[Stretch]]:
    """Return what Whisper writes for sounds without speech: given whole, and as segmented.

    Args:
        decoder: Whisper.
        root: folder of the data sets.
        count: synthetic sounds of each kind.
    """
    splitter = Splitter()
    sounds = [*synthetic(count), *vocal_bursts(root / 'emogator')]
    if (root / 'meld_wav').is_dir():
        sounds += between_lines(root, splitter)
    whole, cut = [], []
    console = Console(stderr=True)
    for kind, half, samples in track(sounds, 'non-speech', console=console, transient=True):
        if len(samples) >= MIN_SAMPLES:
            whole.append(_stretch(kind, half, samples, decoder, 'en'))
        cut += [_stretch(kind, half, part, decoder, 'en') for part in splitter.utterances(samples)]
    return whole, cut


def _stretch(
    source: str, half: int, samples: FloatArray, decoder: Decoder, language: str
) -> Stretch:
    segments = [one for one in decoder.segments(samples, language) if words_of(one.text)]
    return Stretch(source, half, len(samples) / SAMPLE_RATE, segments)


def speech(decoder: Decoder, root: Path, clips: int) -> list[Stretch]:
    """Return what Whisper writes for utterances; speakers fall into the halves."""
    heard = hear_all(decoder, root, clips, SPEECH_CONDITIONS)
    speakers = sorted({(one.clip.corpus, one.clip.speaker) for one in heard})
    return [
        Stretch(
            one.clip.corpus,
            speakers.index((one.clip.corpus, one.clip.speaker)) % 2,
            utterance.seconds,
            [segment for segment in utterance.segments if words_of(segment.text)],
        )
        for one in heard
        for utterance in one.utterances
    ]


def share_kept(stretches: Sequence[Stretch], half: int | None = None) -> float:
    """Return the share of the stretches of which words remain, of one half or both."""
    some = [bool(one.kept) for one in stretches if half in (None, one.half)]
    return float(np.mean(some)) if some else 0.0


def share_refused(stretches: Sequence[Stretch], half: int | None = None) -> float:
    """Return the share of the stretches whose words are all removed."""
    some = [bool(one.segments) and not one.kept for one in stretches if half in (None, one.half)]
    return float(np.mean(some)) if some else 0.0


def by_threshold(
    whole: Sequence[Stretch], cut: Sequence[Stretch], spoken: Sequence[Stretch], half: int
) -> list[dict[str, float]]:
    """Return, for each of `THRESHOLDS` of the evidence alone, the shares of errors in one half."""

    def above(some: Sequence[Stretch], threshold: float) -> float:
        return float(
            np.mean(
                [
                    any(evidence(segment) >= threshold for segment in one.segments)
                    for one in some
                    if one.half == half
                ]
            )
        )

    return [
        {
            'threshold': threshold,
            'whole': above(whole, threshold),
            'cut': above(cut, threshold),
            'refused': above(spoken, 0.0) - above(spoken, threshold),
        }
        for threshold in THRESHOLDS
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    add_speech_arguments(parser, CLIPS)
    add_decoder_arguments(parser)
    parser.add_argument(
        '--count', type=int, default=3, help='synthetic sounds of each kind; default %(default)s'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures.

    Returns:
        `whole`, `cut` and `speech`: for each source its `stretches`, those of which Whisper writes
        words (`written`), and shares `kept` or `refused`, of all and of both halves; `chosen`, as
        `by_threshold` on the first half; `inventions` and `refusals`, the texts.
    """
    decoder = load_decoder(args)
    root = data_root(args.data)
    whole, cut = non_speech(decoder, root, args.count)
    spoken = speech(decoder, root, args.clips)
    return {
        'whole': _rows(whole, 'kept', share_kept),
        'cut': _rows(cut, 'kept', share_kept),
        'speech': _rows(spoken, 'refused', share_refused),
        'chosen': by_threshold(whole, cut, spoken, 0),
        'inventions': [segment.text.strip() for one in (*whole, *cut) for segment in one.kept],
        'refusals': [
            ' '.join(segment.text.strip() for segment in one.segments)
            for one in spoken
            if one.segments and not one.kept
        ],
    }


def _rows(stretches: Sequence[Stretch], name: str, share: Any) -> list[dict[str, Any]]:
    rows = []
    for source in (*dict.fromkeys(one.source for one in stretches), 'all'):
        some = [one for one in stretches if source in ('all', one.source)]
        rows.append(
            {
                'source': source,
                'stretches': len(some),
                'written': sum(bool(one.segments) for one in some),
                name: share(some),
                'first half': share(some, 0),
                'second half': share(some, 1),
            }
        )
    return rows


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    print(json.dumps(figures) if args.json else markdown(figures))
    return 0


def markdown(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown tables, with the errors of the filter."""
    lines: list[str] = []
    for title, key, name in (
        ('non-speech, whole', 'whole', 'kept'),
        ('non-speech, as segmented', 'cut', 'kept'),
        ('speech', 'speech', 'refused'),
    ):
        lines += [
            f'| {title} | stretches | Whisper writes words | {name} | first half | second half |',
            '|---|--:|--:|--:|--:|--:|',
        ]
        lines += [
            f'| {row["source"]} | {row["stretches"]} | {row["written"]} | {row[name]:.1%} '
            f'| {row["first half"]:.1%} | {row["second half"]:.1%} |'
            for row in figures[key]
        ]
        lines.append('')
    lines += [
        f'Evidence alone, on the first half (shipped: {MIN_EVIDENCE:g}):',
        '',
        '| least evidence | non-speech kept, whole | as segmented | speech refused |',
        '|--:|--:|--:|--:|',
    ]
    lines += [
        '| {threshold:g} | {whole:.1%} | {cut:.1%} | {refused:.1%} |'.format_map(row)
        for row in figures['chosen']
    ]
    for title, texts in (
        ('Kept where nobody spoke', figures['inventions']),
        ('Removed where somebody spoke', figures['refusals']),
    ):
        lines += ['', f'{title}: ' + ('; '.join(texts) or 'nothing')]
    return '\n'.join(lines)
