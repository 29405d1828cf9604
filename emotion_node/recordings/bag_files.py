"""The storage files of a rosbag2 recording, whole or damaged, MCAP or SQLite."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
    Qos,
)
from rosbags.rosbag2 import Reader, ReaderError

from emotion_node.recordings.recovery import recover

SUFFIXES = ('.mcap', '.db3')
METADATA = 'metadata.yaml'
DAMAGED = (ReaderError, TypeError, ValueError, KeyError, AssertionError, struct.error)
"""What rosbags raises for damaged bytes."""


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
    """

    name: str
    msgtype: str
    count: int = 0
    qos: tuple[Qos, ...] = ()
    definition: MessageDefinition = field(
        default_factory=lambda: MessageDefinition(MessageDefinitionFormat.NONE, '')
    )
    digest: str = ''


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
    """A file, or several that belong together, from which messages are read."""

    @property
    def path(self) -> Path:
        """The file or folder."""
        ...

    def contents(self) -> Contents:
        """Return a summary of the messages."""
        ...

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Yield the messages of the given topics, or of all topics, in the order of recording.

        Raises:
            One of `DAMAGED`: nothing can be read from here on.
        """
        ...


class IndexedSource:
    """A whole recording, or one of its files, read by its index.

    Args:
        path: the file or folder.
        reader: of it, opened.
    """

    def __init__(self, path: Path, reader: Reader) -> None:
        self.path = path
        self._reader = reader

    def contents(self) -> Contents:
        """Return a summary of the messages."""
        topics = tuple(map(_topic, self._reader.connections))
        if not self._reader.message_count:
            return Contents(topics)
        return Contents(topics, self._reader.start_time, self._reader.end_time - 1)

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Yield messages, as `Source` describes."""
        connections = [c for c in self._reader.connections if topics is None or c.topic in topics]
        if not connections:
            return
        for connection, stamp_ns, data in self._reader.messages(connections):
            yield Message(connection.topic, stamp_ns, data)


class DamagedSource:
    """A file without a usable index, read from its beginning up to the damage.

    Args:
        path: an .mcap or .db3 file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def contents(self) -> Contents:
        """Return a summary of the messages; reads the whole file."""
        counts: Counter[Topic] = Counter()
        stamps: list[int] = []
        for found in recover(self.path):
            kind = MessageDefinitionFormat[found.format.upper() or 'NONE']
            definition = MessageDefinition(kind, found.definition)
            counts[Topic(found.topic, found.msgtype, definition=definition)] += 1
            stamps.append(found.stamp_ns)
        topics = tuple(replace(topic, count=count) for topic, count in counts.items())
        return Contents(topics, min(stamps, default=None), max(stamps, default=None))

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Yield messages, as `Source` describes."""
        for found in recover(self.path):
            if topics is None or found.topic in topics:
                yield Message(found.topic, found.stamp_ns, found.data)


def storage_files(folder: Path) -> list[Path]:
    """Return the storage files of a folder in the order in which they were recorded."""

    def number(path: Path) -> tuple[int, str]:
        digits = path.stem.rpartition('_')[2]
        return (int(digits) if digits.isdigit() else -1, path.name)

    return sorted((path for path in folder.iterdir() if path.suffix in SUFFIXES), key=number)


def _topic(connection: Connection) -> Topic:
    assert isinstance(connection.ext, ConnectionExtRosbag2)
    return Topic(
        connection.topic,
        connection.msgtype,
        connection.msgcount,
        tuple(connection.ext.offered_qos_profiles),
        connection.msgdef,
        connection.digest,
    )
