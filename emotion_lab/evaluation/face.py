"""Measure the expression model: on FER+ test, on neutral people who talk, and by the clock.

FER+ test counts the faces whose votes agree (more than half of them, single votes aside, as is
the custom), by what most people saw: eight expressions, contempt among them. Robots see worse
images than these, hence the rows with small, dim, compressed and covered faces.

Talking moves a face without expressing anything. GRID's talkers are neutral, so whatever else is
seen in them while they talk is an error; they go through the node's own vision, from image to
estimate, as recorded and in worse conditions. There are only a few of them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from emotion_lab.data import face_images as face_images
from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.data.ferplus import FerPlus, read_ferplus
from emotion_lab.data.metrics import (
    accuracy,
    confusion,
    expected_calibration_error,
    unweighted_average_recall,
    weighted_f1,
)
from emotion_lab.data.speaker_clips import Talker, read_talkers
from emotion_lab.data.tables import confusion_table
from emotion_node.backends.face_onnx import EXPRESSIONS, OnnxFaceEmotion
from emotion_node.backends.faces_mediapipe import MediaPipeFaces
from emotion_node.config import FaceConfig
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.datatypes import (
    ClockSource,
    EndReason,
    FaceEstimate,
    Utterance,
    VideoFrame,
)
from emotion_node.faces import FaceMesh, FaceRegion, Image
from emotion_node.interfaces import FaceFinder
from emotion_node.labels import LABELS, NEUTRAL
from emotion_node.model_store.manifest import find_model

Spoil = Callable[[Image, np.random.Generator], Image]

CONDITIONS: Final[Mapping[str, tuple[str, Spoil]]] = {
    'clean': ('as they are', lambda face, rng: face),
    'small': ('16 pixels wide', lambda face, rng: _shrunk(face, 16)),
    'dim': ('a tenth of the light', lambda face, rng: face_images.darken(face, 0.1, rng)),
    'jpeg': ('JPEG at quality 15', lambda face, rng: face_images.compress(face, 15)),
    'covered': ('partly covered', face_images.cover),
}
"""What is done to FER+ faces, always the same to each."""

SCENES: Final[Mapping[str, tuple[str, Spoil]]] = {
    'recorded': ('as recorded', lambda image, rng: image),
    'mirrored': ('mirrored', lambda image, rng: np.ascontiguousarray(image[:, ::-1])),
    'far': ('half as large', lambda image, rng: _resized(image, 0.5)),
    'near': ('one and a half times as large', lambda image, rng: _resized(image, 1.5)),
    'dim': (
        'a quarter of the light',
        lambda image, rng: face_images.darken(image, 0.25, rng),
    ),
    'jpeg': ('JPEG at quality 20', lambda image, rng: _jpeg(image, 20)),
}
"""What is done to GRID's images."""

FRAMES: Final = 300
"""Images by which the time is taken."""
WIDTH, HEIGHT = 640, 480


def _shrunk(face: Image, side: int) -> Image:
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, face.shape[1::-1]), np.uint8)


def _resized(image: Image, factor: float) -> Image:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=way), np.uint8)


def _jpeg(image: Image, quality: int) -> Image:
    _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def ferplus_figures(backend: OnnxFaceEmotion, faces: FerPlus) -> dict[str, Any]:
    """Return the figures on faces of FER+, clean and spoilt."""
    figures: dict[str, Any] = {}
    agreed, truth = faces.agreed, faces.labels
    classes = len(EXPRESSIONS)
    console = Console(stderr=True)
    for name, (_, spoil) in CONDITIONS.items():
        rng = np.random.default_rng(0)
        shown = track(faces.images, f'FER+ {name}', console=console, transient=True)
        scores = np.array([backend.run(spoil(face, rng)) for face in shown], np.float64)
        counts = confusion(truth[agreed], scores[agreed].argmax(1), classes)
        key = 'ferplus' if name == 'clean' else f'ferplus_{name}'
        figures[f'{key}_accuracy'] = accuracy(counts)
        figures[f'{key}_ece'] = expected_calibration_error(scores[agreed], truth[agreed])
        if name != 'clean':
            continue
        figures['ferplus_faces'] = int(agreed.sum())
        hits = scores[agreed].argmax(1) == truth[agreed]
        figures['ferplus_accuracy_interval'] = _interval(hits)
        figures['ferplus_uar'] = unweighted_average_recall(counts)
        figures['ferplus_confusion'] = counts.tolist()
        figures['ferplus_all_accuracy'] = accuracy(confusion(truth, scores.argmax(1), classes))
        figures['ferplus_all_ece'] = expected_calibration_error(scores, truth)
        known = truth < len(LABELS)
        seven = confusion(truth[known], scores[known, : len(LABELS)].argmax(1))
        figures['ferplus_seven_weighted_f1'] = weighted_f1(seven)
    return figures


