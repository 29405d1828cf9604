"""Recovering the messages of a rosbag2 file that is truncated or damaged.

A killed recorder, a full disk or an interrupted copy leaves a file without its index, and a reader
that relies on the index rejects it. Here the file is read from its beginning up to the damage.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import zstandard
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, McapRecord, Message, Schema
from mcap.stream_reader import CRCValidationError, StreamReader, breakup_chunk

_FORMATS = {'ros2msg': 'msg', 'ros2idl': 'idl'}
_TRUNCATED = (McapError, struct.error, UnicodeDecodeError)
"""Raised when reading past the end, or bytes that are not a record."""
_RECORD_HEADER = 9
"""Bytes of an MCAP record's opcode and length."""


_SQLITE_HEADER = 100


@dataclass(frozen=True, slots=True)
class Recovered:
    """One message of a damaged file.

    Attributes:
        topic, msgtype: as recorded.
        definition: text of the message definition; empty when the file has none.
        format: of the definition: "msg", "idl" or empty.
        stamp_ns: time of recording.
        data: the serialised message.
    """

    topic: str
    msgtype: str
    definition: str
    format: str
    stamp_ns: int
    data: bytes


def recover(path: Path) -> Iterator[Recovered]:
    """Yield the messages of a damaged file in the order in which they were written.

    The iteration ends where the damage begins.

    Args:
        path: an .mcap or .db3 file.
    """
    return recover_sqlite(path) if path.suffix == '.db3' else recover_mcap(path)


def recover_mcap(path: Path) -> Iterator[Recovered]:
    """Yield the readable messages of a damaged MCAP file."""
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    for record in _mcap_records(path):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Message) and record.channel_id in channels:
            channel = channels[record.channel_id]
            schema = schemas.get(channel.schema_id)
            yield Recovered(
                channel.topic,
                schema.name if schema else '',
                schema.data.decode(errors='replace') if schema else '',
                _FORMATS.get(schema.encoding, '') if schema else '',
                record.log_time,
                record.data,
            )


def _mcap_records(path: Path) -> Iterator[McapRecord]:
    with path.open('rb') as file:
        good_until = 0
        reader = StreamReader(file, emit_chunks=True, record_size_limit=path.stat().st_size)
        try:
            for record in reader.records:
                if isinstance(record, Chunk):
                    yield from _whole_chunk(record)
                else:
                    yield record
                good_until = file.tell()
        except _TRUNCATED:
            file.seek(good_until)
            yield from _partial_chunk(file.read())


def _whole_chunk(chunk: Chunk) -> list[McapRecord]:
    """Return the records of a chunk; none when it is damaged."""
    try:
        return breakup_chunk(chunk, validate_crc=True)
    except (CRCValidationError, zstandard.ZstdError, RuntimeError, *_TRUNCATED):
        return []  # lz4 raises RuntimeError


def _partial_chunk(data: bytes) -> Iterator[McapRecord]:
    """Yield the complete records of a truncated, uncompressed chunk."""
    name = _RECORD_HEADER + 8 + 8 + 8 + 4  # after start and end time, size, checksum
    if len(data) < name + 4 or data[0] != Opcode.CHUNK:
        return
    if int.from_bytes(data[name : name + 4], 'little') != 0:
        return  # compressed as one block: unreadable without its end
    contents = io.BytesIO(data[name + 4 + 8 :])
    with contextlib.suppress(*_TRUNCATED):
        yield from StreamReader(contents, skip_magic=True, record_size_limit=len(data)).records


def recover_sqlite(path: Path) -> Iterator[Recovered]:
    """Yield the readable messages of a damaged SQLite file."""
    files = _WholePages()
    database = apsw.Connection(
        f'{path.resolve().as_uri()}?immutable=1',
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        vfs=files.name,
    )
    with contextlib.closing(database), contextlib.suppress(apsw.Error):
        # Otherwise SQLite rejects a file that is shorter than its header states.
        database.execute('PRAGMA writable_schema = ON')
        definitions = {
            name: (text, _FORMATS.get(encoding, ''))
            for name, encoding, text in _definitions(database)
        }
        topics = {
            key: (name, kind, *definitions.get(kind, ('', '')))
            for key, name, kind in database.execute('SELECT id, name, type FROM topics')
        }
        for key, stamp_ns, data in database.execute(
            'SELECT topic_id, timestamp, data FROM messages NOT INDEXED ORDER BY id'
        ):
            if key in topics:
                yield Recovered(*topics[key], stamp_ns, data)


class _WholePages(apsw.VFS):
    """Opens files without their last, incomplete page, which SQLite would pad with zeros."""

    def __init__(self) -> None:
        self.name = f'whole_pages_{id(self)}'
        super().__init__(self.name, '')

    def xOpen(  # noqa: N802  SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        return _WholePagesFile('', name, flags)


class _WholePagesFile(apsw.VFSFile):
    def xFileSize(self) -> int:  # noqa: N802  SQLite's name
        size = super().xFileSize()
        # Bytes 16 and 17 of the header; 1 stands for 65536 (SQLite's file format, section 1.3.2).
        page = int.from_bytes(super().xRead(2, 16), 'big') if size >= _SQLITE_HEADER else 0
        page = 65536 if page == 1 else page
        return size - size % page if page else size


def _definitions(database: apsw.Connection) -> list[Any]:
    tables = database.execute('SELECT name FROM sqlite_master WHERE type = "table"').fetchall()
    if ('message_definitions',) not in tables:
        return []  # recorded before ROS 2 Iron
    return database.execute(
        'SELECT topic_type, encoding, encoded_message_definition FROM message_definitions'
    ).fetchall()
