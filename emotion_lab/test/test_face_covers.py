"""Things drawn before faces: what they hide, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from support.face_scenes import real_landmarks

from emotion_lab.data.face_covers import HELD_OUT, PARTS, SEEN, Floats, cover_all, draw_cover
from emotion_node.backends.face_image import SIDE
from emotion_node.core.vision.geometry import box_of

FACE = np.full((SIDE, SIDE), 140, np.uint8)


@pytest.fixture(scope='module')
def landmarks() -> Floats:
    """A real face that fills the image."""
    points = real_landmarks()[:468, :2].astype(np.float64)
    box = box_of(points.astype(np.float32))
    scaled = (points - box.centre) * (42 / max(box.width, box.height))
    return np.asarray(scaled + (SIDE - 1) / 2)


@pytest.mark.parametrize('kind', HELD_OUT)
def test_what_is_held_out_hides_its_part_and_no_other(kind: str, landmarks: Floats) -> None:
    part, draw = HELD_OUT[kind]
    rng = np.random.default_rng(0)
    shares = np.mean([draw_cover(FACE, landmarks, draw, rng).shares for _ in range(5)], axis=0)
    hidden = PARTS.index(part)
    assert shares[hidden] > 0.7
    assert shares[1 - hidden] < 0.2


def test_training_hides_eyes_mouths_and_with_clear_glasses_nothing(landmarks: Floats) -> None:
    rng = np.random.default_rng(0)
    shares = {
        kind: np.mean([draw_cover(FACE, landmarks, draw, rng).shares for _ in range(8)], axis=0)
        for kind, draw in SEEN.items()
    }
    assert shares['clear glasses'].max() < 0.1
    assert shares['dark glasses'][0] > 0.7
    assert shares['mask'][1] > 0.7
    assert not set(SEEN) & set(HELD_OUT)


def test_only_what_is_covered_changes(landmarks: Floats) -> None:
    mask = draw_cover(FACE, landmarks, SEEN['mask'], np.random.default_rng(0)).images
    assert (mask[: SIDE // 4] == FACE[: SIDE // 4]).all()
    assert (mask != FACE).mean() > 0.1


def test_covers_are_seeded_and_a_face_without_landmarks_stays_as_it_is(
    landmarks: Floats,
) -> None:
    faces = np.stack([FACE] * 20)
    places = np.stack([landmarks] * 20)
    places[3] = np.nan
    one, other = (cover_all(faces, places, np.random.default_rng(5)) for _ in range(2))
    assert (one.images == other.images).all()
    assert (one.images[3] == FACE).all()
    assert np.isnan(one.shares[3]).all()
    assert np.isfinite(np.delete(one.shares, 3, axis=0)).all()
    assert len({face.tobytes() for face in one.images}) > 15
