"""The storage files of a recording, in a form that the parsers can open."""

from __future__ import annotations

import re
import shutil
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import apsw
import zstandard

from emotion_node.recordings.barrier import Report, attempt

SUFFIXES: Final = ('.mcap', '.db3')
_COMPRESSED: Final = '.zstd'
_WAL: Final = '-wal'
_AWKWARD: Final = re.compile(r'[#?%\ud800-\udfff]')
"""Characters that have a meaning in SQLite's URIs, and bytes that are not UTF-8."""


def is_storage_file(path: Path) -> bool:
    """Return whether a path is named like a storage file, compressed as a whole or not."""
    name = path.with_suffix('') if path.suffix == _COMPRESSED else path
    return name.suffix in SUFFIXES


def storage_files(folder: Path) -> list[Path]:
    """Return the storage files of a folder in the order of their numbers."""

    def number(path: Path) -> tuple[int, str]:
        digits = path.name.partition('.')[0].rpartition('_')[2]
        return (int(digits) if digits.isdecimal() else -1, path.name)

    return sorted(filter(is_storage_file, folder.iterdir()), key=number)


def is_awkward(path: Path) -> bool:
    """Return whether SQLite cannot open a path by its name."""
    return _AWKWARD.search(str(path.absolute())) is not None


def openable(path: Path, stack: ExitStack, lose: Report) -> Path:
    """Return a path under which the parsers can open a storage file.

    It is the file itself or, in a temporary folder, its decompressed content, its content with the
    messages of its write-ahead log, or a link with a plain name.

    Args:
        path: of the storage file.
        stack: deletes the temporary folder.
        lose: called with a description of what could not be read.
    """
    log = path.with_name(path.name + _WAL)
    has_log = path.suffix == '.db3' and log.exists() and log.stat().st_size > 0
    compressed = path.suffix == _COMPRESSED
    if not (has_log or compressed or is_awkward(path)):
        return path
    folder = Path(stack.enter_context(TemporaryDirectory(prefix='emotion_node_')))
    suffix = path.with_suffix('').suffix if compressed else path.suffix
    target = folder / f'storage{suffix}'
    if compressed:
        attempt(
            lambda: _decompress(path, target),
            lambda fault: lose(f'{path} cannot be decompressed to its end ({fault})'),
        )
    elif has_log:
        shutil.copyfile(path, target)
        shutil.copyfile(log, target.with_name(target.name + _WAL))
        attempt(
            lambda: _apply_log(target),
            lambda fault: lose(f'the messages in {log} cannot be read ({fault})'),
        )
    else:
        target.symlink_to(path.absolute())
    return target


def _decompress(path: Path, target: Path) -> None:
    with path.open('rb') as source, target.open('wb') as sink:
        zstandard.ZstdDecompressor().copy_stream(source, sink)


def _apply_log(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as database:
        database.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
        database.execute('PRAGMA journal_mode = DELETE').fetchall()
