"""The figures of the expression model: on FER+, on neutral people who talk, and its time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from emotion_lab.data.face_covers import HELD_OUT, Draw, draw_cover
from emotion_lab.data.face_landmarks import find_landmarks
from emotion_lab.data.ferplus import FerPlus
from emotion_lab.data.metrics import (
    accuracy,
    confusion,
    expected_calibration_error,
    unweighted_average_recall,
    weighted_f1,
)
from emotion_lab.data.speaker_clips import Talker
from emotion_lab.evaluation.face_conditions import CONDITIONS, SCENES, Degrade
from emotion_node.backends.face_onnx import EXPRESSIONS, OnnxFaceEmotion
from emotion_node.backends.faces_onnx import open_faces
from emotion_node.config import FaceConfig
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.datatypes import (
    NS_PER_MS,
    ClockSource,
    EndReason,
    FaceEstimate,
    Utterance,
    VideoFrame,
)
from emotion_node.faces import FaceMesh, FaceRegion, Image
from emotion_node.interfaces import FaceFinder
from emotion_node.labels import LABELS, NEUTRAL

FRAMES: Final = 300
"""Number of frames over which times are measured."""
WIDTH, HEIGHT = 640, 480
"""Size of these frames."""
COVERED: Final = 1000
"""Number of faces before which things are drawn."""


def ferplus_figures(backend: OnnxFaceEmotion, faces: FerPlus) -> dict[str, Any]:
    """Return the figures on faces of FER+ under all of `CONDITIONS`."""
    figures: dict[str, Any] = {}
    agreed, truth = faces.agreed, faces.labels
    classes = len(EXPRESSIONS)
    console = Console(stderr=True)
    for name, (_, degrade) in CONDITIONS.items():
        rng = np.random.default_rng(0)
        faces_shown = track(faces.images, f'FER+ {name}', console=console, transient=True)
        scores = np.array(
            [backend.run(degrade(face, rng)).scores for face in faces_shown], np.float64
        )
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


def covered_figures(
    backend: OnnxFaceEmotion, faces: FerPlus, finder: FaceFinder
) -> dict[str, dict[str, float]]:
    """Return by kind of cover what the model says of covered faces, and of uncovered ones.

    Args:
        backend: the model.
        faces: those whose votes agree count, `COVERED` of them where the landmarks are found.
        finder: of landmarks.

    Returns:
        By kind of `HELD_OUT`, and "nothing": the `accuracy`, the mean `confidence`, the mean share
        of its quality that a frame keeps (`shown`), and the shares of the faces whose eyes and
        whose mouth are said to be covered by more than half (`eyes`, `mouth`).
    """
    rng = np.random.default_rng(0)
    some = faces.choose(faces.agreed)
    rows = rng.permutation(len(some))[: round(1.2 * COVERED)]
    landmarks = find_landmarks(some.images[rows], finder, 'landmarks')
    found = np.isfinite(landmarks).all((1, 2))
    rows, landmarks = rows[found][:COVERED], landmarks[found][:COVERED]
    truth = some.labels[rows]
    kinds: dict[str, Draw | None] = {'nothing': None}
    kinds |= {name: draw for name, (_, draw) in HELD_OUT.items()}
    figures = {}
    for name, draw in kinds.items():
        answers = []
        shown = zip(some.images[rows], landmarks, strict=True)
        for image, points in track(
            shown, name, len(rows), console=Console(stderr=True), transient=True
        ):
            face = draw_cover(image, points, draw, rng).images if draw else image
            answers.append(backend.run(face))
        scores = np.array([answer.scores for answer in answers])
        covered = np.array([answer.covered for answer in answers]) > 0.5
        figures[name] = {
            'faces': len(rows),
            'accuracy': float(np.mean(scores.argmax(1) == truth)),
            'confidence': float(scores.max(1).mean()),
            'shown': float(np.mean([answer.shown for answer in answers])),
            'eyes': float(covered[:, 0].mean()),
            'mouth': float(covered[:, 1].mean()),
        }
    return figures


def _interval(hits: npt.NDArray[np.bool_]) -> list[float]:
    """Return the 95 % interval of 2,000 bootstrap samples over faces."""
    rng = np.random.default_rng(0)
    means = rng.binomial(len(hits), hits.mean(), 2000) / len(hits)
    return [float(bound) for bound in np.percentile(means, [2.5, 97.5])]


def estimate_talker(
    talker: Talker, finder: FaceFinder, backend: OnnxFaceEmotion, degrade: Degrade
) -> FaceEstimate:
    """Run the node's vision over the degraded frames of one talker, and return its estimate."""
    rng = np.random.default_rng(0)
    vision = FaceVision(FaceTracker(FaceConfig(), finder), expression=backend)
    for stamp_ns, image in zip(talker.stamps_ns, talker.images, strict=True):
        degraded = degrade(image, rng)
        vision.update(VideoFrame(stamp_ns, lambda degraded=degraded: degraded))  # type: ignore[misc]
    start_ns, end_ns = talker.speech
    return vision.estimate(
        Utterance(
            'u1', start_ns, end_ns, end_ns, talker.samples, 0, EndReason.SILENCE, ClockSource.FILE
        )
    )


