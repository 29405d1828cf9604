"""Runs the pipeline over recordings and writes its reports."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from emotion_node.annotate.ahead import THREADS, Helpers
from emotion_node.annotate.annotation import Annotation
from emotion_node.annotate.exports.formats import write_export
from emotion_node.annotate.outputs import BagCopy, JsonLines
from emotion_node.annotate.plan import Job
from emotion_node.annotate.private_files import open_output
from emotion_node.annotate.summary import Result
from emotion_node.config import Config, PrivacyConfig
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.hearing.channels import channels_cancel
from emotion_node.core.hearing.stats import MAX_LOSS, bad_chunks_text
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.pipeline import Pipeline
from emotion_node.core.timings import Timings
from emotion_node.datatypes import (
    NS_PER_S,
    AudioChunk,
    EmotionReport,
    Report,
    Trigger,
    VisionHealth,
)
from emotion_node.factory import Models, build_pipeline
from emotion_node.messages.privacy import describe_fault, outgoing
from emotion_node.recordings.bag import Bag, is_bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.recordings.recording import MediaRecording, Recording, Step, push


@dataclass(frozen=True, slots=True)
class Options:
    """What to annotate with, for all inputs.

    Attributes:
        config: parameters.
        topics: topics of bags.
        namespace: of the topics that are added to the copy of a bag.
        interim: write interim estimates to the JSON lines, too.
        progress: show a progress bar.
    """

    config: Config
    topics: TopicNames
    namespace: str = ''
    interim: bool = False
    progress: bool = False


class Annotator:
    """Annotates recordings, one after the other.

    Args:
        options: for all of them.
        models: loaded.
        console: for the progress bar.

    Attributes:
        timings: time per stage, over all recordings.
        faults: descriptions of what failed in the pipeline, with their counts.
    """

    def __init__(self, options: Options, models: Models, console: Console) -> None:
        self.timings = Timings(time.monotonic_ns)
        self.faults: Counter[str] = Counter()
        self._options = options
        self._models = models
        self._console = console

    def annotate(self, job: Job, shared: IO[str] | None) -> Result:
        """Annotate one recording.

        Args:
            job: the recording and its outputs.
            shared: gets the JSON lines of a job without a file of its own.

        Raises:
            BagError, MediaError: the recording cannot be used.
        """
        with ExitStack() as stack:
            recording, bag = self._open(job, stack)
            file = stack.enter_context(open_output(job.jsonl)) if job.jsonl else shared
            assert file is not None
            outputs = _Outputs(
                recording,
                JsonLines(file),
                self._options.interim,
                self._options.config.privacy,
            )
            if bag is not None and job.bag is not None:
                options = self._options
                outputs.bag = BagCopy(job.bag, bag, options.namespace, options.config)
                stack.callback(outputs.bag.close)
            begin_ns = time.monotonic_ns()
            with _progress_bar(self._console, recording, self._options.progress) as advance:
                hearing = self._run_pipeline(recording, outputs, advance)
            wall_s = (time.monotonic_ns() - begin_ns) / NS_PER_S
            problems = dict(recording.problems)
            problems.update(dict.fromkeys(outputs.vision.past_problems(), 1))
            lost_s = hearing.stats.lost_ns / NS_PER_S
            if lost_s > MAX_LOSS * recording.duration_ns / NS_PER_S:
                problems[
                    f'{lost_s:.1f} s of audio missing between the messages, or stamps that are '
                    'wrong (-p audio.stamp:=receipt ignores them)'
                ] = 1
            if hearing.stats.bad_chunks:
                problems[bad_chunks_text(hearing.stats.bad_chunks)] = 1
            problems.update(dict.fromkeys(hearing.levels.summary().values(), 1))
            if hearing.channels.fallback is not None:
                problems[channels_cancel(hearing.channels.fallback)] = 1
            if outputs.bag is not None:
                problems.update(dict.fromkeys(outputs.bag.left_out, 1))
            for name, path in job.exports.items():
                write_export(name, path, job.path, outputs.finals)
            problems.update(dict.fromkeys(recording.remarks, 1))
            return Result(
                job.path,
                outputs.finals,
                recording.duration_ns / NS_PER_S,
                outputs.audio_ns / NS_PER_S,
                wall_s,
                problems,
                list(recording.losses),
            )

    def _open(self, job: Job, stack: ExitStack) -> tuple[Recording, Bag | None]:
        images = self._models.faces is not None
        if not is_bag(job.path):
            config = self._options.config
            rotation = int(config.image.rotation)
            return MediaRecording(job.path, images, config.audio.channel, rotation), None
        bag = stack.enter_context(Bag(job.path))
        recording = BagRecording(
            bag,
            self._options.config.audio,
            self._options.topics,
            images,
            transcripts=self._options.config.transcriber.backend == 'topic',
            everything=job.bag is not None,
            rotation=int(self._options.config.image.rotation),
        )
        return recording, bag

    def _run_pipeline(
        self, recording: Recording, outputs: _Outputs, advance: Callable[[int], None]
    ) -> Hearing:
        # Nobody waits for an answer here, so what is worked out in a pause is lost where speech
        # goes on; without that the results are the same.
        config = self._options.config
        config = replace(config, speculation=replace(config.speculation, enabled=False))
        guard = Guard(self.timings, self._on_fault)
        # Of several processes, each is given one thread (`_sharing`).
        with Helpers(min(config.transcriber.threads, THREADS)) as helpers:
            pipeline: Pipeline = build_pipeline(config, self._models, guard, helpers.each)
            steps = recording.steps()
            if pipeline.analysis.vision is not None:
                steps = helpers.decoded(steps)
            while True:
                with self.timings.measure('reading'):
                    step = next(steps, None)
                if step is None:
                    break
                outputs.take(step)
                if step.value is not None:
                    outputs.write(push(pipeline, step.value))
                advance(outputs.time_ns - recording.start_ns)
            outputs.write(pipeline.flush())
        vision = pipeline.analysis.vision
        outputs.vision = VisionHealth() if vision is None else vision.health
        return pipeline.hearing

    def _on_fault(self, stage: str, error: Exception) -> None:
        privacy = self._options.config.privacy
        text = describe_fault(error, privacy) if privacy.hides_words else str(error)
        self.faults[f'{stage}: {text}'] += 1


@dataclass(slots=True)
class _Outputs:
    """The outputs of one recording, and how far it has been read.

    Attributes:
        recording: the recording.
        lines: its JSON lines.
        interim: write interim emotions to them, too.
        privacy: what of the reports may leave.
        bag: its copy.
        finals: final emotions so far.
        audio_ns: length of the audio so far.
        origin_ns: stamp of position 0; None before the first audio.
        time_ns: time of recording of the last step.
        vision: how far its frames could be used, at the end.
    """

    recording: Recording
    lines: JsonLines
    interim: bool
    privacy: PrivacyConfig
    bag: BagCopy | None = None
    finals: list[Annotation] = field(default_factory=list)
    audio_ns: int = 0
    origin_ns: int | None = None
    time_ns: int = 0
    vision: VisionHealth = field(default_factory=VisionHealth)

    def __post_init__(self) -> None:
        self.time_ns = self.recording.start_ns

    def take(self, step: Step) -> None:
        """Copy the message of a step, and note the time and the frame of its audio."""
        self.time_ns = max(self.time_ns, step.time_ns)
        if step.message is not None and self.bag is not None:
            self.bag.copy(step.message)
        if isinstance(step.value, AudioChunk):
            self.audio_ns += step.value.duration_ns
            self.lines.encoder.frame_id = self.recording.frame_id
            if self.bag is not None:
                self.bag.encoder.frame_id = self.recording.frame_id
            if self.origin_ns is None:
                self.origin_ns = 0 if step.message is None else step.value.stamp_ns

    def write(self, reports: list[Report]) -> None:
        """Write what may leave of reports to all outputs."""
        for found in reports:
            report = outgoing(found, self.privacy)
            if report is None:
                continue
            if isinstance(report, EmotionReport):
                annotation = Annotation(self.recording.path, self.origin_ns or 0, report)
                final = report.trigger is Trigger.FINAL
                if final:
                    self.finals.append(annotation)
                if final or self.interim:
                    self.lines.write(annotation)
            if self.bag is not None:
                self.bag.add(report, self.time_ns)


@contextmanager
def _progress_bar(
    console: Console, recording: Recording, shown: bool
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar; the function it yields takes the position in ns."""
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
