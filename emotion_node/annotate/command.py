"""`python -m emotion_node annotate`: the pipeline over recordings, faster than real time."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from emotion_node.annotate.outputs import BagCopy, JsonLines
from emotion_node.annotate.plan import Job, plan
from emotion_node.annotate.report import Row, html_report
from emotion_node.annotate.stills import illustrate
from emotion_node.annotate.summary import (
    Result,
    emotion_table,
    timing_markdown,
    timing_record,
    timing_table,
)
from emotion_node.cli import parameter_options as parameters
from emotion_node.config import Config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Timings
from emotion_node.datatypes import (
    NS_PER_S,
    AudioChunk,
    EmotionReport,
    Report,
    Trigger,
)
from emotion_node.factory import Models, build_pipeline, load_models
from emotion_node.recordings.bag import Bag, is_bag
from emotion_node.recordings.inputs import (
    BagRecording,
    MediaRecording,
    Recording,
    TopicNames,
    push,
)

DESCRIPTION = """\
Find the utterances in recorded conversations and the emotion that each expresses, by the same
pipeline as the node's, without ROS running and faster than real time.

Inputs are rosbag2 recordings (a folder, or a single .mcap or .db3 file) and whatever audio and
video files FFmpeg reads.
"""
EPILOG = """\
What is written where:
  -o emotions.jsonl   one line of JSON per utterance, of all inputs together
  -o -                the same to standard output (the default)
  -o FOLDER           FOLDER/NAME.jsonl for every input and, for a bag, FOLDER/NAME/: a copy of it
                      with the topics emotion, emotion/interim, emotion/text, emotion/voice,
                      emotion/face, transcript, speech_activity and faces added

A line has the fields of the message emotion_msgs/Emotion, times as whole nanoseconds, and before
them "source" (the recording) and "start_s", "end_s": seconds from the first sample of a bag's
audio, or the position in a file.

With --report FILE.html a table for people as well: per utterance the words, the emotion, what
moves in the speaker's face, whether that is what the emotion looks like, and the image of the
moment. Images are kept and written only for it: the recordings are read once more, and a small
image per utterance is put into the file. Faces are looked for with -p face.backend:=mediapipe.

Examples:
  python -m emotion_node annotate talk.mp4
  python -m emotion_node annotate rosbag2_2025_06_01 -o annotated --audio-topic /mic/audio
  python -m emotion_node annotate *.wav -o emotions.jsonl -p transcriber.backend:=off
  python -m emotion_node annotate talk.mp4 --report talk.html -p face.backend:=mediapipe
"""

_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument('inputs', nargs='+', type=Path, metavar='BAG|VIDEO|WAV')
    parser.add_argument(
        '-o', '--output', default='-', metavar='OUT', help='where to write, see below'
    )
    parser.add_argument(
        '--report',
        type=Path,
        metavar='FILE.html',
        help='write a table for people too, which holds images of the speakers',
    )
    parser.add_argument('--force', action='store_true', help='replace outputs that exist')
    parser.add_argument(
        '--interim', action='store_true', help='write interim estimates to the JSON lines too'
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
    topics = parser.add_argument_group('topics of bags (found by their type unless given)')
    topics.add_argument('--audio-topic', default='', metavar='NAME')
    topics.add_argument('--image-topic', default='', metavar='NAME')
    topics.add_argument(
        '--robot-speaking-topic',
        default='',
        metavar='NAME',
        help='std_msgs/Bool; found by the name robot_speaking',
    )
    topics.add_argument(
        '--transcript-in-topic',
        default='',
        metavar='NAME',
        help='emotion_msgs/Transcript, with -p transcriber.backend:=topic; found by the name '
        'transcript_in',
    )
    topics.add_argument(
        '--namespace', default='', help='of the topics that are added to the copy of a bag'
    )
    parameters.add_arguments(parser)


@dataclass
class _Outputs:
    """What one input's reports are written to."""

    lines: JsonLines
    bag: BagCopy | None = None
    finals: list[EmotionReport] = field(default_factory=list)

    def write(self, report: Report, source: Path, origin_ns: int, time_ns: int) -> None:
        if isinstance(report, EmotionReport) and report.trigger is Trigger.FINAL:
            self.finals.append(report)
        self.lines.write(report, source, origin_ns)
        if self.bag is not None:
            self.bag.add(report, time_ns)

    def set_frame_id(self, frame_id: str) -> None:
        self.lines.encoder.frame_id = frame_id
        if self.bag is not None:
            self.bag.encoder.frame_id = frame_id


@dataclass
class _Session:
    """What all inputs share."""

    args: argparse.Namespace
    config: Config
    models: Models
    timings: Timings
    console: Console
    faults: Counter[str] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)

    def on_fault(self, stage: str, error: Exception) -> None:
        self.faults[f'{stage}: {error}'] += 1


