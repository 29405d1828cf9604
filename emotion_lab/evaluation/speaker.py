"""Measure who is taken for the speaker, in scenes whose speaker is known.

Scenes are made of GRID talkers (see `speaker_clips`), two or three side by side, with the voice of
one of them or of somebody who is not in the image, and run through the node's hearing and vision.
The silent ones keep still or chew ("still"), or say their own words without being heard
("mouthing"). The voice comes up to 0.2 s later than the image.

Of an image it counts whose speaking score is highest, as it is published at that moment, from
when the speech has been noticed until its true end; of an utterance, whose face is published with
the emotion. There are few talkers, and the method's constants were chosen on the same ones:
`python -m emotion_lab.training.active_speaker` shows what comes of leaving each out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import data_root
from emotion_lab.data.speaker_clips import Talker, make_clips, read_talkers
from emotion_lab.data.speaker_scenes import SEED, SHIFTS_MS, Clips, Scene, make_scenes
from emotion_lab.evaluation.speaker_demo import TRUTH, demo_figures
from emotion_node.backends.faces_mediapipe import MediaPipeFaces
from emotion_node.config import Config
from emotion_node.core.vision.stream import FaceVision
from emotion_node.datatypes import (
    NS_PER_S,
    SAMPLE_RATE,
    AudioChunk,
    ClockSource,
    FacesReport,
    ModelInfo,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    VideoFrame,
)
from emotion_node.faces import Image, TrackedFace
from emotion_node.factory import Models, build_hearing, load_vad
from emotion_node.interfaces import Vad

CHUNK: Final = SAMPLE_RATE // 50
LEAVES: Final = 0.6
"""Part of the speech after which somebody leaves the image."""

Timed = tuple[int, SpeechEvent]
"""An event, and the stamp up to which sound had been heard when it was reported."""


class Replay:
    """Shows what a tracker saw of clips, side by side (a `core.vision.stream.Tracker`)."""

    info = ModelInfo('replay')

    def __init__(self, scene: Scene, clips: Clips, leaves_ns: int) -> None:
        self._clips = [clips[face] for face in scene.faces]
        self._leaving = scene.leaving
        self._leaves_ns = leaves_ns
        self._index = {stamp_ns: k for k, stamp_ns in enumerate(self._clips[0].stamps_ns)}

    def update(self, stamp_ns: int, image: Image) -> list[TrackedFace]:
        """Return the faces of the moment."""
        index = self._index[stamp_ns]
        return [
            dataclasses.replace(face, face_id=f'f{number}')
            for number, clip in enumerate(self._clips, 1)
            if (face := clip.faces[index]) is not None
            and not (self._leaving == number - 1 and stamp_ns > self._leaves_ns)
        ]

    def reset(self) -> None:
        """Go on."""


@dataclass(slots=True)
class Score:
    """What came of scenes.

    Attributes:
        scenes: how many.
        speech_frames: images during speech in which the speaker is seen.
        frames: of these, those at which speech had been noticed.
        frames_right: of these, those in which the speaker's score was highest.
        utterances: that were heard.
        utterances_right: of these, those with the right face, or none where that is right.
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


def listen(talker: Talker, shift_ms: int, vad: Vad) -> list[Timed]:
    """Return what hearing reports of a voice that comes late."""
    hearing = build_hearing(Config(), Models(vad, None, None))
    shift_ns = shift_ms * 1_000_000
    events: list[Timed] = []
    for first in range(0, len(talker.samples), CHUNK):
        stamp_ns = shift_ns + first * NS_PER_S // SAMPLE_RATE
        samples = talker.samples[first : first + CHUNK, None]
        chunk = AudioChunk(stamp_ns, samples, SAMPLE_RATE, ClockSource.FILE)
        end_ns = stamp_ns + chunk.duration_ns
        events += [(end_ns, event) for event in hearing.push(chunk)]
    return events + [(events[-1][0], event) for event in hearing.flush()]


def play(scene: Scene, clips: Clips, talker: Talker, events: Sequence[Timed]) -> Score:
    """Return what came of one scene."""
    shift_ns = scene.shift_ms * 1_000_000
    start_ns, end_ns = (stamp_ns + shift_ns for stamp_ns in talker.speech)
    leaves_ns = round(start_ns + LEAVES * (end_ns - start_ns))
    vision = FaceVision(Replay(scene, clips, leaves_ns))
    score = Score(scenes=1)
    noticed = False
    for step in _steps(talker, events):
        match step:
            case VideoFrame():
                report = vision.update(step)
                speaks = start_ns <= step.stamp_ns <= end_ns
                if speaks and report and _is_seen(scene.speaker, report):
                    best = max(report.faces, key=lambda face: face.speaking_score)
                    score.speech_frames += 1
                    score.frames += noticed
                    score.frames_right += noticed and best.face_id == scene.speaker
            case SpeechEnded(utterance):
                vision.update_speech(step)
                noticed = False
                score.utterances += 1
                score.utterances_right += vision.estimate(utterance).face_id == scene.speaker
            case _:
                vision.update_speech(step)
                noticed |= isinstance(step, SpeechStarted)
    return score


