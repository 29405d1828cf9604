"""Measure sight: what it costs per frame, and which faces are found.

Frames of 640x480 show one, two or four GRID talkers (the large one fills the frame, four are in
quarters of it), at 25 per second, and are given to the node's own vision while somebody speaks.
Times are of one frame, with all that is done to it: search, tracking, landmarks, expression, and
who speaks. CPU time is steadier than elapsed time where other programs run.

A face is found when it is tracked within one second. Small ones are put at random places of grey
frames of 1280x720, with `face.min_size` 80 and 56; near ones fill a share of the width of frames
of 640x480 and may be cut off above and below.

What is no face should not be followed: a tracked face turns into a pot of the same colours, into
an even surface or into a pile of its own pieces within half a second. Is it dropped within one
second after that?
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from emotion_lab.data.datasets import data_root
from emotion_lab.data.speaker_clips import Talker, read_talkers
from emotion_lab.evaluation.speaker_methods import LEARNED, methods
from emotion_node.backends.face_onnx import EXPRESSIONS, OnnxFaceEmotion
from emotion_node.backends.faces_onnx import open_faces
from emotion_node.config import FaceConfig
from emotion_node.core.vision.geometry import box_of, region_of_detection
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.talking_faces import TalkingDetector
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_S,
    SAMPLE_RATE,
    SpeechAudio,
    SpeechStarted,
    VideoFrame,
)
from emotion_node.faces import Box, Image
from emotion_node.interfaces import FaceFinder
from emotion_node.model_store.manifest import find_model

FACES: Final = (1, 2, 4)
FRAMES: Final = 150
WARM_UP: Final = 25
FRAME_NS: Final = 40 * NS_PER_MS
FRAME_SAMPLES: Final = FRAME_NS * SAMPLE_RATE // NS_PER_S
WIDTH, HEIGHT = 640, 480
SMALL: Final = (100, 80, 56, 48, 40)
"""Widths of small faces in pixels."""
NEAR: Final = (0.3, 0.56, 0.68, 0.8, 0.9)
"""Shares of the frame's width that near faces fill."""
POSITIONS: Final = 4
"""Frames of each talker in which faces are searched."""
GREY: Final = 90
OBJECTS: Final = ('pot', 'surface', 'pieces')
"""Into what faces turn."""
TURNING: Final = 12
"""Frames in which a face turns into an object."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--landmarker', default='', help='a face_landmarker.task file')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return times in ms per frame by number of faces, and shares of faces found."""
    finder = open_faces(args.landmarker)
    talkers = read_talkers(data_root(args.data) / 'grid')
    figures: dict[str, Any] = {'finder': str(finder.info)}
    for count in FACES:
        figures |= time_figures(finder, talkers, count)
    detector = methods().get(LEARNED)
    if detector is not None:
        learned = time_figures(finder, talkers, 2, talking=detector)
        figures |= {f'learned_{key}': value for key, value in learned.items()}
    for size in (80, 56):
        for width in SMALL:
            found = list(_search(finder, talkers, width, size))
            figures[f'found_{width}_px_min_size_{size}'] = float(np.mean(found))
    for share in NEAR:
        figures[f'found_near_{share}'] = float(np.mean(list(_search_near(finder, talkers, share))))
    for name in OBJECTS:
        figures[f'dropped_{name}'] = float(np.mean(list(_replace(finder, talkers, name))))
    return figures


