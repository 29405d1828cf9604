"""Recordings are read whole or damaged, in either storage format, and damage is reported."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
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
