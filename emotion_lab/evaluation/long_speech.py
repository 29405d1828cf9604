"""Long speech without pauses, and speech that is hard to write down: what is transcribed of it."""

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

from emotion_lab.data.alignment import align
from emotion_lab.data.datasets import data_root
from emotion_lab.data.recordings import read_samples
from emotion_lab.data.speech import find_speech
from emotion_lab.data.spoken import SpokenClip, normal_words, spoken_clips
from emotion_lab.evaluation.transcription import (
    Clip,
    add_source_arguments,
    demo_clips,
    recogniser_config,
)
from emotion_node.datatypes import (
    SAMPLE_RATE,
    AudioChunk,
    EndReason,
    FloatArray,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
)
from emotion_node.factory import Models, build_hearing, load_transcriber, load_vad
from emotion_node.interfaces import Transcriber

DESCRIPTION = """\
A monologue without pauses, made of the demo's sentences: how many words are lost, added or wrong,
in all and around the places where the segmenter cuts. Then single sentences with numbers and
spelt letters (GRID), names (MELD), laughter within speech (EmoGator's laughs over the demo) and
two people at once (two talkers of GRID, the second one 0 or 10 dB softer): what was said, and what
came out.
"""

OVERLAP_S: Final = 0.02
"""Over this time one sentence fades into the next."""
SILENCE_S: Final = 1.0
NEAR_WORDS: Final = 2
"""Words before and after a cut that count as near it."""
NAMES: Final = frozenset(
    ('ross', 'rachel', 'monica', 'chandler', 'joey', 'phoebe', 'janice', 'richard', 'carol')
)
LAUGH: Final = '02'
"""EmoGator's number of amusement."""
CASES: Final = 4
"""Sentences of each kind."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came out of a recording.

    Attributes:
        texts: of its utterances, in order.
        cuts: for each, whether it was cut because it became too long.
    """

    texts: Sequence[str]
    cuts: Sequence[bool]


def transcribe(samples: FloatArray, models: Models) -> Heard:
    """Return the utterances that the node finds, with their words.

    Args:
        samples: (n,) at `SAMPLE_RATE`.
        models: with a recogniser.
    """
    assert models.transcriber is not None
    stream = models.transcriber.stream()
    hearing = build_hearing(recogniser_config('auto'), models)
    texts, cuts = [], []
    for event in (*hearing.push(AudioChunk(0, samples[:, None], SAMPLE_RATE)), *hearing.flush()):
        match event:
            case SpeechAudio():
                stream.accept(event.samples)
            case SpeechEnded(utterance):
                stream.reset()
                stream.accept(utterance.samples)
                texts.append(stream.finish().text)
                cuts.append(utterance.end_reason is EndReason.MAX_LENGTH)
            case SpeechDropped():
                stream.reset()
    return Heard(texts, cuts)


def spoken_part(samples: FloatArray) -> FloatArray:
    """Return the sounds of a recording without the pauses between them."""
    parts = [samples[start:end] for start, end in find_speech(samples)]
    return fade_together(parts) if parts else samples


def fade_together(parts: Sequence[FloatArray]) -> FloatArray:
    """Return (n,) recordings one after the other, each faded into the next."""
    length = round(OVERLAP_S * SAMPLE_RATE)
    ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
    whole = parts[0]
    for part in parts[1:]:
        if min(len(whole), len(part)) < length:
            whole = np.concatenate([whole, part])
            continue
        joint = whole[-length:] * (1 - ramp) + part[:length] * ramp
        whole = np.concatenate([whole[:-length], joint, part[length:]])
    return whole


def monologue(clips: Sequence[Clip], seconds: float, seed: int) -> Clip:
    """Return sentences without a pause, each round in another order, for so long or longer."""
    rng = np.random.default_rng(seed)
    spoken = [(text, spoken_part(samples)) for text, samples in clips]
    texts: list[str] = []
    parts: list[FloatArray] = []
    while sum(map(len, parts)) < seconds * SAMPLE_RATE:
        for index in rng.permutation(len(spoken)):
            texts.append(spoken[index][0])
            parts.append(spoken[index][1])
    return ' '.join(texts), fade_together(parts)


