"""The models that are too large to ship: what they are, and where they are once fetched.

`models/fetchable.toml` has one table per model; `model_store.fetch` fetches them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emotion_node.errors import ModelError
from emotion_node.model_store.files import (
    ModelFile,
    byte_count,
    checksum,
    plain_name,
    printable,
    read_tables,
    reading_table,
)
from emotion_node.model_store.manifest import installed_models_dir, models_dir
from emotion_node.model_store.sources import Source, read_source, word

ENVIRONMENT_VARIABLE: Final = 'EMOTION_MODELS_CACHE'
LIST: Final = 'fetchable.toml'
WHISPER: Final = 'whisper-base'
"""The recommended speech recogniser."""
FACES: Final = 'mediapipe-faces'
"""Face detector and face mesh."""
TALKING: Final = 'lr-asd'
TALKING_WEIGHTS: Final = 'pretrain_AVA.model'
"""The learned active speaker detector, and its file."""
_KIND: Final = 'list of models'


def fetch_command(name: str) -> str:
    """Return the command that fetches a model."""
    return f'python -m emotion_node models fetch {name}'


@dataclass(frozen=True, slots=True)
class FetchableModel:
    """One model that can be fetched.

    Attributes:
        name: by which parameters select it.
        description: what it is for.
        licence: terms of the weights.
        origin: who made it, and of what it is an exact copy.
        folder: where it is once fetched; either complete or absent.
        files: by name, what `folder` then contains.
        sources: where to get these files, in the order in which to try.
    """

    name: str
    description: str
    licence: str
    origin: str
    folder: Path
    files: Mapping[str, ModelFile]
    sources: tuple[Source, ...]

    @property
    def size(self) -> int:
        """Length of all files together, in bytes."""
        return sum(file.size for file in self.files.values())

    @property
    def fetched(self) -> bool:
        """Whether its folder exists; its checksums are not compared."""
        return self.folder.is_dir()


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
        folder: as in `models_dir`; where it has no list, the installed list is used.

    Raises:
        ModelError: there is no list, or it is not valid.
    """
    path = models_dir(folder) / LIST
    if not path.is_file():
        path = installed_models_dir() / LIST
    return {name: _model(path, name, table) for name, table in read_tables(path, _KIND).items()}


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
    with reading_table(path, _KIND, name):
        folder = cache_dir() / word(name)
        remedy = f'"{fetch_command(name)}" fetches it again'
        files = {
            plain_name(file): _file(folder, file, remedy, **one)
            for file, one in table['files'].items()
        }
        sources = tuple(read_source(source, files) for source in table['sources'])
        if not files or not sources:
            raise ValueError('it has no files, or no sources')
        return FetchableModel(
            name=name,
            description=printable(table['description']),
            licence=printable(table['licence']),
            origin=printable(table['origin']),
            folder=folder,
            files=files,
            sources=sources,
        )


def _file(folder: Path, name: str, remedy: str, sha256: object, size: object) -> ModelFile:
    return ModelFile(name, folder / name, checksum(sha256), byte_count(size), remedy, (folder,))
