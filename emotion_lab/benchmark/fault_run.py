"""Runs the pipeline over a recording with a fault, as `annotate` and as the node does."""

from __future__ import annotations

import dataclasses
import io
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from rich.console import Console

from emotion_lab.benchmark.fault_stories import (
    AUDIO_TOPIC,
    IMAGE_TOPIC,
    Chunk,
    Frame,
    Item,
    RobotSpeaks,
    Story,
    as_message,
    read_items,
    write_items,
)
from emotion_node.annotate.annotator import Annotator, Options
from emotion_node.annotate.plan import Job
from emotion_node.config import Config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.hearing.rate_check import RateCheck, mismatch_text
from emotion_node.core.hearing.stats import HearingStats
from emotion_node.core.timings import Timings
from emotion_node.datatypes import NS_PER_S, EmotionReport, VisionHealth
from emotion_node.factory import Models, build_pipeline
from emotion_node.labels import Modality
from emotion_node.messages.audio import MessageError, decode_audio
from emotion_node.messages.image import decode_image
from emotion_node.recordings.bag_recording import TopicNames
from emotion_node.recordings.truth import TrueUtterance, overlapping, read_truth, score
from emotion_node.ros.diagnostics import Status
from emotion_node.ros.engine import Engine
from emotion_node.ros.faults import FaultLog
from emotion_node.ros.node_state import NodeState
from emotion_node.ros.node_status import add_vision, hearing_status, input_status, state_status
from emotion_node.ros.topic_input import InputHealth

