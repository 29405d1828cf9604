"""Facial movements, and the pose of the head."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.face_scenes import real_landmarks

from emotion_node.core.vision.facial_cues import UNITS, NeutralFace, measure, read_cues
from emotion_node.core.vision.geometry import Head, box_of, find_head, jaw_drop, region_of
from emotion_node.datatypes import NS_PER_MS, FloatArray

NUMBERS = [unit.number for unit in UNITS]
FRAME_NS = 40 * NS_PER_MS

MOVES: dict[int, tuple[tuple[int, ...], tuple[float, float]]] = {
    1: ((107, 336, 55, 285), (0, -0.8)),
    2: ((70, 63, 105, 300, 293, 334), (0, -0.8)),
    4: ((107, 336, 55, 285), (0, 0.6)),
    5: ((158, 159, 160, 385, 386, 387), (0, -0.3)),
    6: ((50, 280, 117, 346), (0, -0.4)),
    7: ((144, 145, 153, 373, 374, 380), (0, -0.3)),
    9: ((129, 358), (0, -0.6)),
    10: ((0, 37, 267), (0, -0.6)),
    15: ((61, 291), (0, 0.4)),
    25: ((14, 87, 317), (0, 1.2)),
    26: ((152,), (0, 1.4)),
}
"""Landmarks that move with an action unit, and by how much, in cm of the head."""


def head_of(landmarks: FloatArray) -> Head:
    head = find_head(landmarks)
    assert head is not None
    return head


@pytest.fixture(scope='module')
def face() -> FloatArray:
    """Landmarks of a face in head coordinates."""
    return head_of(real_landmarks()).landmarks


def intensities(measures: FloatArray, neutral: FloatArray) -> dict[int, float]:
    """Return the intensities over one or more frames, by number."""
    found = read_cues(np.atleast_2d(measures), neutral)
    return {cue.action_unit: cue.intensity for cue in found}


def cues(face: FloatArray, moved: FloatArray) -> dict[int, float]:
    """Return the intensities of a face that moved, relative to the face before."""
    return intensities(measure(moved, {}), measure(face, {}))


def turned(landmarks: FloatArray, yaw: float, pitch: float, roll: float) -> FloatArray:
    """Return the landmarks of a face after the head has turned, in degrees."""
    a, b, c = np.radians([-yaw, pitch, roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    image: FloatArray = (landmarks @ (about_z @ about_y @ about_x).T).astype(np.float32)
    return image


def test_a_face_that_has_not_moved_shows_nothing(face: FloatArray) -> None:
    assert set(cues(face, face).values()) == {0.0}
    assert list(cues(face, face)) == NUMBERS


@pytest.mark.parametrize('number', sorted(MOVES))
def test_each_movement_shows_as_its_action_unit(face: FloatArray, number: int) -> None:
    ids, (dx, dy) = MOVES[number]
    moved = face.copy()
    moved[list(ids), :2] += (dx, dy)
    found = cues(face, moved)
    assert found[number] > 0.4
    halfway = face.copy()
    halfway[list(ids), :2] += (dx / 2, dy / 2)
    assert cues(face, halfway)[number] < found[number]


def test_a_smile_is_a_lip_corner_puller_and_no_depressor(face: FloatArray) -> None:
    moved = face.copy()
    moved[[61, 291], 1] -= 0.9
    moved[61, 0] -= 0.7
    moved[291, 0] += 0.7
    found = cues(face, moved)
    assert found[12] > 0.5
    assert found[15] == 0.0


def test_stretched_lips_thin_lips_and_closed_eyes(face: FloatArray) -> None:
    moved = face.copy()
    moved[61, 0] -= 0.5
    moved[291, 0] += 0.5
    moved[0, 1] += 0.3
    moved[17, 1] -= 0.3
    moved[[159, 386], 1] = moved[[145, 374], 1]
    found = cues(face, moved)
    assert min(found[number] for number in (20, 23, 43)) > 0.4


@settings(max_examples=25)
@given(
    yaw=st.floats(-30, 30),
    pitch=st.floats(-25, 25),
    roll=st.floats(-30, 30),
    scale=st.floats(3, 30),
    place=st.tuples(st.floats(0, 2000), st.floats(0, 1000)),
)
def test_the_pose_of_the_head_is_measured_and_is_no_facial_movement(
    yaw: float, pitch: float, roll: float, scale: float, place: tuple[float, float]
) -> None:
    upright = head_of(real_landmarks())
    in_image = turned(upright.landmarks, yaw, pitch, roll) * np.float32(scale)
    in_image[:, :2] += np.array(place, np.float32)
    head = head_of(in_image)
    bare = head_of(turned(upright.landmarks, 0, 0, 0))
    assert head.yaw - bare.yaw == pytest.approx(yaw, abs=3)
    assert head.pitch - bare.pitch == pytest.approx(pitch, abs=3)
    assert head.roll - bare.roll == pytest.approx(roll, abs=3)
    assert head.scale == pytest.approx(scale * bare.scale, rel=0.01)
    assert jaw_drop(head) == pytest.approx(jaw_drop(bare), abs=0.01)
    assert set(cues(bare.landmarks, head.landmarks).values()) == {0.0}


def test_landmarks_that_are_not_those_of_a_face_have_no_head() -> None:
    assert find_head(np.zeros((478, 3), np.float32)) is None
    assert find_head(np.full((478, 3), np.nan, np.float32)) is None


def test_the_region_of_a_face_contains_it_and_turns_with_it() -> None:
    landmarks = real_landmarks()
    box, region = box_of(landmarks), region_of(landmarks)
    assert region.side > max(box.width, box.height)
    x, y = box.centre
    assert np.hypot(region.x - x, region.y - y) < 0.1 * region.side
    tilted = turned(landmarks, 0, 0, 20)
    assert region_of(tilted).angle - region.angle == pytest.approx(np.radians(20), abs=1e-3)
    assert region_of(tilted).side == pytest.approx(region.side, rel=1e-3)


def test_blendshapes_are_used_where_there_are_any(face: FloatArray) -> None:
    shapes = {'mouthSmileLeft': 0.9, 'mouthSmileRight': 0.7, 'browInnerUp': 0.9}
    found = intensities(measure(face, shapes), NeutralFace().measures)
    assert found[12] > 0.8
    assert found[1] > 0.9


def test_without_frames_there_are_no_cues() -> None:
    assert read_cues(np.zeros((0, len(UNITS)), np.float32), NeutralFace().measures) == ()


def test_a_blink_does_not_close_the_eyes_of_an_utterance(face: FloatArray) -> None:
    closed = face.copy()
    closed[[159, 386], 1] = closed[[145, 374], 1]
    open_, shut = measure(face, {}), measure(closed, {})
    blinking = np.array([shut] * 5 + [open_] * 45)
    assert intensities(blinking, open_)[43] == 0.0
    assert intensities(blinking[:10], open_)[43] > 0.8


class TestNeutralFace:
    """One person's neutral face."""

    def follow(self, measures: FloatArray, seconds: float) -> NeutralFace:
        neutral = NeutralFace()
        for number in range(round(seconds * 25)):
            neutral.follow(number * FRAME_NS, measures)
        return neutral

    def test_low_brows_become_part_of_the_neutral_face(self) -> None:
        own = NeutralFace().measures.copy()
        own[NUMBERS.index(4)] += 0.3
        assert intensities(own, NeutralFace().measures)[4] > 0.3
        known = self.follow(own, 20.0)
        assert set(intensities(own, known.measures).values()) == {0.0}

    def test_occasional_smiles_do_not_become_the_neutral_face(self) -> None:
        own = NeutralFace().measures
        smile = own.copy()
        smile[NUMBERS.index(12)] += 2.0
        neutral = NeutralFace()
        for number in range(25 * 60):
            smiling = number % 250 >= 200
            neutral.follow(number * FRAME_NS, smile if smiling else own)
        assert intensities(smile, neutral.measures)[12] > 0.7
