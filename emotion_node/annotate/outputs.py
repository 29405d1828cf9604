"""What `annotate` writes: JSON lines, and copies of bags with the emotion topics added."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

from rosbags.interfaces import (
    Connection,
    MessageDefinitionFormat,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from emotion_node.annotate.annotation import Annotation
from emotion_node.config import Config
from emotion_node.datatypes import FacesReport, Report
from emotion_node.display.face_annotations import TOPIC as ANNOTATIONS
from emotion_node.display.face_annotations import FaceAnnotations
from emotion_node.messages.foxglove_types import IMAGE_ANNOTATIONS
from emotion_node.messages.json_records import as_record
from emotion_node.messages.reports import OUTPUT_TOPICS, Encoder, plain
from emotion_node.recordings.bag import Bag, BagError
from emotion_node.recordings.bag_files import CDR, Message, Topic
from emotion_node.recordings.barrier import attempt
from emotion_node.recordings.definitions import standard_types
from emotion_node.recordings.storage_paths import is_awkward

_FOREVER = QosTime(2_147_483_647, 4_294_967_295)
_RELIABLE = Qos(
    QosHistory.KEEP_LAST,
    10,
    QosReliability.RELIABLE,
    QosDurability.VOLATILE,
    _FOREVER,
    _FOREVER,
    QosLiveliness.AUTOMATIC,
    _FOREVER,
    False,
)


_UNSTORABLE: Final = (
    'emotions that do not fit into ROS messages, such as those after the year 2038, are in the '
    'JSON lines only'
)
_EMOTION_TOPICS: Final = ('emotion', 'emotion/interim')


class JsonLines:
    """Writes one line per emotion.

    A line has the fields of emotion_msgs/Emotion under their own names (times as whole
    nanoseconds) and, before them:

    * `source`: the recording, as given on the command line;
    * `start_s`, `end_s`: position of the utterance, in seconds from the first sample of a bag's
      audio, or from the beginning of a media file.

    Args:
        file: open for writing text.

    Attributes:
        encoder: makes the messages.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.encoder = Encoder(plain)

    def write(self, annotation: Annotation) -> None:
        """Write an emotion, final or interim."""
        for topic, message in self.encoder.encode(annotation.report):
            if topic not in _EMOTION_TOPICS:
                continue
            line = {
                'source': printable(annotation.source),
                'start_s': round(annotation.start_s, 3),
                'end_s': round(annotation.end_s, 3),
                **as_record(message),
            }
            self._file.write(json.dumps(line, ensure_ascii=False) + '\n')
            self._file.flush()


def printable(path: Path) -> str:
    """Return a path as text; bytes that are not UTF-8 become hexadecimal escapes."""
    return os.fsencode(path).decode('utf-8', 'backslashreplace')