def talking_figures(backend: OnnxFaceEmotion, talkers: Sequence[Talker]) -> dict[str, Any]:
    """Return how often neutral talkers are estimated as neutral, and each estimate."""
    neutral: dict[str, list[bool]] = {}
    rows = []
    console, finder = Console(stderr=True), open_faces()
    pairs = [(talker, scene) for talker in talkers for scene in SCENES]
    for talker, scene in track(pairs, 'talkers', console=console, transient=True):
        emotion = estimate_talker(talker, finder, backend, SCENES[scene][1]).emotion
        neutral.setdefault(scene, []).append(emotion.label == NEUTRAL)
        rows.append(
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
        'talking_utterances': len(pairs),
        'talking_neutral_by_scene': {scene: float(np.mean(row)) for scene, row in neutral.items()},
        'talking': rows,
    }


def centre_frames(talker: Talker) -> list[Image]:
    """Return the talker's frames, scaled to fit and centred in frames of `WIDTH` by `HEIGHT`."""
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
    """Return the time of tracking one face, and of its expression, per frame."""
    tracker = FaceTracker(FaceConfig(), open_faces())
    images = centre_frames(talker)
    track_ns, expression_ns = [], []
    for number in range(FRAMES):
        image = images[number % len(images)]
        begin = time.perf_counter_ns()
        faces = tracker.update(number * 40 * NS_PER_MS, image)
        track_ns.append(time.perf_counter_ns() - begin)
        for face in faces:
            begin = time.perf_counter_ns()
            backend.observe(backend.keep(face.mesh))
            expression_ns.append(time.perf_counter_ns() - begin)
    return {
        'track_ms_p50': _ms(track_ns, 50),
        'track_ms_p95': _ms(track_ns, 95),
    } | _expression_ms(expression_ns)


def _expression_ms(values_ns: Sequence[int]) -> dict[str, float]:
    return {'expression_ms_p50': _ms(values_ns, 50), 'expression_ms_p95': _ms(values_ns, 95)}


def _ms(values_ns: Sequence[int], percentile: float) -> float:
    return float(np.percentile(values_ns, percentile)) / NS_PER_MS


def _noise_face() -> FaceMesh:
    """Return a face of noise, to measure times on where there are no recordings."""
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 255, (192, 192, 3), np.uint8)
    points: npt.NDArray[np.float32] = np.zeros((478, 3), np.float32)
    points[[33, 133], :2], points[[362, 263], :2] = (70, 70), (122, 70)
    points[[61, 291], :2] = (96, 124)
    return FaceMesh(points, crop, FaceRegion(95.5, 95.5, 192, 0.0))


def expression_time_figures(backend: OnnxFaceEmotion) -> dict[str, float]:
    """Return the time of an expression, where there are no recordings to track a face in."""
    mesh, expression_ns = _noise_face(), []
    for _ in range(FRAMES):
        begin = time.perf_counter_ns()
        backend.observe(backend.keep(mesh))
        expression_ns.append(time.perf_counter_ns() - begin)
    return _expression_ms(expression_ns)
