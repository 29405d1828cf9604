"""Recordings are read whole or damaged, in either storage format, and damage is reported."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from mcap.writer import IndexType, Writer
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from support.recordings import (
    START_NS,
    audio_rows,
    header,
    make,
    noise,
    storage_file,
    truncate,
    write_bag,
)

from emotion_node.messages.audio import AUDIO_TYPES
from emotion_node.recordings.bag import Bag, BagError, is_bag

STORAGES = ('mcap', 'sqlite3')


def samples_of(bag: Bag) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.concatenate([bag.decode(message).data for message in bag.messages({'/audio'})])


@pytest.mark.parametrize('storage', STORAGES)
def test_a_bag_is_read_message_by_message(tmp_path: Path, storage: str) -> None:
    sound = noise(3.0)
    path = write_bag(tmp_path / 'bag', audio_rows(sound), storage)
    for place in (path, storage_file(path)):
        assert is_bag(place)
        with Bag(place) as bag:
            assert bag.damage == ''
            assert bag.storage == storage
            assert bag.topics['/audio'].msgtype == 'emotion_msgs/msg/AudioChunk'
            assert bag.message_count == len(list(bag.messages())) == 94
            assert bag.start_ns == START_NS + 32_000_000
            assert bag.end_ns == START_NS + 3_000_000_000
            np.testing.assert_array_equal(samples_of(bag), sound)


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('whole_folder', [True, False])
def test_a_truncated_bag_is_read_up_to_its_end(
    tmp_path: Path, storage: str, whole_folder: bool
) -> None:
    sound = noise(20.0)
    path = write_bag(tmp_path / 'bag', audio_rows(sound), storage)
    file = truncate(storage_file(path))
    with Bag(path if whole_folder else file) as bag:
        assert 'damaged or truncated' in bag.damage
        assert file.name in bag.damage
        found = samples_of(bag)
        assert 0.4 * len(sound) < len(found) < 0.6 * len(sound)
        np.testing.assert_array_equal(found, sound[: len(found)])
        assert bag.end_ns == START_NS + len(found) * 62_500


def test_complete_compressed_chunks_are_read(tmp_path: Path) -> None:
    sound = noise(90.0)  # chunks of a megabyte
    path = write_bag(tmp_path / 'bag', audio_rows(sound), compressed=True)
    with Bag(path) as bag:
        assert len(samples_of(bag)) == len(sound)
    truncate(storage_file(path), 0.7)
    with Bag(path) as bag:
        found = samples_of(bag)
        assert 0.3 * len(sound) < len(found) < 0.7 * len(sound)
        np.testing.assert_array_equal(found, sound[: len(found)])


def test_chunks_after_a_damaged_one_are_read(tmp_path: Path) -> None:
    sound = noise(120.0)
    path = write_bag(tmp_path / 'bag', audio_rows(sound), compressed=True)
    file = truncate(storage_file(path), 0.98)
    data = bytearray(file.read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 64):
        data[place] ^= 0xFF
    file.write_bytes(data)
    with Bag(path) as bag:
        stamps = [message.stamp_ns for message in bag.messages()]
    holes = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    assert sorted(set(holes))[0] == 32_000_000
    assert sum(hole > 32_000_000 for hole in holes) == 1
    assert stamps[-1] > START_NS + 60_000_000_000


def test_a_bag_of_a_killed_recorder_is_read_without_metadata(tmp_path: Path) -> None:
    path = write_bag(tmp_path / 'bag', audio_rows(noise(2.0)))
    (path / 'metadata.yaml').unlink()
    with Bag(path) as bag:
        assert 'no metadata.yaml' in bag.damage
        assert bag.message_count == 63


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('left', [0, 1, 100])
def test_a_bag_without_readable_messages_is_an_error(
    tmp_path: Path, storage: str, left: int
) -> None:
    path = write_bag(tmp_path / 'bag', audio_rows(noise(2.0)), storage)
    file = storage_file(path)
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(BagError, match='holds no messages that can be read'):
        Bag(path)


def test_a_path_that_is_not_a_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BagError, match='does not exist'):
        Bag(tmp_path / 'nowhere')
    with pytest.raises(BagError, match='not a rosbag2 recording'):
        Bag(tmp_path)
    path = write_bag(tmp_path / 'empty', [])
    with pytest.raises(BagError, match='holds no messages'):
        Bag(path)
    assert not is_bag(tmp_path)


def test_a_topic_is_found_by_its_type_or_its_name(tmp_path: Path) -> None:
    sound = noise(0.5)
    text = ('/chatter', 'std_msgs/msg/String', START_NS, make('std_msgs/msg/String', data='hi'))
    one = write_bag(tmp_path / 'one', [text, *audio_rows(sound, '/mic')])
    with Bag(one) as bag:
        found = bag.choose('', AUDIO_TYPES, 'audio', '--audio-topic')
        assert found is not None
        assert found.name == '/mic'
        assert bag.choose('', ('sensor_msgs/msg/Image',), 'image', '--image-topic') is None
        with pytest.raises(BagError, match=r'no topic /ears; it has: /chatter .*, /mic'):
            bag.choose('/ears', AUDIO_TYPES, 'audio', '--audio-topic')
    rows = [*audio_rows(sound, '/left'), *audio_rows(sound, '/right')]
    with Bag(write_bag(tmp_path / 'two', rows)) as bag:
        with pytest.raises(BagError, match=r'/left .*, /right .*--audio-topic'):
            bag.choose('', AUDIO_TYPES, 'audio', '--audio-topic')
        assert bag.choose('right', AUDIO_TYPES, 'audio', '--audio-topic') is not None


def test_a_recorded_definition_suffices_to_read_an_unknown_type(tmp_path: Path) -> None:
    types = get_typestore(Stores.ROS2_JAZZY)
    types.register(get_types_from_msg('std_msgs/Header header\nfloat32 volume', 'ears/msg/Loud'))
    loud = types.types['ears/msg/Loud'](header=header(START_NS), volume=0.5)
    path = write_bag(tmp_path / 'bag', [('/loud', 'ears/msg/Loud', START_NS, loud)], types=types)
    with Bag(path) as bag:
        (message,) = bag.messages()
        assert bag.decode(message).volume == 0.5


def test_a_type_without_definition_is_an_error(tmp_path: Path) -> None:
    path = write_bag(tmp_path / 'bag', audio_rows(noise(0.5)), 'sqlite3')
    shutil.copy(storage_file(path), tmp_path / 'old.db3')
    with sqlite3.connect(tmp_path / 'old.db3') as database:
        database.execute('DELETE FROM message_definitions')
        database.execute("UPDATE topics SET type = 'ears/msg/Loud'")
    database.close()
    with Bag(tmp_path / 'old.db3') as bag:
        message = next(bag.messages())
        with pytest.raises(BagError, match=r'ears/msg/Loud is not known.*source the workspace'):
            bag.decode(message)


def test_damaged_bytes_of_a_message_are_an_error(tmp_path: Path) -> None:
    path = write_bag(tmp_path / 'bag', audio_rows(noise(0.5)))
    with Bag(path) as bag:
        message = next(bag.messages())
        with pytest.raises(BagError, match='not a valid emotion_msgs/msg/AudioChunk'):
            bag.decode(dataclasses.replace(message, data=message.data[:40]))


def without_message_indexes(path: Path) -> Path:
    """Write an MCAP file again with chunk indexes only, as some recorders do."""
    file = storage_file(path)
    target = path.parent / 'chunk_index_only.mcap'
    with Reader(file) as reader, target.open('wb') as stream:
        writer = Writer(stream, index_types=IndexType.CHUNK, use_statistics=False)
        writer.start('ros2')
        channels = {}
        for connection in reader.connections:
            schema = writer.register_schema(
                connection.msgtype, 'ros2msg', connection.msgdef.data.encode()
            )
            channels[connection.topic] = writer.register_channel(connection.topic, 'cdr', schema)
        for connection, stamp_ns, data in reader.messages():
            writer.add_message(channels[connection.topic], stamp_ns, data, stamp_ns)
        writer.finish()  # type: ignore[no-untyped-call]
    return target


def test_a_file_with_a_chunk_index_only_is_read_whole(tmp_path: Path) -> None:
    sound = noise(3.0)
    path = without_message_indexes(write_bag(tmp_path / 'bag', audio_rows(sound)))
    with Bag(path) as bag:
        assert bag.losses == []
        assert 'no message indexes; the file was read without its index' in bag.damage
        np.testing.assert_array_equal(samples_of(bag), sound)


def test_files_that_metadata_does_not_list_are_read(tmp_path: Path) -> None:
    first = write_bag(tmp_path / 'bag', audio_rows(noise(2.0)))
    later = write_bag(
        tmp_path / 'later', audio_rows(noise(2.0), start_ns=START_NS + 2_000_000_000)
    )
    shutil.copy(storage_file(later), first / 'bag_1.mcap')
    with Bag(first) as bag:
        assert bag.losses == []
        assert 'metadata.yaml counts 63 messages on /audio, the files hold 126' in bag.damage
        assert len(list(bag.messages())) == 126


@pytest.mark.parametrize('storage', STORAGES)
def test_messages_that_are_counted_and_do_not_come_are_named(tmp_path: Path, storage: str) -> None:
    path = write_bag(tmp_path / 'bag', audio_rows(noise(2.0)), storage)
    metadata = path / 'metadata.yaml'
    metadata.write_text(metadata.read_text().replace('message_count: 63', 'message_count: 99'))
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 63
        assert '63 of 99 messages on /audio could be read' in bag.losses[0]


def test_messages_in_a_write_ahead_log_are_read(tmp_path: Path) -> None:
    path = write_bag(tmp_path / 'bag', audio_rows(noise(2.0)), 'sqlite3')
    file = storage_file(path)
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute('PRAGMA journal_mode = WAL')
        database.execute('PRAGMA wal_autocheckpoint = 0')
        with database:
            database.execute(
                'INSERT INTO messages (topic_id, timestamp, data) '
                'SELECT topic_id, timestamp + 10000000000, data FROM messages'
            )
        killed = tmp_path / 'killed'
        shutil.copytree(path, killed)  # the recorder has not closed the file
    assert (killed / f'{file.name}-wal').stat().st_size > 0
    with Bag(killed) as bag:
        assert len(list(bag.messages())) == 126


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('name', [b'a#b', b'a?b%20', b'caf\xe9', b'a:b'])
def test_a_bag_may_have_any_name(tmp_path: Path, storage: str, name: bytes) -> None:
    path = write_bag(tmp_path / 'bag', audio_rows(noise(0.5)), storage)
    target = tmp_path / os.fsdecode(name)
    target.mkdir()
    file = target / f'{target.name}{storage_file(path).suffix}'
    storage_file(path).rename(file)
    with Bag(file) as bag:
        assert bag.damage == ''
        assert len(list(bag.messages())) == 16


def test_a_ros_1_bag_is_named_with_its_converter(tmp_path: Path) -> None:
    path = tmp_path / 'old.bag'
    path.write_bytes(b'#ROSBAG V2.0\n')
    assert is_bag(path)
    with pytest.raises(BagError, match=r'ROS 1 bag.*rosbags-convert --src .*old\.bag --dst'):
        Bag(path)


def test_a_topic_of_json_is_not_damage(tmp_path: Path) -> None:
    path = tmp_path / 'talk.mcap'
    with path.open('wb') as stream:
        writer = Writer(stream)
        writer.start('')
        schema = writer.register_schema('log', 'jsonschema', b'{"type": "object"}')
        channel = writer.register_channel('/log', 'json', schema)
        for n in range(5):
            writer.add_message(channel, START_NS + n, b'{"n": 1}', START_NS + n)
        writer.finish()  # type: ignore[no-untyped-call]
    with Bag(path) as bag:
        messages = list(bag.messages())
        assert bag.damage == ''
        assert len(messages) == 5
        with pytest.raises(BagError, match='/log is recorded as json, not as CDR'):
            bag.decode(messages[0])


@pytest.mark.parametrize('compression', ['file', 'message', 'storage'])
def test_the_compression_is_known(tmp_path: Path, compression: str) -> None:
    path = write_bag(tmp_path / 'bag', audio_rows(noise(0.5)), compression=compression)
    with Bag(path) as bag:
        assert bag.compression == compression
        assert bag.damage == ''
        assert len(list(bag.messages())) == 16


@pytest.mark.parametrize('storage', STORAGES)
def test_what_follows_damage_in_an_indexed_file_is_read_and_the_loss_is_named(
    tmp_path: Path, storage: str
) -> None:
    sound = noise(120.0)
    path = write_bag(tmp_path / 'bag', audio_rows(sound), storage, storage == 'mcap')
    file = storage_file(path)
    data = bytearray(file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = bytes(4096)
    file.write_bytes(data)
    with Bag(path) as bag:
        messages = list(bag.messages())
        assert any('is damaged or truncated' in text for text in bag.losses)
        assert any(f'{len(messages)} of 3750 messages' in text for text in bag.losses)
    stamps = [message.stamp_ns for message in messages]
    assert stamps == sorted(set(stamps))
    assert stamps[0] < START_NS + 1_000_000_000
    assert stamps[-1] > START_NS + 110_000_000_000
    assert len(messages) > 1000
