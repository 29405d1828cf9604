"""Training and exporting the landmark model, and the node's use of it; needs torch."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.landmark_faces import as_sequence, mesh, moving, resting
from support.talking_faces import TalkingFaces, live, spoken

from emotion_lab.data.datasets import DatasetError
from emotion_lab.training.landmark_clips import read_clips
from emotion_lab.training.landmark_store import Sighting, place_of, write_sighting
from emotion_node.backends.face_landmarks_onnx import MIN_FRAMES, OnnxLandmarkEmotion
from emotion_node.config import make_config
from emotion_node.core.vision.face_points import WIDTH, mirror_points, read_points
from emotion_node.core.vision.stream import FaceVision
from emotion_node.datatypes import Reason
from emotion_node.errors import ModelError
from emotion_node.faces import FaceSequence
from emotion_node.factory import load_models
from emotion_node.labels import LABELS, Modality
from emotion_node.model_store.manifest import ModelEntry, find_model

torch = pytest.importorskip('torch')
export = pytest.importorskip('emotion_lab.training.landmark_export', exc_type=ModuleNotFoundError)
model = pytest.importorskip('emotion_lab.training.landmark_model', exc_type=ModuleNotFoundError)
training = pytest.importorskip('emotion_lab.training.landmarks', exc_type=ModuleNotFoundError)

torch.set_num_threads(1)  # more only wait for one another over so little

SMILES = {'neutral': (0.0, 0.0), 'joy': (1.5, 0.0), 'surprise': (0.0, 1.5)}
"""By how many cm mouth corners and brows rise."""
SIZES = {'train': 10, 'dev': 20, 'test': 10}
SMALL = (
    *('--hidden', '24', '--batch', '6', '--rate', '0.01', '--dropout', '0'),
    *('--scale', '0.02', '--turn', '1', '--threads', '1'),
)


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of clips, which are not there, and the store with what was seen in them."""
    folder, store = tmp_path_factory.mktemp('clips'), tmp_path_factory.mktemp('store')
    lines, sightings = ['file,emotion,split'], list[Sighting]()
    for split, size in SIZES.items():
        for emotion, (smile, brows) in SMILES.items():
            for number in range(size):
                seed = len(sightings)
                frames = 20 + 10 * (number % 3)
                sightings.append(Sighting(moving(seed, frames, smile, brows)))
                lines.append(f'{split}/{emotion}{number}.mp4,{emotion},{split}')
    lines += ['dark.mp4,joy,train', 'short.mp4,joy,dev', 'lost.mp4,joy,train']
    sightings += [Sighting(None, 'speaker_not_visible'), Sighting(moving(0, MIN_FRAMES - 1))]
    (folder / 'manifest.csv').write_text('\n'.join(lines) + '\n')
    for clip, sighting in zip(read_clips(folder), sightings, strict=False):
        write_sighting(place_of(store, clip), sighting)
    return folder, store


def trainer(data: tuple[Path, Path], out: Path, *flags: str) -> tuple[Any, bool]:
    folder, store = map(str, data)
    given = ('--data', folder, '--store', store, '--out', str(out), '--epochs', '2', *SMALL)
    config, resume = training.parse_recipe(model.LandmarkTraining, 'train', '', (*given, *flags))
    sets, _ = training.load_sets(data[1], read_clips(data[0]))
    return training.Trainer(config, sets), resume


def test_clips_without_a_visible_speaker_are_left_out_and_counted(
    data: tuple[Path, Path],
) -> None:
    sets, counts = training.load_sets(data[1], read_clips(data[0]))
    assert {split: len(one.labels) for split, one in sets.items()} == {
        split: 3 * size for split, size in SIZES.items()
    }
    assert counts == Counter(
        {'': 120, 'speaker_not_visible': 1, 'too_short': 1, 'file_missing': 1}
    )
    assert training.describe(counts).startswith('120 of 123 clips show their speaker; 3 skipped: ')


def test_missing_training_data_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match='no clip of the train split shows its speaker'):
        training.Trainer(model.LandmarkTraining(out=str(tmp_path)), {})


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    net = model.LandmarkNet(model.LandmarkTraining(hidden=8))
    sequences = [moving(seed, frames) for seed, frames in enumerate((60, 6, 33))]
    net.normalise_by(sequences)
    together = model.predict(net, sequences)
    for row, seen in zip(together, sequences, strict=True):
        torch.testing.assert_close(model.predict(net, [seen])[0], row, atol=1e-5, rtol=1e-5)


def test_numbers_are_normalised_by_visible_faces() -> None:
    net = model.LandmarkNet(model.LandmarkTraining(hidden=4))
    seen = moving(0)
    hidden = dataclasses.replace(seen, quality=seen.quality * 0, rows=seen.rows + 100)
    net.normalise_by([seen, hidden])
    np.testing.assert_allclose(net.mean.numpy(), seen.rows.mean(0), atol=1e-4)
    assert (net.spread >= model.LEAST_SPREAD).all()