LEVELS: Final = {b'\x01': 'WARN', b'\x02': 'ERROR', b'\x03': 'STALE'}
"""Levels of diagnostic_msgs/DiagnosticStatus, but for OK."""
_NUMBER: Final = re.compile(r'[\d.+-]+')


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a recording with a fault.

    Attributes:
        reports: final emotions, with their stamps on the clock before it was set back.
        problems: what `annotate` says, in the order in which it says it.
        findings: what the node's diagnostics say beyond OK, each once.
        lost_ns: audio reported as missing.
        start_ns, end_ns: when the first and the last message were received.
    """

    reports: Sequence[EmotionReport]
    problems: Sequence[str]
    findings: Sequence[str]
    lost_ns: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """An outcome compared with that of the undisturbed recording.

    Attributes:
        found: true utterances for which an emotion was published.
        torn: those for which several were.
        invented: emotions published where nobody spoke.
        words: words recognised correctly.
        changed: utterances found in both whose emotions differ.
        faces: utterances with an estimate of the face.
    """

    found: int
    torn: int
    invented: int
    words: int
    changed: int
    faces: int


def run_story(story: Story, bag: Path, config: Config, models: Models) -> Outcome:
    """Put a fault into a recording, and run the pipeline over it.

    Args:
        story: the fault.
        bag: the demo's bag.
        config: parameters.
        models: as `config` asks for.
    """
    if not story.images:
        models = dataclasses.replace(models, faces=None, face=None)
    items = story.disturb(read_items(bag, story.images))
    annotator = Annotator(Options(config, TopicNames()), models, Console(quiet=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / 'disturbed'
        write_items(folder, items)
        result = annotator.annotate(Job(folder), io.StringIO())
    findings, stats = diagnose(story, items, config, models)
    first_ns = next(one.stamp_ns for one in items if isinstance(one, Chunk))
    reports = [_before_set_back(one.report, story, first_ns) for one in result.emotions]
    problems = [*result.problems, *annotator.faults]
    times = [one.time_ns for one in items]
    return Outcome(reports, problems, findings, stats.lost_ns, min(times), max(times))


def _before_set_back(report: EmotionReport, story: Story, first_ns: int) -> EmotionReport:
    if not story.back_ns or report.end_ns >= first_ns:
        return report
    return dataclasses.replace(
        report,
        start_ns=report.start_ns + story.back_ns,
        end_ns=report.end_ns + story.back_ns,
    )


def read_spoken(truth: Path, outcome: Outcome) -> list[TrueUtterance]:
    """Return the utterances that began before a recording ended.

    Args:
        truth: what was said in all of it.
        outcome: of the recording.
    """
    return [one for one in read_truth(truth) if one.start_ns < outcome.end_ns]


def compare(outcome: Outcome, base: Outcome, truths: Sequence[TrueUtterance]) -> Comparison:
    """Compare an outcome with the undisturbed one.

    Args:
        outcome: of the recording with the fault.
        base: of the same recording without it.
        truths: what was said.
    """
    matches = [overlapping(one, outcome.reports) for one in truths]
    before = [overlapping(one, base.reports) for one in truths]
    heard = {id(report) for found in matches for report in found}
    return Comparison(
        found=sum(map(bool, matches)),
        torn=sum(len(found) > 1 for found in matches),
        invented=sum(id(report) not in heard for report in outcome.reports),
        words=score(truths, outcome.reports).words_right,
        changed=sum(
            bool(found) and {one.fused.label for one in found} != {one.fused.label for one in old}
            for found, old in zip(matches, before, strict=True)
        ),
        faces=sum(any(map(_has_face, found)) for found in matches),
    )


def _has_face(report: EmotionReport) -> bool:
    return any(
        one.modality is Modality.FACE and one.scores is not None for one in report.fused.modalities
    )


def diagnose(
    story: Story, items: Sequence[Item], config: Config, models: Models
) -> tuple[list[str], HearingStats]:
    """Return what the diagnostics of the node say beyond OK, each once, and its counters.

    The parts of the node that write them are run over the messages, without DDS. A finding is
    given as it reads the last time.

    Args:
        story: how many nodes publish.
        items: messages in the order in which they are received.
        config: parameters.
        models: for voice activity detection.
    """
    models = dataclasses.replace(models, transcriber=None, text=None, voice=None)
    pipeline = build_pipeline(config, models, Guard(Timings(lambda: 0)))
    engine = Engine(
        pipeline.hearing,
        pipeline.analysis,
        config.queue,
        lambda report: None,
        lambda frame, header: None,
        lambda stage, error: None,
    )
    audio = InputHealth(AUDIO_TOPIC, (), config.audio.timeout)
    audio.publishers = [f'microphone_{n + 1}' for n in range(story.publishers)]
    image = InputHealth(IMAGE_TOPIC, (), config.image.timeout, publishers=['camera'])
    rates = RateCheck()
    findings: dict[str, str] = {}
    now_ns = reported_ns = items[0].time_ns
    state = NodeState(lambda: now_ns, cast(FaultLog, None), models, engine=engine)
    for item in items:
        now_ns = item.time_ns
        now_s = now_ns / NS_PER_S
        match item:
            case Chunk():
                audio.note_arrival(now_s)
                try:
                    chunk = decode_audio(as_message(item)[2], now_ns, config.audio)
                except MessageError as error:
                    audio.note_rejection(str(error), now_s)
                else:
                    rates.add(chunk)
                    pipeline.push_audio(chunk)
            case Frame():
                image.note_arrival(now_s)
                pipeline.push_frame(decode_image(as_message(item)[2], now_ns))
            case RobotSpeaks():
                state.set_robot_speaking(item.speaking)
                pipeline.push_mute(now_ns, item.speaking)
        if now_ns - reported_ns < config.diagnostics.period * NS_PER_S:
            continue
        reported_ns = now_ns
        ratio = rates.mismatch() if story.publishers == 1 else None
        audio.rate_problem = '' if ratio is None else mismatch_text(ratio, AUDIO_TOPIC)
        parts = [state_status(state), hearing_status(engine, float('-inf'), now_s)]
        parts.append(input_status('audio', audio, now_s, ''))
        if story.images:
            parts.append(input_status('image', image, now_s, ''))
            vision = pipeline.analysis.vision
            add_vision(parts[-1], VisionHealth() if vision is None else vision.health)
        for part in parts:
            findings |= _findings(part)
    pipeline.flush()
    return list(findings.values()), pipeline.hearing.stats


def _findings(status: Status) -> dict[str, str]:
    return {
        f'{status.name} {_NUMBER.sub("", text)}': f'{LEVELS[level]} {status.name}: {text}'
        for level, text in status.findings
        if level in LEVELS
    }
