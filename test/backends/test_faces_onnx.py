"""Real faces, found by MediaPipe's networks in the recorded conversation."""

from __future__ import annotations

import contextlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.face_scenes import finder, recorded_frames
from support.recordings import CONVERSATION

from emotion_node.backends.face_networks import DETECTOR, MESH, TASK_MEMBERS
from emotion_node.backends.faces_onnx import OnnxFaces
from emotion_node.backends.tflite_file import TfliteError, read_tflite
from emotion_node.backends.tflite_image import ImageConverter
from emotion_node.config import FaceConfig, make_config
from emotion_node.core.vision.geometry import box_of, find_head, region_of, region_of_detection
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.datatypes import FloatArray
from emotion_node.errors import ModelError
from emotion_node.faces import Box, FaceRegion, Image
from emotion_node.factory import load_models
from emotion_node.model_store.catalogue import FACES as FACES_MODEL
from emotion_node.model_store.catalogue import find_fetchable

TASK = Path(__file__).parents[3] / 'shared' / 'reference' / 'face_landmarker.task'
FRAME_NS = 80_000_000
FILES = find_fetchable(FACES_MODEL).files


@pytest.fixture(scope='module')
def image() -> Image:
    (frame,) = recorded_frames(1)
    return frame.decode()


FACES: dict[str, object] = {'transcriber.backend': 'off'}


def people() -> list[dict[str, Any]]:
    truth = json.loads((CONVERSATION / 'truth.json').read_text(encoding='utf-8'))
    found: list[dict[str, Any]] = truth['people']
    return found


def whole(image: Image) -> Box:
    height, width = image.shape[:2]
    return Box(0, 0, width, height)


def middle_of_mouth(landmarks: FloatArray) -> tuple[float, float]:
    x, y = landmarks[[61, 291, 13, 14], :2].mean(axis=0)
    return float(x), float(y)


def holds(box: list[float], point: tuple[float, float]) -> bool:
    left, top, width, height = box
    return left <= point[0] <= left + width and top <= point[1] <= top + height


def test_both_faces_and_their_mouths_are_where_they_are(image: Image) -> None:
    detections = finder().detect(image, whole(image))
    assert len(detections) == 2
    mouths = []
    for detection in detections:
        assert detection.confidence > 0.7
        mesh = finder().fit(image, region_of_detection(detection.box))
        assert mesh is not None
        assert mesh.landmarks.shape == (468, 3)
        assert mesh.landmarks.dtype == np.float32
        again = finder().fit(image, region_of(mesh.landmarks))
        assert again is not None
        assert np.abs(again.landmarks - mesh.landmarks)[:, :2].mean() < 2
        mouths.append(middle_of_mouth(mesh.landmarks))
        head = find_head(mesh.landmarks)
        assert head is not None
        assert max(abs(head.yaw), abs(head.pitch), abs(head.roll)) < 25
    for person in people():
        assert sum(holds(person['mouth'], mouth) for mouth in mouths) == 1


def test_the_image_is_not_changed(image: Image) -> None:
    before = image.copy()
    finder().detect(image, whole(image))
    finder().fit(image, FaceRegion(158, 183, 230, 0.1))
    np.testing.assert_array_equal(image, before)


def test_noise_contains_no_face(image: Image) -> None:
    noise = np.random.default_rng(0).integers(0, 255, image.shape, np.uint8)
    assert finder().detect(noise, whole(noise)) == []
    assert finder().fit(noise, FaceRegion(300, 200, 200, 0)) is None


def test_a_tilted_head_is_found_in_its_rotated_region(image: Image) -> None:
    left = people()[0]['face']
    centre = (left[0] + left[2] / 2, left[1] + left[3] / 2)
    turn = cv2.getRotationMatrix2D(centre, -30, 1.0)  # clockwise
    height, width = image.shape[:2]
    tilted = cv2.warpAffine(image, turn, (width, height)).astype(np.uint8)
    mesh = finder().fit(tilted, FaceRegion(*centre, 240, np.radians(30)))
    assert mesh is not None
    head = find_head(mesh.landmarks)
    assert head is not None
    assert head.roll == pytest.approx(30, abs=10)


