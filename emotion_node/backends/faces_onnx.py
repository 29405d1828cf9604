"""Finds faces and their landmarks with MediaPipe's networks, run by onnxruntime.

Detection is BlazeFace's full-range variant, landmarks are the attention mesh (Bazarevsky et al.,
arXiv 1907.05047; Grishchenko et al., arXiv 2006.10962), or those of a `face_landmarker.task` file,
with 52 blendshapes. The networks are converted from their TensorFlow Lite files when they are
loaded; MediaPipe itself is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_node.backends.face_networks import (
    DETECTOR,
    MESH,
    Landmarker,
    Mesh,
    Network,
    find_networks,
    read_task,
)
from emotion_node.backends.tflite_converter import INPUT
from emotion_node.datatypes import ModelInfo
from emotion_node.dsp.similarity import crop_to_image
from emotion_node.faces import Box, FaceDetection, FaceMesh, FaceRegion, Image, Landmarks
from emotion_node.model_store.files import ModelFile

VERSION: Final = '0.10.21'
"""Release of MediaPipe that the networks are from."""

DETECTOR_SIZE: Final = 192
"""Side of the detector's input in pixels."""
CELLS: Final = 48
"""Rows and columns of places at which the detector looks for a face."""
MIN_DETECTION_SCORE: Final = 0.6
SAME_DETECTION: Final = 0.3
"""Detections that overlap by more (intersection over union) are of one face."""

Floats = npt.NDArray[np.floating[Any]]


class OnnxFaces:
    """MediaPipe's detector and landmarks, run by onnxruntime (an `interfaces.FaceFinder`).

    It keeps no state between images and may be called from several threads.

    Args:
        files: of the networks, by name.
        landmarker: a face_landmarker.task file with blendshapes; None for the attention mesh.
        threads: of the CPU, per call.

    Raises:
        ModelError: a file is missing or damaged, or is no such network.
    """

    def __init__(
        self, files: Mapping[str, ModelFile], landmarker: Path | None = None, threads: int = 1
    ) -> None:
        detector = Network(files[DETECTOR].read(), files[DETECTOR].path, threads)
        self._detector = detector.session({'Identity': 'boxes', 'Identity_1': 'scores'})
        self._mesh: Mesh | Landmarker
        if landmarker is None:
            self.info = ModelInfo('mediapipe-face-mesh', VERSION)
            self._mesh = Mesh(Network(files[MESH].read(), files[MESH].path, threads))
        else:
            self.info = ModelInfo(f'mediapipe-{landmarker.stem}', VERSION)
            self._mesh = Landmarker(read_task(landmarker), landmarker, threads)

    def detect(self, image: Image, view: Box) -> list[FaceDetection]:
        """Return the faces within a part of the image.

        Args:
            image: (height, width, 3) uint8 BGR.
            view: the part; it may extend beyond the image, where it is black. A face narrower
                than a tenth of its longer side is often missed.
        """
        scale = DETECTOR_SIZE / max(view.width, view.height)
        canvas, left, top = _fit_in(image, view, scale)
        blob = cv2.dnn.blobFromImage(canvas, 1 / 127.5, mean=(127.5,) * 3, swapRB=True)
        boxes, scores = self._detector.run(['boxes', 'scores'], {INPUT: blob})
        return [
            FaceDetection(
                Box(left + x / scale, top + y / scale, width / scale, height / scale),
                float(score),
            )
            for (x, y, width, height), score in _decode(boxes[0], scores[0, :, 0])
        ]

    def fit(self, image: Image, region: FaceRegion, detailed: bool = True) -> FaceMesh | None:
        """Return the landmarks of the face in a region; None when there is none.

        Args:
            image: (height, width, 3) uint8 BGR.
            region: where it should be, 1.5 times as wide as the face; it may extend beyond the
                image.
            detailed: whether also what takes extra time is found: the refined eyes, and the
                blendshapes.
        """
        size = self._mesh.size
        to_image = crop_to_image(region, size)
        crop = cv2.warpAffine(
            image,
            to_image.matrix(),
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.uint8, copy=False)
        found = self._mesh.run(cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True), detailed)
        if found is None:
            return None

        def place(points: Landmarks) -> Landmarks:
            placed = np.empty_like(points)
            placed[:, :2] = to_image.apply(points[:, :2].astype(np.float64) - 0.5)
            placed[:, 2] = points[:, 2] * np.float32(region.side / size)
            return placed

        detail = None if found.detail is None else place(found.detail)
        return FaceMesh(
            place(found.landmarks), crop, region, found.blendshapes, detail, found.presence
        )