def run(args: argparse.Namespace) -> int:
    """Annotate the inputs.

    Returns:
        0; or 1 when in some input nothing could be heard at all.
    """
    config = parameters.read_config(args)
    console = Console(stderr=True, quiet=args.quiet)
    if not console.is_terminal:
        console.width = _WIDTH
    jobs = plan(args.inputs, args.output, args.force, args.report)
    models = load_models(config, lambda text: console.print(text, style='dim'))
    session = _Session(args, config, models, Timings(time.monotonic_ns), console)
    results: list[Result] = []
    with contextlib.ExitStack() as stack:
        shared: JsonLines | None = None
        if jobs[0].jsonl is None:
            shared = JsonLines(stack.enter_context(_open(args.output)), args.interim)
        for job in jobs:
            result = _annotate(session, job, shared)
            results.append(result)
            _tell(console, result, with_emotions=args.output != '-')
    if args.report is not None:
        _write_report(session)
    for text, count in session.faults.items():
        console.print(f'{count} x failed: {text}', style='red', highlight=False, markup=False)
    if args.timings_json is not None:
        record = timing_record(results, session.timings)
        args.timings_json.write_text(json.dumps(record) + '\n', encoding='utf-8')
    if args.timings:
        print(timing_markdown(results, session.timings))
    else:
        console.print(timing_table(results, session.timings))
    return 1 if any(not result.heard_s for result in results) else 0


def _write_report(session: _Session) -> None:
    notes = []
    if session.models.faces is None:
        notes.append('Nobody looked at faces here; -p face.backend:=mediapipe does.')
    path = session.args.report
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html_report(session.rows, notes), encoding='utf-8')


def _tell(console: Console, result: Result, with_emotions: bool) -> None:
    """Show one input's result."""
    for text, count in result.problems.items():
        console.print(
            f'{count} x {text}' if count > 1 else text,
            style='yellow',
            highlight=False,
            markup=False,
        )
    if not result.heard_s:
        console.print(f'{result.path}: no audio could be used', style='red', markup=False)
    elif with_emotions:
        console.print(emotion_table(result))


@contextlib.contextmanager
def _progress(
    console: Console, recording: Recording, shown: bool
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar; what it yields takes how far the recording is, in nanoseconds."""
    with Progress(
        TextColumn('{task.description}', markup=False),
        BarColumn(),
        TextColumn('{task.completed:.0f} of {task.total:.0f} s'),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not shown,
    ) as progress:
        task = progress.add_task(recording.path.name, total=recording.duration_ns / NS_PER_S)
        yield lambda done_ns: progress.update(task, completed=done_ns / NS_PER_S)


@contextlib.contextmanager
def _open(output: str | Path) -> Iterator[IO[str]]:
    if output == '-':
        yield sys.stdout
        return
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', encoding='utf-8') as file:
        yield file


def _annotate(session: _Session, job: Job, shared: JsonLines | None) -> Result:
    args = session.args
    names = TopicNames(
        args.audio_topic, args.image_topic, args.robot_speaking_topic, args.transcript_in_topic
    )
    with contextlib.ExitStack() as stack:
        recording, bag = _open_recording(session, job, names, stack)
        if shared is None:
            assert job.jsonl is not None
            lines = JsonLines(stack.enter_context(_open(job.jsonl)), args.interim)
        else:
            lines = shared
        outputs = _Outputs(lines)
        if bag is not None and job.bag is not None:
            outputs.bag = BagCopy(job.bag, bag, args.namespace)
            stack.callback(outputs.bag.close)
        first = len(lines.emotions)
        begin = time.monotonic_ns()
        heard_ns = _process(session, recording, outputs)
        result = Result(
            job.path,
            lines.emotions[first:],
            recording.duration_ns / NS_PER_S,
            heard_ns / NS_PER_S,
            (time.monotonic_ns() - begin) / NS_PER_S,
            dict(recording.problems),
        )
        if args.report is not None:
            seen = session.models.faces is not None
            session.rows += illustrate(job.path, names, result.emotions, outputs.finals, seen)
        if bag is not None and bag.damage:
            result.problems[bag.damage] = 1
        if outputs.bag is not None:
            result.problems.update(dict.fromkeys(outputs.bag.left_out, 1))
        return result


def _open_recording(
    session: _Session, job: Job, names: TopicNames, stack: contextlib.ExitStack
) -> tuple[Recording, Bag | None]:
    images = session.models.faces is not None
    if not is_bag(job.path):
        return MediaRecording(job.path, images), None
    bag = stack.enter_context(Bag(job.path))
    recording = BagRecording(
        bag,
        session.config.audio,
        names,
        images,
        transcripts=session.config.transcriber.backend == 'topic',
        everything=job.bag is not None,
    )
    return recording, bag


def _process(session: _Session, recording: Recording, outputs: _Outputs) -> int:
    """Run the pipeline over a recording and return how much was heard, in nanoseconds."""
    pipeline = build_pipeline(
        session.config, session.models, Guard(session.timings, session.on_fault)
    )
    heard_ns = 0
    origin_ns: int | None = None
    time_ns = recording.start_ns

    def write(reports: list[Report]) -> None:
        for report in reports:
            outputs.write(report, recording.path, origin_ns or 0, time_ns)

    # A bar between lines of JSON on one terminal would be unreadable.
    shown = session.console.is_terminal
    shown &= not (session.args.output == '-' and sys.stdout.isatty())
    with _progress(session.console, recording, shown) as advance:
        steps = recording.steps()
        while True:
            with session.timings.measure('reading'):
                step = next(steps, None)
            if step is None:
                break
            time_ns = max(time_ns, step.time_ns)
            if step.message is not None and outputs.bag is not None:
                outputs.bag.copy(step.message)
            if isinstance(step.value, AudioChunk):
                heard_ns += step.value.duration_ns
                outputs.set_frame_id(recording.frame_id)
                if origin_ns is None:
                    origin_ns = 0 if step.message is None else step.value.stamp_ns
            if step.value is not None:
                write(push(pipeline, step.value))
            advance(time_ns - recording.start_ns)
        write(pipeline.flush())
    return heard_ns
