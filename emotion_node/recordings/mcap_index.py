"""Whether the index of an MCAP file leads to all of its messages."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mcap.opcode import Opcode
from rosbags.rosbag2.storage_mcap import McapReader

_MAGIC_SIZE = 8
_HEADER = struct.Struct('<BQ')
"""A record's opcode and length."""


def index_gap(reader: McapReader, path: Path) -> str:
    """Return why an index does not lead to all messages; empty when it does.

    Only the records' headers are read, not their contents.

    Args:
        reader: of the file, opened.
        path: the file.
    """
    if not reader.chunks:
        return 'it has no chunk index'
    indexed: Counter[int] = Counter()
    for chunk in reader.chunks:
        if not chunk.message_index_offsets and chunk.uncompressed_size:
            return 'its chunks have no message indexes'
        indexed.update(chunk.channel_count)
    counted = reader.statistics.channel_message_counts if reader.statistics else {}
    if +indexed != +Counter(counted):
        return (
            f'its index counts {indexed.total()} messages, its statistics {sum(counted.values())}'
        )
    known = {chunk.chunk_start_offset for chunk in reader.chunks}
    for opcode, offset in _records(path):
        if opcode == Opcode.MESSAGE:
            return 'it has messages outside the indexed chunks'
        if opcode == Opcode.CHUNK and offset not in known:
            return 'it has a chunk that is not in its index'
    return ''


def _records(path: Path) -> Iterator[tuple[int, int]]:
    """Yield the opcode and the offset of each record, up to the first that makes no sense."""
    size = path.stat().st_size
    with path.open('rb') as file:
        offset = _MAGIC_SIZE
        while True:
            file.seek(offset)
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return
            opcode, length = _HEADER.unpack(header)
            if not Opcode.HEADER <= opcode <= Opcode.DATA_END or offset + length > size:
                return
            yield opcode, offset
            if opcode == Opcode.DATA_END:
                return
            offset += _HEADER.size + length
