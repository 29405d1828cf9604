"""Downloads the files of a model from their addresses, checked and resumable.

Proxies and certificates are those of the environment (`https_proxy`, `SSL_CERT_FILE`).
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import wrap_file

from emotion_node.errors import ModelError
from emotion_node.model_store.files import ModelFile, remove
from emotion_node.model_store.sources import Addresses
from emotion_node.model_store.verify import find_problem

TIMEOUT_S: Final = 5.0
"""How long to wait for a connection, and for each piece of an answer, in seconds."""

OFFLINE_VARIABLE: Final = 'HF_HUB_OFFLINE'
_YES: Final = ('1', 'on', 'yes', 'true')
_CHUNK: Final = 1 << 18
_PARTIAL: Final = 206
"""HTTP status of an answer that begins where the request said."""
_T = TypeVar('_T')


def take_from_addresses(
    source: Addresses,
    files: Mapping[str, ModelFile],
    work: Path,
    new: Path,
    say: Callable[[str], None],
) -> None:
    """Write the files of a model into a folder, checked.

    Args:
        source: the address of each file.
        files: the files, by name.
        work: keeps what has been downloaded, so that an interrupted fetch continues.
        new: an empty folder.
        say: takes lines about the progress.

    Raises:
        ModelError: a file cannot be downloaded, or is not that of the model.
        OSError: the disk is full, or a folder cannot be written.
    """
    if source.hub and os.environ.get(OFFLINE_VARIABLE, '').lower() in _YES:
        raise ModelError(f'{OFFLINE_VARIABLE} is set')
    # Small files first: a host that cannot be reached, or another revision, shows at once.
    for name, file in sorted(files.items(), key=lambda item: item[1].size):
        got = ModelFile(name, work / f'{name}.download', file.sha256, file.size, folders=(work,))
        if find_problem(got):
            if file.size > _CHUNK:
                say(f'  {name}, {file.size / 1e6:.0f} MB')
            _download(source.urls[name], got)
            if problem := find_problem(got):
                remove(got.path)
                raise ModelError(f'{name} is not the file in the list of models: {problem}')
        got.path.rename(new / name)


def _download(url: str, file: ModelFile) -> None:
    """Download a file, or the rest of it; never more bytes than it should have."""
    if urlsplit(url).scheme not in ('http', 'https'):
        raise ModelError(f'{url} is not an address of the web')
    if file.path.is_symlink() or not file.path.is_file() or file.path.stat().st_size >= file.size:
        remove(file.path)
    with file.path.open('ab') as target:
        present = target.tell()
        request = urllib.request.Request(url, headers={'User-Agent': 'emotion_node'})
        if present:
            request.add_header('Range', f'bytes={present}-')
        with _online(url, lambda: urllib.request.urlopen(request, timeout=TIMEOUT_S)) as answer:
            if present and answer.status != _PARTIAL:
                target.truncate(0)
                present = 0
            _copy(url, answer, target, file.size - present, file.role)


def _copy(url: str, answer: BinaryIO, target: BinaryIO, left: int, name: str) -> None:
    console = Console(stderr=True)
    with wrap_file(
        answer, left, description=name, console=console, disable=not console.is_terminal
    ) as source:
        while left:
            chunk = _online(url, partial(source.read, min(left, _CHUNK)))
            if not chunk:
                raise ModelError(f'{urlsplit(url).netloc} closed the connection before the end')
            target.write(chunk)
            left -= len(chunk)


def _online(url: str, action: Callable[[], _T]) -> _T:
    """Do what may fail because of the network."""
    host = urlsplit(url).netloc
    try:
        return action()
    except urllib.error.HTTPError as error:
        raise ModelError(f'{host} answers {error.code} ({error.reason}) to {url}') from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, 'reason', error)  # of a URLError
        words = getattr(reason, 'strerror', None) or str(reason) or type(error).__name__
        raise ModelError(f'{host} cannot be reached ({words})') from error
