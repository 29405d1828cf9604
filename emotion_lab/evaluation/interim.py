"""Compare interim estimates with the final emotion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emotion_node.config import Config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Clock, Timings
from emotion_node.datatypes import (
    NS_PER_S,
    EmotionReport,
    Report,
    Trigger,
)
from emotion_node.factory import Models, build_pipeline
from emotion_node.recordings.bag import Bag, is_bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.recordings.recording import MediaRecording, PipelineInput, push

LAST_NS: Final = NS_PER_S
"""Interim estimates count from this long before the end of speech."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of interim labels that are the final one.

    Attributes:
        utterances: utterances with an interim estimate in their last second.
        last: of these, those whose last interim label is the final one.
        estimates: interim estimates in the last second.
        same: of these, those with the final label.
    """

    utterances: int = 0
    last: int = 0
    estimates: int = 0
    same: int = 0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.utterances + other.utterances,
            self.last + other.last,
            self.estimates + other.estimates,
            self.same + other.same,
        )

    @property
    def share(self) -> float | None:
        """Share of utterances whose last interim label is the final one; None for none."""
        return self.last / self.utterances if self.utterances else None


def compare(reports: Iterable[Report]) -> Agreement:
    """Count how often interim labels are the final one; skip utterances without a label."""
    during: dict[str, list[EmotionReport]] = {}
    agreement = Agreement()
    for report in reports:
        if not isinstance(report, EmotionReport):
            continue
        if report.trigger is Trigger.INTERIM:
            during.setdefault(report.utterance_id, []).append(report)
            continue
        late = [
            one.fused.label
            for one in during.pop(report.utterance_id, [])
            if one.end_ns >= report.end_ns - LAST_NS
        ]
        label = report.fused.label
        if late and label:
            same = sum(one == label for one in late)
            agreement += Agreement(1, int(late[-1] == label), len(late), same)
    return agreement


def replay(
    inputs: Iterable[PipelineInput | None], config: Config, models: Models, clock: Clock
) -> list[Report]:
    """Return all reports of the pipeline on a recording."""
    pipeline = build_pipeline(config, models, Guard(Timings(clock)))
    reports: list[Report] = []
    for value in inputs:
        if value is not None:
            reports += push(pipeline, value)
    return reports + pipeline.flush()


def replay_file(path: Path, config: Config, models: Models, clock: Clock) -> list[Report]:
    """Return all reports of the pipeline on a bag or a media file.

    Raises:
        BagError, MediaError: it cannot be used.
    """
    if is_bag(path):
        with Bag(path) as bag:
            recording = BagRecording(
                bag,
                config.audio,
                TopicNames(),
                models.faces is not None,
                transcripts=False,
                everything=False,
            )
            return replay((step.value for step in recording.steps()), config, models, clock)
    media = MediaRecording(path, models.faces is not None)
    return replay((step.value for step in media.steps()), config, models, clock)