def monologue_figures(clip: Clip, models: Models) -> dict[str, Any]:
    """Return what was lost, added and wrong in a monologue, in all and near its cuts."""
    text, samples = clip
    heard = transcribe(samples, models)
    said = normal_words(text, 'en')
    pieces = [normal_words(one, 'en') for one in heard.texts]
    written = [word for piece in pieces for word in piece]
    ends = np.cumsum([len(piece) for piece in pieces])
    cuts = [int(end) for end, cut in zip(ends, heard.cuts, strict=True) if cut]
    lost = added = wrong = near = position = 0
    for pair in align(said, written):
        if pair.written is not None:
            position = pair.written
        if pair.right:
            continue
        lost += pair.written is None
        added += pair.said is None
        wrong += pair.said is not None and pair.written is not None
        near += any(cut - NEAR_WORDS <= position < cut + NEAR_WORDS for cut in cuts)
    return {
        'seconds': len(samples) / SAMPLE_RATE,
        'words': len(said),
        'utterances': len(pieces),
        'cuts': len(cuts),
        'lost': lost,
        'added': added,
        'wrong': wrong,
        'near_cuts': near,
    }


def cases(demo: Path, root: Path | None) -> Iterator[tuple[str, str, FloatArray]]:
    """Yield the kind, the words and the (n,) samples of sentences that are hard to write down."""
    corpora = spoken_clips(root, 10_000)
    grid = [one for one in corpora.get('GRID', []) if '_' not in one.name]
    for clip in grid[:CASES]:
        yield 'numbers, letters', clip.text, clip.read()
    named = [one for one in corpora.get('MELD', []) if NAMES & set(normal_words(one.text, 'en'))]
    for clip in named[:CASES]:
        yield 'names', clip.text, clip.read()
    laughs = sorted((data_root(root) / 'emogator').glob(f'*-{LAUGH}-*.opus'))
    if demo.exists():
        for (text, samples), path in zip(demo_clips(demo), laughs[:CASES], strict=False):
            yield 'laughter within speech', text, mix(samples, read_samples(path), 0.0)
    for softer_db in (0.0, 10.0):
        yield from _two_at_once(grid[:CASES], softer_db)


def _two_at_once(
    clips: Sequence[SpokenClip], softer_db: float
) -> Iterator[tuple[str, str, FloatArray]]:
    for one, other in zip(clips[::2], clips[1::2], strict=False):
        kind = f'two at once, {softer_db:g} dB'
        yield kind, f'{one.text} / {other.text}', mix(one.read(), other.read(), softer_db)


def mix(one: FloatArray, other: FloatArray, softer_db: float) -> FloatArray:
    """Return two sounds at once, as long as the first one.

    Args:
        one: (n,).
        other: (m,).
        softer_db: how much less power the second one has.
    """
    second = np.zeros(len(one))
    second[: len(other)] = other[: len(one)]
    ratio = np.sqrt(np.mean(np.square(one)) / max(float(np.mean(np.square(second))), 1e-12))
    mixed = one + second * ratio * 10 ** (-softer_db / 20)
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max())), np.float32)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--seconds', type=float, default=120.0, help='default %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='of the order; default %(default)s')
    add_source_arguments(parser)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what comes out: `monologue`, its figures, and `cases`, kind, said and came out."""
    console = Console(stderr=True)
    config = recogniser_config('auto')
    transcriber: Transcriber | None = load_transcriber(
        config.transcriber, lambda text: console.print(text)
    )
    models = Models(load_vad(config), transcriber, None)
    long: dict[str, Any] = {}
    if args.demo.exists():
        clip = monologue(list(demo_clips(args.demo)), args.seconds, args.seed)
        long = monologue_figures(clip, models)
    silence = np.zeros(round(SILENCE_S * SAMPLE_RATE), np.float32)
    rows = [
        (kind, text, ' | '.join(one or '-' for one in transcribe(padded, models).texts))
        for kind, text, samples in track(
            list(cases(args.demo, args.data)), 'cases', console=console, transient=True
        )
        for padded in (np.concatenate([silence, samples, silence]),)
    ]
    return {'monologue': long, 'cases': rows}


def run(args: argparse.Namespace) -> int:
    """Print what comes out; return the exit status, 1 when there was nothing to measure on."""
    found = measure(args)
    print(json.dumps(found) if args.json else markdown(found['monologue'], found['cases']))
    return 0 if found['monologue'] or found['cases'] else 1


def markdown(long: dict[str, Any], rows: Sequence[tuple[str, str, str]]) -> str:
    """Return the figures as Markdown."""
    lines = []
    if long:
        lines += [
            '| monologue | words | utterances, cut | lost | added | wrong | of these near a cut |',
            '|---|--:|--:|--:|--:|--:|--:|',
            '| {seconds:.0f} s | {words} | {utterances}, {cuts} | {lost} | {added} | {wrong} '
            '| {near_cuts} |'.format_map(long),
            '',
        ]
    lines += ['| what | said | came out |', '|---|---|---|']
    lines += [f'| {kind} | {text} | {found} |' for kind, text, found in rows]
    return '\n'.join(lines)
