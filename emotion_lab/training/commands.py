"""The commands of `python -m emotion_lab train`."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from emotion_node.cli.main import Command
from emotion_node.errors import UserError

_HELP: Final[Mapping[str, str]] = {
    'text': 'fine-tune the text model',
    'text-teach': "write models' probabilities for a corpus, for a smaller model to learn",
    'text-restore': 'read the weights of a shipped text model back',
    'text-soup': 'average the weights of text models',
    'text-runs': 'compare text models on MELD, each and on average',
    'text-export': 'make the shipped files of a text model',
    'voice-store': 'compute the spectra that the voice model is trained on',
    'voice': 'train the voice model on five corpora, or without some of it',
    'voice-usual': 'choose how far the voice is compared with its usual answer',
    'voice-export': 'make the shipped file of a voice model',
    'face': 'train the face model on FER+',
    'face-soup': 'average the weights of a face model with those it started with',
    'face-export': 'make the shipped file of a face model',
    'landmark-store': "extract the landmarks of speakers' faces from labelled clips",
    'landmarks': 'train the landmark model on labelled clips',
    'landmark-export': 'make the files of a landmark model that the node can load',
    'study': 'repeat the text study on MELD: classifiers on frozen and on fine-tuned embeddings',
    'voice-study': "repeat the voice study: a dense network on means of librosa's features",
    'active-speaker': 'fit the weights of the active speaker detection',
    'whisper-errors': 'count how Whisper errs, for the tests of the text model',
    'sound-alikes': 'make the table of words that a recogniser may confuse',
}

TRAININGS: Final[Mapping[str, Command]] = {
    name: Command(line, f'emotion_lab.training.{name.replace("-", "_")}')
    for name, line in _HELP.items()
}


class MissingPackageError(UserError):
    """A package that training needs is not installed."""


def run_training(name: str, arguments: Sequence[str]) -> int:
    """Run a command of `TRAININGS`; each parses its own arguments.

    `--help` works without the packages for training too, but lists no options then.

    Returns:
        The exit status.

    Raises:
        MissingPackageError: torch or another package of `.venv-train` is not installed.
        SystemExit: the arguments are wrong (status 2), or `--help` was given (status 0).
    """
    module_name = TRAININGS[name].module
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        package = (error.name or '').partition('.')[0]
        if package in ('', 'emotion_lab', 'emotion_node'):
            raise
        needs = (
            f'"train {name}" needs {package}: run "make train-setup", then call '
            f'".venv-train/bin/python -m emotion_lab train {name}"'
        )
        if not {'-h', '--help'} & set(arguments):
            raise MissingPackageError(needs) from error
        print(f'{_docstring(module_name)}\n\nThe options are listed only there: {needs}.')
        return 0
    status: int = module.main(arguments)
    return status


def _docstring(module: str) -> str:
    """Return the docstring of a module that cannot be imported."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding='utf-8'))) or ''