def _interval(hits: npt.NDArray[np.bool_]) -> list[float]:
    """Return the 95 % interval of 2,000 bootstrap samples over faces."""
    rng = np.random.default_rng(0)
    means = rng.binomial(len(hits), hits.mean(), 2000) / len(hits)
    return [float(bound) for bound in np.percentile(means, [2.5, 97.5])]


def watch(
    talker: Talker, finder: FaceFinder, backend: OnnxFaceEmotion, spoil: Spoil
) -> FaceEstimate:
    """Return what the node's vision makes of one talker."""
    rng = np.random.default_rng(0)
    vision = FaceVision(FaceTracker(FaceConfig(), finder), expression=backend)
    for stamp_ns, image in zip(talker.stamps_ns, talker.images, strict=True):
        spoilt = spoil(image, rng)
        vision.update(VideoFrame(stamp_ns, lambda spoilt=spoilt: spoilt))  # type: ignore[misc]
    start_ns, end_ns = talker.speech
    return vision.estimate(
        Utterance(
            'u1', start_ns, end_ns, end_ns, talker.samples, 0, EndReason.SILENCE, ClockSource.FILE
        )
    )


def talking_figures(backend: OnnxFaceEmotion, talkers: Sequence[Talker]) -> dict[str, Any]:
    """Return how often neutral talkers are called neutral, and how surely."""
    neutral: dict[str, list[bool]] = {}
    seen = []
    console, finder = Console(stderr=True), MediaPipeFaces()
    rows = [(talker, scene) for talker in talkers for scene in SCENES]
    for talker, scene in track(rows, 'talkers', console=console, transient=True):
        emotion = watch(talker, finder, backend, SCENES[scene][1]).emotion
        neutral.setdefault(scene, []).append(emotion.label == NEUTRAL)
        seen.append(
            {
                'talker': talker.name,
                'scene': scene,
                'label': emotion.label or f'({emotion.reason})',
                'neutral': float(emotion.scores[0]) if emotion.scores is not None else None,
                'reliability': emotion.reliability,
            }
        )
    return {
        'talking_neutral': float(np.mean([one for row in neutral.values() for one in row])),
        'talking_utterances': len(rows),
        'talking_neutral_by_scene': {scene: float(np.mean(row)) for scene, row in neutral.items()},
        'talking': seen,
    }


def scene_of(talker: Talker) -> list[Image]:
    """Return images of `WIDTH` by `HEIGHT` with one face, half as high as they are."""
    made = []
    for image in talker.images:
        height, width = image.shape[:2]
        scale = min(WIDTH / width, HEIGHT / height)
        size = (round(width * scale), round(height * scale))
        canvas = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
        canvas[top : top + size[1], left : left + size[0]] = cv2.resize(image, size)
        made.append(canvas)
    return made


def time_figures(backend: OnnxFaceEmotion, talker: Talker) -> dict[str, float]:
    """Return the time of following one face, and of its expression, per image."""
    tracker = FaceTracker(FaceConfig(), MediaPipeFaces())
    images = scene_of(talker)
    followed, told = [], []
    for number in range(FRAMES):
        image = images[number % len(images)]
        begin = time.perf_counter_ns()
        faces = tracker.update(number * 40_000_000, image)
        followed.append(time.perf_counter_ns() - begin)
        for face in faces:
            begin = time.perf_counter_ns()
            backend.observe(face.mesh)
            told.append(time.perf_counter_ns() - begin)
    return {
        'track_ms_p50': _ms(followed, 50),
        'track_ms_p95': _ms(followed, 95),
    } | _expression_ms(told)


