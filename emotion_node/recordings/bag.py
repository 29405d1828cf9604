"""Reading rosbag2 recordings, whole or damaged, MCAP or SQLite, without ROS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from emotion_node.datatypes import NS_PER_S
from emotion_node.errors import UserError
from emotion_node.recordings.bag_files import CDR, Contents, Message, Source, Topic, open_source
from emotion_node.recordings.barrier import attempt
from emotion_node.recordings.definitions import register, register_recorded, standard_types
from emotion_node.recordings.metadata import METADATA, Metadata, read_metadata
from emotion_node.recordings.storage_paths import is_storage_file, openable, storage_files

_ROS_1 = '.bag'


class BagError(UserError):
    """A recording cannot be used."""


def is_bag(path: Path) -> bool:
    """Return whether a path looks like a rosbag2 recording: its folder, or one of its files."""
    if path.is_dir():
        return (path / METADATA).exists() or any(storage_files(path))
    return is_storage_file(path) or path.suffix == _ROS_1


class Bag:
    """A rosbag2 recording, opened for reading.

    Args:
        path: its folder, or a single .mcap or .db3 file (no metadata.yaml is needed).

    Attributes:
        path: as given.
        losses: descriptions of what cannot be read; empty when it is whole. Damage inside a file
            is noticed only when that part is read.
        remarks: what else the user should know.
        compression: "file", "message", "storage" (its chunks) or empty.
        topics: by name.
        start_ns, end_ns: times of recording of the first and the last message; 0 without messages.

    Raises:
        BagError: there is no recording at `path`, or nothing in it can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.losses: list[str] = []
        self.remarks: list[str] = []
        self.compression = ''
        self.topics: Mapping[str, Topic] = {}
        self.start_ns = 0
        self.end_ns = 0
        self._stack = ExitStack()
        self._sources: list[Source] = []
        self._types: Typestore = get_typestore(Stores.EMPTY)
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def message_count(self) -> int:
        """Number of messages."""
        return sum(topic.count for topic in self.topics.values())

    @property
    def storage(self) -> str:
        """Its storage format: "mcap" or "sqlite3"."""
        files = [self.path] if self.path.is_file() else storage_files(self.path)
        return 'sqlite3' if any('.db3' in file.suffixes for file in files) else 'mcap'

    @property
    def damage(self) -> str:
        """What cannot be read, and what else the user should know; empty when it is whole."""
        return '; '.join([*self.losses, *self.remarks])

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Message]:
        """Yield the messages in the order in which they were recorded.

        Messages that are counted and do not come are added to `losses` at the end.

        Args:
            topics: only these; all of them when None.
        """
        counts: Counter[str] = Counter()
        for source in self._sources:
            for message in source.messages(topics):
                counts[message.topic] += 1
                yield message
        for topic in self.topics.values():
            if topics is None or topic.name in topics:
                self._compare(topic.name, counts[topic.name], topic.count)

    def decode(self, message: Message) -> Any:
        """Return a message's fields as attributes.

        Raises:
            BagError: its type is not known, or its bytes are not of that type.
        """
        topic = self.topics[message.topic]
        if topic.encoding != CDR:
            raise BagError(
                f'{self.path}: {topic.name} is recorded as {topic.encoding}, not as CDR'
            )
        types = self.typestore(topic.msgtype)
        faults: list[str] = []
        fields = attempt(lambda: types.deserialize_cdr(message.data, topic.msgtype), faults.append)
        if faults:
            raise BagError(
                f'{self.path}: a message on {message.topic} is not a valid {topic.msgtype}: '
                f'{faults[0]}'
            )
        return fields

    def typestore(self, msgtype: str) -> Typestore:
        """Return a store that knows a message type; the recorded definition has precedence.

        Raises:
            BagError: no definition was found.
        """
        if msgtype in self._types.fielddefs:
            return self._types
        standard = standard_types()
        if register(standard, msgtype):
            return standard
        raise BagError(
            f'{self.path}: the type {msgtype} is not known: the recording carries no definition '
            'of it and no package of that name is installed; source the workspace that has it, '
            'or record with MCAP, which carries the definitions'
        )

    def choose(
        self,
        name: str,
        msgtypes: Collection[str],
        what: str,
        option: str,
        ignored: Collection[str] = (),
    ) -> Topic | None:
        """Return the topic of a given name or, without a name, the only one of fitting type.

        Args:
            name: of the topic; empty to find it by type.
            msgtypes: types that fit.
            what: purpose of the topic, for error messages.
            option: the command-line option that names it, for error messages.
            ignored: names of topics that are not found by their type.

        Returns:
            The topic, or None when no name was given and there is none.

        Raises:
            BagError: no such topic, or several that fit.
        """
        if name:
            topic = self.topics.get(name) or self.topics.get('/' + name.lstrip('/'))
            if topic is None:
                raise BagError(f'{self.path} has no topic {name}; it has: {self.list_topics()}')
            return topic
        fitting = [
            topic
            for topic in self.topics.values()
            if topic.msgtype in msgtypes and topic.count and topic.name not in ignored
        ]
        if len(fitting) > 1:
            names = ', '.join(f'{topic.name} ({topic.msgtype})' for topic in fitting)
            raise BagError(f'{self.path} has several {what} topics: {names}; choose with {option}')
        return fitting[0] if fitting else None

    def list_topics(self) -> str:
        """Return the topics with their types, for messages to the user."""
        topics = self.topics.values()
        return ', '.join(f'{topic.name} ({topic.msgtype})' for topic in topics) or 'none'

    def _open(self) -> None:
        path = self.path
        if not path.exists():
            raise BagError(f'{path} does not exist')
        if path.suffix == _ROS_1:
            raise BagError(
                f'{path} is a ROS 1 bag; convert it first: rosbags-convert --src {path} --dst '
                f'{path.with_suffix("")}'
            )
        files = storage_files(path) if path.is_dir() else [path]
        if not files and not (path / METADATA).exists():
            raise BagError(
                f'{path} is not a rosbag2 recording: no metadata.yaml, .mcap or .db3 file in it'
            )
        metadata = self._read_metadata() if path.is_dir() else Metadata()
        for name in metadata.files:
            if not (path / name).exists():
                self._lose(f'{path / name} is missing; metadata.yaml names it')
        parts = []
        for file in files:
            target = openable(file, self._stack, self._lose)
            source = open_source(file, target, self._stack, self._remark, self._lose)
            contents = source.contents()
            if not self.compression and source.compressed:
                self.compression = 'storage'
            parts.append((contents, source))
        self.compression = metadata.compression or self.compression
        parts.sort(key=lambda part: part[0].start_ns or 0)
        self._sources = [source for _, source in parts]
        self._summarise([contents for contents, _ in parts], metadata)
        if not self.message_count:
            why = f' that can be read ({self.damage})' if self.damage else ''
            raise BagError(f'{path} holds no messages{why}')

    def _read_metadata(self) -> Metadata:
        if not (self.path / METADATA).exists():
            self._remark(f'{self.path} has no metadata.yaml (was the recorder killed?)')
            return Metadata()
        faults: list[str] = []
        metadata = attempt(lambda: read_metadata(self.path), faults.append)
        if metadata is None:
            self._remark(f'{self.path / METADATA} cannot be read ({faults[0]}); it is not needed')
        return metadata or Metadata()

    def _lose(self, text: str) -> None:
        if text not in self.losses:
            self.losses.append(text)

    def _remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    def _compare(self, topic: str, count: int, counted: int) -> None:
        if count < counted:
            self._lose(f'{self.path}: {count} of {counted} messages on {topic} could be read')

    def _summarise(self, contents: Collection[Contents], metadata: Metadata) -> None:
        topics: dict[str, Topic] = {}
        for topic in (topic for part in contents for topic in part.topics):
            known = topics.get(topic.name)
            if known is not None:
                topic = replace(known, count=known.count + topic.count, qos=known.qos or topic.qos)
            topics[topic.name] = topic
        for name, digest in metadata.digests.items():
            if name in topics and not topics[name].digest:
                topics[name] = replace(topics[name], digest=digest)
        self.topics = topics
        self.start_ns = min(
            (one.start_ns for one in contents if one.start_ns is not None), default=0
        )
        self.end_ns = max((one.end_ns for one in contents if one.end_ns is not None), default=0)
        if topics:
            self._compare_metadata(metadata)
        for topic in topics.values():
            self._register(topic)

    def _register(self, topic: Topic) -> None:
        """Add the recorded definition of a topic's type to the known types."""
        attempt(
            lambda: register_recorded(self._types, topic.msgtype, topic.definition),
            # Matters only to readers of this topic; `typestore` then looks elsewhere.
            lambda fault: self._remark(
                f'{self.path}: the recorded definition of {topic.msgtype} cannot be read: {fault}'
            ),
        )

    def _compare_metadata(self, metadata: Metadata) -> None:
        for name, counted in metadata.counts.items():
            topic = self.topics.get(name)
            count = topic.count if topic is not None else 0
            self._compare(name, count, counted)
            if count > counted:
                self._remark(
                    f'{self.path}: metadata.yaml counts {counted} messages on {name}, the files '
                    f'hold {count}'
                )
        for name in sorted(self.topics.keys() - metadata.counts.keys() if metadata.counts else ()):
            self._remark(f'{self.path}: metadata.yaml does not list {name}')
        length_s = (metadata.end_ns - self.start_ns) / NS_PER_S
        end_s = (self.end_ns - self.start_ns) / NS_PER_S
        if self.losses and end_s < length_s - 0.1:
            self._lose(f'{self.path} ends at {end_s:.1f} of {length_s:.1f} s')
