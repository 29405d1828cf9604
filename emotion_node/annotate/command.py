"""`python -m emotion_node annotate`: the pipeline over recordings, faster than real time."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from rich.console import Console

from emotion_node.annotate.annotator import Annotator, Options
from emotion_node.annotate.corpus import expand, is_folder
from emotion_node.annotate.corpus_run import annotate_corpus
from emotion_node.annotate.exports.formats import NAMES, read_formats
from emotion_node.annotate.frames import report_rows
from emotion_node.annotate.plan import OutputError, plan
from emotion_node.annotate.private_files import open_output
from emotion_node.annotate.report import Row, html_report
from emotion_node.annotate.summary import (
    Result,
    emotion_table,
    timing_markdown,
    timing_record,
    timing_table,
)
from emotion_node.cli import parameter_options
from emotion_node.config import Config
from emotion_node.errors import UserError
from emotion_node.factory import load_models
from emotion_node.recordings.bag_recording import TopicNames

DESCRIPTION = """\
Find the utterances in recorded conversations and the emotion that each expresses. This runs the
same pipeline as the node, without ROS and faster than real time.

Inputs are rosbag2 recordings (a folder, or a single .mcap or .db3 file), audio and video files of
any format that FFmpeg reads, and folders with any of them.
"""
EPILOG = """\
Outputs:
  -o emotions.jsonl   one line of JSON per utterance, for all inputs together
  -o -                the same on standard output (the default)
  -o FOLDER           FOLDER/NAME.jsonl for each input and, for a bag, FOLDER/NAME/: a copy of it
                      with the topics emotion, emotion/text, emotion/voice, emotion/face,
                      emotion/context, transcript, speech_activity, faces and (for Foxglove)
                      faces/annotations added, and with --interim also emotion/interim

A line has the fields of the message emotion_msgs/Emotion, with times as whole nanoseconds, and
before them "source" (the recording) and "start_s", "end_s": the position in seconds from the
first sample of a bag's audio, or from the beginning of a file.

Of a FOLDER of recordings, and with --jobs or --scheduler, each recording has a file of its own at
its place below -o FOLDER, without a copy of bags. What is finished there is not done again.

--export writes, for each input, FOLDER/NAME.eaf (ELAN: a tier of words per speaker, with tiers of
emotions below it), .vtt and .srt (subtitles), .rttm (who speaks when) and .csv (a row per
utterance), and FOLDER/emissor/NAME/ (a scenario of EMISSOR).

--report FILE.html writes a table for human readers: for each utterance the words, the emotion,
the facial cues of the speaker, whether the face shows the emotion, and the frame at the peak of
the expression. Images are stored only in this report. For it, the recordings are read a second
time.

Examples:
  python -m emotion_node annotate talk.mp4
  python -m emotion_node annotate rosbag2_2025_06_01 -o annotated --audio-topic /mic/audio
  python -m emotion_node annotate *.wav -o emotions.jsonl -p transcriber.backend:=off
  python -m emotion_node annotate talk.mp4 -o talk.jsonl --report talk.html
  python -m emotion_node annotate talk.mp4 -o annotated --export eaf,vtt
  python -m emotion_node annotate corpus -o annotated --jobs 4
"""

_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument('inputs', nargs='+', type=Path, metavar='BAG|VIDEO|WAV|FOLDER')
    parser.add_argument(
        '-o', '--output', default='-', metavar='OUT', help='where to write, see below'
    )
    parser.add_argument(
        '--report',
        type=Path,
        metavar='FILE.html',
        help='write a table for human readers, with images of the speakers',
    )
    parser.add_argument(
        '--export',
        default='',
        metavar='FORMATS',
        help=f'also write these, separated by commas, into the folder: {",".join(NAMES)}',
    )
    corpora = parser.add_argument_group('many recordings (Dask distributed)')
    corpora.add_argument(
        '--jobs', type=_jobs, default=1, metavar='N', help='spread them over N processes'
    )
    corpora.add_argument(
        '--scheduler',
        default='',
        metavar='ADDRESS',
        help='spread them over the workers of a Dask scheduler, such as tcp://10.0.0.5:8786',
    )
    parser.add_argument('--force', action='store_true', help='replace existing outputs')
    parser.add_argument(
        '--interim',
        action='store_true',
        help='also make interim estimates while somebody speaks, and write them; takes longer',
    )
    parser.add_argument(
        '--timings', action='store_true', help='print the time per stage as a Markdown table'
    )
    parser.add_argument(
        '--timings-json',
        type=Path,
        metavar='FILE.json',
        help='write the speed and the time per stage as one JSON object',
    )
    parser.add_argument('-q', '--quiet', action='store_true', help='no progress bar, no summary')
    parser.add_argument(
        '--audio-channel',
        metavar='CHANNEL',
        help='"mean", "loudest" or the number of a channel, from 0: the parameter audio.channel',
    )
    topics = parser.add_argument_group('topics of bags (found by their type by default)')
    topics.add_argument('--audio-topic', default='', metavar='NAME')
    topics.add_argument('--image-topic', default='', metavar='NAME')
    topics.add_argument(
        '--robot-speaking-topic',
        default='',
        metavar='NAME',
        help='std_msgs/Bool; found by the name robot_speaking by default',
    )
    topics.add_argument(
        '--transcript-in-topic',
        default='',
        metavar='NAME',
        help='emotion_msgs/Transcript, used with -p transcriber.backend:=topic; found by the '
        'name transcript_in by default',
    )
    topics.add_argument(
        '--namespace', default='', help='of the topics that are added to the copy of a bag'
    )
    parameter_options.add_arguments(parser)


def _jobs(text: str) -> int:
    """Return a number of processes, 1 or more (a type of argparse)."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'expected 1 or more processes, got {number}')
    return number


