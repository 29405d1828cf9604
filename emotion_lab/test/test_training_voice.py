"""Training, calibrating and exporting the voice model; needs the training environment."""

from __future__ import annotations

import itertools
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotion_lab.data.speech import (
    EMODB_FOLDS,
    EMODB_LABELS,
    FOLDS,
    RAVDESS_FOLDS,
    RAVDESS_LABELS,
)
from emotion_node.datatypes import SAMPLE_RATE
from emotion_node.labels import LABELS

torch = pytest.importorskip('torch')
training = pytest.importorskip('emotion_lab.training.voice', exc_type=ModuleNotFoundError)
batches = pytest.importorskip('emotion_lab.training.voice_batches', exc_type=ModuleNotFoundError)
calibration = pytest.importorskip(
    'emotion_lab.training.voice_calibration', exc_type=ModuleNotFoundError
)
export = pytest.importorskip('emotion_lab.training.voice_export', exc_type=ModuleNotFoundError)
model = pytest.importorskip('emotion_lab.training.voice_model', exc_type=ModuleNotFoundError)
run_state = pytest.importorskip('emotion_lab.training.run_state', exc_type=ModuleNotFoundError)
stores = pytest.importorskip('emotion_lab.training.voice_store', exc_type=ModuleNotFoundError)

# With four channels, torch 2.13 now and then crashes in the gradient of a convolution.
SMALL = (
    *('--widths', '16,16,16,16', '--hidden', '16', '--embedding', '8', '--threads', '1'),
    '--no-bfloat16',
)
OUTLIERS = 22


