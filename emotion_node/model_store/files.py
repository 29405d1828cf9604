"""A model's files and how they are checked; tables of models in TOML files."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emotion_node.errors import ModelError

_POINTER: Final = b'version https://git-lfs'
_CHUNK: Final = 1 << 20
_REMEDY: Final = (
    'install the package again, or name the folder that contains manifest.toml in models_dir or '
    'EMOTION_MODELS'
)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        role: what it is to the model, e.g. "weights".
        path: where it should be.
        sha256: checksum it should have, in hexadecimal.
        size: length it should have, in bytes.
        remedy: what to do when it is missing or damaged; empty for a file that was installed
            with the package.
    """

    role: str
    path: Path
    sha256: str
    size: int
    remedy: str = ''

    def check(self) -> None:
        """Compare the file with its checksum, without keeping it in memory.

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
        """Return the file's content after comparing it with its checksum.

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
        return ModelError(
            f'model file {self.path} cannot be read ({error.strerror}); {self.remedy or _REMEDY}'
        )

    def _compare(self, head: bytes, found: str) -> None:
        if found == self.sha256:
            return
        if head.startswith(_POINTER):
            raise ModelError(
                f'model file {self.path} is a git-lfs pointer, not the model; run "git lfs pull" '
                'in the checkout and build again'
            )
        raise ModelError(
            f'model file {self.path} is damaged: its sha256 is {found}, expected '
            f'{self.sha256} ({self.size} bytes); '
            + (self.remedy or 'restore the file from the repository')
        )


def read_tables(path: Path, kind: str) -> dict[str, Any]:
    """Return the tables of a TOML file by name.

    Args:
        path: the file.
        kind: what the file is, for errors.

    Raises:
        ModelError: it cannot be read or is not valid TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f'{kind} {path} cannot be read: {error}') from error


@contextmanager
def reading_table(path: Path, kind: str, name: str) -> Iterator[None]:
    """Say which table of which file is wrong when making a record of it fails.

    Raises:
        ModelError: a key is missing or has a value of another type.
    """
    try:
        yield
    except KeyError as error:
        raise ModelError(f'{kind} {path}: model {name!r} lacks the key {error}') from error
    except (TypeError, AttributeError) as error:
        raise ModelError(f'{kind} {path}: model {name!r} is malformed: {error}') from error
