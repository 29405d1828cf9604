"""Exporting and averaging text models; needs the training environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotion_lab.data.samples import PastTurn

calibration = pytest.importorskip('emotion_lab.training.calibration', exc_type=ModuleNotFoundError)
export = pytest.importorskip('emotion_lab.training.text_export', exc_type=ModuleNotFoundError)
model = pytest.importorskip('emotion_lab.training.text_model', exc_type=ModuleNotFoundError)
runs = pytest.importorskip('emotion_lab.training.text_runs', exc_type=ModuleNotFoundError)
restore = pytest.importorskip('emotion_lab.training.text_restore', exc_type=ModuleNotFoundError)
soup = pytest.importorskip('emotion_lab.training.text_soup', exc_type=ModuleNotFoundError)
torch = pytest.importorskip('torch')

PAST = (PastTurn('ann', 'I got the job!'), PastTurn('bob', 'you did?'))


@pytest.fixture(scope='module')
def config() -> Any:
    return model.TextTraining(threads=1)


@pytest.fixture(scope='module')
def inputs(config: Any) -> list[Any]:
    builder = calibration.InputBuilder(model.build_tokenizer(config))
    return [
        builder.build('That is wonderful!', PAST, 'bob'),
        builder.build('no'),
        builder.build('We could talk about it in the morning. ' * 5, PAST),
    ]


@pytest.fixture(scope='module')
def classifier(config: Any) -> Any:
    torch.manual_seed(0)
    classifier = model.TextClassifier(config, attention='eager').eval()
    # A head as sure of itself as a trained one.
    torch.nn.init.normal_(classifier.head[-1].weight, std=0.5)
    return calibration.Calibrated(
        classifier, calibration.Calibration(0.0, torch.linspace(0, 1, 7), 1.3)
    )


def test_exported_and_quantised_models_answer_as_torch_does(
    classifier: Any, inputs: list[Any], tmp_path: Path
) -> None:
    with torch.inference_mode():
        alone = [classifier(*model.collate([one]))[0].numpy() for one in inputs]
        together = classifier(*model.collate(inputs)).numpy()
    # Padding changes nothing.
    np.testing.assert_allclose(together, alone, atol=1e-5)
    plain, small = tmp_path / 'float.onnx', tmp_path / 'small.onnx'
    export.export_float(classifier, inputs[:2], plain)
    np.testing.assert_allclose(export.onnx_scores(plain, inputs), alone, atol=1e-4)
    for way in export.QUANTISATIONS:
        export.quantise(plain, small, way)
        np.testing.assert_allclose(export.onnx_scores(small, inputs), alone, atol=0.03)
        assert small.stat().st_size < 0.3 * plain.stat().st_size
        restored = restore.read_weights(small)
        for name, weight in classifier.classifier.state_dict().items():
            apart = (restored[name] - weight).abs().mean()
            assert apart <= 0.02 * weight.abs().mean(), name


def test_a_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(4000, 7)))
    labels = torch.distributions.Categorical(logits=logits).sample()
    assert calibration.fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)


def shares_of(truth: Any) -> Any:
    return np.bincount(truth, minlength=7) / len(truth)


@pytest.fixture(scope='module')
def fair() -> tuple[Any, Any]:
    """Logits with the true odds of frequent and rare classes, and the labels."""
    rng = np.random.default_rng(0)
    prior = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.06, 0.02, 0.02]).log()
    logits = torch.from_numpy(rng.normal(size=(20000, 7), scale=2)) + prior
    torch.manual_seed(0)
    return logits, torch.distributions.Categorical(logits=logits).sample().numpy()


def calibrated(logits: Any, truth: Any, shares: Any) -> Any:
    return calibration.calibrate(dict.fromkeys(('gold', 'plain'), logits), truth, shares)


def test_rare_classes_are_raised_when_the_logits_neglect_them(fair: tuple[Any, Any]) -> None:
    logits, truth = fair
    shares = shares_of(truth)
    found = calibrated(logits, truth, shares)
    assert found.temperature == pytest.approx(1, rel=0.1)
    neglected = logits + 0.3 * torch.from_numpy(np.log(shares))
    raised = calibrated(neglected, truth, shares)
    assert raised.balance == pytest.approx(min(found.balance + 0.3, 0.5), abs=0.1)
    assert raised.scores(neglected).sum(1) == pytest.approx(1)


def test_the_class_frequencies_of_dev_do_not_affect_the_choice(fair: tuple[Any, Any]) -> None:
    logits, truth = fair
    shares = shares_of(truth)
    # Half of the first class is missing.
    kept = (truth != 0) | (np.random.default_rng(1).random(len(truth)) < 0.5)
    whole, part = calibrated(logits, truth, shares), calibrated(logits[kept], truth[kept], shares)
    assert part.balance == pytest.approx(whole.balance, abs=0.1)
    assert part.temperature == pytest.approx(whole.temperature, rel=0.05)


def test_an_average_is_the_mean_of_its_models() -> None:
    states = [{'weight': torch.tensor([1.0, 5.0])}, {'weight': torch.tensor([3.0, 5.0])}]
    assert soup.average(states)['weight'].tolist() == [2.0, 5.0]
    leaning = soup.average(states, (3.0, 1.0))['weight']
    assert leaning.tolist() == (0.75 * states[0]['weight'] + 0.25 * states[1]['weight']).tolist()


def test_runs_are_shown_with_their_mean_and_deviation(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        run: {name: {'weighted_f1': value, 'macro_f1': 0.5} for name in runs.CONDITIONS}
        for run, value in (('a', 0.6), ('b', 0.7))
    }
    runs.Console(width=200).print(runs.table(found, 'dev'))
    shown = capsys.readouterr().out
    assert '0.650 (0.500)' in shown
    assert '0.071 (0.000)' in shown
