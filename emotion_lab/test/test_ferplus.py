"""FER+: which faces are used, their votes, and the variation of their images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.ferplus_file import COLUMNS

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.face_variation import NONE, FaceVariation, cover, vary, vary_all
from emotion_lab.data.ferplus import FerPlus, read_ferplus
from emotion_node.backends.face_image import SIDE
from emotion_node.backends.face_onnx import EXPRESSIONS


def write(folder: Path, votes: list[dict[str, int]], split: int = 0) -> Path:
    """Write faces with these votes, by the names of FER+."""
    table = np.zeros((len(votes), len(COLUMNS)), np.uint8)
    for row, given in zip(table, votes, strict=True):
        for name, count in given.items():
            row[COLUMNS.index(name)] = count
    images = np.random.default_rng(0).integers(0, 256, (len(votes), SIDE, SIDE), np.uint8)
    np.savez(
        folder / 'ferplus.npz',
        images=images,
        votes=table,
        vote_names=np.array(COLUMNS),
        split=np.full(len(votes), split, np.uint8),
    )
    return folder


def shares(faces: FerPlus, row: int) -> dict[str, float]:
    return {
        name: round(float(share), 3)
        for name, share in zip(EXPRESSIONS, faces.targets[row], strict=True)
        if share
    }


def test_images_without_a_face_or_an_expression_are_left_out(tmp_path: Path) -> None:
    faces = read_ferplus(
        'train', write(tmp_path, [{'NF': 10}, {'unknown': 6, 'fear': 4}, {'happiness': 10}])
    )
    assert len(faces) == 1
    assert EXPRESSIONS[faces.labels[0]] == 'joy'


def test_single_votes_do_not_count_where_others_agree(tmp_path: Path) -> None:
    votes = [
        {'anger': 6, 'disgust': 3, 'fear': 1},
        {'anger': 1, 'disgust': 1, 'fear': 1},
    ]
    faces = read_ferplus('train', write(tmp_path, votes))
    assert shares(faces, 0) == {'anger': 0.667, 'disgust': 0.333}
    assert shares(faces, 1) == {'anger': 0.333, 'disgust': 0.333, 'fear': 0.333}


def test_votes_agree_when_more_than_half_are_for_the_same(tmp_path: Path) -> None:
    votes = [
        {'anger': 5, 'disgust': 3, 'fear': 1, 'neutral': 1},  # 5 of 8 that count
        {'anger': 5, 'disgust': 5},
        {'anger': 4, 'disgust': 3, 'unknown': 3},
    ]
    faces = read_ferplus('train', write(tmp_path, votes))
    assert faces.agreed.tolist() == [True, False, False]


def test_splits_are_separate_and_missing_data_are_reported(tmp_path: Path) -> None:
    write(tmp_path, [{'fear': 10}], split=2)
    (tmp_path / 'empty').mkdir()
    assert len(read_ferplus('test', tmp_path)) == 1
    assert len(read_ferplus('train', tmp_path)) == 0
    with pytest.raises(DatasetError, match=r'ferplus\.npz is missing; put FER\+ there'):
        read_ferplus('train', tmp_path / 'empty')


def portrait() -> npt.NDArray[np.uint8]:
    """Return a smooth grey image, darker at its left."""
    ramp = np.linspace(40, 220, SIDE)
    return np.tile(ramp, (SIDE, 1)).astype(np.uint8)


def test_without_variation_a_face_is_unchanged() -> None:
    face = portrait()
    assert (vary(face, NONE, SIDE, np.random.default_rng(0)) == face).all()


@pytest.mark.parametrize('side', [24, 32, 48])
def test_variation_is_seeded_and_gives_the_requested_size(side: int) -> None:
    faces = np.stack([portrait()] * 8)
    one = vary_all(faces, FaceVariation(), side, np.random.default_rng(3))
    other = vary_all(faces, FaceVariation(), side, np.random.default_rng(3))
    assert one.shape == (8, side, side)
    assert one.dtype == np.uint8
    assert (one == other).all()
    assert len({face.tobytes() for face in one}) == 8


def test_half_of_the_faces_are_mirrored() -> None:
    how = FaceVariation(turn=1, scale=0, shift=0, squeeze=0, contrast=0, blur=0, dark=0, jpeg=0)
    varied = vary_all(np.stack([portrait()] * 400), how, SIDE, np.random.default_rng(0))
    darker_left = varied[:, :, :12].mean((1, 2)) < varied[:, :, -12:].mean((1, 2))
    assert 0.4 < darker_left.mean() < 0.6


def test_a_cover_hides_less_than_a_fifth_of_a_face() -> None:
    rng = np.random.default_rng(0)
    face = portrait()
    for _ in range(50):
        covered = cover(face, rng)
        assert 0 < np.mean(covered != face) < 0.2
    assert (face == portrait()).all()
