"""Files that only their owner may read: they hold words or images of people."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

_FILE: Final = 0o600
_FOLDER: Final = 0o700


@contextmanager
def open_output(output: str | Path) -> Iterator[IO[str]]:
    """Open a file for writing text, or standard output for "-"."""
    if output == '-':
        yield sys.stdout
        return
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', encoding='utf-8', newline='\n', opener=open_private) as file:
        yield file


def open_private(path: str, flags: int) -> int:
    """Open a file that only its owner may read."""
    descriptor = os.open(path, flags, _FILE)
    os.fchmod(descriptor, _FILE)
    return descriptor


def make_folder(path: Path) -> None:
    """Make a folder, unless it is there, and let only its owner read it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(_FOLDER)
