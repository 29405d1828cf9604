"""The learned detector of talking faces: its file, its network, and its stream."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.lr_asd import archive, pickled, random_weights, text, write_random

from emotion_node.backends.lr_asd_graph import DELAY
from emotion_node.backends.talking_lr_asd import GREY, SIDE, LrAsd
from emotion_node.backends.torch_archive import read_tensors
from emotion_node.dsp.cepstra import HOP, WINDOW
from emotion_node.errors import ModelError
from emotion_node.faces import Box

REFERENCE = [
    -6.6376, -6.8704, -7.4060, -7.7240, -7.8991, -8.0778, -8.1977, -8.2939, -8.3806, -8.4719,
    -8.4358, -8.3822, -8.3335, -8.2267, -8.0928, -7.8992, -7.6773, -7.4102, -6.8730, -5.9286,
]  # fmt: skip
"""Scores that PyTorch gives with the trained weights for the pictures and the sound below."""


@pytest.fixture(scope='module')
def network(tmp_path_factory: pytest.TempPathFactory) -> LrAsd:
    """A network of random weights."""
    return LrAsd(write_random(tmp_path_factory.mktemp('lr-asd') / 'random.model'))


def pictures(count: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8)


def test_how_pictures_are_cut_into_batches_changes_nothing(network: LrAsd) -> None:
    whole = network.stream().push(pictures(30))
    stream = network.stream()
    pieces = [stream.push(pictures(30)[a:b]) for a, b in ((0, 1), (1, 8), (8, 10), (10, 30))]
    assert np.allclose(np.concatenate(pieces), whole, atol=1e-4)


def test_a_vector_depends_on_the_pictures_around_its_own_alone(network: LrAsd) -> None:
    changed = pictures(40)
    changed[20] = 0
    one, other = (network.stream().push(some) for some in (pictures(40), changed))
    differs = np.flatnonzero(np.abs(one - other).max(axis=1) > 1e-6)
    assert differs.min() - DELAY == 20 - DELAY
    assert differs.max() - DELAY == 20 + DELAY


def test_sound_has_a_vector_for_each_picture_that_it_covers(network: LrAsd) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 20 * 4 * HOP + WINDOW - HOP)
    assert len(network.hear(samples.astype(np.float32))) == 20
    assert len(network.hear(samples[:-1].astype(np.float32))) == 19
    assert len(network.hear(samples[:100].astype(np.float32))) == 0


def test_a_picture_shows_nose_to_chin_also_at_the_edge_of_the_image(network: LrAsd) -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[100:160, 60:140] = 255  # the lower half of the face
    inside = network.crop(image, Box(50, 40, 100, 120))
    assert inside.shape == (SIDE, SIDE)
    assert inside[24:48, 20:44].min() == 255
    assert inside[:12].max() == 0  # the eyes are above
    assert (network.crop(image, Box(300, 300, 50, 50)) == GREY).all()
    assert network.crop(image, Box(-40, -40, 80, 80)).shape == (SIDE, SIDE)


def test_the_trained_network_answers_as_pytorch_does() -> None:
    folder = Path(os.environ.get('EMOTION_DATA', '../shared/data')).parent / 'reference/lr_asd'
    path = folder / 'pretrain_AVA.model'
    if not path.is_file():
        pytest.skip(f'no trained weights in {folder}')
    network = LrAsd(path)
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (29, SIDE, SIDE), dtype=np.uint8)
    samples = (rng.normal(size=80 * HOP + 240) * 0.1).astype(np.float32)
    sight = network.stream().push(faces)[DELAY:]
    assert network.score(network.hear(samples), sight) == pytest.approx(REFERENCE, abs=2e-3)


def test_a_pickle_that_asks_for_anything_else_is_refused() -> None:
    harmful = b'\x80\x02cos\nsystem\n(' + text('touch /tmp/harmed') + b'tR.'
    with pytest.raises(ModelError, match=r'asks for os\.system'):
        read_tensors(archive({}, harmful), 'it')
    weights = {'one': np.zeros(4, np.float32)}
    content = archive(weights, pickled(weights, b'ctorch\nQInt8Storage\n'))
    with pytest.raises(ModelError, match='asks for torch'):
        read_tensors(content, 'it')


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    weights = {'one': np.arange(6, dtype=np.float32).reshape(2, 3)}
    good = archive(weights)
    assert (read_tensors(good, 'it')['one'] == weights['one']).all()
    longer = {'one': np.zeros((3, 3), np.float32)}
    bad = [
        good[: len(good) // 2],
        b'',
        archive(weights, b''),
        archive(weights, b'\x80\x02]q\x00.'),
        archive(weights, pickled(longer)),
        archive(weights, pickled(weights)[:-9]),
    ]
    for content in bad:
        with pytest.raises(ModelError):
            read_tensors(content, 'it')
    path = tmp_path / 'weights.model'
    path.write_bytes(good)
    with pytest.raises(ModelError, match='no weights of LR-ASD'):
        LrAsd(path)
    with pytest.raises(ModelError, match='cannot be read'):
        LrAsd(tmp_path / 'missing.model')


def test_a_member_that_unpacks_to_more_than_the_memory_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as file:
        file.writestr('archive/data.pkl', bytes(1 << 20) * 300)
    with pytest.raises(ModelError, match='bytes'):
        read_tensors(target.getvalue(), 'it')


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    weights = random_weights()
    weights['model.fusion.attention.weight'] = np.zeros((7, 7, 1), np.float32)
    path = tmp_path / 'other.model'
    path.write_bytes(archive(weights))
    with pytest.raises(ModelError):
        LrAsd(path)
