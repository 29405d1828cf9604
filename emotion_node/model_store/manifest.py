"""The shipped models: where they are, what they are, and whether their files are whole.

`models/manifest.toml` has one table per model. Nothing here loads a model. Models that are too
large to ship are in `fetchable`.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emotion_node.datatypes import ModelInfo
from emotion_node.errors import ModelError
from emotion_node.labels import LABELS

ENVIRONMENT_VARIABLE: Final = 'EMOTION_MODELS'
MANIFEST: Final = 'manifest.toml'
SHARE: Final = Path('share', 'emotion_node', 'models')
"""Where the package's build installs the models, relative to its prefix."""

_POINTER: Final = b'version https://git-lfs'
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        role: what it is to the model, e.g. "weights".
        path: where it should be.
        sha256: checksum it should have, in hexadecimal.
        size: length it should have, in bytes.
        remedy: what to do when it is missing or damaged; by default, what helps with a file
            that was installed.
    """

    role: str
    path: Path
    sha256: str
    size: int
    remedy: str = ''

    def check(self) -> None:
        """Compare the file with its manifest.

        Raises:
            ModelError: it is missing, a git-lfs pointer or damaged.
        """
        digest = hashlib.sha256()
        try:
            with self.path.open('rb') as file:
                head = file.read(_CHUNK)
                digest.update(head)
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise self._missing(error) from error
        self._compare(head, digest.hexdigest())

    def read(self) -> bytes:
        """Return the file's bytes, known to be those of the manifest.

        Raises:
            ModelError: it is missing, a git-lfs pointer or damaged.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise self._missing(error) from error
        self._compare(data, hashlib.sha256(data).hexdigest())
        return data

    def _missing(self, error: OSError) -> ModelError:
        remedy = self.remedy or (
            f'install the package again or name the folder that holds {MANIFEST} in models_dir '
            f'or {ENVIRONMENT_VARIABLE}'
        )
        return ModelError(f'model file {self.path} cannot be read ({error.strerror}); {remedy}')

    def _compare(self, head: bytes, found: str) -> None:
        if found == self.sha256:
            return
        if head.startswith(_POINTER):
            raise ModelError(
                f'model file {self.path} is a git-lfs pointer, not the model; run "git lfs pull" '
                'in the checkout and build again'
            )
        raise ModelError(
            f'model file {self.path} is damaged: its sha256 is {found}, the manifest says '
            f'{self.sha256} ({self.size} bytes); '
            + (self.remedy or 'restore the file from the repository')
        )


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the manifest.

    Attributes:
        key: name of its table, by which parameters choose it.
        name: name shown with its answers.
        version: version shown with its answers.
        modality: text, voice or face.
        labels: order of its outputs.
        input: what it takes.
        licence: terms of the weights.
        training_data: data sets behind it, with their terms.
        files: by role.
        figures: what was measured, by name.
    """

    key: str
    name: str
    version: str
    modality: str
    labels: tuple[str, ...]
    input: str
    licence: str
    training_data: tuple[str, ...]
    files: Mapping[str, ModelFile]
    figures: Mapping[str, Any]

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        return ModelInfo(self.name, self.version)

    @property
    def size(self) -> int:
        """Length of all files together, in bytes."""
        return sum(file.size for file in self.files.values())

    def file(self, role: str) -> ModelFile:
        """Return the file of a role.

        Raises:
            ModelError: the manifest names none.
        """
        if role not in self.files:
            raise ModelError(
                f'model {self.key!r} has no file for {role!r} in the manifest, which names '
                f'{", ".join(sorted(self.files))}'
            )
        return self.files[role]


def models_dir(explicit: str | Path = '', package: Path | None = None) -> Path:
    """Return the folder that holds `manifest.toml`.

    Args:
        explicit: the folder, if the user named one; else `EMOTION_MODELS`; else `models` beside
            the package (a source checkout); else `share/emotion_node/models` under the prefix
            into which the package is installed.
        package: folder of the package; this one when None.

    Raises:
        ModelError: no manifest is where it was looked for.
    """
    named = str(explicit) or os.environ.get(ENVIRONMENT_VARIABLE, '')
    if not named:
        return installed_models_dir(package)
    folder = Path(named).expanduser()
    if not (folder / MANIFEST).is_file():
        raise _no_manifest(str(folder))
    return folder


def installed_models_dir(package: Path | None = None) -> Path:
    """Return the folder of the models that came with the package, whatever the user named.

    Args:
        package: folder of the package; this one when None.

    Raises:
        ModelError: no manifest is where it was looked for.
    """
    package = package or Path(__file__).resolve().parents[1]
    beside = package.parent / 'models'
    for folder in (beside, *(prefix / SHARE for prefix in package.parents)):
        if (folder / MANIFEST).is_file():
            return folder
    raise _no_manifest(f'{beside} nor in {SHARE} above it')


def _no_manifest(looked: str) -> ModelError:
    return ModelError(
        f'no {MANIFEST} in {looked}; install the package again or name the folder that holds it '
        f'in models_dir or {ENVIRONMENT_VARIABLE}'
    )


def read_manifest(folder: str | Path = '') -> dict[str, ModelEntry]:
    """Return all models of a manifest by key.

    Args:
        folder: as in `models_dir`.

    Raises:
        ModelError: there is no manifest or it is not valid.
    """
    path = models_dir(folder) / MANIFEST
    try:
        tables = tomllib.loads(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f'model manifest {path} cannot be read: {error}') from error
    return {key: _entry(path, key, table) for key, table in tables.items()}


def find_model(key: str, folder: str | Path = '', labels: tuple[str, ...] = LABELS) -> ModelEntry:
    """Return one model, its label table checked, its files not yet.

    Args:
        key: name of its table in the manifest.
        folder: as in `models_dir`.
        labels: that it has to have.

    Raises:
        ModelError: the manifest has no such model, or its labels are not these in this order.
    """
    entry = _find(key, folder)
    if entry.labels != labels:
        raise ModelError(
            f'model {key!r} has the labels {", ".join(entry.labels)}; expected '
            f'{", ".join(labels)}, in this order; correct its table in '
            f'{models_dir(folder) / MANIFEST} only together with the model'
        )
    return entry


def _find(key: str, folder: str | Path) -> ModelEntry:
    entries = read_manifest(folder)
    if key not in entries:
        raise ModelError(
            f'no model {key!r} in {models_dir(folder) / MANIFEST}, which has '
            f'{", ".join(entries) or "none"}'
        )
    return entries[key]


@dataclass(frozen=True, slots=True)
class FileState:
    """Whether a model's file is whole.

    Attributes:
        key: of the model.
        file: which file.
        problem: what is wrong with it; empty when nothing is.
    """

    key: str
    file: ModelFile
    problem: str

    @classmethod
    def of(cls, key: str, file: ModelFile) -> FileState:
        """Compare a file with its checksum."""
        try:
            file.check()
        except ModelError as error:
            return cls(key, file, str(error))
        return cls(key, file, '')


def verify_models(folder: str | Path = '', keys: Iterable[str] = ()) -> list[FileState]:
    """Compare files with their checksums and return each file's state.

    Args:
        folder: as in `models_dir`.
        keys: the models to verify; all when empty.

    Raises:
        ModelError: there is no valid manifest, or it has no such model.
    """
    chosen = [_find(key, folder) for key in keys] or read_manifest(folder).values()
    return [FileState.of(entry.key, file) for entry in chosen for file in entry.files.values()]


LIST_HEADER: Final = ('model', 'name', 'version', 'modality', 'MB', 'files', 'licence')


def list_models(folder: str | Path = '') -> list[tuple[str, ...]]:
    """Return a table of the manifest's models, one row of `LIST_HEADER` each.

    Args:
        folder: as in `models_dir`.

    Raises:
        ModelError: there is no valid manifest.
    """
    return [
        (
            entry.key,
            entry.name,
            entry.version,
            entry.modality,
            f'{entry.size / 1e6:.1f}',
            'present' if all(f.path.is_file() for f in entry.files.values()) else 'missing',
            entry.licence,
        )
        for entry in read_manifest(folder).values()
    ]


def _entry(path: Path, key: str, table: dict[str, Any]) -> ModelEntry:
    try:
        return ModelEntry(
            key=key,
            name=str(table['name']),
            version=str(table['version']),
            modality=str(table['modality']),
            labels=tuple(table['labels']),
            input=str(table['input']),
            licence=str(table['licence']),
            training_data=tuple(table['training_data']),
            files={
                role: ModelFile(role, path.parent / file['path'], file['sha256'], file['size'])
                for role, file in table['files'].items()
            },
            figures=dict(table['figures']),
        )
    except KeyError as error:
        raise ModelError(f'model manifest {path}: model {key!r} lacks the key {error}') from error
    except (TypeError, AttributeError) as error:
        raise ModelError(f'model manifest {path}: model {key!r} is malformed: {error}') from error