def write_speech(path: Path, label: int, speaker: int) -> None:
    """Write a second of a voice whose pitch and pace depend on the emotion."""
    rng = np.random.default_rng((label, speaker))
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    pitch = (100 + 40 * label) * rng.uniform(0.95, 1.05)
    voice = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 10))
    voice = voice * (0.6 + 0.4 * np.sin(2 * np.pi * (2 + label) * time))
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, 'NONE', ''))
        file.writeframes((3000 * voice + rng.standard_normal(SAMPLE_RATE)).astype('<i2').tobytes())


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers per corpus and fold, each emotion once."""
    root = tmp_path_factory.mktemp('data')
    (root / 'ravdess').mkdir()
    (root / 'emodb').mkdir()
    for actors in RAVDESS_FOLDS:
        for actor in actors[:2]:
            for code, label in RAVDESS_LABELS.items():
                path = root / 'ravdess' / f'03-01-{code}-01-01-01-{actor:02d}.wav'
                write_speech(path, LABELS.index(label), actor)
    for pair in EMODB_FOLDS:
        for speaker in pair:
            for code, label in EMODB_LABELS.items():
                path = root / 'emodb' / f'{speaker}a01{code}a.wav'
                write_speech(path, LABELS.index(label), int(speaker))
    return root


@pytest.fixture(scope='module')
def store(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('store')
    stores.write_store(out, data, variants=2, outliers=OUTLIERS, seed=0, workers=1)
    return out


def trainer(store: Path, out: Path, *flags: str) -> tuple[Any, bool]:
    given = ('--store', str(store), '--out', str(out), '--epochs', '2', *SMALL, *flags)
    config, resume = training.parse_recipe(model.VoiceTraining, 'train', '', given)
    return training.Trainer(config), resume


def test_a_store_contains_every_clip_under_every_condition(store: Path, tmp_path: Path) -> None:
    opened = stores.read_store(store)
    assert opened.variants.shape == (10 * 8 + 10 * 6, 2, 2)
    assert opened.conditions.shape == (140, len(calibration.CONDITIONS), 2)
    assert len(opened.outliers) == OUTLIERS
    ends = [*opened.conditions.reshape(-1, 2), *opened.variants.reshape(-1, 2), *opened.outliers]
    assert sum(count for _, count in ends) == len(opened.frames)
    assert np.isfinite(opened.frames).all()
    with pytest.raises(stores.DatasetError, match='no spectra in'):
        stores.read_store(tmp_path)


def test_held_out_speakers_and_families_are_not_trained_on(store: Path) -> None:
    opened = stores.read_store(store)
    config = model.VoiceTraining(held_out=1, emodb_repeats=3)
    rows = batches.training_rows(opened, config)
    assert 1 not in opened.folds[rows]
    assert np.bincount(rows).max() == 3
    across = model.VoiceTraining(corpus='ravdess', emodb_repeats=3)
    assert set(opened.corpora[batches.training_rows(opened, across)]) == {'ravdess'}
    families = [batches.held_out_families(fold) for fold in range(FOLDS)]
    assert sorted(itertools.chain(*families)) == list(range(len(batches.FAMILIES)))
    assert batches.held_out_families(model.NO_FOLD) == []


def test_an_epoch_has_each_clip_once_and_outliers(store: Path) -> None:
    opened = stores.read_store(store)
    config = model.VoiceTraining(batch=16, mixed_share=1.0)
    rows = batches.training_rows(opened, config)
    made = list(batches.epoch_batches(opened, config, rows, np.random.default_rng(0)))
    assert sum(batch.clips for batch in made) == len(rows)
    for batch in made:
        assert len(batch.spectra) == len(batch.mask) == batch.clips + round(0.12 * batch.clips)
        assert batch.targets.sum(1).tolist() == pytest.approx([1] * batch.clips)
        assert torch.isfinite(batch.spectra).all()


def test_variation_stays_within_its_bounds(store: Path) -> None:
    opened = stores.read_store(store)
    spectrum = opened.read(opened.variants[0, 0])
    config = model.VoiceTraining(max_frames=60)
    rng = np.random.default_rng(0)
    varied = [batches.vary(spectrum, config, rng) for _ in range(20)]
    assert all(one.shape[0] <= 60 and one.shape[1] == spectrum.shape[1] for one in varied)
    still = model.VoiceTraining(warp=0, shift=0, band_masks=0, time_masks=0)
    np.testing.assert_allclose(batches.vary(spectrum, still, rng), spectrum, atol=1e-3)


def test_rare_classes_have_more_weight() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    weights = batches.class_weights(labels, 0.5)
    assert weights[1] / weights[0] == pytest.approx(2)
    assert weights[labels].mean() == pytest.approx(1)
    assert not weights[2:].any()


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    net = model.VoiceNet(model.VoiceTraining(widths='4,4,8,8', hidden=16, embedding=8)).eval()
    rng = np.random.default_rng(0)
    spectra = [rng.standard_normal((frames, 64)).astype(np.float32) for frames in (40, 90, 160)]
    with torch.inference_mode():
        alone = [net(torch.from_numpy(one)[None]).logits[0] for one in spectra]
        together = net(*model.collate(spectra)).logits
    # But for the last frames, whose convolutions see the padding.
    torch.testing.assert_close(together, torch.stack(alone), atol=0.05, rtol=0.05)
    torch.testing.assert_close(together[2], alone[2], atol=1e-4, rtol=1e-3)


def test_a_resumed_run_equals_an_uninterrupted_one(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = trainer(store, tmp_path / 'whole', '--held-out', '0')
    figures = whole.run()
    assert set(figures) == {
        f'{corpus} {name}' for corpus in ('ravdess', 'emodb') for name in calibration.CONDITIONS
    }
    stopped, _ = trainer(store, tmp_path / 'stopped', '--held-out', '0')
    train_epoch = stopped._train_epoch

    def until_the_second() -> Any:
        if stopped.state.epoch == 1:
            raise KeyboardInterrupt
        return train_epoch()

    monkeypatch.setattr(stopped, '_train_epoch', until_the_second)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed, resume = trainer(store, tmp_path / 'stopped', '--held-out', '0', '--resume')
    assert resume
    resumed.state.load()
    assert resumed.state.epoch == 1
    assert resumed.run() == figures
    expected = whole.state.average.state_dict()
    for name, weights in resumed.state.average.state_dict().items():
        torch.testing.assert_close(weights, expected[name], rtol=0, atol=0)
    logs = [(tmp_path / run / run_state.LOG).read_text() for run in ('whole', 'stopped')]
    assert logs[0] == logs[1]


def test_it_learns_the_training_data(store: Path, tmp_path: Path) -> None:
    flags = ('--held-out', '0', '--epochs', '25', '--batch', '16', '--averaging', '0.9')
    run, _ = trainer(store, tmp_path / 'run', *flags, '--shift', '0', '--mixup', '0')
    assert run.run()['ravdess clean']['uar'] > 0.6


@pytest.fixture(scope='module')
def exported(
    store: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, Any]]:
    """Runs of all folds, hardly trained, and what was exported of them."""
    runs, out = tmp_path_factory.mktemp('runs'), tmp_path_factory.mktemp('models') / 'voice'
    ways = {f'fold{fold}': ('--held-out', str(fold)) for fold in range(FOLDS)}
    ways |= {name: ('--corpus', name) for name in export.CROSS_RUNS} | {export.WHOLE_RUN: ()}
    for name, flags in ways.items():
        trainer(store, runs / name, '--epochs', '1', *flags)[0].run()
    return runs, out, export.export(runs, out)


def test_exported_models_run_in_the_node(
    exported: tuple[Path, Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    from emotion_lab.evaluation.voice import evaluate_voice

    runs, out, measured = exported
    assert measured['onnx_max_difference'] <= export.TOLERANCE
    table = export.manifest_table(out / 'model.onnx', 'voice', 'voice/model.onnx')
    (out.parent / 'manifest.toml').write_text(table)
    figures = evaluate_voice(
        models=out.parent, data=data, folds=runs, store=tmp_path / 'answers.npz'
    )
    for key in (
        'ravdess_uar',
        'emodb_uar',
        'cross_arousal_accuracy',
        'noise10_drop',
        'ece',
        'false_alarm_rate',
        'latency_ms_p95',
        'file_mb',
    ):
        assert np.isfinite(figures[key])
    assert figures['clips'] == 140
    assert (tmp_path / 'answers.npz').stat().st_size < 100_000


def test_reliability_separates_speech_from_outliers() -> None:
    rng = np.random.default_rng(0)

    def held_out() -> Any:
        speech = torch.from_numpy(rng.normal([2, 1, 0], 1, (400, 3))).float()
        outliers = torch.from_numpy(rng.normal([-2, 1, 0], 1, (300, 3))).float()
        logits = torch.from_numpy(rng.normal(size=(400, 7))).float()
        labels = torch.distributions.Categorical(logits=logits).sample().numpy()
        return calibration.HeldOut(
            3 * logits, speech, labels, outliers[:, :1] * logits[:300], outliers
        )

    folds = [held_out() for _ in range(3)]
    found = calibration.fit_calibration(folds, ('familiar', 'distance'))
    assert found.weights[1] == 0
    assert found.reliability(folds[0].signals).mean() > 0.9
    assert found.reliability(folds[0].outlier_signals).mean() < 0.1
    assert found.temperature == pytest.approx(3, rel=0.15)
    scores = found.scores(folds[0].logits, folds[0].signals)
    torch.testing.assert_close(scores.sum(1), torch.ones(400))
    compared = calibration.compare_signals(folds)
    assert compared['familiar',]['auroc'] > 0.95
    assert compared['energy',]['auroc'] < 0.6


def test_the_distance_to_the_nearest_class_is_small_within_it() -> None:
    torch.manual_seed(0)
    labels = np.arange(700) % 7
    centres = 10 * torch.randn(7, 8)
    embedding = centres[torch.from_numpy(labels)] + torch.randn(700, 8)
    places = calibration.find_places(embedding, labels)
    near = places.distance(embedding).mean()
    far = places.distance(30 * torch.randn(100, 8)).mean()
    assert near > far + 1
