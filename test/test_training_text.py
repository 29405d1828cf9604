"""Training the text model; needs the training environment."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from emotion_node.labels import LABELS

training = pytest.importorskip('emotion_node.training.text', exc_type=ModuleNotFoundError)
torch = pytest.importorskip('torch')

COLUMNS = (
    'Utterance',
    'Speaker',
    'Emotion',
    'Dialogue_ID',
    'Utterance_ID',
    'StartTime',
    'EndTime',
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / 'meld').mkdir()
    for split, count in (('train', 24), ('dev', 7)):
        path = tmp_path / 'meld' / f'{split}_sent_emo.csv'
        with path.open('w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for n in range(count):
                label = LABELS[n % 7]
                writer.writerow([f'This is {label}, {n}!', 'Ross', label, n // 7, n, '', ''])
    return tmp_path


def trainer(data: Path, out: Path, *flags: str) -> tuple[Any, bool]:
    flags = ('--data', str(data), '--out', str(out), '--batch', '8', '--epochs', '2', *flags)
    config, resume = training.parse_config((*flags, '--threads', '1'))
    return training.Trainer(config), resume


def test_a_resumed_run_equals_one_that_never_stopped(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = trainer(data, tmp_path / 'whole')
    whole.run()

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
    assert resumed.run() == whole.best
    expected = whole.model.state_dict()
    for name, weights in resumed.model.state_dict().items():
        torch.testing.assert_close(weights, expected[name], rtol=0, atol=0)
    logs = [(tmp_path / run / training.LOG).read_text() for run in ('whole', 'stopped')]
    assert logs[0] == logs[1]


def test_flags_go_before_the_file_and_the_file_before_defaults(tmp_path: Path) -> None:
    recipe = tmp_path / 'recipe.toml'
    recipe.write_text('batch = 16\nseed = 3\n')
    config, resume = training.parse_config(('--config', str(recipe), '--seed', '4'))
    assert (config.batch, config.seed, config.epochs, resume) == (16, 4, 4, False)


def test_unknown_keys_of_the_file_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / 'recipe.toml'
    recipe.write_text('bacth = 16\n')
    with pytest.raises(SystemExit):
        training.parse_config(('--config', str(recipe)))
    assert 'has unknown keys: bacth' in capsys.readouterr().err