@pytest.mark.parametrize(('x', 'y'), [(20, 30), (600, 300), (1060, 480)])
def test_a_face_of_80_pixels_in_a_large_image_is_found_within_three_frames(
    image: Image, x: int, y: int
) -> None:
    left, top, width, height = people()[0]['face']
    mesh = finder().fit(image, FaceRegion(left + width / 2, top + height / 2, 230, 0))
    assert mesh is not None
    face = box_of(mesh.landmarks)
    half = image[:, : image.shape[1] // 2]
    small = cv2.resize(half, None, fx=80 / face.width, fy=80 / face.width)
    room = np.full((720, 1280, 3), 90, np.uint8)
    room[y : y + len(small), x : x + small.shape[1]] = small
    tracker = FaceTracker(FaceConfig(), finder())
    found = [tracker.update(number * 3 * FRAME_NS, room) for number in range(3)]
    (face_found,) = found[-1]
    assert 60 <= face_found.box.width <= 100


@pytest.mark.skipif(not TASK.is_file(), reason=f'{TASK.name} is not on this machine')
def test_a_landmarker_file_gives_blendshapes(image: Image) -> None:
    landmarker = OnnxFaces(FILES, TASK)
    (one, _) = landmarker.detect(image, whole(image))
    mesh = landmarker.fit(image, region_of_detection(one.box))
    assert mesh is not None
    assert mesh.landmarks.shape == (478, 3)
    assert len(mesh.blendshapes) == 52
    assert all(0 <= value <= 1 for value in mesh.blendshapes.values())
    plain = finder().fit(image, region_of_detection(one.box))
    assert plain is not None
    assert np.abs(plain.landmarks - mesh.landmarks[:468])[:, :2].mean() < 5


def test_a_missing_or_wrong_landmarker_file_is_an_error_at_start_up(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'missing\.task cannot be read'):
        OnnxFaces(FILES, tmp_path / 'missing.task')
    text = tmp_path / 'text.task'
    text.write_text('no archive')
    with pytest.raises(ModelError, match=r'text\.task is no face_landmarker\.task'):
        OnnxFaces(FILES, text)
    other = tmp_path / 'other.task'
    with zipfile.ZipFile(other, 'w') as archive:
        archive.writestr('hand_landmarks_detector.tflite', b'')
    with pytest.raises(ModelError, match='or is damaged'):
        OnnxFaces(FILES, other)
    damaged = tmp_path / 'damaged.task'
    with zipfile.ZipFile(damaged, 'w') as archive:
        for name in TASK_MEMBERS:
            archive.writestr(name, b'nonsense')
    with pytest.raises(ModelError, match='it is no TensorFlow Lite model'):
        OnnxFaces(FILES, damaged)
    swapped = tmp_path / 'swapped.task'
    with zipfile.ZipFile(swapped, 'w') as archive:
        for name in TASK_MEMBERS:
            archive.writestr(name, FILES[MESH].read())
    with pytest.raises(ModelError, match='the network has no output Identity'):
        OnnxFaces(FILES, swapped)
    config = make_config({**FACES, 'face.landmarker': str(text)})
    with pytest.raises(ModelError, match=r'text\.task'):
        load_models(config, print)


def test_without_the_networks_a_log_line_says_so_and_the_other_models_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('EMOTION_MODELS_CACHE', str(tmp_path))
    logged: list[str] = []
    models = load_models(make_config(FACES), logged.append)
    assert models.faces is None
    assert models.describe()['faces'] == 'off'
    assert any('models fetch mediapipe-faces' in text for text in logged)


def test_damaged_networks_are_an_error_at_start_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('EMOTION_MODELS_CACHE', str(tmp_path))
    folder = shutil.copytree(FILES[MESH].path.parent, tmp_path / FACES_MODEL)
    content = bytearray(FILES[MESH].read())
    content[100_000] ^= 1
    (folder / MESH).write_bytes(content)
    with pytest.raises(ModelError, match='is damaged'):
        load_models(make_config(FACES), print)


@given(st.data())
def test_a_changed_file_is_read_or_rejected(data: st.DataObject) -> None:
    content = bytearray(FILES[DETECTOR].read())
    for _ in range(data.draw(st.integers(1, 4))):
        # The tables are at the end of the file, behind the weights.
        content[-data.draw(st.integers(1, 60_000))] = data.draw(st.integers(0, 255))
    outputs = {'Identity': 'boxes', 'Identity_1': 'scores'}
    with contextlib.suppress(TfliteError):
        ImageConverter(read_tflite(bytes(content)), 'changed', outputs).model()


@pytest.mark.parametrize('change', [{'face.backend': 'off'}, {'image.transport': 'off'}])
def test_no_face_models_are_loaded_where_faces_are_off(change: dict[str, object]) -> None:
    config = make_config({**FACES, 'text.backend': 'off', **change})
    assert load_models(config, print).faces is None