def run(args: argparse.Namespace) -> int:
    """Annotate the inputs.

    Returns:
        0; or 1 when an input could not be read to its end, or has no audio that could be used.
    """
    if args.audio_channel is not None:
        args.param.append(f'audio.channel:={args.audio_channel}')
    config = parameter_options.read_config(args)
    if not args.interim:
        config = replace(config, interim=replace(config.interim, enabled=False))
    console = Console(stderr=True, quiet=args.quiet)
    if not console.is_terminal:
        console.width = _WIDTH
    formats = read_formats(args.export)
    topics = TopicNames(
        args.audio_topic, args.image_topic, args.robot_speaking_topic, args.transcript_in_topic
    )
    # A progress bar between lines of JSON on one terminal would be unreadable.
    progress = console.is_terminal and not (args.output == '-' and sys.stdout.isatty())
    options = Options(config, topics, args.namespace, args.interim, progress)
    spread = args.jobs > 1 or bool(args.scheduler)
    into_folder = args.output != '-' and not args.output.endswith('.jsonl')
    if spread or (into_folder and any(map(is_folder, args.inputs))):
        if args.report or args.timings or args.timings_json:
            raise OutputError(
                '--report and --timings are about one process and one file: leave out --jobs and '
                '--scheduler, and write to a name ending in .jsonl'
            )
        return annotate_corpus(
            args.inputs, args.output, options, console, args.jobs, args.scheduler, args.force,
            formats,
        )  # fmt: skip
    jobs = plan(expand(args.inputs), args.output, args.force, args.report, formats)
    models = load_models(config, lambda text: console.print(text, style='dim'))
    annotator = Annotator(options, models, console)
    faces = models.faces is not None
    results: list[Result] = []
    rows: list[Row] = []
    status = 0
    with contextlib.ExitStack() as stack:
        shared: IO[str] | None = None
        if jobs[0].jsonl is None:
            shared = stack.enter_context(open_output(args.output))
        for job in jobs:
            try:
                result = annotator.annotate(job, shared)
                if args.report is not None:
                    rows += _rows(result, config, topics, faces)
            except UserError as error:
                # The other inputs are annotated all the same.
                print(f'annotate: {error}', file=sys.stderr)
                status = error.exit_status
                continue
            results.append(result)
            _print_result(console, result, with_emotions=args.output != '-')
    if args.report is not None:
        _write_report(args.report, rows, faces)
    for text, count in annotator.faults.items():
        console.print(f'{count} x failed: {text}', style='red', highlight=False, markup=False)
    if args.timings_json is not None:
        record = timing_record(results, annotator.timings)
        args.timings_json.write_text(json.dumps(record) + '\n', encoding='utf-8')
    if args.timings:
        print(timing_markdown(results, annotator.timings))
    else:
        console.print(timing_table(results, annotator.timings))
    if any(not result.audio_s or result.losses for result in results):
        status = status or 1
    return status


def _rows(result: Result, config: Config, topics: TopicNames, faces: bool) -> list[Row]:
    if faces:
        return report_rows(result.path, config, topics, result.emotions)
    return [Row(annotation) for annotation in result.emotions]


def _write_report(path: Path, rows: Sequence[Row], faces: bool) -> None:
    notes = [] if faces else ['Faces were not analysed: face detection is off or not installed.']
    with open_output(path) as file:
        file.write(html_report(rows, notes))


def _print_result(console: Console, result: Result, with_emotions: bool) -> None:
    for text in result.losses:
        console.print(text, style='red', highlight=False, markup=False)
    for text, count in result.problems.items():
        console.print(
            f'{count} x {text}' if count > 1 else text,
            style='yellow',
            highlight=False,
            markup=False,
        )
    if not result.audio_s:
        console.print(f'{result.path}: no audio could be used', style='red', markup=False)
    elif with_emotions:
        console.print(emotion_table(result))
