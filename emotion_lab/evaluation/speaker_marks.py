"""Measure active speaker detection in real clips, whose speakers were marked by hand.

The clips are those of MELD that are in `meld_clips`; the marks, and how they were made, are in
`speaker_marks.tsv` beside this file. They are run through the whole node, with and without the
learned detector. Of the time in which a speaker is visible, the share is printed in which the
speaker was found, in which another face was named instead, and in which nobody was: as published
with the utterance, and as published with each frame while it lasts. A face that is named while the
speaker is not visible is wrong too, if it is in view.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.evaluation.interim import replay_file
from emotion_lab.evaluation.speaker_methods import HOW, LEARNED, methods
from emotion_node.backends.faces_onnx import open_faces
from emotion_node.config import Config, make_config
from emotion_node.datatypes import (
    NS_PER_S,
    EmotionReport,
    FacesReport,
    Report,
    Trigger,
    VideoFrame,
)
from emotion_node.faces import SeenFace
from emotion_node.factory import Models, load_vad
from emotion_node.recordings.media import read_media

MARKS: Final = Path(__file__).with_suffix('.tsv')
FOLDER: Final = 'meld_clips'
REACH: Final = (0.12, 0.18)
"""A face is the marked one if its centre is nearer, in shares of the image's width and height: the
tolerance of the marks, and half a face."""
NEAR_NS: Final = NS_PER_S // 2
"""A face that is lost for less is still where it was."""
RIGHT, WRONG, NOBODY = 'right', 'wrong', 'nobody'


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of speech of one speaker.

    Attributes:
        clip: name of the clip.
        start_ns, end_ns: stamps of its frames.
        place: centre of the speaker's face, as shares of the image; None where it cannot be seen.
    """

    clip: str
    start_ns: int
    end_ns: int
    place: tuple[float, float] | None


def read_marks(path: Path = MARKS) -> list[Mark]:
    """Return the marks."""
    lines = [line for line in path.read_text(encoding='utf-8').splitlines() if line[:1] != '#']
    return [
        Mark(
            row['clip'],
            round(float(row['start']) * NS_PER_S),
            round(float(row['end']) * NS_PER_S),
            (float(row['x']), float(row['y'])) if row['x'] else None,
        )
        for row in csv.DictReader(lines, delimiter='\t')
    ]


@dataclass(frozen=True, slots=True)
class Watched:
    """What the node reported of one clip.

    Attributes:
        size: width and height of the image.
        frames: of each frame.
        utterances: the final emotions.
    """

    size: tuple[int, int]
    frames: Sequence[FacesReport]
    utterances: Sequence[EmotionReport]

    @classmethod
    def collect(cls, size: tuple[int, int], reports: Sequence[Report]) -> Watched:
        """Return the reports that matter."""
        return cls(
            size,
            [one for one in reports if isinstance(one, FacesReport)],
            [
                one
                for one in reports
                if isinstance(one, EmotionReport) and one.trigger is Trigger.FINAL
            ],
        )

    def published(self, stamp_ns: int) -> SeenFace | None:
        """Return the face that an utterance at a time was published with, near that time."""
        for utterance in self.utterances:
            if utterance.start_ns <= stamp_ns <= utterance.end_ns and utterance.face_id:
                return self._nearest(utterance.face_id, stamp_ns)
        return None

    def live(self, stamp_ns: int) -> SeenFace | None:
        """Return the face that the nearest frame says is speaking."""
        frame = min(self.frames, key=lambda one: abs(one.stamp_ns - stamp_ns))
        best = max(frame.faces, key=lambda face: face.speaking_score, default=None)
        off_screen = 1 - sum(face.speaking_score for face in frame.faces)
        return best if best is not None and best.speaking_score > off_screen else None

    def judge(self, face: SeenFace | None, mark: Mark) -> str:
        """Return whether a face is the marked one."""
        if face is None:
            return NOBODY
        if mark.place is None:
            return WRONG
        away = [
            abs(at / length - there)
            for at, length, there in zip(face.box.centre, self.size, mark.place, strict=True)
        ]
        return RIGHT if away[0] <= REACH[0] and away[1] <= REACH[1] else WRONG

    def _nearest(self, face_id: str, stamp_ns: int) -> SeenFace | None:
        seen = [
            (abs(frame.stamp_ns - stamp_ns), face)
            for frame in self.frames
            for face in frame.faces
            if face.face_id == face_id
        ]
        away, face = min(seen, key=lambda one: one[0], default=(NEAR_NS, None))
        return face if away < NEAR_NS else None


