"""Training and exporting the face model; needs the training environment."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from support.ferplus_file import COLUMNS

from emotion_lab.data.face_covers import PARTS
from emotion_lab.data.ferplus import FerPlus
from emotion_node.backends.face_image import SIDE
from emotion_node.backends.face_onnx import EXPRESSIONS

torch = pytest.importorskip('torch')
training = pytest.importorskip('emotion_lab.training.face', exc_type=ModuleNotFoundError)
export = pytest.importorskip('emotion_lab.training.face_export', exc_type=ModuleNotFoundError)
model = pytest.importorskip('emotion_lab.training.face_model', exc_type=ModuleNotFoundError)

SMALL = (
    *('--widths', '16,16,16,16', '--blocks', '1,1,1', '--threads', '1', '--batch', '16'),
    *('--sides', '24,48', '--size-epochs', '1', '--averaging', '0.8', '--mixup', '0'),
)
SHOWN = ('neutral', 'happiness', 'surprise')


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces whose mouth shows the expression: a line, a wide one, or a round one."""
    folder = tmp_path_factory.mktemp('faces')
    rng = np.random.default_rng(0)
    count = 240
    images = rng.integers(90, 110, (count, SIDE, SIDE)).astype(np.uint8)
    images[:, 16:20, 12:18] = images[:, 16:20, 30:36] = 20
    votes = np.zeros((count, len(COLUMNS)), np.uint8)
    for number, image in enumerate(images):
        shown = number % len(SHOWN)
        top, left, bottom, right = ((35, 20, 37, 28), (33, 10, 41, 38), (28, 19, 46, 29))[shown]
        image[top:bottom, left:right] = 240
        votes[number, COLUMNS.index(SHOWN[shown])] = 10
    split = np.repeat([0, 1, 2], [160, 40, 40]).astype(np.uint8)
    np.savez(
        folder / 'ferplus.npz',
        images=images,
        votes=votes,
        vote_names=np.array(COLUMNS),
        split=split,
    )
    return folder


def train(data: Path, out: Path, *more: str) -> dict[str, float]:
    status = training.main([*SMALL, '--data', str(data), '--out', str(out), *more])
    assert status == 0
    trained, _ = training.load_face(out)
    figures: dict[str, float] = training.figures(trained, training.read_ferplus('dev', data))
    return figures


@pytest.fixture(scope='module')
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('runs') / 'face'
    train(data, out, '--epochs', '12', '--no-bfloat16', '--strength', '0.2', '--rate', '0.01')
    return out


def test_it_learns_expressions(data: Path, run: Path) -> None:
    trained, _ = training.load_face(run)
    assert training.figures(trained, training.read_ferplus('test', data))['accuracy'] > 0.9
    log = [json.loads(line) for line in (run / 'log.jsonl').read_text().splitlines()]
    assert [record['epoch'] for record in log] == list(range(1, 13))
    assert log[-1]['loss'] < log[0]['loss']
    assert log[-1]['dev']['accuracy'] > 0.9


def test_a_resumed_run_equals_an_uninterrupted_one(data: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    train(data, whole, '--epochs', '2', '--no-bfloat16')
    given = [*SMALL, '--data', str(data), '--out', str(parts), '--epochs', '2', '--no-bfloat16']
    config, _ = training.parse_recipe(model.FaceTraining, 'train', '', given)
    stopped = training.Trainer(config)
    stopped._train_epoch()
    stopped.state.epoch = 1
    stopped.state.save()
    train(data, parts, '--epochs', '2', '--no-bfloat16', '--resume')
    one, other = training.load_face(whole)[0], training.load_face(parts)[0]
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name]), name


def test_the_file_gives_the_networks_outputs(data: Path, run: Path, tmp_path: Path) -> None:
    measured = export.export(run, tmp_path / 'face', data)
    assert measured['onnx_max_difference'] < export.TOLERANCE
    assert measured['dev_agreement'] == 1
    faces = training.read_ferplus('test', data)
    path = tmp_path / 'face' / 'model.onnx'
    scores, covered = export.onnx_outputs(path, faces.images)
    assert covered.shape == (len(faces), len(PARTS))
    assert ((covered > 0) & (covered < 1)).all()
    assert scores.shape == (len(faces), len(EXPRESSIONS))
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (scores.argmax(axis=1) == faces.labels).mean() > 0.9
    one_by_one = np.concatenate(
        [export.onnx_outputs(path, face[None])[0] for face in faces.images]
    )
    assert one_by_one == pytest.approx(scores, abs=1e-5)
    assert "modality = 'face'" in export.manifest_table(path, 'face')


def test_a_run_may_start_with_the_weights_of_a_file(data: Path, run: Path, tmp_path: Path) -> None:
    export.export(run, tmp_path / 'face', data)
    trained, config = training.load_face(run)
    faces = training.read_ferplus('train', data).images
    fresh = model.FaceNet(config)
    model.start_from(fresh, tmp_path / 'face' / 'model.onnx', faces[:64])
    wanted, _ = model.predict(trained, faces)
    found, _ = model.predict(fresh, faces)
    assert (found.argmax(1) == wanted.argmax(1)).float().mean() > 0.99
    other = model.FaceNet(dataclasses.replace(config, widths='24,16,16,16'))
    with pytest.raises(ValueError, match='other widths'):
        model.start_from(other, tmp_path / 'face' / 'model.onnx', faces[:64])


def test_mean_recall_weighs_rare_expressions() -> None:
    votes = np.zeros((100, len(EXPRESSIONS)), np.int64)
    votes[:90, 0], votes[90:, 5] = 10, 10
    none = np.zeros((100, 2), np.int64)
    faces = FerPlus(np.zeros((100, SIDE, SIDE), np.uint8), votes, none)
    assert training.prior(faces)[[0, 5]] == pytest.approx([0.9, 0.1])
    # Fear is seen, but not so clearly that it outweighs how frequent neutral faces are.
    logits = torch.full((100, len(EXPRESSIONS)), -9.0)
    logits[:, 0] = 0
    logits[:90, 5], logits[90:, 5] = -1.5, -0.2
    weight, rows = export.choose_weight(logits, faces, faces)
    assert rows[0]['accuracy'] == pytest.approx(0.9)
    assert rows[0]['uar'] == pytest.approx(0.5)
    assert weight > 0
    assert {row['weight']: row['uar'] for row in rows}[weight] == 1


def test_the_temperature_corrects_overconfidence() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, len(EXPRESSIONS), generator=generator)
    labels = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0].numpy()
    assert export.fit_temperature(logits, labels) == pytest.approx(1, abs=0.1)
    assert export.fit_temperature(3 * logits, labels) == pytest.approx(3, abs=0.3)
