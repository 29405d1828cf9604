"""What a face expresses: the aligned image of a frame, and the answer over an utterance."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.manifests import with_file

from emotion_node.backends.face_image import PLACES, SIDE, face_image
from emotion_node.backends.face_onnx import EXPRESSIONS, FaceAnswer, OnnxFaceEmotion
from emotion_node.backends.face_pooling import MIN_FRAMES, pool_expressions
from emotion_node.backends.vad_silero import find_silero
from emotion_node.datatypes import NS_PER_S, FloatArray, ModalityEmotion, Reason
from emotion_node.errors import ModelError
from emotion_node.faces import FaceMesh, FaceRegion, FaceSequence
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import ModelEntry, find_model, read_manifest


def face(x: float, y: float, size: float, degrees: float, crop: int = 192) -> FaceMesh:
    """Return a face with light eyes and mouth on black, `size` pixels from chin to forehead."""
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    places = np.array(list(PLACES.values())) - (SIDE - 1) / 2
    points = places @ rotation.T * size / SIDE + (x, y)
    landmarks = np.zeros((478, 3), np.float32)
    for pair, point in zip(PLACES, points, strict=True):
        landmarks[list(pair), :2] = point
    image = np.zeros((600, 800, 3), np.uint8)
    for px, py in points:
        middle = (round(16 * px), round(16 * py))
        cv2.circle(image, middle, round(16 * size / 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
    region = FaceRegion(x, y, 1.5 * size, turn)
    scale = region.side / crop
    matrix = np.column_stack(
        [rotation * scale, (x, y) - rotation @ np.full(2, (crop - 1) / 2) * scale]
    )
    seen = cv2.warpAffine(image, matrix, (crop, crop), flags=cv2.WARP_INVERSE_MAP)
    return FaceMesh(landmarks, np.asarray(seen, np.uint8), region)


@pytest.mark.parametrize('size', [60.0, 150.0, 320.0])
@pytest.mark.parametrize('degrees', [-30.0, 0.0, 20.0])
def test_eyes_and_mouth_are_where_the_model_expects_them(size: float, degrees: float) -> None:
    image = face_image(face(400.0, 300.0, size, degrees))
    assert image.shape == (SIDE, SIDE)
    assert image.dtype == np.uint8
    light = image > 128
    count, _, _, centres = cv2.connectedComponentsWithStats(light.astype(np.uint8))
    found = sorted(map(tuple, centres[1:count]))
    assert np.array(found) == pytest.approx(np.array(sorted(PLACES.values())), abs=0.7)


@pytest.mark.parametrize('crop', [192, 256])
def test_size_position_and_rotation_of_a_face_change_nothing(crop: int) -> None:
    one = face_image(face(400.0, 300.0, 200.0, 0.0, crop)).astype(float)
    other = face_image(face(300.0, 250.0, 130.0, 25.0, crop)).astype(float)
    assert np.abs(one - other).mean() < 4


def rows(*shown: dict[str, float]) -> FloatArray:
    """Return frames in each of which expressions have these probabilities."""
    made = np.full((len(shown), len(EXPRESSIONS)), 0.01)
    for row, given in zip(made, shown, strict=True):
        for label, share in given.items():
            row[EXPRESSIONS.index(label)] = share
    made /= made.sum(axis=1, keepdims=True)
    return np.asarray(np.log(made), np.float32)


def sequence(seen: FloatArray, quality: float | list[float] = 1.0) -> FaceSequence:
    return FaceSequence(
        np.arange(len(seen)) * NS_PER_S // 10,
        seen,
        np.broadcast_to(np.asarray(quality, np.float32), len(seen)),
    )


def test_frames_of_low_quality_have_less_weight() -> None:
    seen = rows({'joy': 0.9}, {'anger': 0.9})
    assert EXPRESSIONS[pool_expressions(sequence(seen, [1.0, 0.2])).argmax()] == 'joy'
    assert EXPRESSIONS[pool_expressions(sequence(seen, [0.2, 1.0])).argmax()] == 'anger'


def test_one_outlier_frame_does_not_change_the_answer() -> None:
    seen = rows(*[{'sadness': 0.6}] * 9, {'surprise': 0.97})
    assert EXPRESSIONS[pool_expressions(sequence(seen)).argmax()] == 'sadness'


@pytest.fixture(scope='module')
def entry() -> ModelEntry:
    if 'face' not in read_manifest():
        pytest.skip('there is no face model in the manifest')
    return find_model('face', labels=EXPRESSIONS)


@pytest.fixture(scope='module')
def model(entry: ModelEntry) -> OnnxFaceEmotion:
    return OnnxFaceEmotion(entry)


def summed(emotion: ModalityEmotion) -> float:
    assert emotion.scores is not None
    assert emotion.scores.shape == (len(LABELS),)
    return float(emotion.scores.sum())


def observed(seen: FloatArray, quality: float = 1.0, shown: float = 1.0) -> FaceSequence:
    """Return frames as the model observes them, of which so much is not hidden."""
    return sequence(np.column_stack([seen, np.full(len(seen), shown, np.float32)]), quality)


def test_an_utterance_gets_probabilities_valence_and_reliability(
    model: OnnxFaceEmotion,
) -> None:
    emotion = model.estimate(observed(rows(*[{'joy': 0.8}] * 5), 0.8))
    assert (emotion.label, emotion.reason) == ('joy', Reason.NONE)
    assert summed(emotion) == pytest.approx(1, abs=1e-5)
    assert emotion.valence > 0.4
    assert emotion.samples_used == 5
    assert 0.7 < emotion.reliability <= 0.8
    assert emotion.model == model.info


def test_contempt_lowers_the_reliability_and_above_one_half_there_is_no_answer(
    model: OnnxFaceEmotion,
) -> None:
    some = model.estimate(observed(rows(*[{'anger': 0.5, 'contempt': 0.4}] * 3)))
    assert some.label == 'anger'
    assert summed(some) == pytest.approx(1, abs=1e-5)
    assert some.reliability < 0.7
    most = model.estimate(observed(rows(*[{'anger': 0.2, 'contempt': 0.7}] * 3)))
    assert (most.available, most.reason) == (False, Reason.LOW_CONFIDENCE)


def test_a_covered_face_is_less_reliable_and_its_covered_frames_count_less(
    model: OnnxFaceEmotion,
) -> None:
    joyful = rows(*[{'joy': 0.8}] * 4)
    whole, hidden = (model.estimate(observed(joyful, shown=shown)) for shown in (1.0, 0.3))
    assert hidden.label == whole.label == 'joy'
    assert hidden.reliability == pytest.approx(0.3 * whole.reliability, rel=0.01)
    seen = rows({'joy': 0.9}, {'joy': 0.9}, {'anger': 0.9}, {'anger': 0.9}, {'anger': 0.9})
    shown = np.array([1, 1, 0.2, 0.2, 0.2], np.float32)
    assert model.estimate(sequence(np.column_stack([seen, shown]))).label == 'joy'


def test_what_hides_eyes_or_mouth_lowers_the_quality_of_a_frame() -> None:
    def shown(eyes: float, mouth: float) -> float:
        return FaceAnswer(np.zeros(8, np.float32), np.array([eyes, mouth], np.float32)).shown

    assert shown(0, 0) == 1
    assert 1 > shown(0.5, 0) > shown(1, 0) > shown(1, 1) > 0
    assert shown(0, 0.5) > shown(0, 1) > shown(1, 1)
    assert max(shown(1, 0), shown(0, 1)) < 0.5


def test_too_few_frames_or_too_low_quality_give_no_answer(model: OnnxFaceEmotion) -> None:
    few = model.estimate(observed(rows(*[{'joy': 0.9}] * (MIN_FRAMES - 1))))
    assert (few.available, few.reason) == (False, Reason.TOO_SHORT)
    bad = model.estimate(observed(rows(*[{'joy': 0.9}] * 5), 0.01))
    assert (bad.available, bad.reason) == (False, Reason.LOW_CONFIDENCE)


@pytest.mark.parametrize('light', [0.25, 0.5, 1.0])
def test_brightness_makes_no_difference(model: OnnxFaceEmotion, light: float) -> None:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (SIDE, SIDE)).astype(np.uint8), (9, 9), 3)
    image = np.clip((image.astype(float) - 128) * 4 + 128, 0, 255)
    plain = model.run(image.astype(np.uint8)).scores
    dim = model.run((image * light).astype(np.uint8)).scores
    assert dim == pytest.approx(plain, abs=0.08)


def test_an_image_without_contrast_gets_probabilities(model: OnnxFaceEmotion) -> None:
    for brightness in (0, 128, 255):
        scores = model.run(np.full((SIDE, SIDE), brightness, np.uint8)).scores
        assert np.isfinite(scores).all()
        assert scores.sum() == pytest.approx(1, abs=1e-4)


def test_a_model_for_something_else_is_refused(entry: ModelEntry) -> None:
    other = with_file(entry, 'weights', find_silero())
    with pytest.raises(ModelError, match=r'a face model takes faces of \(batch, 48, 48\)'):
        OnnxFaceEmotion(other)
