"""The models that ship with the package: where and what they are.

`models/manifest.toml` has one table per model. Nothing here loads a model. Models that are too
large to ship are in `catalogue`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emotion_node.datatypes import ModelInfo, primary_language
from emotion_node.errors import ModelError
from emotion_node.labels import LABELS
from emotion_node.model_store.files import (
    ModelFile,
    byte_count,
    checksum,
    inner_path,
    printable,
    read_tables,
    reading_table,
)

ENVIRONMENT_VARIABLE: Final = 'EMOTION_MODELS'
MANIFEST: Final = 'manifest.toml'
SHARE: Final = Path('share', 'emotion_node', 'models')
"""Where the package's build installs the models, relative to its prefix."""

_KIND: Final = 'model manifest'


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
        commercial: whether no data set behind it excludes commercial use.
        training_data: data sets behind it, with their terms.
        files: by role.
        figures: what was measured, by name.
        languages: of the words that a text model knows, as BCP 47 tags without region; empty for
            all, and where words play no part.
    """

    key: str
    name: str
    version: str
    modality: str
    labels: tuple[str, ...]
    input: str
    licence: str
    commercial: bool
    training_data: tuple[str, ...]
    files: Mapping[str, ModelFile]
    figures: Mapping[str, Any]
    languages: tuple[str, ...] = ()

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        return ModelInfo(self.name, self.version)

    @property
    def size(self) -> int:
        """Length of all files together, in bytes."""
        return sum(file.size for file in self.files.values())

    @property
    def present(self) -> bool:
        """Whether all files exist; their checksums are not compared."""
        return all(file.path.is_file() for file in self.files.values())

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
    """Return the folder that contains `manifest.toml`.

    Args:
        explicit: the folder, if the user named one; else `EMOTION_MODELS`; else `models` beside
            the package (a source checkout); else `share/emotion_node/models` under the prefix
            into which the package is installed.
        package: folder of the package; this one when None.

    Raises:
        ModelError: no manifest is where it was searched for.
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
        ModelError: no manifest is where it was searched for.
    """
    package = package or Path(__file__).resolve().parents[1]
    beside = package.parent / 'models'
    for folder in (beside, *(prefix / SHARE for prefix in package.parents)):
        if (folder / MANIFEST).is_file():
            return folder
    raise _no_manifest(f'{beside} nor in {SHARE} above it')


def _no_manifest(searched: str) -> ModelError:
    return ModelError(
        f'no {MANIFEST} in {searched}; install the package again, or name its folder '
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
    return {key: _entry(path, key, table) for key, table in read_tables(path, _KIND).items()}


def find_model(key: str, folder: str | Path = '', labels: tuple[str, ...] = LABELS) -> ModelEntry:
    """Return one model; its label table is checked, its files are not.

    Args:
        key: name of its table in the manifest.
        folder: as in `models_dir`.
        labels: expected label table, in this order.

    Raises:
        ModelError: the manifest has no such model, or its labels are not these in this order.
    """
    entry = find_entry(key, folder)
    if entry.labels != labels:
        raise ModelError(
            f'model {key!r} has the labels {", ".join(entry.labels)}; expected '
            f'{", ".join(labels)}, in this order; correct its table in '
            f'{models_dir(folder) / MANIFEST} only together with the model'
        )
    return entry


def find_entry(key: str, folder: str | Path = '') -> ModelEntry:
    """Return one model, whatever its label table.

    Args:
        key: name of its table in the manifest.
        folder: as in `models_dir`.

    Raises:
        ModelError: the manifest has no such model.
    """
    entries = read_manifest(folder)
    if key not in entries:
        raise ModelError(
            f'no model {key!r} in {models_dir(folder) / MANIFEST}, which has '
            f'{", ".join(entries) or "none"}'
        )
    return entries[key]


def _entry(path: Path, key: str, table: dict[str, Any]) -> ModelEntry:
    # A build may install links to the sources.
    folders = (path.parent, path.resolve().parent)
    with reading_table(path, _KIND, key):
        return ModelEntry(
            key=printable(key),
            name=printable(table['name']),
            version=printable(table['version']),
            modality=printable(table['modality']),
            labels=tuple(map(printable, table['labels'])),
            input=printable(table['input']),
            licence=printable(table['licence']),
            commercial=_flag('commercial', table['commercial']),
            training_data=tuple(map(printable, table['training_data'])),
            files={
                printable(role): ModelFile(
                    role,
                    path.parent / inner_path(file['path']),
                    checksum(file['sha256']),
                    byte_count(file['size']),
                    folders=folders,
                )
                for role, file in table['files'].items()
            },
            figures=dict(table['figures']),
            languages=tuple(map(_language, table.get('languages', ()))),
        )


def _flag(key: str, value: object) -> bool:
    """Return a value that is true or false.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, bool):
        raise ValueError(f'{key}: expected true or false, got {value!r}')
    return value


def _language(value: object) -> str:
    """Return a language's tag in lower case.

    Raises:
        ValueError: it is no tag, or one with a script or region.
    """
    tag = printable(value)
    if not 2 <= len(tag) <= 3 or not tag.isalpha() or not tag.isascii():
        raise ValueError(f'languages: {tag!r} is no language such as "en"')
    return primary_language(tag)