def _steps(talker: Talker, events: Sequence[Timed]) -> Iterator[VideoFrame | SpeechEvent]:
    """Yield images and events in the order in which they come."""
    nothing = np.zeros((1, 1, 3), np.uint8)
    frames = [(stamp_ns, VideoFrame(stamp_ns, lambda: nothing)) for stamp_ns in talker.stamps_ns]
    steps: list[tuple[int, VideoFrame | SpeechEvent]] = [*events, *frames]
    for _, step in sorted(steps, key=lambda timed: timed[0]):
        yield step


def _is_seen(face_id: str, report: FacesReport) -> bool:
    return any(face.face_id == face_id for face in report.faces)


def score_scenes(talkers: Sequence[Talker], clips: Clips, vad: Vad) -> dict[str, Score]:
    """Return the scores of all scenes, by condition and, for two faces, by shift."""
    by_name = {talker.name: talker for talker in talkers}
    heard = {
        (talker.name, shift_ms): listen(talker, shift_ms, vad)
        for talker, shift_ms in product(talkers, SHIFTS_MS)
    }
    scores: dict[str, Score] = {}
    console = Console(stderr=True)
    for scene in track(make_scenes(list(by_name)), 'scenes', console=console, transient=True):
        events = heard[scene.voice, scene.shift_ms]
        score = play(scene, clips, by_name[scene.voice], events)
        rows = [scene.condition]
        if scene.condition in ('two_still', 'two_mouthing'):
            rows.append(f'two_late_{scene.shift_ms}_ms')
        for row in rows:
            scores.setdefault(row, Score())
            scores[row] += score
    return scores


def speaker_figures(scores: Mapping[str, Score]) -> dict[str, Any]:
    """Return the shares of frames and utterances that were right, by condition and in all."""

    def utterances(prefix: str) -> float:
        rows = [
            score
            for row, score in scores.items()
            if row.startswith(prefix) and not row.endswith('_ms')
        ]
        return sum(row.utterances_right for row in rows) / sum(row.utterances for row in rows)

    result: dict[str, Any] = {}
    for row, score in scores.items():
        if score.frames:
            result[row] = score.frames_right / score.frames
        result[f'{row}_utterances'] = score.utterances_right / score.utterances
    noticed = [score for score in scores.values() if score.frames]
    return result | {
        'noticed': sum(row.frames for row in noticed) / sum(row.speech_frames for row in noticed),
        'utterance_two': utterances('two_'),
        'utterance_three': utterances('three_'),
        'absent': utterances('absent_'),
        'scenes': sum(score.scenes for row, score in scores.items() if not row.endswith('_ms')),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument(
        '--demo',
        type=Path,
        default=Path('demo/conversation'),
        help='a bag with its truth file; default %(default)s',
    )
    parser.add_argument('--landmarker', type=Path, help='a face_landmarker.task file')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return `speaker_figures`, and `demo_figures` where the demo conversation is there."""
    return _evaluate(args)[1]


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    scores, figures = _evaluate(args)
    print(json.dumps(figures) if args.json else markdown(scores, figures))
    return 0


def _evaluate(args: argparse.Namespace) -> tuple[dict[str, Score], dict[str, Any]]:
    finder = MediaPipeFaces(args.landmarker)
    talkers = read_talkers(data_root(args.data) / 'grid')
    clips = make_clips(talkers, finder, SEED)
    vad = load_vad(Config())
    scores = score_scenes(talkers, clips, vad)
    figures = speaker_figures(scores)
    if (args.demo / TRUTH).is_file():
        figures |= demo_figures(args.demo, finder, vad)
    return scores, figures


ROWS: Final = {
    'two_still': 'two faces, the silent one still or chewing',
    'two_mouthing': 'two faces, the silent one mouthing other words',
    'two_leaving': 'two faces, one of them leaves',
    'three_still': 'three faces, one silent one still, one chewing',
    'three_mouthing': 'three faces, the silent ones mouthing other words',
    'absent_still': 'the speaker is not seen; one face still, one chewing',
    'absent_mouthing': 'the speaker is not seen; two faces mouthing',
    'two_late_0_ms': 'two faces, sound not late',
    'two_late_100_ms': 'two faces, sound late by 100 ms',
    'two_late_200_ms': 'two faces, sound late by 200 ms',
}
"""Conditions in the order in which they are shown, in words."""


def markdown(scores: Mapping[str, Score], result: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        '| scenes | | images right | utterances right |',
        '|---|--:|--:|--:|',
    ]
    for row, words in ROWS.items():
        live = f'{result[row]:.3f}' if row in result else ''
        lines.append(
            f'| {words} | {scores[row].scenes} | {live} | {result[f"{row}_utterances"]:.3f} |'
        )
    if 'demo_utterances' in result:
        images, utterances = result['demo_frames'], result['demo_utterances']
        lines.append(f'| the recorded conversation | 1 | {images:.3f} | {utterances:.3f} |')
    return '\n'.join(lines)
