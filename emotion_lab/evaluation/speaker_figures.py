"""Replay scenes with a known speaker through the node's hearing and vision, and count."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.speaker_clips import Talker
from emotion_lab.data.speaker_hearing import Timed, hear_talker
from emotion_lab.data.speaker_scenes import SHIFTS_MS, Clips, Scene, make_scenes
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.talking_faces import TalkingDetector
from emotion_node.datatypes import (
    NS_PER_MS,
    FacesReport,
    ModelInfo,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    VideoFrame,
)
from emotion_node.faces import Image, TrackedFace
from emotion_node.interfaces import Vad

LEAVES: Final = 0.6
"""Share of the speech after which a face leaves the image."""


class Replay:
    """Replays tracked faces of clips, side by side (a `core.vision.stream.Tracker`).

    Args:
        scene: which clips, and which face leaves.
        clips: by name.
        leaves_ns: stamp after which that face is gone.
    """

    info = ModelInfo('replay')

    def __init__(self, scene: Scene, clips: Clips, leaves_ns: int) -> None:
        self._clips = [clips[face] for face in scene.faces]
        self._leaving = scene.leaving
        self._width = self._clips[0].images[0].shape[1]
        self._leaves_ns = leaves_ns
        self._index = {stamp_ns: k for k, stamp_ns in enumerate(self._clips[0].stamps_ns)}

    def update(self, stamp_ns: int, image: Image) -> list[TrackedFace]:
        """Return the faces at a stamp of the clips."""
        index = self._index[stamp_ns]
        return [
            dataclasses.replace(
                face,
                face_id=f'f{number}',
                box=face.box._replace(left=face.box.left + (number - 1) * self._width),
            )
            for number, clip in enumerate(self._clips, 1)
            if (face := clip.faces[index]) is not None
            and not (self._leaving == number - 1 and stamp_ns > self._leaves_ns)
        ]

    def image(self, stamp_ns: int) -> Image:
        """Return the clips side by side at a stamp."""
        index = self._index[stamp_ns]
        beside = np.hstack([clip.images[index] for clip in self._clips])
        return np.repeat(beside[..., None], 3, axis=2)

    def reset(self) -> None:
        """Keep replaying: there is no state."""


@dataclass(slots=True)
class Score:
    """Counts over scenes.

    Attributes:
        scenes: number of scenes.
        speech_frames: frames during speech in which the speaker is visible.
        frames: of these, those after the start of speech was detected.
        frames_right: of these, those in which the speaker had the highest speaking score.
        utterances: utterances found.
        utterances_right: of these, those with the right face, or with none where that is right.
    """

    scenes: int = 0
    speech_frames: int = 0
    frames: int = 0
    frames_right: int = 0
    utterances: int = 0
    utterances_right: int = 0

    def __iadd__(self, other: Score) -> Score:
        for entry in dataclasses.fields(self):
            total = getattr(self, entry.name) + getattr(other, entry.name)
            setattr(self, entry.name, total)
        return self


def play(
    scene: Scene,
    clips: Clips,
    talker: Talker,
    events: Sequence[Timed],
    talking: TalkingDetector | None = None,
) -> Score:
    """Run the node's vision over one scene, and return its counts."""
    shift_ns = scene.shift_ms * NS_PER_MS
    start_ns, end_ns = (stamp_ns + shift_ns for stamp_ns in talker.speech)
    leaves_ns = round(start_ns + LEAVES * (end_ns - start_ns))
    replay = Replay(scene, clips, leaves_ns)
    vision = FaceVision(replay, talking=talking)
    score = Score(scenes=1)
    detected = False
    for step in _steps(talker, events, replay):
        match step:
            case VideoFrame():
                report = vision.update(step)
                speaks = start_ns <= step.stamp_ns <= end_ns
                if speaks and report and _is_seen(scene.speaker, report):
                    best = max(report.faces, key=lambda face: face.speaking_score)
                    score.speech_frames += 1
                    score.frames += detected
                    score.frames_right += detected and best.face_id == scene.speaker
            case SpeechEnded(utterance):
                vision.update_speech(step)
                detected = False
                score.utterances += 1
                score.utterances_right += vision.estimate(utterance).face_id == scene.speaker
            case _:
                vision.update_speech(step)
                detected |= isinstance(step, SpeechStarted)
    return score


