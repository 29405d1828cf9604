"""Measure active speaker detection in a recorded conversation with a truth file."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emotion_lab.evaluation.interim import replay_file
from emotion_node.config import make_config
from emotion_node.core.vision.talking_faces import TalkingDetector
from emotion_node.datatypes import (
    EmotionReport,
    FacesReport,
    SpeechEnded,
    SpeechStarted,
    Trigger,
)
from emotion_node.faces import SeenFace
from emotion_node.factory import Models
from emotion_node.interfaces import FaceFinder, Vad

TRUTH: Final = 'truth.json'


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A true utterance, and the side of the image on which its speaker is."""

    start_ns: int
    end_ns: int
    side: str


def demo_figures(
    path: Path, finder: FaceFinder, vad: Vad, talking: TalkingDetector | None = None
) -> dict[str, float]:
    """Return how often the speaker was found in a bag with two people side by side.

    Args:
        path: folder of the bag and its truth file, as `demo/README.md` describes it.
        finder: of faces.
        vad: voice activity detector.
        talking: learned detector of talking faces; None for none.

    Returns:
        `demo_frames`: share of the frames during detected speech in which the speaker had the
        highest speaking score; `demo_utterances`: share of the utterances that were published
        with the speaker's face.

    Raises:
        OSError: there is no such bag or truth file.
        BagError: the bag cannot be read.
    """
    truth = json.loads((path / TRUTH).read_text(encoding='utf-8'))
    middle = truth['image']['width'] / 2
    spoken = [_Spoken(one['start'], one['end'], one['side']) for one in truth['utterances']]
    sides: dict[str, str] = {}
    frames_right: list[bool] = []
    utterances_right: dict[int, bool] = {}
    detected = False
    config = make_config({'interim.enabled': False})
    models = Models(vad, None, None, faces=finder, talking=talking)
    for report in replay_file(path, config, models, time.monotonic_ns):
        match report:
            case SpeechStarted():
                detected = True
            case SpeechEnded():
                detected = False
            case FacesReport(faces=faces) if faces:
                sides |= {face.face_id: _side(face, middle) for face in faces}
                now = _at(spoken, report.stamp_ns, report.stamp_ns)
                if detected and now is not None:
                    best = max(faces, key=lambda face: face.speaking_score)
                    frames_right.append(sides[best.face_id] == spoken[now].side)
            case EmotionReport(trigger=Trigger.FINAL):
                said = _at(spoken, report.start_ns, report.end_ns)
                if said is not None:
                    utterances_right[said] = sides.get(report.face_id) == spoken[said].side
    return {
        'demo_frames': sum(frames_right) / max(len(frames_right), 1),
        'demo_utterances': sum(utterances_right.values()) / len(spoken),
    }


def _side(face: SeenFace, middle: float) -> str:
    return 'left' if face.box.centre[0] < middle else 'right'


def _at(spoken: list[_Spoken], start_ns: int, end_ns: int) -> int | None:
    """Return the true utterance that overlaps a stretch most; None where none does."""
    shared = [min(end_ns, one.end_ns) - max(start_ns, one.start_ns) for one in spoken]
    best = max(range(len(shared)), key=shared.__getitem__)
    return best if shared[best] >= 0 else None