def test_variation_stays_within_its_bounds() -> None:
    config, seen = model.LandmarkTraining(tremble=0.0), moving(0, smile=0.5)
    rng = np.random.default_rng(0)
    for _ in range(20):
        varied = model.vary(seen, config, rng)
        assert len(seen.rows) * (1 - config.drop) <= len(varied.rows) <= len(seen.rows)
        assert (np.diff(varied.stamps_ns) > 0).all()
        length = (varied.stamps_ns[-1] - varied.stamps_ns[0]) / (
            seen.stamps_ns[-1] - seen.stamps_ns[0]
        )
        assert 0.7 < length <= 1 + config.stretch
        away = min(
            np.abs(varied.rows.mean(0) - mean).max()
            for mean in (seen.rows.mean(0), mirror_points(seen.rows).mean(0))
        )
        assert away < 10 * (config.scale + np.radians(config.turn)) + config.shift
    still = model.LandmarkTraining(
        mirror=False, scale=0, shift=0, turn=0, tremble=0, stretch=0, drop=0
    )
    same = model.vary(seen, still, rng)
    np.testing.assert_allclose(same.rows, seen.rows, atol=1e-5)
    np.testing.assert_array_equal(same.stamps_ns, seen.stamps_ns)


def test_a_resumed_run_equals_an_uninterrupted_one(
    data: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = trainer(data, tmp_path / 'whole')
    figures = whole.run()
    stopped, _ = trainer(data, tmp_path / 'stopped')
    train_epoch = stopped._train_epoch

    def until_the_second() -> Any:
        if stopped.epoch == 1:
            raise KeyboardInterrupt
        return train_epoch()

    monkeypatch.setattr(stopped, '_train_epoch', until_the_second)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed, resume = trainer(data, tmp_path / 'stopped', '--resume')
    assert resume
    resumed.resume()
    assert resumed.epoch == 1
    assert resumed.run() == figures
    for name, weights in resumed.model.state_dict().items():
        torch.testing.assert_close(weights, whole.model.state_dict()[name], rtol=0, atol=0)
    logs = [(tmp_path / run / training.LOG).read_text() for run in ('whole', 'stopped')]
    assert logs[0] == logs[1]


@pytest.fixture(scope='module')
def trained(data: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on faces that smile, raise their brows, or neither."""
    out = tmp_path_factory.mktemp('run')
    folder, store = map(str, data)
    given = ('--data', folder, '--store', store, '--out', str(out), '--epochs', '20', *SMALL)
    with pytest.MonkeyPatch.context() as patch:
        # The clips themselves are missing, and are not needed again.
        patch.setattr(training, 'fill_store', lambda *_: None)
        assert training.main(given) == 0
    return out


def test_it_learns_the_training_data(trained: Path) -> None:
    report = json.loads((trained / training.REPORT).read_text())
    assert report['splits']['test']['clips'] == 30
    assert report['splits']['test']['accuracy'] > 0.75
    assert np.sum(report['splits']['test']['confusion']) == 30
    losses = [
        json.loads(line)['loss'] for line in (trained / training.LOG).read_text().splitlines()
    ]
    assert losses[-1] < 0.5 * losses[0]


@pytest.fixture(scope='module')
def models(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('models')
    measured = export.export(trained, out)
    assert measured['onnx_max_difference'] <= export.TOLERANCE
    assert measured['temperature'] != 1.0
    assert measured['test_clips'] == 30
    return out


def load(entry: ModelEntry) -> OnnxLandmarkEmotion:
    return OnnxLandmarkEmotion(entry, read_points, WIDTH)


@pytest.fixture
def backend(models: Path) -> OnnxLandmarkEmotion:
    return load(find_model(export.KEY, models))


def scores(backend: OnnxLandmarkEmotion, seen: FaceSequence) -> list[float]:
    found = backend.estimate(seen).scores
    assert found is not None
    return [float(score) for score in found]


@pytest.mark.parametrize('frames', [MIN_FRAMES, 31, 200, 1000])
def test_the_node_gives_the_networks_outputs(
    backend: OnnxLandmarkEmotion, trained: Path, models: Path, frames: int
) -> None:
    net, _ = training.load_landmarks(trained)
    temperature = find_model(export.KEY, models).figures['temperature']
    seen = moving(7, frames, brows=0.5)
    expected = (model.predict(net, [seen])[0] / temperature).softmax(-1)
    assert scores(backend, seen) == pytest.approx(expected.tolist(), abs=1e-3)


def test_a_smile_is_recognised_with_a_complete_answer(backend: OnnxLandmarkEmotion) -> None:
    seen = moving(1001, smile=1.5)
    emotion = backend.estimate(seen)
    assert emotion.modality is Modality.FACE
    assert emotion.label == 'joy'
    assert emotion.valence > 0
    assert sum(scores(backend, seen)) == pytest.approx(1, abs=1e-5)
    assert emotion.model == backend.info
    assert emotion.samples_used == len(seen.rows)
    assert emotion.reliability == pytest.approx(float(seen.quality.mean()))


@pytest.mark.parametrize('start_ns', [1, 1_764_000_000 * 10**9])
def test_the_time_of_a_sequence_does_not_matter(
    backend: OnnxLandmarkEmotion, start_ns: int
) -> None:
    plain, shifted = moving(5, smile=0.3), moving(5, smile=0.3, start_ns=start_ns)
    assert scores(backend, plain) == scores(backend, shifted)


def test_too_few_frames_are_absent_with_the_reason(backend: OnnxLandmarkEmotion) -> None:
    few, none = moving(0, MIN_FRAMES - 1), moving(0, 1)
    none = as_sequence(none.stamps_ns, none.rows, none.quality)
    hidden = dataclasses.replace(moving(0), quality=np.zeros(50, np.float32))
    empty = FaceSequence(none.stamps_ns[:0], none.rows[:0], none.quality[:0])
    for seen, reason in (
        (few, Reason.TOO_SHORT),
        (hidden, Reason.LOW_CONFIDENCE),
        (empty, Reason.NO_FACE),
    ):
        emotion = backend.estimate(seen)
        assert not emotion.available
        assert emotion.reason is reason
        assert emotion.model == backend.info
    seen = moving(0)
    seen.rows[3, 4] = np.nan
    with pytest.raises(ValueError, match='not finite'):
        backend.estimate(seen)


def test_a_mesh_that_is_no_face_gives_no_points(backend: OnnxLandmarkEmotion) -> None:
    assert np.isnan(backend.keep(mesh(np.zeros((478, 3), np.float32)))).all()
    assert backend.width == len(resting())


def test_it_works_in_the_vision_stream(backend: OnnxLandmarkEmotion) -> None:
    said = spoken(3)
    vision = FaceVision(TalkingFaces(3, 4), expression=backend)
    _, estimate = live(vision, said)
    assert estimate.face_id == 'f1'
    assert estimate.emotion.available
    assert estimate.emotion.model == backend.info
    assert estimate.emotion.facial_cues


def test_it_is_selected_by_its_folder_or_by_key(models: Path) -> None:
    ways = (
        {'face.model': str(models / export.KEY)},
        {'face.model': export.KEY, 'models_dir': str(models)},
    )
    for way in ways:
        config = make_config(
            {
                'face.expression': 'landmarks',
                'text.backend': 'off',
                'voice.backend': 'off',
                'transcriber.backend': 'off',
                **way,
            }
        )
        face = load_models(config, lambda line: None).face
        assert isinstance(face, OnnxLandmarkEmotion)
        assert face.info.name == 'landmark-lstm'


class Strange(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Takes and gives what it is asked to."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, landmarks: Any, quality: Any) -> Any:
        return (landmarks.mean() + quality.mean()).expand(self.outputs)


@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # the exporter that is used
@pytest.mark.parametrize(
    ('width', 'outputs', 'names', 'labels', 'complaint'),
    [
        (WIDTH - 2, 7, ('landmarks', 'quality'), LABELS, r'takes .*134.*of \(steps, 136\)'),
        (WIDTH, 7, ('spectra', 'quality'), LABELS, r'takes spectra of \(steps, 136\)'),
        (
            WIDTH,
            6,
            ('landmarks', 'quality'),
            LABELS,
            r'returns scores of \(6\);.* scores of \(7\) was expected',
        ),
        (WIDTH, 7, ('landmarks', 'quality'), LABELS[::-1], r'has the labels disgust, fear'),
    ],
)
def test_a_model_of_another_kind_is_refused(
    models: Path,
    tmp_path: Path,
    width: int,
    outputs: int,
    names: tuple[str, str],
    labels: tuple[str, ...],
    complaint: str,
) -> None:
    path = tmp_path / 'model.onnx'
    torch.onnx.export(
        Strange(outputs).eval(),
        (torch.randn(9, width), torch.rand(9)),
        str(path),
        input_names=list(names),
        output_names=['scores'],
        dynamic_axes={name: {0: 'steps'} for name in names},
        opset_version=17,
        dynamo=False,
    )
    (tmp_path / 'manifest.toml').write_text(export.manifest_table(path, '1', 'nothing', {}))
    table = (tmp_path / 'manifest.toml').read_text().replace(f'{tmp_path.name}/', '')
    (tmp_path / 'manifest.toml').write_text(table)
    entry = dataclasses.replace(find_model(export.KEY, tmp_path), labels=labels)
    with pytest.raises(ModelError, match=complaint):
        load(entry)


def test_the_nodes_other_models_are_no_landmark_models() -> None:
    with pytest.raises(ModelError, match='a landmark model takes landmarks of'):
        load(find_model('text'))
