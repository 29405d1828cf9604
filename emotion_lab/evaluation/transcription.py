"""Measure speech recognition on utterances as the node segments them: word errors and time."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import data_root
from emotion_lab.data.metrics import word_errors
from emotion_lab.data.recordings import join, read_meld_recordings, read_samples
from emotion_node.backends.whisper_files import find_whisper_folder
from emotion_node.config import AudioConfig, Config, TranscriberConfig, make_config
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_S,
    SAMPLE_RATE,
    AudioChunk,
    FloatArray,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechStarted,
)
from emotion_node.factory import Models, build_hearing, load_transcriber, load_vad
from emotion_node.interfaces import Transcriber, TranscriberStream
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.recordings.truth import read_truth, words_of

PADDING_S: Final = 0.5
"""Audio kept before and after the demo's utterances, in s."""
PARTIAL_PERIOD_S: Final = 1.0
"""Audio between partial transcripts, in s; the node's pace follows their cost."""
CLIPS_PER_ACTOR: Final = 5
STATEMENTS: Final = {'01': 'Kids are talking by the door', '02': 'Dogs are sitting by the door'}
"""The sentences of RAVDESS, by the fifth number of the file's name."""

Clip = tuple[str, FloatArray]
"""True text, and (n,) samples at `SAMPLE_RATE`."""


def demo_clips(bag: Path) -> Iterator[Clip]:
    """Yield the utterances of the demo conversation, cut by its truth file."""
    with Bag(bag) as opened:
        recording = BagRecording(opened, AudioConfig(), TopicNames(), False, False, False)
        chunks = [step.value for step in recording.steps() if isinstance(step.value, AudioChunk)]
    samples = join(chunks)
    begin_ns = chunks[0].stamp_ns
    for one in read_truth(bag / 'truth.json'):
        start = round((one.start_ns - begin_ns) / NS_PER_S * SAMPLE_RATE - PADDING_S * SAMPLE_RATE)
        end = round((one.end_ns - begin_ns) / NS_PER_S * SAMPLE_RATE + PADDING_S * SAMPLE_RATE)
        yield one.text, samples[max(start, 0) : end]


def ravdess_clips(folder: Path) -> Iterator[Clip]:
    """Yield `CLIPS_PER_ACTOR` clips of every actor; deterministic."""
    rng = np.random.default_rng(0)
    by_actor: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob('03-01-*')):
        by_actor.setdefault(path.stem.split('-')[6], []).append(path)
    for paths in by_actor.values():
        for index in sorted(rng.choice(len(paths), CLIPS_PER_ACTOR, replace=False)):
            yield STATEMENTS[paths[index].stem.split('-')[4]], read_samples(paths[index])


def meld_clips(root: Path) -> Iterator[Clip]:
    """Yield the recordings of MELD utterances that have a text."""
    for one in read_meld_recordings(root):
        yield one.text, one.samples


def transcription_figures(
    name: str,
    clips: Sequence[Clip],
    stream: TranscriberStream,
    make_hearing: Callable[[], Hearing],
) -> dict[str, Any]:
    """Transcribe the utterances that the node's hearing finds in each clip.

    Args:
        name: of the data.
        clips: true text and samples of each.
        stream: of the recogniser.
        make_hearing: returns a new hearing.

    Returns:
        `data`, number of `clips` and `words`, `word_error_rate`, `confidence` (mean over
        utterances), `real_time_factor` while the audio goes in, a partial transcript every
        second included, and `finish_ms_p50`, `finish_ms_p95` from the end of an utterance to its
        transcript.
    """
    errors = words = accepting_ns = length = unasked = 0
    finishing_ns, confidences = [], []
    for text, samples in track(clips, name, console=Console(stderr=True), transient=True):
        hearing = make_hearing()
        chunk = AudioChunk(0, samples[:, None], SAMPLE_RATE)
        said: list[str] = []
        for event in (*hearing.push(chunk), *hearing.flush()):
            begin = time.perf_counter_ns()
            match event:
                case SpeechStarted():
                    unasked = 0
                case SpeechAudio():
                    stream.accept(event.samples)
                    unasked += len(event.samples)
                    if unasked >= PARTIAL_PERIOD_S * SAMPLE_RATE:
                        unasked = 0
                        stream.partial()
                    accepting_ns += time.perf_counter_ns() - begin
                    length += len(event.samples)
                case SpeechEnded():
                    transcript = stream.finish()
                    finishing_ns.append(time.perf_counter_ns() - begin)
                    said += words_of(transcript.text)
                    confidences.append(transcript.confidence)
                case SpeechDropped():
                    stream.reset()
        expected = words_of(text)
        errors += word_errors(expected, said)
        words += len(expected)
    p50, p95 = np.percentile(finishing_ns, (50, 95)) / NS_PER_MS
    return {
        'data': name,
        'clips': len(clips),
        'words': words,
        'word_error_rate': errors / words,
        'confidence': float(np.mean(confidences)),
        'real_time_factor': accepting_ns / NS_PER_S / (length / SAMPLE_RATE),
        'finish_ms_p50': float(p50),
        'finish_ms_p95': float(p95),
    }


