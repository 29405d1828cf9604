"""Compares the files of models with their checksums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emotion_node.errors import ModelError
from emotion_node.model_store.files import ModelFile
from emotion_node.model_store.manifest import find_entry, read_manifest


@dataclass(frozen=True, slots=True)
class FileState:
    """Whether a model's file is intact.

    Attributes:
        model: name of the model.
        file: which file.
        problem: what is wrong with it; empty when nothing is.
    """

    model: str
    file: ModelFile
    problem: str


def verify_files(model: str, files: Iterable[ModelFile]) -> list[FileState]:
    """Compare the files of one model with their checksums and return each file's state."""
    return [FileState(model, file, find_problem(file)) for file in files]


def find_problem(file: ModelFile) -> str:
    """Return what is wrong with a file, or an empty text."""
    try:
        file.check()
    except ModelError as error:
        return str(error)
    return ''


def verify_models(folder: str | Path = '', keys: Iterable[str] = ()) -> list[FileState]:
    """Compare the files of models in the manifest with their checksums.

    Args:
        folder: as in `manifest.models_dir`.
        keys: the models to verify; all when empty.

    Returns:
        The state of each file.

    Raises:
        ModelError: there is no valid manifest, or it has no such model.
    """
    chosen = [find_entry(key, folder) for key in keys] or read_manifest(folder).values()
    return [state for entry in chosen for state in verify_files(entry.key, entry.files.values())]
