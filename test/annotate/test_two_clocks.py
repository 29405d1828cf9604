"""The demo conversation with images whose stamps do not fit the audio."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from support.face_scenes import finder
from support.recordings import CONVERSATION

from emotion_node.config import Config
from emotion_node.core.analysis.analysis import Analysis, AnalysisModels
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.pipeline import Pipeline
from emotion_node.core.timings import Timings
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_S,
    EmotionReport,
    ModelInfo,
    Trigger,
    VideoFrame,
    VisionHealth,
)
from emotion_node.faces import Image, TrackedFace
from emotion_node.factory import Models, build_hearing, load_vad
from emotion_node.interfaces import Vad
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.recordings.recording import PipelineInput, push

CONFIG = Config()
TRUTH = json.loads((CONVERSATION / 'truth.json').read_text(encoding='utf-8'))
MIDDLE = TRUTH['image']['width'] / 2
FOUND = 10
"""Of the 12 utterances, those whose speaker is surely found; one more is on the edge."""


@dataclass
class Seen:
    """The inputs of the recording, and the faces in each of its images."""

    inputs: list[PipelineInput]
    faces: Mapping[int, list[TrackedFace]]
    vad: Vad


@pytest.fixture(scope='module')
def seen() -> Seen:
    with Bag(CONVERSATION) as bag:
        recording = BagRecording(bag, CONFIG.audio, TopicNames(), True, False, False)
        inputs = [step.value for step in recording.steps() if step.value is not None]
    tracker = FaceTracker(CONFIG.face, finder())
    faces = {
        one.stamp_ns: tracker.update(one.stamp_ns, one.decode())
        for one in inputs
        if isinstance(one, VideoFrame)
    }
    return Seen(inputs, faces, load_vad(CONFIG))


class Tracked:
    """Returns the faces that were found before (a `core.vision.stream.Tracker`)."""

    info = ModelInfo('tracked', '1')

    def __init__(self, seen: Seen, ahead_ns: int) -> None:
        self._seen = seen
        self._ahead_ns = ahead_ns

    def update(self, stamp_ns: int, image: Image) -> list[TrackedFace]:
        return self._seen.faces[stamp_ns - self._ahead_ns]

    def reset(self) -> None:
        pass


def annotate(seen: Seen, ahead_ns: int) -> tuple[int, int, VisionHealth]:
    """Return for how many utterances the right and a wrong face were found, and what was noticed.

    Args:
        seen: the recording.
        ahead_ns: by how much the stamps of its images are ahead.
    """
    guard = Guard(Timings(time.monotonic_ns))
    vision = FaceVision(Tracked(seen, ahead_ns))
    analysis = Analysis(CONFIG, AnalysisModels(vision=vision), guard)
    pipeline = Pipeline(build_hearing(CONFIG, Models(seen.vad, None, None)), analysis)
    reports = []
    for value in seen.inputs:
        if isinstance(value, VideoFrame):
            value = dataclasses.replace(value, stamp_ns=value.stamp_ns + ahead_ns)
        reports += push(pipeline, value)
    reports += pipeline.flush()
    sides = {
        face.face_id: 'left' if face.box.centre[0] < MIDDLE else 'right'
        for faces in seen.faces.values()
        for face in faces
    }
    right = wrong = 0
    for report in reports:
        if isinstance(report, EmotionReport) and report.trigger is Trigger.FINAL:
            found = sides.get(report.face_id, '')
            right += found == _true_side(report)
            wrong += bool(found) and found != _true_side(report)
    return right, wrong, vision.health


def _true_side(report: EmotionReport) -> str:
    def shared(one: Mapping[str, int]) -> int:
        return min(report.end_ns, one['end']) - max(report.start_ns, one['start'])

    return str(max(TRUTH['utterances'], key=shared)['side'])


def test_images_in_time_are_left_alone(seen: Seen) -> None:
    right, wrong, health = annotate(seen, 0)
    assert right >= FOUND
    assert wrong == 0
    assert health.delay_learnt
    assert list(health.past_problems()) == []


@pytest.mark.parametrize('late_ms', [67, 100, 200, -200])
def test_the_speaker_is_found_in_late_images_as_often_as_in_others(
    seen: Seen, late_ms: int
) -> None:
    right, wrong, health = annotate(seen, late_ms * NS_PER_MS)
    assert right >= FOUND
    assert wrong == 0
    # The mouths of this conversation are 40 ms behind the voice themselves.
    assert health.delay_s * 1000 == pytest.approx(late_ms + 40, abs=25)
    (text,) = health.past_problems()
    assert text.endswith(f'ms {"late" if late_ms > 0 else "early"}, corrected')


@pytest.mark.parametrize('ahead_s', [37, -1_750_000_000, 1.5, -3])
def test_the_speaker_is_found_although_the_camera_has_another_clock(
    seen: Seen, ahead_s: float
) -> None:
    right, wrong, health = annotate(seen, round(ahead_s * NS_PER_S))
    assert right >= FOUND
    assert wrong == 0
    assert health.clock_offset_s == pytest.approx(ahead_s, abs=0.2)
    assert any('synchronise the clocks' in text for text in health.past_problems())
