"""The study's table; needs the training environment."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.meld_files import write_meld

from emotion_node.labels import LABELS

study = pytest.importorskip('emotion_lab.training.study', exc_type=ModuleNotFoundError)
study_cells = pytest.importorskip('emotion_lab.training.study_cells')
frozen = pytest.importorskip('emotion_lab.training.frozen')
text = pytest.importorskip('emotion_lab.training.text')
batches = pytest.importorskip('emotion_lab.training.text_batches')
text_model = pytest.importorskip('emotion_lab.training.text_model')
variation = pytest.importorskip('emotion_lab.training.variation')

TINY = ('--lengths', '8', '--downsampled', '26', '--epochs', '1', '--threads', '1')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_meld(tmp_path / 'data', train=28, dev=14, test=21)


@pytest.fixture
def make(data: Path, tmp_path: Path) -> Callable[..., int]:
    """Make the table of the small MELD."""

    def run(*flags: object) -> int:
        places = ('--data', data, '--out', tmp_path / 'out', '--json', tmp_path / 'study.json')
        status: int = study.main([*TINY, *map(str, (*places, *flags))])
        return status

    return run


def read(tmp_path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads((tmp_path / 'study.json').read_text())['cells']
    return cells


def test_every_classifier_is_trained_with_every_setting(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make() == 0
    cells = read(tmp_path)
    ways = [(one['classifier'], one['tokens'], one['train_utterances']) for one in cells]
    kinds = ('finetuned', 'svm', 'xgboost', 'logistic')
    assert ways == [(kind, 8, train) for kind in kinds for train in (28, 26)]
    for one in cells:
        assert len(one['chosen_on_dev']) == 1
        for split in ('dev', 'test'):
            figures = one[split]
            assert list(figures['f1']) == list(LABELS)
            # Each label is as frequent as the others.
            assert figures['weighted_f1'] == pytest.approx(figures['macro_f1'])
            low, high = figures['weighted_f1_interval']
            assert low <= figures['weighted_f1'] <= high
    # The words name their label.
    assert [one['test']['accuracy'] for one in cells if one['classifier'] == 'logistic'] == [1, 1]
    shown = capsys.readouterr().out
    for split in ('dev', 'test'):
        assert f'MELD {split}' in shown
    for title in ('always "neutral"', 'fine-tuned', 'frozen + SVM', 'frozen + XGBoost'):
        assert shown.count(title) >= 2


def test_an_interrupted_table_is_continued(
    make: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fitted: list[int] = []
    fit = frozen.fit

    def until_the_second_cell(name: str, train: Any, *others: Any) -> Any:
        if len(fitted) == 1:
            raise KeyboardInterrupt
        fitted.append(len(train[1]))
        return fit(name, train, *others)

    monkeypatch.setattr(study_cells, 'fit', until_the_second_cell)
    assert make('--only', 'logistic') == 130
    said = capsys.readouterr().err
    assert 'Interrupted: 1 of 2 cells are in' in said
    assert 'the same command continues' in said
    assert 'Traceback' not in said

    def the_rest(name: str, train: Any, *others: Any) -> Any:
        fitted.append(len(train[1]))
        return fit(name, train, *others)

    monkeypatch.setattr(study_cells, 'fit', the_rest)
    assert make('--only', 'logistic') == 0
    assert fitted == [28, 26]
    whole = read(tmp_path)
    assert make('--only', 'logistic', '--markdown') == 0
    assert len(fitted) == 2
    assert read(tmp_path) == whole
    assert '| frozen + logistic regression | 8 | 26 | 1.000 |' in capsys.readouterr().out


def test_an_interrupted_training_continues_from_its_last_epoch(
    make: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ('--only', 'finetuned', '--epochs', 2)
    train_epoch = text.Trainer._train_epoch
    epochs: list[int] = []

    def until_the_second(trainer: Any) -> float:
        if len(epochs) == 1:
            raise KeyboardInterrupt
        epochs.append(trainer.epoch)
        return float(train_epoch(trainer))

    monkeypatch.setattr(text.Trainer, '_train_epoch', until_the_second)
    assert make(*flags) == 130

    def the_rest(trainer: Any) -> float:
        epochs.append(trainer.epoch)
        return float(train_epoch(trainer))

    monkeypatch.setattr(text.Trainer, '_train_epoch', the_rest)
    assert make(*flags) == 0
    assert epochs == [0, 1, 0, 1]
    assert not list((tmp_path / 'out').rglob(text.LATEST))


def of(data: Path, **base: Any) -> Any:
    config = text_model.TextTraining(data=str(data), **base)
    return study_cells.Study(study_cells.Meld(data), config, data / 'out')


def test_a_cell_is_stored_under_all_settings_that_affect_it(data: Path, tmp_path: Path) -> None:
    whole = study_cells.Cell('finetuned', 16, 0, 0)
    kept = of(data).path(whole)
    assert of(data, threads=1).path(whole) == kept
    assert of(data, epochs=9).path(whole).name != kept.name
    for change in ({'tokens': 8}, {'neutral_limit': 2}, {'seed': 1}, {'classifier': 'svm'}):
        assert of(data).path(dataclasses.replace(whole, **change)) != kept
    copy = write_meld(tmp_path / 'copy', train=28, dev=14, test=21)
    assert of(copy).path(whole).name == kept.name
    other = write_meld(tmp_path / 'other', train=28, dev=14, test=14)
    assert of(other).path(whole).name != kept.name
    # What fits on frozen embeddings has no epochs.
    frozen_cell = dataclasses.replace(whole, classifier='svm')
    assert of(data, epochs=9).path(frozen_cell) == of(data).path(frozen_cell)


def test_only_random_classifiers_have_several_seeds() -> None:
    cells = study_cells.cells(study_cells.KINDS, [16], [0], [0, 1, 2])
    seeds = {kind: [c.seed for c in cells if c.classifier == kind] for kind in study_cells.KINDS}
    assert seeds == {
        'finetuned': [0, 1, 2], 'svm': [0], 'xgboost': [0, 1, 2], 'logistic': [0],
    }  # fmt: skip


def test_the_table_shows_means_over_seeds() -> None:
    def figures(value: float) -> dict[str, Any]:
        return {
            'accuracy': value,
            'weighted_f1': value,
            'macro_f1': value,
            'f1': dict.fromkeys(LABELS, value),
        }

    cell = {'classifier': 'xgboost', 'tokens': 16, 'train_utterances': 7279}
    found = [{**cell, 'dev': figures(value)} for value in (0.2, 0.4)]
    rows = list(study.table_rows(found, {'dev': figures(0.1)}, 'dev'))
    assert rows[0] == ('always "neutral"', '', '', *['0.100'] * 10)
    assert rows[1:] == [('frozen + XGBoost', '16', '7,279', *['0.300'] * 10)]


def test_impossible_downsampling_is_reported(
    make: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for target in (24, 28):
        assert make('--downsampled', target) == 1
        assert '28 utterances, 4 of them neutral' in capsys.readouterr().err


def test_missing_data_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study.main(['--data', str(tmp_path)]) == 1
    assert 'no MELD train text at' in capsys.readouterr().err


def test_training_sees_single_utterances_as_the_measurement_does(data: Path) -> None:
    recipe = of(data)._recipe(study_cells.Cell('finetuned', 8, 2, 0))
    builder = text_model.input_builder(recipe)
    rng = np.random.default_rng(0)
    for sample in batches.read_corpus(recipe):
        seen = variation.vary(sample, recipe, rng, builder)
        assert seen == builder.build(sample.text)
        assert len(seen.ids) <= 8


def test_embeddings_are_those_of_sentence_transformers(data: Path) -> None:
    sentence_transformers = pytest.importorskip('sentence_transformers')
    texts = ['Oh my God!', 'no', 'We could talk about it in the morning. ' * 5]
    config = text_model.TextTraining(max_tokens=16, threads=1)
    found = frozen.embed(texts, config)
    model = sentence_transformers.SentenceTransformer(str(config.encoder_folder), device='cpu')
    model.max_seq_length = 16
    np.testing.assert_allclose(found, model.encode(texts, show_progress_bar=False), atol=1e-5)


@pytest.mark.parametrize('name', list(frozen.GRIDS))
def test_dev_chooses_one_setting_and_the_same_seed_gives_the_same_answers(name: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(140) % 7
    centres = rng.normal(size=(7, 12))

    def draw() -> tuple[Any, Any]:
        return (centres[labels] + rng.normal(size=(140, 12), scale=0.7)).astype('f4'), labels

    train, dev = draw(), draw()
    fitted = frozen.fit(name, train, dev, seed=3)
    ((parameter, value),) = fitted.chosen.items()
    assert value in frozen.GRIDS[name][parameter]
    assert (fitted.predict(dev[0]) == labels).mean() > 0.6
    again = frozen.fit(name, train, dev, seed=3)
    np.testing.assert_array_equal(again.predict(dev[0]), fitted.predict(dev[0]))
