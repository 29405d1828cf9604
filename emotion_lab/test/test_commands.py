"""The command line of the laboratory."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from emotion_lab.commands import main
from emotion_lab.training.commands import TRAININGS

TRAINING = Path(__file__).parents[1] / 'training'


def test_everything_in_training_that_can_be_run_is_a_command() -> None:
    programs = {
        path.stem.replace('_', '-')
        for path in TRAINING.glob('*.py')
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == 'main'
    }
    assert programs == set(TRAININGS)


@pytest.mark.parametrize('name', TRAININGS)
def test_help_needs_no_torch(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(['train', name, '--help'])
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 0
    out = capsys.readouterr().out
    assert f'python -m emotion_lab train {name}' in out
    assert '\n\n' in out


@pytest.mark.skipif(importlib.util.find_spec('torch') is not None, reason='torch is installed')
def test_without_torch_the_command_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['train', 'text']) == 1
    err = capsys.readouterr().err
    assert '"train text" needs torch: run "make train-setup"' in err


def test_a_command_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        main(['train', 'dancing'])
    assert "'dancing' (choose from" in capsys.readouterr().err


def test_missing_data_are_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['train', 'active-speaker', '--data', str(tmp_path / 'nowhere')]) == 1
    assert 'no data folder' in capsys.readouterr().err
