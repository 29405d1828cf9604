"""The storage files of a rosbag2 recording, whole or damaged, MCAP or SQLite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import zstandard
from mcap.records import Chunk
from mcap.stream_reader import StreamReader
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
    Qos,
)
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.metadata import parse_qos
from rosbags.rosbag2.storage_mcap import McapReader

from emotion_node.recordings.barrier import Report, attempt, until_fault
from emotion_node.recordings.mcap_index import index_gap
from emotion_node.recordings.recovery import MAX_STAMP_NS, Recovered, recover

CDR: Final = 'cdr'
_ZSTD_MAGIC: Final = b'\x28\xb5\x2f\xfd'
_MAX_MESSAGE: Final = 2**30
"""Bytes of a decompressed message."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a recording.

    Attributes:
        name: as recorded.
        msgtype: as in "sensor_msgs/msg/Image".
        count: number of messages.
        qos: offered by its publishers; empty when that was not recorded.
        definition: of the message type, as recorded.
        digest: hash of the message type, as recorded; may be empty.
        encoding: of its messages; "cdr" in ROS 2.
    """

    name: str
    msgtype: str
    count: int = 0
    qos: tuple[Qos, ...] = ()
    definition: MessageDefinition = field(
        default_factory=lambda: MessageDefinition(MessageDefinitionFormat.NONE, '')
    )
    digest: str = ''
    encoding: str = CDR


@dataclass(frozen=True, slots=True)
class Message:
    """One recorded message, still serialised.

    Attributes:
        topic: name of its topic.
        stamp_ns: time of recording (not the stamp in its header).
        data: CDR.
    """

    topic: str
    stamp_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """Summary of a source.

    Attributes:
        topics: those in it; one topic may come several times, with a part of its messages each.
        start_ns, end_ns: times of recording of the first and the last message; None without
            messages.
    """

    topics: tuple[Topic, ...]
    start_ns: int | None = None
    end_ns: int | None = None


class Source(Protocol):
    """A storage file from which messages are read."""

    @property
    def compressed(self) -> bool:
        """Whether its chunks are compressed."""
        ...

    def contents(self) -> Contents:
        """Return a summary of the messages."""
        ...

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Yield the messages of the given topics, or of all topics, in the order of recording."""
        ...


def open_source(path: Path, file: Path, stack: ExitStack, remark: Report, lose: Report) -> Source:
    """Open a storage file: by its index, or sequentially where that misses messages.

    Args:
        path: of the storage file, as the user knows it.
        file: under which it can be opened.
        stack: closes it.
        remark: called with what the user should know, when nothing is lost.
        lose: called with a description of what is lost; also later, while messages are read.
    """
    faults: list[str] = []
    reader = attempt(lambda: stack.enter_context(Reader(file)), faults.append)
    if reader is None:
        return SequentialSource(path, file, lose)
    source = IndexedSource(path, file, reader, lose)
    contents = attempt(source.contents, faults.append)
    storage = reader.storage
    if contents is not None and isinstance(storage, McapReader):
        gap = attempt(lambda: index_gap(storage, file), faults.append)
        if gap and storage.chunks:
            remark(f'{path}: {gap}; the file was read without its index')
        faults += [gap] if gap else []
    return SequentialSource(path, file, lose) if faults else source


