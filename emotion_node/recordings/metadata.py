"""The metadata.yaml of a rosbag2 recording: what the recorder counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import yaml

METADATA = 'metadata.yaml'


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a metadata.yaml states; the storage files may disagree.

    Attributes:
        files: names of the storage files.
        counts: number of messages by topic.
        digests: hash of the message type by topic, where it was recorded.
        compression: "file", "message" or empty.
        end_ns: time of recording of the last message; 0 when it is not stated.
    """

    files: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    compression: str = ''
    end_ns: int = 0


def read_metadata(folder: Path) -> Metadata:
    """Read the metadata.yaml of a folder.

    Raises:
        Exception: it is not what a recorder writes.
    """
    content = yaml.safe_load((folder / METADATA).read_text(encoding='utf-8'))
    information: dict[str, Any] = content['rosbag2_bagfile_information']
    topics = {
        str(one['topic_metadata']['name']): (
            int(one['message_count']),
            str(one['topic_metadata'].get('type_description_hash') or ''),
        )
        for one in information['topics_with_message_count']
    }
    begin_ns = information.get('starting_time', {}).get('nanoseconds_since_epoch', 0)
    length_ns = information.get('duration', {}).get('nanoseconds', 0)
    return Metadata(
        tuple(PurePath(str(name)).name for name in information['relative_file_paths']),
        {name: count for name, (count, _) in topics.items()},
        {name: digest for name, (_, digest) in topics.items() if digest},
        _compression(str(information.get('compression_mode') or '').lower()),
        int(begin_ns) + int(length_ns) if begin_ns else 0,
    )


def _compression(mode: str) -> str:
    return mode if mode in ('file', 'message') else ''