def count_seconds(watched: Watched, marks: Sequence[Mark]) -> dict[str, float]:
    """Return the seconds right, wrong and with nobody, of the clip's marks.

    Returns:
        `published_right` and so on, `live_right` and so on, and `hidden_wrong`: seconds in which
        a face was published while the speaker could not be seen.
    """
    seconds: dict[str, float] = {}
    stamps = [frame.stamp_ns for frame in watched.frames]
    for stamp_ns, later_ns in itertools.pairwise(stamps):
        for mark in marks:
            if not mark.start_ns <= stamp_ns < mark.end_ns:
                continue
            for kind, face in (
                ('published', watched.published(stamp_ns)),
                ('live', watched.live(stamp_ns)),
            ):
                hidden = '' if mark.place else 'hidden_'
                key = f'{kind}_{hidden}{watched.judge(face, mark)}'
                seconds[key] = seconds.get(key, 0.0) + (later_ns - stamp_ns) / NS_PER_S
    return seconds


def evaluate_marks(data: Path | None = None) -> dict[str, Any]:
    """Return the figures by method.

    Returns:
        By method, the `seconds` marked with a visible speaker, and the shares of them, `right`,
        `wrong` and `nobody` as published with the utterances, `live_right` and so on with the
        frames; `hidden`, the seconds marked without, and `hidden_wrong`, the share of them with a
        face. And `skipped`, what was missing.
    """
    folder = data_root(data) / FOLDER
    marks = read_marks()
    config = make_config({'interim.enabled': False})
    vad, finder = load_vad(Config()), open_faces()
    found = methods()
    result: dict[str, Any] = {'skipped': []}
    if LEARNED not in found:
        result['skipped'].append(f'{LEARNED}: {HOW}')
    for method, detector in found.items():
        models = Models(vad, None, None, faces=finder, talking=detector)
        total: dict[str, float] = {}
        for clip in dict.fromkeys(mark.clip for mark in marks):
            path = folder / f'{clip}.mp4'
            if not path.is_file():
                raise DatasetError(f'no clips of MELD in {folder}: {path.name} is missing')
            reports = replay_file(path, config, models, time.perf_counter_ns)
            seconds = count_seconds(
                Watched.collect(_size(path), reports),
                [mark for mark in marks if mark.clip == clip],
            )
            total = {k: total.get(k, 0) + seconds.get(k, 0) for k in {*total, *seconds}}
        result[method] = _shares(total)
    return result


def _size(path: Path) -> tuple[int, int]:
    """Return width and height of a clip."""
    frame = next(one for one in read_media(path) if isinstance(one, VideoFrame))
    height, width = frame.decode().shape[:2]
    return width, height


def _shares(total: dict[str, float]) -> dict[str, float]:
    shares: dict[str, float] = {}
    kinds = (RIGHT, WRONG, NOBODY)
    for kind, prefix in (('published', ''), ('live', 'live_')):
        seen = sum(total.get(f'{kind}_{one}', 0.0) for one in kinds)
        hidden = sum(total.get(f'{kind}_hidden_{one}', 0.0) for one in kinds)
        shares |= {f'{prefix}{one}': total.get(f'{kind}_{one}', 0.0) / seen for one in kinds}
        shares[f'{prefix}hidden_wrong'] = total.get(f'{kind}_hidden_{WRONG}', 0.0) / hidden
        shares |= {'seconds': seen, 'hidden': hidden}
    return shares


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_marks` does, for these arguments."""
    return evaluate_marks(args.data)


def run(args: argparse.Namespace) -> int:
    """Print the table; return the exit status."""
    try:
        figures = measure(args)
    except DatasetError as error:
        print(json.dumps({'skipped': [str(error)]}) if args.json else f'skipped: {error}')
        return 0
    if args.json:
        print(json.dumps(figures))
        return 0
    print('| | as published with | seconds | right | wrong | nobody | hidden speaker, a face |')
    print('|---|---|--:|--:|--:|--:|--:|')
    for method, one in figures.items():
        if method == 'skipped':
            continue
        for prefix, words in (('', 'the utterance'), ('live_', 'each frame')):
            cells = [f'{one[f"{prefix}{key}"]:.2f}' for key in (RIGHT, WRONG, NOBODY)]
            hidden = f'{one[f"{prefix}hidden_wrong"]:.2f} of {one["hidden"]:.1f} s'
            row = [method, words, f'{one["seconds"]:.1f}', *cells, hidden]
            print(f'| {" | ".join(row)} |')
    for reason in figures['skipped']:
        print(f'skipped: {reason}')
    return 0
