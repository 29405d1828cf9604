"""Reading the storage files of rosbag2 without their index, from the beginning to the end.

A killed recorder, a full disk or an interrupted copy leaves a file without its index, and a reader
that relies on the index rejects it. What `mcap recover` and `ros2 bag reindex` do is not enough
here: they do not read the complete messages of a truncated chunk or page.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import apsw
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader, get_chunk_data_stream

from emotion_node.recordings.barrier import Report, attempt, until_fault

MAX_STAMP_NS: Final = 2**63 - 1
"""Times of recording beyond this are damage."""
_FORMATS: Final = {'ros2msg': 'msg', 'ros2idl': 'idl', 'omgidl': 'idl'}
_MAX_CHUNK: Final = 2**31
"""Bytes of a decompressed chunk; recorders write a few MB."""
_RECORD_HEADER: Final = 9
"""Bytes of an MCAP record's opcode and length."""
_SQLITE_HEADER: Final = 100


@dataclass(frozen=True, slots=True)
class Recovered:
    """One message of a file that is read without its index.

    Attributes:
        topic, msgtype: as recorded.
        definition: text of the message definition; empty when the file has none.
        format: of the definition: "msg", "idl" or empty.
        encoding: of the data: "cdr" in ROS 2.
        qos: YAML of the quality of service that its publishers offered; may be empty.
        stamp_ns: time of recording.
        data: the serialised message.
    """

    topic: str
    msgtype: str
    definition: str
    format: str
    encoding: str
    qos: str
    stamp_ns: int
    data: bytes


def recover(path: Path, report: Report) -> Iterator[Recovered]:
    """Yield the messages that can be read, in the order in which they were written.

    Args:
        path: an .mcap or .db3 file.
        report: called with a description of each fault.
    """
    messages = recover_sqlite if path.suffix == '.db3' else recover_mcap
    for found in until_fault(messages(path, report), report):
        if 0 <= found.stamp_ns <= MAX_STAMP_NS:
            yield found
        else:
            report(f'a message on {found.topic} has an impossible time of recording')


def recover_mcap(path: Path, report: Report) -> Iterator[Recovered]:
    """Yield the readable messages of an MCAP file; arguments as for `recover`."""
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    for record in _mcap_records(path, report):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Message):
            channel = channels.get(record.channel_id)
            if channel is None:
                report('a message belongs to an unknown channel')
                continue
            schema = schemas.get(channel.schema_id)
            format_ = _FORMATS.get(schema.encoding, '') if schema else ''
            yield Recovered(
                channel.topic,
                schema.name if schema else '',
                schema.data.decode(errors='replace') if schema and format_ else '',
                format_,
                channel.message_encoding,
                channel.metadata.get('offered_qos_profiles', ''),
                record.log_time,
                record.data,
            )


def _mcap_records(path: Path, report: Report) -> Iterator[McapRecord]:
    with path.open('rb') as file:
        good_until = 0
        faults: list[str] = []
        reader = StreamReader(file, emit_chunks=True, record_size_limit=path.stat().st_size)
        for record in until_fault(reader.records, faults.append):
            if isinstance(record, Chunk):
                yield from _chunk_records(record, report)
            else:
                yield record
            good_until = file.tell()
        if faults:
            report(f'it cannot be read beyond byte {good_until} ({faults[0]})')
            file.seek(good_until)
            yield from _partial_chunk(file.read())


def _chunk_records(chunk: Chunk, report: Report) -> list[McapRecord]:
    """Return the records of a chunk in the order of their times, as far as they can be read."""

    def report_chunk(fault: str) -> None:
        report(f'a chunk is damaged ({fault})')

    contents = attempt(lambda: _contents(chunk), report_chunk)
    if contents is None:
        return []
    records = list(until_fault(_records_of(*contents), report_chunk))
    messages = [record for record in records if isinstance(record, Message)]
    others = [record for record in records if not isinstance(record, Message)]
    return [*others, *sorted(messages, key=attrgetter('log_time'))]


def _contents(chunk: Chunk) -> tuple[ReadDataStream, int]:
    size = chunk.uncompressed_size
    if chunk.compression == 'zstd':
        size = max(size, zstandard.frame_content_size(chunk.data))
    if size > _MAX_CHUNK:
        raise ValueError(f'it states a size of {size / 2**30:.0f} GiB')
    return get_chunk_data_stream(chunk, validate_crc=True)