def open_faces(landmarker: str = '') -> OnnxFaces:
    """Return the fetched networks.

    Args:
        landmarker: path of a face_landmarker.task file; empty for the attention mesh.

    Raises:
        MissingError: they have not been fetched.
        ModelError: as for `OnnxFaces`.
    """
    path = Path(landmarker).expanduser() if landmarker else None
    return OnnxFaces(find_networks(), path)


def _fit_in(image: Image, view: Box, scale: float) -> tuple[Image, float, float]:
    """Return a view as a square image, and where in `image` its upper left corner is."""
    canvas = np.zeros((DETECTOR_SIZE, DETECTOR_SIZE, 3), np.uint8)
    height, width = image.shape[:2]
    left, top = max(0, round(view.left)), max(0, round(view.top))
    right = min(width, round(view.left + view.width))
    bottom = min(height, round(view.top + view.height))
    if right <= left or bottom <= top:
        return canvas, view.left, view.top
    columns = max(1, round((right - left) * scale))
    rows = max(1, round((bottom - top) * scale))
    # In the middle, where the view is not a square.
    x = round((left - view.left) * scale + (DETECTOR_SIZE - view.width * scale) / 2)
    y = round((top - view.top) * scale + (DETECTOR_SIZE - view.height * scale) / 2)
    x, y = min(x, DETECTOR_SIZE - columns), min(y, DETECTOR_SIZE - rows)
    part = image[top:bottom, left:right]
    # Halving is several times as fast as any other resampling by areas.
    while min(part.shape[1] / columns, part.shape[0] / rows) >= 2:
        part = _resize(part, (part.shape[1] // 2, part.shape[0] // 2))
    canvas[y : y + rows, x : x + columns] = _resize(part, (columns, rows))
    return canvas, left - x / scale, top - y / scale


def _resize(image: Image, size: tuple[int, int]) -> Image:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _decode(boxes: Floats, scores: Floats) -> list[tuple[Floats, float]]:
    """Return the boxes of faces, (left, top, width, height) in pixels of the input, with scores.

    Of several detections of a face, their mean weighted by score counts, with the best score.

    Args:
        boxes: (cells, 16), first the centre relative to that of the cell, width and height.
        scores: (cells,) logarithms of the odds.
    """
    chances = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -100, 100)))
    found = np.flatnonzero(chances >= MIN_DETECTION_SCORE)
    found = found[np.argsort(-chances[found], kind='stable')]
    chances = chances[found]
    values = boxes[found, :4].astype(np.float64)
    cells = np.stack([found % CELLS, found // CELLS], axis=1)
    corners = values[:, :2] + (cells + 0.5) * (DETECTOR_SIZE / CELLS) - values[:, 2:] / 2
    values = np.concatenate([corners, values[:, 2:]], axis=1)
    faces = []
    while len(values):
        overlaps = [Box(*values[0]).overlap(Box(*one)) for one in values]
        same = np.array(overlaps) > SAME_DETECTION
        same[0] = True
        weights = chances[same] / chances[same].sum()
        faces.append((np.asarray(weights @ values[same]), float(chances[0])))
        values, chances = values[~same], chances[~same]
    return faces
