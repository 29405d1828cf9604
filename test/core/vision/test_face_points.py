"""The landmarks of a face that landmark models use, and how they are resampled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.face_scenes import real_landmarks
from support.landmark_faces import as_sequence, mesh, moving, resting

from emotion_node.backends.face_landmarks_onnx import MAX_STEPS, MIN_QUALITY, STEP_NS, resample
from emotion_node.core.vision.face_points import (
    MIRRORED,
    POINTS,
    WIDTH,
    mirror_points,
    read_points,
)
from emotion_node.datatypes import NS_PER_MS, NS_PER_S


@given(
    scale=st.floats(0.3, 5),
    angles=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
@settings(max_examples=30)
def test_size_pose_and_place_of_a_face_do_not_matter(
    scale: float, angles: tuple[float, ...], shift: tuple[float, float]
) -> None:
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        one = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        one[[first, second], [first, second]] = np.cos(angle)
        one[first, second], one[second, first] = -np.sin(angle), np.sin(angle)
        turn = turn @ one
    moved = real_landmarks().astype(np.float64) @ turn * scale + (*shift, 0)
    found = read_points(mesh(moved.astype(np.float32)))
    assert found is not None
    assert found.shape == (WIDTH,)
    np.testing.assert_allclose(found, resting(), atol=0.01)


def test_landmarks_that_are_not_those_of_a_face_give_none() -> None:
    assert read_points(mesh(np.zeros((478, 3), np.float32))) is None
    assert read_points(mesh(np.full((478, 3), np.nan, np.float32))) is None


def test_the_points_are_in_the_order_of_ibug() -> None:
    points = resting().reshape(68, 2)
    x, y = points[:, 0], points[:, 1]
    assert (np.diff(x[1:16]) > 0).all()  # jaw, from the viewer's left
    assert y[8] == y[:17].max()  # chin
    assert (np.diff(x[17:27]) > 0).all()  # brows
    assert y[17:27].max() < y[36:48].min()  # above the eyes
    assert (np.diff(y[27:31]) > 0).all()  # down the ridge of the nose
    assert x[36] < x[39] < x[42] < x[45]  # corners of the eyes
    assert y[37] < y[41]  # upper lids above the lower ones
    assert y[44] < y[46]
    assert x[48] == x[48:].min()  # corners of the mouth
    assert x[54] == x[48:].max()
    assert y[51] < y[62] <= y[66] < y[57]  # lips


def test_a_mirrored_mirror_image_is_the_face_itself() -> None:
    assert sorted(MIRRORED) == list(range(len(POINTS)))
    rows = np.random.default_rng(0).normal(size=(5, WIDTH)).astype(np.float32)
    np.testing.assert_array_equal(mirror_points(mirror_points(rows)), rows)


def test_a_mirrored_image_gives_mirrored_points() -> None:
    # A face is nearly symmetrical, so its mirror image nearly fits it, every point in its place.
    points = resting().reshape(-1, 2)
    found = mirror_points(resting()).reshape(-1, 2)
    assert np.abs(points - found).max() < 1.0
    shuffled = np.abs(points - found[np.roll(np.arange(68), 1)]).max()
    assert shuffled > 3 * np.abs(points - found).max()


def test_the_frame_rate_hardly_matters() -> None:
    full = moving(0, frames=60, smile=0.5)
    half = as_sequence(full.stamps_ns[::2], full.rows[::2], full.quality[::2])
    one, other = resample(full)[0], resample(half)[0]
    steps = min(len(one), len(other))
    assert abs(len(one) - len(other)) <= 1
    assert np.abs(one[:steps] - other[:steps]).mean() < 0.03


@pytest.mark.parametrize('shift_ns', [1, 10**9, 1_764_000_000 * 10**9])
def test_shifted_stamps_give_the_same_steps(shift_ns: int) -> None:
    plain, shifted = moving(1), moving(1, start_ns=shift_ns)
    for one, other in zip(resample(plain), resample(shifted), strict=True):
        np.testing.assert_array_equal(one, other)


def test_steps_in_a_gap_between_frames_have_no_quality() -> None:
    seen = moving(2, frames=40)
    gone = (seen.stamps_ns > 400 * NS_PER_MS) & (seen.stamps_ns < NS_PER_S)
    rows, quality = resample(
        as_sequence(seen.stamps_ns[~gone], seen.rows[~gone], seen.quality[~gone])
    )
    times = np.arange(len(rows)) * STEP_NS
    hidden = (times > 400 * NS_PER_MS) & (times < NS_PER_S)
    assert not quality[hidden].any()
    assert (quality[~hidden] > 0).all()
    assert np.isfinite(rows).all()


def test_frames_in_which_the_face_does_not_show_change_nothing() -> None:
    seen = moving(3)
    quality = seen.quality.copy()
    quality[7:9] = MIN_QUALITY / 2
    strange = seen.rows.copy()
    strange[7:9] = 1e6
    for one, other in zip(
        resample(as_sequence(seen.stamps_ns, seen.rows, quality)),
        resample(as_sequence(seen.stamps_ns, strange, quality)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_of_a_long_utterance_the_end_is_used() -> None:
    seen = moving(4, frames=1500)
    rows, quality = resample(seen)
    assert len(rows) == len(quality) == MAX_STEPS
    np.testing.assert_allclose(rows[-1], seen.rows[-1], atol=0.5)
    assert len(resample(moving(5, frames=1))[0]) == 1