def _records_of(stream: ReadDataStream, length: int) -> Iterator[McapRecord]:
    while stream.count < length:
        opcode, size = stream.read1(), stream.read8()
        if stream.count + size > length:
            raise ValueError('a record is incomplete')
        if opcode == Opcode.SCHEMA:
            yield Schema.read(stream)
        elif opcode == Opcode.CHANNEL:
            yield Channel.read(stream)
        elif opcode == Opcode.MESSAGE:
            yield Message.read(stream, size)
        else:
            raise ValueError(f'unexpected record {opcode}')


def _partial_chunk(data: bytes) -> Iterator[McapRecord]:
    """Yield the complete records of a truncated, uncompressed chunk."""
    name = _RECORD_HEADER + 8 + 8 + 8 + 4  # after start and end time, size, checksum
    if len(data) < name + 4 or data[0] != Opcode.CHUNK:
        return
    if int.from_bytes(data[name : name + 4], 'little') != 0:
        return  # compressed as one block: unreadable without its end
    contents = data[name + 4 + 8 :]
    stream = ReadDataStream(io.BytesIO(contents))
    yield from until_fault(_records_of(stream, len(contents)), _already_reported)


def _already_reported(fault: str) -> None:
    """Ignore a fault: the truncation was reported by the caller."""


def recover_sqlite(path: Path, report: Report) -> Iterator[Recovered]:
    """Yield the readable messages of an SQLite file; arguments as for `recover`."""
    files = _WholePages()
    database = apsw.Connection(
        f'{path.absolute().as_uri()}?immutable=1',
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        vfs=files.name,
    )
    with contextlib.closing(database):
        # Otherwise SQLite rejects a file that is shorter than its header states.
        database.execute('PRAGMA writable_schema = ON')
        definitions = attempt(lambda: _definitions(database), report) or {}
        topics = {
            key: (str(name), str(kind), *definitions.get(kind, ('', '')), str(encoding), str(qos))
            for key, name, kind, encoding, qos in database.execute(
                f'SELECT id, name, type, serialization_format, {_qos_column(database)} FROM topics'
            )
        }
        for key, stamp_ns, data in _rows(database, report):
            if key not in topics:
                report('a message belongs to an unknown topic')
            elif not isinstance(stamp_ns, int) or not isinstance(data, bytes):
                report(f'a message on {topics[key][0]} is not valid')
            else:
                yield Recovered(*topics[key], stamp_ns, data)


def _rows(database: apsw.Connection, report: Report) -> Iterator[tuple[int, int, bytes]]:
    """Yield topic, stamp and data of the messages; rows that cannot be read are skipped."""
    last = 0
    step = 0
    while True:
        faults: list[str] = []
        rows = _rows_after(database, last + step)
        for key, topic, stamp_ns, data in until_fault(rows, faults.append):
            if key <= last:  # damaged pages may lead in circles
                faults.append('its rows are out of order')
                break
            last, step = key, 0
            yield topic, stamp_ns, data
        if not faults:
            return
        if not step:
            report(f'it cannot be read after message {last} ({faults[0]})')
        step = 2 * step or 1
        if step > 2**20:
            return


def _rows_after(database: apsw.Connection, key: int) -> Iterator[Any]:
    # Lazily, as the first row is read when the query begins.
    yield from database.execute(
        'SELECT id, topic_id, timestamp, data FROM messages NOT INDEXED WHERE id > ? ORDER BY id',
        (key,),
    )


def _qos_column(database: apsw.Connection) -> str:
    columns = [row[1] for row in database.execute('PRAGMA table_info(topics)')]
    return 'offered_qos_profiles' if 'offered_qos_profiles' in columns else "''"


def _definitions(database: apsw.Connection) -> dict[str, tuple[str, str]]:
    tables: list[Any] = database.execute(
        'SELECT name FROM sqlite_master WHERE type = "table"'
    ).fetchall()
    if ('message_definitions',) not in tables:
        return {}  # recorded before ROS 2 Iron
    return {
        str(name): (str(text), _FORMATS.get(str(encoding), ''))
        for name, encoding, text in database.execute(
            'SELECT topic_type, encoding, encoded_message_definition FROM message_definitions'
        )
    }


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