class BagCopy:
    """Copies a bag and adds the topics of the node.

    An added message's time of recording is that of the audio message that triggered it, so a copy
    does not depend on the speed of the machine.

    Args:
        folder: the new bag; must not exist.
        bag: the bag to copy.
        namespace: of the added topics, such as "/robot".
        config: parameters; whether to add annotations of images for Foxglove, too.

    Attributes:
        encoder: makes the added messages.
        left_out: a description of each topic that could not be copied.

    Raises:
        BagError: the bag has one of the topics already, with another type.
    """

    def __init__(self, folder: Path, bag: Bag, namespace: str, config: Config) -> None:
        self.left_out: list[str] = []
        self._folder = folder
        self._staging: TemporaryDirectory[str] | None = None
        self._link: TemporaryDirectory[str] | None = None
        self._types = standard_types()
        self.encoder = Encoder(self._make)
        self._kinds = dict(OUTPUT_TOPICS)
        self._annotations: FaceAnnotations | None = None
        if config.foxglove.publish != 'off':
            self._kinds[ANNOTATIONS] = IMAGE_ANNOTATIONS
            rotation = int(config.image.rotation)
            self._annotations = FaceAnnotations(self._make, (), rotation)
        self._connections: dict[str, Connection] = {}
        self._added: dict[str, Connection] = {}
        prefix = ''.join(f'/{part}' for part in namespace.split('/') if part)
        names = {topic: f'{prefix}/{topic}' for topic in self._kinds}
        for topic, name in names.items():
            known = bag.topics.get(name)
            if known is not None and known.msgtype != self._kinds[topic]:
                raise BagError(
                    f'{bag.path} already has a topic {name} of type {known.msgtype}; add the '
                    'emotion topics under another namespace with --namespace'
                )
        self._writer = _make_writer(self._writable(folder), bag)
        self._writer.open()
        for recorded in bag.topics.values():
            if recorded.name not in names.values():
                self._copy(bag, recorded)
        for topic, name in names.items():
            self._added[topic] = self._writer.add_connection(
                name,
                self._kinds[topic],
                typestore=self._types,
                offered_qos_profiles=[_RELIABLE],
            )

    def copy(self, message: Message) -> None:
        """Copy a message, unless it comes from an earlier annotation."""
        connection = self._connections.get(message.topic)
        if connection is not None:
            self._writer.write(connection, message.stamp_ns, message.data)

    def add(self, report: Report, time_ns: int) -> None:
        """Add a report."""
        messages = self.encoder.encode(report)
        if self._annotations is not None:
            self._annotations.take(report)
            if isinstance(report, FacesReport):
                messages.append((ANNOTATIONS, self._annotations.message(report)))
        for topic, message in messages:
            kind = self._kinds[topic]
            data = attempt(
                partial(self._types.serialize_cdr, message, kind), self._note_unstorable
            )
            if data is not None:
                self._writer.write(self._added[topic], time_ns, data)

    def close(self) -> None:
        """Finish writing the bag."""
        self._writer.close()
        if self._staging is not None and self._link is not None:
            (written,) = Path(self._staging.name).iterdir()
            written.rename(self._folder)
            self._staging.cleanup()
            self._link.cleanup()
        # As the JSON lines: it holds words or images of people.
        self._folder.chmod(0o700)

    def _note_unstorable(self, fault: str) -> None:
        text = f'{_UNSTORABLE} ({fault})'
        if text not in self.left_out:
            self.left_out.append(text)

    def _writable(self, folder: Path) -> Path:
        """Return a path to which the writer can write; `close` moves what it wrote to `folder`."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not is_awkward(folder):
            return folder
        self._staging = TemporaryDirectory(dir=folder.absolute().parent, prefix='.annotate_')
        self._link = TemporaryDirectory(prefix='emotion_node_')
        link = Path(self._link.name) / 'parent'
        link.symlink_to(self._staging.name)
        return link / 'bag'

    def _copy(self, bag: Bag, topic: Topic) -> None:
        if topic.encoding != CDR:
            self.left_out.append(
                f'{topic.name} is recorded as {topic.encoding}, not as CDR: it is not copied'
            )
            return
        if topic.definition.format != MessageDefinitionFormat.NONE and topic.digest:
            connection = self._writer.add_connection(
                topic.name,
                topic.msgtype,
                msgdef=topic.definition.data,
                rihs01=topic.digest,
                offered_qos_profiles=topic.qos,
            )
        else:
            try:
                types = bag.typestore(topic.msgtype)
            except BagError as error:
                self.left_out.append(str(error))
                return
            connection = self._writer.add_connection(
                topic.name, topic.msgtype, typestore=types, offered_qos_profiles=topic.qos
            )
        self._connections[topic.name] = connection

    def _make(self, typename: str, **fields: Any) -> Any:
        return self._types.types[typename](**fields)


def _make_writer(folder: Path, bag: Bag) -> Writer:
    """Return a writer with the storage format and the compression of a bag."""
    plugin = StoragePlugin.SQLITE3 if bag.storage == 'sqlite3' else StoragePlugin.MCAP
    writer = Writer(folder, version=9, storage_plugin=plugin)
    if bag.compression:
        mode = CompressionMode[bag.compression.upper()]
        writer.set_compression(mode, CompressionFormat.ZSTD)
    return writer