def compose(talkers: Sequence[Talker], count: int, number: int) -> Image:
    """Return frame `number` of a scene of one to four talkers."""
    images = [talkers[k].images[number % len(talkers[k].images)] for k in range(count)]
    if count == 1:
        return cv2.resize(images[0], (WIDTH, HEIGHT)).astype(np.uint8, copy=False)
    canvas = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    width, height = WIDTH // 2, HEIGHT // 2
    for k, image in enumerate(images):
        left, top = k % 2 * width, (k // 2 * height if count > 2 else height // 2)
        canvas[top : top + height, left : left + width] = cv2.resize(image, (width, height))
    return canvas


def time_figures(
    finder: FaceFinder,
    talkers: Sequence[Talker],
    count: int,
    frames: int = FRAMES,
    talking: TalkingDetector | None = None,
) -> dict[str, float]:
    """Return the times of frames with so many faces, while the first of them speaks."""
    images = [compose(talkers, count, number) for number in range(len(talkers[0].images))]
    expression = OnnxFaceEmotion(find_model('face', labels=EXPRESSIONS))
    tracker = FaceTracker(FaceConfig(), finder, expression.period_ns)
    vision = FaceVision(tracker, expression, time.perf_counter_ns, talking=talking)
    vision.update_speech(SpeechStarted('u1', 0, 0))
    elapsed, cpu, seen = [], [], []
    for number in range(WARM_UP + frames):
        stamp_ns, image = number * FRAME_NS, images[number % len(images)]
        first = number % len(images) * FRAME_SAMPLES
        chunk = talkers[0].samples[first : first + FRAME_SAMPLES]
        vision.update_speech(SpeechAudio('u1', stamp_ns, chunk))
        begin, begin_cpu = time.perf_counter_ns(), time.thread_time_ns()
        report = vision.update(VideoFrame(stamp_ns, lambda image=image: image))  # type: ignore[misc]
        if number >= WARM_UP:
            elapsed.append((time.perf_counter_ns() - begin) / NS_PER_MS)
            cpu.append((time.thread_time_ns() - begin_cpu) / NS_PER_MS)
            seen.append(len(report.faces) if report else 0)
    return {
        f'ms_p50_{count}': float(np.median(elapsed)),
        f'ms_p95_{count}': float(np.percentile(elapsed, 95)),
        f'cpu_ms_p50_{count}': float(np.median(cpu)),
        f'cpu_ms_mean_{count}': float(np.mean(cpu)),
        f'faces_seen_{count}': float(np.mean(seen)),
    }


def _search(
    finder: FaceFinder, talkers: Sequence[Talker], width: int, min_size: int
) -> Iterator[bool]:
    """Yield of each face of a width, in a frame of 1280x720, whether it is found."""
    rng = np.random.default_rng(0)
    for image, box in _faces(finder, talkers, f'{width} px'):
        scale = width / box.width
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frame = np.full((720, 1280, 3), GREY, np.uint8)
        left = int(rng.integers(0, 1280 - small.shape[1]))
        top = int(rng.integers(0, 720 - small.shape[0]))
        frame[top : top + small.shape[0], left : left + small.shape[1]] = small
        yield _found(finder, frame, FaceConfig(min_size=min_size), width)


def _search_near(finder: FaceFinder, talkers: Sequence[Talker], share: float) -> Iterator[bool]:
    """Yield of each face that fills a share of the width of a frame whether it is found."""
    rng = np.random.default_rng(0)
    for image, box in _faces(finder, talkers, f'{share}'):
        scale = share * WIDTH / box.width
        x, y = box.centre
        x += float(rng.uniform(-0.05, 0.05)) * WIDTH / scale
        y += float(rng.uniform(-0.05, 0.05)) * HEIGHT / scale
        shift = (WIDTH / 2 - scale * x, HEIGHT / 2 - scale * y)
        to_frame = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        size = (WIDTH, HEIGHT)
        frame = cv2.warpAffine(
            image, to_frame, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        yield _found(finder, np.asarray(frame, np.uint8), FaceConfig(), share * WIDTH)


def _replace(finder: FaceFinder, talkers: Sequence[Talker], name: str) -> Iterator[bool]:
    """Yield of each face that turns into an object whether it is dropped."""
    for image, box in _faces(finder, talkers, f'a {name}'):
        tracker, thing = FaceTracker(FaceConfig(), finder), _object(image, box, name)
        rng = np.random.default_rng(0)
        faces = []
        for number in range(25 + TURNING + 25):
            share = min(max((number - 25) / TURNING, 0.0), 1.0)
            mixed = cv2.addWeighted(image, 1 - share, thing, share, 0)
            noise = rng.integers(0, 4, image.shape, np.uint8)
            frame = cv2.add(mixed, noise).astype(np.uint8)
            faces = tracker.update(number * FRAME_NS, frame)
        yield not faces


def _object(image: Image, box: Box, name: str) -> Image:
    """Return an image with an object in place of a face."""
    made = image.copy()
    left, top = (max(0, round(edge)) for edge in (box.left, box.top))
    part = made[top : top + round(box.height), left : left + round(box.width)]
    height, width = part.shape[:2]
    colour = part.reshape(-1, 3).mean(0)
    if name == 'pieces':
        rng = np.random.default_rng(0)
        side = max(2, width // 6)
        places = [
            (y, x) for y in range(0, height - side, side) for x in range(0, width - side, side)
        ]
        before = part.copy()
        for (y, x), (v, u) in zip(places, rng.permutation(places), strict=True):
            part[y : y + side, x : x + side] = before[v : v + side, u : u + side]
        return made
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    if name == 'surface':
        part[:] = np.clip(colour * (1 + 0.1 * down), 0, 255).astype(np.uint8)
        return made
    light = np.sqrt(np.maximum(1 - across**2, 0)) * (1 - 0.2 * down)
    belly = np.abs(across) < 0.75 + 0.25 * np.cos(2 * down)
    bands = 0.85 + 0.15 * np.sign(np.sin(9 * down))
    part[:] = np.where(belly, np.clip(colour * (0.4 + light) * bands, 0, 255), part)
    return made


def _faces(
    finder: FaceFinder, talkers: Sequence[Talker], what: str
) -> Iterator[tuple[Image, Box]]:
    console = Console(stderr=True)
    for talker in track(talkers, f'faces of {what}', console=console, transient=True):
        for number in np.linspace(0, len(talker.images) - 1, POSITIONS).astype(int):
            image = talker.images[number]
            height, width = image.shape[:2]
            (one, *_) = finder.detect(image, Box(0, 0, width, height))
            mesh = finder.fit(image, region_of_detection(one.box))
            assert mesh is not None
            yield image, box_of(mesh.landmarks)


def _found(finder: FaceFinder, frame: Image, config: FaceConfig, width: float) -> bool:
    tracker = FaceTracker(config, finder)
    rng = np.random.default_rng(0)
    for number in range(25):
        noise = rng.integers(0, 4, frame.shape, np.uint8)
        for face in tracker.update(number * FRAME_NS, cv2.add(frame, noise).astype(np.uint8)):
            if 0.7 < face.box.width / width < 1.4:
                return True
    return False


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
        return 0
    table = Table('faces', 'ms per frame, p50', 'p95', 'CPU ms, p50', 'mean', 'faces seen')
    for count in FACES:
        keys = ('ms_p50', 'ms_p95', 'cpu_ms_p50', 'cpu_ms_mean', 'faces_seen')
        table.add_row(str(count), *(f'{figures[f"{key}_{count}"]:.1f}' for key in keys))
    if 'learned_ms_p50_2' in figures:
        cells = (f'{figures[f"learned_{key}_2"]:.1f}' for key in keys)
        table.add_row('2, with the learned detector', *cells)
    console = Console(width=100)
    console.print(table)
    table = Table('found within 1 s', *(f'{width} px' for width in SMALL))
    for size in (80, 56):
        shares = (figures[f'found_{width}_px_min_size_{size}'] for width in SMALL)
        table.add_row(f'1280x720, face.min_size {size}', *(f'{share:.2f}' for share in shares))
    console.print(table)
    table = Table('share of the width filled', *map(str, NEAR))
    table.add_row('found', *(f'{figures[f"found_near_{share}"]:.2f}' for share in NEAR))
    console.print(table)
    table = Table('a face that turns into', *OBJECTS)
    table.add_row('dropped', *(f'{figures[f"dropped_{name}"]:.2f}' for name in OBJECTS))
    console.print(table)
    return 0