def _steps(
    talker: Talker, events: Sequence[Timed], replay: Replay
) -> Iterator[VideoFrame | SpeechEvent]:
    """Yield frames and events in the order in which they come."""
    frames = [
        (stamp_ns, VideoFrame(stamp_ns, partial(replay.image, stamp_ns)))
        for stamp_ns in talker.stamps_ns
    ]
    steps: list[tuple[int, VideoFrame | SpeechEvent]] = [*events, *frames]
    for _, step in sorted(steps, key=lambda timed: timed[0]):
        yield step


def _is_seen(face_id: str, report: FacesReport) -> bool:
    return any(face.face_id == face_id for face in report.faces)


Scores = Mapping[str, Mapping[str, Score]]
"""By condition, and by the person whose voice it is."""


def score_scenes(
    talkers: Sequence[Talker], clips: Clips, vad: Vad, talking: TalkingDetector | None = None
) -> dict[str, dict[str, Score]]:
    """Return the scores of all scenes.

    Args:
        talkers: one recording of each person.
        clips: of their faces.
        vad: voice activity detector.
        talking: learned detector of talking faces; None for none.
    """
    by_name = {talker.name: talker for talker in talkers}
    events_of = {
        (talker.name, shift_ms): hear_talker(talker, shift_ms, vad)
        for talker, shift_ms in product(talkers, SHIFTS_MS)
    }
    scores: dict[str, dict[str, Score]] = {}
    title = 'scenes' if talking is None else 'scenes, learned detector'
    console = Console(stderr=True)
    for scene in track(make_scenes(list(by_name)), title, console=console, transient=True):
        talker = by_name[scene.voice]
        events = events_of[scene.voice, scene.shift_ms]
        score = play(scene, clips, talker, events, talking)
        rows = [scene.condition]
        if scene.condition in ('two_still', 'two_mouthing'):
            rows.append(f'two_late_{scene.shift_ms}_ms')
        for row in rows:
            total = scores.setdefault(row, {}).setdefault(talker.person, Score())
            total += score
    return scores


def pooled(people: Mapping[str, Score]) -> Score:
    """Return the counts of all people together."""
    total = Score()
    for score in people.values():
        total += score
    return total


def interval(people: Sequence[Score]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval over people of the share of utterances right."""
    right = np.array([one.utterances_right for one in people])
    count = np.array([one.utterances for one in people])
    drawn = np.random.default_rng(0).integers(len(people), size=(2000, len(people)))
    shares = right[drawn].sum(axis=1) / np.maximum(count[drawn].sum(axis=1), 1)
    low, high = np.percentile(shares, (2.5, 97.5))
    return float(low), float(high)


GROUPS: Final = {
    'still': ('two_still', 'three_still'),
    'mouthing': ('two_mouthing', 'three_mouthing'),
    'absent': ('absent_still', 'absent_mouthing'),
}
"""Conditions that are counted together."""


def speaker_figures(scores: Scores) -> dict[str, Any]:
    """Return the shares of frames and utterances that were right, by condition and in all."""
    result: dict[str, Any] = {}
    for row, people in scores.items():
        score = pooled(people)
        if score.frames:
            result[row] = score.frames_right / score.frames
        result[f'{row}_utterances'] = score.utterances_right / score.utterances
    for group, rows in GROUPS.items():
        people = {}
        for person in scores[rows[0]]:
            people[person] = pooled({row: scores[row][person] for row in rows})
        score = pooled(people)
        result[f'{group}_utterances'] = score.utterances_right / score.utterances
        result[f'{group}_interval'] = interval(list(people.values()))
    noticed = [one for people in scores.values() for one in people.values() if one.frames]
    every = [pooled(people) for row, people in scores.items() if not row.endswith('_ms')]
    return result | {
        'noticed': sum(row.frames for row in noticed) / sum(row.speech_frames for row in noticed),
        'scenes': sum(score.scenes for score in every),
    }
