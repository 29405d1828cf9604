"""A model's files and how they are checked; tables of models in TOML files.

Tables and files may come from anywhere. Only regular files are opened, their size is compared
before they are read, and no more bytes are read than the table states.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from emotion_node.errors import ModelError

_POINTER: Final = b'version https://git-lfs'
_CHUNK: Final = 1 << 20
_MAX_TABLES: Final = 1 << 20
"""Longest file of tables, in bytes; the one that ships has 9 kB."""
_SHA256: Final = re.compile(r'[0-9A-Fa-f]{64}')
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
        folders: folders, one of which has to contain it once links are followed; empty for a
            file that may be anywhere.
    """

    role: str
    path: Path
    sha256: str
    size: int
    remedy: str = ''
    folders: tuple[Path, ...] = ()

    def check(self) -> None:
        """Compare the file with its size and checksum, without keeping it in memory.

        Raises:
            ModelError: it is missing, not a regular file, outside its folder, a git-lfs pointer
                or damaged.
        """
        digest = hashlib.sha256()
        with self._opened() as file:
            left = self.size
            while left and (chunk := file.read(min(left, _CHUNK))):
                digest.update(chunk)
                left -= len(chunk)
        self._compare(digest.hexdigest())

    def read(self) -> bytes:
        """Return the file's content after comparing it with its size and checksum.

        Raises:
            ModelError: as for `check`.
        """
        with self._opened() as file:
            data = file.read(self.size)
        self._compare(hashlib.sha256(data).hexdigest())
        return data

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the file, once its place, kind and size are as expected."""
        try:
            self._check_place()
            with open_regular(self.path) as file:
                found = os.fstat(file.fileno()).st_size
                if found != self.size:
                    head = file.read(min(len(_POINTER), self.size))
                    raise (
                        self._pointer()
                        if head == _POINTER
                        else self._damaged(f'it has {found} bytes, expected {self.size}')
                    )
                yield file
        except OSError as error:
            raise ModelError(
                f'model file {self.path} cannot be read ({error.strerror}); '
                f'{self.remedy or _REMEDY}'
            ) from error

    def _check_place(self) -> None:
        if self.folders:
            real = follow_links(self.path)
            if not any(real.is_relative_to(follow_links(folder)) for folder in self.folders):
                raise ModelError(
                    f'model file {self.path} leads out of its folder, to {real}; copy the file '
                    'into the folder instead'
                )

    def _compare(self, found: str) -> None:
        if found != self.sha256:
            raise self._damaged(
                f'its sha256 is {found}, expected {self.sha256} ({self.size} bytes)'
            )

    def _pointer(self) -> ModelError:
        return ModelError(
            f'model file {self.path} is a git-lfs pointer, not the model; run "git lfs pull" in '
            'the checkout and build again'
        )

    def _damaged(self, how: str) -> ModelError:
        remedy = self.remedy or 'restore the file from the repository'
        return ModelError(f'model file {self.path} is damaged: {how}; {remedy}')


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: it cannot be opened, or is no regular file: a device or a FIFO is not opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, 'not a regular file', str(path))
    # It may have been replaced since.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, 'rb')
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, 'not a regular file', str(path))
    return file


def remove(path: Path) -> None:
    """Remove what has this name: a file, a link but not what it leads to, or a folder."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def follow_links(path: Path) -> Path:
    """Return where a path leads, which need not exist.

    Raises:
        OSError: its links lead in a circle.
    """
    try:
        return path.resolve()
    except RuntimeError as error:  # until Python 3.12
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error


def plain_name(name: object) -> str:
    """Return a file name that stays in its folder.

    Raises:
        ValueError: it has separators or control characters, is empty or has nothing but dots.
    """
    if (
        not isinstance(name, str)
        or not name.strip('.')
        or not name.isprintable()
        or {'/', '\\'} & set(name)
    ):
        raise ValueError(f'{name!a} is not a plain file name')
    return name


def inner_path(path: object) -> PurePosixPath:
    """Return a path that stays in its folder: relative, of plain names.

    Raises:
        ValueError: it is anything else.
    """
    if not isinstance(path, str):
        raise ValueError(f'{path!r} is not a path')
    inner = PurePosixPath(path)
    try:
        return PurePosixPath(*map(plain_name, inner.parts or ['']))
    except ValueError as error:
        raise ValueError(f'{path!a} is not a path inside the folder of the list') from error


def checksum(value: object) -> str:
    """Return a sha256 in hexadecimal, in lower case.

    Raises:
        ValueError: it is anything else.
    """
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f'{value!r} is not a sha256 of 64 hexadecimal digits')
    return value.lower()


def byte_count(value: object) -> int:
    """Return the length of a file, in bytes.

    Raises:
        ValueError: it is not a whole number from 0 on.
    """
    if type(value) is not int or value < 0:
        raise ValueError(f'{value!r} is not a length in bytes')
    return value


def printable(value: object) -> str:
    """Return a text that can be shown in a terminal: on one line, without control characters.

    Raises:
        ValueError: it is anything else.
    """
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f'{value!a} is not a text of printable characters')
    return value


def read_tables(path: Path, kind: str) -> dict[str, Any]:
    """Return the tables of a TOML file by name.

    Args:
        path: the file.
        kind: what the file is, for errors.

    Raises:
        ModelError: it cannot be read, is too long or is not valid TOML.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_MAX_TABLES + 1)
        if len(data) > _MAX_TABLES:
            raise ModelError(f'{kind} {path} is longer than {_MAX_TABLES} bytes')
        return tomllib.loads(data.decode('utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f'{kind} {path} cannot be read: {error}') from error


@contextmanager
def reading_table(path: Path, kind: str, name: str) -> Iterator[None]:
    """Say which table of which file is wrong when making a record of it fails.

    Raises:
        ModelError: a key is missing, or has a value of another type or one that is not allowed.
    """
    try:
        yield
    except KeyError as error:
        raise ModelError(f'{kind} {path}: model {name!r} lacks the key {error}') from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f'{kind} {path}: model {name!r} is malformed: {error}') from error