def sources(demo: Path, root: Path) -> Iterator[tuple[str, list[Clip]]]:
    """Yield the available data sets by name; print on standard error which are missing.

    Args:
        demo: the bag of the demo conversation.
        root: folder of the data sets.
    """
    readers: tuple[tuple[str, Path, Callable[[Path], Iterator[Clip]]], ...] = (
        ('demo conversation (flite)', demo, demo_clips),
        ('RAVDESS (acted)', root / 'ravdess', ravdess_clips),
        ('MELD (television)', root / 'meld_wav', lambda folder: meld_clips(folder.parent)),
    )
    for name, folder, read in readers:
        if folder.exists():
            yield name, list(read(folder))
        else:
            text = f'{name} is left out: there is no {folder}'
            Console(stderr=True).print(text, style='yellow')


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that name the recordings."""
    parser.add_argument(
        '--demo', type=Path, default=Path('demo/conversation'), help='default %(default)s'
    )
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument(
        'recogniser',
        nargs='*',
        default=['auto'],
        help='"pocketsphinx", or a Whisper model as in transcriber.whisper_model; by default '
        'what transcriber.backend:=auto takes',
    )
    add_source_arguments(parser)


def recogniser_config(name: str) -> Config:
    """Return the parameters that choose a recogniser by the name that the command line takes."""
    match name:
        case 'auto' | 'pocketsphinx':
            return make_config({'transcriber.backend': name})
        case _:
            return make_config(
                {'transcriber.backend': 'whisper', 'transcriber.whisper_model': name}
            )


def model_megabytes(config: TranscriberConfig, transcriber: Transcriber) -> float | None:
    """Return the size of a Whisper model's files in MB; None for another recogniser."""
    folder = find_whisper_folder(config.whisper_model)
    if folder is None or not transcriber.info.name.startswith('whisper'):
        return None
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return `recognisers`, a record for each: `name`, `version`, `megabytes` and `figures`.

    `figures` is a record for each data set.
    """
    console = Console(stderr=True)
    data = list(sources(args.demo, data_root(args.data)))
    found = []
    for name in args.recogniser:
        config = recogniser_config(name)
        transcriber = load_transcriber(config.transcriber, lambda text: console.print(text))
        assert transcriber is not None
        stream = transcriber.stream()
        models = Models(load_vad(config), transcriber, None)

        def make_hearing(config: Config = config, models: Models = models) -> Hearing:
            return build_hearing(config, models)

        figures = [
            transcription_figures(title, clips, stream, make_hearing) for title, clips in data
        ]
        info = transcriber.info
        megabytes = model_megabytes(config.transcriber, transcriber)
        found.append(
            {
                'name': info.name,
                'version': info.version,
                'megabytes': megabytes,
                'figures': figures,
            }
        )
    return {'recognisers': found}


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status, 1 when there was nothing to measure on."""
    measured = measure(args)
    print(json.dumps(measured) if args.json else markdown(measured['recognisers']))
    return 0 if any(one['figures'] for one in measured['recognisers']) else 1


def markdown(recognisers: Sequence[dict[str, Any]]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        '| recogniser | speech | clips | words | word errors | confidence | while speaking | '
        'after the end |',
        '|---|---|--:|--:|--:|--:|--:|--:|',
    ]
    for one in recognisers:
        size = '' if one['megabytes'] is None else f' ({one["megabytes"]:.0f} MB)'
        lines += [
            f'| {one["name"]}{size} | '
            '{data} | {clips} | {words} | {word_error_rate:.0%} | {confidence:.2f} | '
            '{real_time_factor:.2f} of real time | {finish_ms_p50:.0f} ms, 95 %: '
            '{finish_ms_p95:.0f} ms |'.format_map(figures)
            for figures in one['figures']
        ]
    return '\n'.join(lines)
