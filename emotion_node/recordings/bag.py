"""Reading rosbag2 recordings, whole or damaged, MCAP or SQLite, without ROS."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_typestore
from rosbags.typesys.store import Typestore

from emotion_node.errors import UserError
from emotion_node.recordings.bag_files import (
    DAMAGED,
    METADATA,
    SUFFIXES,
    Contents,
    DamagedSource,
    IndexedSource,
    Message,
    Source,
    Topic,
    storage_files,
)
from emotion_node.recordings.definitions import register, register_recorded, standard_types


class BagError(UserError):
    """A recording cannot be used."""


def is_bag(path: Path) -> bool:
    """Return whether a path looks like a rosbag2 recording: its folder, or one of its files."""
    if path.is_dir():
        return (path / METADATA).exists() or any(storage_files(path))
    return path.suffix in SUFFIXES


class Bag:
    """A rosbag2 recording, opened for reading.

    Args:
        path: its folder, or a single .mcap or .db3 file (no metadata.yaml is needed).

    Attributes:
        path: as given.
        damage: a description of its damage; empty when it is whole. Damage inside a file is
            noticed only when that part is read.
        topics: by name.
        start_ns, end_ns: times of recording of the first and the last message; 0 without messages.

    Raises:
        BagError: there is no recording at `path`, or nothing in it can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ''
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
        return 'sqlite3' if any(file.suffix == '.db3' for file in files) else 'mcap'

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Message]:
        """Yield the messages in the order in which they were recorded.

        Args:
            topics: only these; all of them when None.
        """
        for source in self._sources:
            try:
                yield from source.messages(topics)
            except DAMAGED as error:
                self.damage = f'{source.path} is damaged; what follows was left out ({error})'

    def decode(self, message: Message) -> Any:
        """Return a message's fields as attributes.

        Raises:
            BagError: its type is not known, or its bytes are not of that type.
        """
        msgtype = self.topics[message.topic].msgtype
        try:
            return self.typestore(msgtype).deserialize_cdr(message.data, msgtype)
        except (SerdeError, TypesysError, ValueError, IndexError) as error:
            raise BagError(
                f'{self.path}: a message on {message.topic} is not a valid {msgtype}: {error}'
            ) from error

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

    def choose(self, name: str, msgtypes: Collection[str], what: str, option: str) -> Topic | None:
        """Return the topic of a given name or, without a name, the only one of fitting type.

        Args:
            name: of the topic; empty to find it by type.
            msgtypes: types that fit.
            what: purpose of the topic, for error messages.
            option: the command-line option that names it, for error messages.

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
            topic for topic in self.topics.values() if topic.msgtype in msgtypes and topic.count
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
        files = storage_files(path) if path.is_dir() else [path]
        if not files and not (path / METADATA).exists():
            raise BagError(
                f'{path} is not a rosbag2 recording: no metadata.yaml, .mcap or .db3 file in it'
            )
        if path.is_dir() and (path / METADATA).exists():
            try:
                self._sources = [IndexedSource(path, self._stack.enter_context(Reader(path)))]
            except DAMAGED as error:
                self.damage = f'{path} is damaged: {error}'
        elif path.is_dir():
            self.damage = f'{path} has no metadata.yaml (was the recorder killed?)'
        if not self._sources:
            self._sources = [self._open_file(file) for file in files]
        self._summarise([source.contents() for source in self._sources])
        if not self.message_count:
            why = f' that can be read ({self.damage})' if self.damage else ''
            raise BagError(f'{path} holds no messages{why}')

    def _open_file(self, file: Path) -> Source:
        """Open one file without metadata.yaml."""
        try:
            return IndexedSource(file, self._stack.enter_context(Reader(file)))
        except DAMAGED as error:
            self.damage = f'{file} is damaged or truncated: {error}'
            return DamagedSource(file)

    def _summarise(self, contents: Collection[Contents]) -> None:
        topics: dict[str, Topic] = {}
        for topic in (topic for part in contents for topic in part.topics):
            known = topics.get(topic.name)
            if known is not None:
                topic = replace(known, count=known.count + topic.count, qos=known.qos or topic.qos)
            topics[topic.name] = topic
        self.topics = topics
        self.start_ns = min(
            (one.start_ns for one in contents if one.start_ns is not None), default=0
        )
        self.end_ns = max((one.end_ns for one in contents if one.end_ns is not None), default=0)
        for topic in topics.values():
            try:
                register_recorded(self._types, topic.msgtype, topic.definition)
            except TypesysError as error:
                # Matters only to readers of this topic; `typestore` then looks elsewhere.
                self.damage = self.damage or (
                    f'{self.path}: the recorded definition of {topic.msgtype} cannot be read: '
                    f'{error}'
                )