def _expression_ms(told: Sequence[int]) -> dict[str, float]:
    return {'expression_ms_p50': _ms(told, 50), 'expression_ms_p95': _ms(told, 95)}


def _ms(values_ns: Sequence[int], percentile: float) -> float:
    return float(np.percentile(values_ns, percentile)) / 1e6


def _somebody() -> FaceMesh:
    """Return a face by which the time can be taken where there are no recordings."""
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 255, (192, 192, 3), np.uint8)
    points: npt.NDArray[np.float32] = np.zeros((478, 3), np.float32)
    points[[33, 133], :2], points[[362, 263], :2] = (70, 70), (122, 70)
    points[[61, 291], :2] = (96, 124)
    return FaceMesh(points, crop, FaceRegion(95.5, 95.5, 192, 0.0))


def evaluate_face(data: Path | None = None) -> dict[str, Any]:
    """Return all figures; what lacks its data is named under `skipped`."""
    entry = find_model('face', labels=EXPRESSIONS)
    backend = OnnxFaceEmotion(entry, clock=time.monotonic_ns)
    figures: dict[str, Any] = {'model': f'{backend.info.name} {backend.info.version}'}
    skipped = []
    try:
        figures |= ferplus_figures(backend, read_ferplus('test', data))
    except DatasetError as error:
        skipped.append(f'FER+: {error}')
    try:
        talkers = read_talkers(data_root(data) / 'grid')
        figures |= talking_figures(backend, talkers) | time_figures(backend, talkers[0])
    except DatasetError as error:
        skipped.append(f'talkers: {error}')
        mesh, told = _somebody(), []
        for _ in range(FRAMES):
            begin = time.perf_counter_ns()
            backend.observe(mesh)
            told.append(time.perf_counter_ns() - begin)
        figures |= _expression_ms(told)
    figures['file_mb'] = entry.file('weights').path.stat().st_size / 1e6
    figures['skipped'] = skipped
    return figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_face` does, for these arguments."""
    return evaluate_face(args.data)


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
        return 0
    console = Console()
    console.print(_table(figures))
    if 'ferplus_confusion' in figures:
        counts = np.array(figures['ferplus_confusion'], np.int64)
        console.print(confusion_table(counts, 'FER+ test, agreed faces', EXPRESSIONS))
    return 0


def _table(figures: Mapping[str, Any]) -> Table:
    table = Table('figure', 'value', title=figures['model'])
    for name, (words, _) in CONDITIONS.items():
        key = 'ferplus' if name == 'clean' else f'ferplus_{name}'
        if f'{key}_accuracy' in figures:
            value = f'{figures[f"{key}_accuracy"]:.3f}'
            if f'{key}_accuracy_interval' in figures:
                low, high = figures[f'{key}_accuracy_interval']
                value += f' ({low:.3f} to {high:.3f})'
            table.add_row(f'FER+ test, accuracy, {words}', value)
            table.add_row('  calibration error', f'{figures[f"{key}_ece"]:.3f}')
    for key, words in (
        ('ferplus_uar', 'FER+ test, mean recall of eight expressions'),
        ('ferplus_all_accuracy', 'FER+ test, accuracy with the disputed faces'),
        ('ferplus_all_ece', '  calibration error'),
        ('ferplus_seven_weighted_f1', 'FER+ test, seven labels, weighted F1'),
        ('talking_neutral', 'neutral talkers called neutral'),
    ):
        if key in figures:
            table.add_row(words, f'{figures[key]:.3f}')
    for scene, share in figures.get('talking_neutral_by_scene', {}).items():
        table.add_row(f'  {SCENES[scene][0]}', f'{share:.2f}')
    table.add_section()
    for key, words in (
        ('track', f'following one face at {WIDTH}x{HEIGHT}, per image'),
        ('expression', 'expression, per face'),
    ):
        if f'{key}_ms_p95' in figures:
            table.add_row(
                words,
                f'p50 {figures[f"{key}_ms_p50"]:.1f} ms, p95 {figures[f"{key}_ms_p95"]:.1f} ms',
            )
    table.add_row('file', f'{figures["file_mb"]:.1f} MB')
    for reason in figures['skipped']:
        table.add_row('skipped', reason)
    return table