class IndexedSource:
    """A file that is read by its index and, from the first fault on, sequentially.

    Args:
        path: as the user knows it.
        file: under which it can be opened.
        reader: of it, opened.
        lose: called with a description of what is lost.
    """

    def __init__(self, path: Path, file: Path, reader: Reader, lose: Report) -> None:
        self._path = path
        self._file = file
        self._reader = reader
        self._lose = lose

    @property
    def compressed(self) -> bool:
        """Whether its chunks are compressed."""
        storage = self._reader.storage
        return isinstance(storage, McapReader) and any(one.compression for one in storage.chunks)

    def contents(self) -> Contents:
        """Return a summary of the messages."""
        topics = tuple(map(_topic, self._reader.connections))
        if not self._reader.message_count:
            return Contents(topics)
        end_ns = min(self._reader.end_time - 1, MAX_STAMP_NS)
        return Contents(topics, min(self._reader.start_time, end_ns), end_ns)

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Yield messages, as `Source` describes."""
        connections = [c for c in self._reader.connections if topics is None or c.topic in topics]
        if not connections:
            return
        faults: list[str] = []
        last_ns = -1
        at_last: list[tuple[str, bytes]] = []
        rows = until_fault(self._reader.messages(connections), faults.append)
        for connection, stamp_ns, data in rows:
            if not 0 <= stamp_ns <= MAX_STAMP_NS or not isinstance(data, bytes):
                self._lose(f'{self._path}: a message on {connection.topic} is not valid')
                continue
            if stamp_ns > last_ns:
                last_ns = stamp_ns
                at_last.clear()
            at_last.append((connection.topic, data))
            yield from _plain(connection.topic, stamp_ns, data, self._lose)
        if not faults:
            return
        self._lose(f'{self._path} is damaged or truncated: {faults[0]}')
        for found in recover(self._file, lambda fault: None):  # the fault has been reported
            seen = found.stamp_ns == last_ns and (found.topic, found.data) in at_last
            if found.stamp_ns < last_ns or seen:
                continue
            if topics is None or found.topic in topics:
                yield from _plain(found.topic, found.stamp_ns, found.data, self._lose)


class SequentialSource:
    """A file that is read from its beginning to its end, without its index.

    Args:
        path: as the user knows it.
        file: under which it can be opened.
        lose: called with a description of what is lost.
    """

    def __init__(self, path: Path, file: Path, lose: Report) -> None:
        self._path = path
        self._file = file
        self._lose = lose

    @property
    def compressed(self) -> bool:
        """Whether its chunks are compressed."""
        if self._file.suffix != '.mcap':
            return False
        with self._file.open('rb') as file:
            reader = StreamReader(
                file, emit_chunks=True, record_size_limit=self._file.stat().st_size
            )
            for record in until_fault(reader.records, lambda fault: None):  # reported in `_read`
                if isinstance(record, Chunk):
                    return bool(record.compression)
        return False

    def contents(self) -> Contents:
        """Return a summary of the messages; reads the whole file."""
        counts: Counter[tuple[str, str, MessageDefinition, str, str]] = Counter()
        start_ns: int | None = None
        end_ns: int | None = None
        for found in self._read():
            kind = MessageDefinitionFormat[found.format.upper() or 'NONE']
            definition = MessageDefinition(kind, found.definition)
            key = (found.topic, found.msgtype, definition, found.encoding, found.qos)
            counts[key] += 1
            start_ns = min(found.stamp_ns, start_ns if start_ns is not None else found.stamp_ns)
            end_ns = max(found.stamp_ns, end_ns if end_ns is not None else found.stamp_ns)
        topics = tuple(
            Topic(name, msgtype, count, _qos(qos), definition, encoding=encoding)
            for (name, msgtype, definition, encoding, qos), count in counts.items()
        )
        return Contents(topics, start_ns, end_ns)

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Yield messages, as `Source` describes."""
        for found in self._read():
            if topics is None or found.topic in topics:
                yield from _plain(found.topic, found.stamp_ns, found.data, self._lose)

    def _read(self) -> Iterator[Recovered]:
        faults: Counter[str] = Counter()

        def note(fault: str) -> None:
            faults[fault] += 1

        yield from recover(self._file, note)
        if faults:
            texts = [f'{n} x {text}' if n > 1 else text for text, n in faults.items()]
            more = '; …' if len(texts) > 3 else ''
            self._lose(f'{self._path} is damaged or truncated: {"; ".join(texts[:3])}{more}')


def _qos(text: str) -> tuple[Qos, ...]:
    """Return the recorded quality of service; nothing where it is damaged."""
    return tuple(attempt(lambda: parse_qos(text), lambda fault: None) or ())


def _plain(topic: str, stamp_ns: int, data: bytes, lose: Report) -> Iterator[Message]:
    """Yield a message, decompressed; CDR never begins like compressed data."""
    if data.startswith(_ZSTD_MAGIC):
        plain = attempt(
            lambda: _decompress(data),
            lambda fault: lose(f'a message on {topic} cannot be decompressed ({fault})'),
        )
        if plain is None:
            return
        data = plain
    yield Message(topic, stamp_ns, data)


def _decompress(data: bytes) -> bytes:
    size = zstandard.frame_content_size(data)
    if size > _MAX_MESSAGE:
        raise ValueError(f'it states a size of {size / 2**30:.0f} GiB')
    return zstandard.decompress(data)


def _topic(connection: Connection) -> Topic:
    assert isinstance(connection.ext, ConnectionExtRosbag2)
    return Topic(
        connection.topic,
        connection.msgtype,
        connection.msgcount,
        tuple(connection.ext.offered_qos_profiles),
        connection.msgdef,
        connection.digest,
        connection.ext.serialization_format,
    )
