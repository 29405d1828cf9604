"""Audio of ros-drivers in bags: its `AudioInfo` may be late, missing or of another microphone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore
from support.recordings import START_NS, Row, noise, write_bag

from emotion_node.config import AudioConfig
from emotion_node.datatypes import NS_PER_S, AudioChunk
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames

DATA = 'audio_common_msgs/msg/AudioData'
INFO = 'audio_common_msgs/msg/AudioInfo'
BYTES = 2001
"""An odd number: every other message ends in the middle of a sample."""


@pytest.fixture(scope='module')
def types() -> Typestore:
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg('uint8[] data', DATA))
    store.register(
        get_types_from_msg(
            'uint8 channels\nuint32 sample_rate\nstring sample_format\nuint32 bitrate\n'
            'string coding_format',
            INFO,
        )
    )
    return store


def audio(types: Typestore, rate: int = 16_000, topic: str = '/front/audio') -> list[Row]:
    """Return 8 s of audio as it arrives at a rate."""
    data = np.frombuffer(noise(8.0 * rate / 16_000).tobytes(), np.uint8)
    rows: list[Row] = []
    for first in range(0, len(data), BYTES):
        part = data[first : first + BYTES]
        time_ns = START_NS + (first + len(part)) * NS_PER_S // (2 * rate)
        rows.append((topic, DATA, time_ns, types.types[DATA](data=part)))
    return rows


def info(types: Typestore, topic: str, late_s: float = 0.0, **changes: Any) -> Row:
    fields = {
        'channels': 1,
        'sample_rate': 16_000,
        'sample_format': 'S16LE',
        'bitrate': 0,
        'coding_format': 'wave',
    }
    message = types.types[INFO](**{**fields, **changes})
    return (topic, INFO, START_NS + round(late_s * NS_PER_S), message)


def read(folder: Path, rows: list[Row], types: Typestore) -> tuple[list[AudioChunk], list[str]]:
    path = write_bag(folder / 'bag', sorted(rows, key=lambda row: row[2]), types=types)
    with Bag(path) as bag:
        names = TopicNames(audio='/front/audio')
        recording = BagRecording(bag, AudioConfig(), names, False, False, False)
        chunks = [one.value for one in recording.steps() if isinstance(one.value, AudioChunk)]
    return chunks, [f'{count} x {text}' for text, count in recording.problems.items()]


def test_samples_that_are_cut_between_messages_are_joined(
    tmp_path: Path, types: Typestore
) -> None:
    chunks, problems = read(tmp_path, [*audio(types), info(types, '/front/audio_info')], types)
    np.testing.assert_array_equal(
        np.concatenate([one.samples for one in chunks])[:, 0], noise(8.0)
    )
    assert problems == []


@pytest.mark.parametrize('late_s', [0.0, 5.0, 7.9])
def test_an_info_that_is_late_describes_the_audio_before_it(
    tmp_path: Path, types: Typestore, late_s: float
) -> None:
    late = info(types, '/front/audio_info', late_s, sample_rate=48_000)
    chunks, problems = read(tmp_path, [*audio(types, 48_000), late], types)
    assert {one.rate for one in chunks} == {48_000}
    assert problems == []


def test_the_info_of_another_microphone_is_not_used(tmp_path: Path, types: Typestore) -> None:
    other = info(types, '/rear/audio_info', sample_rate=48_000, channels=2)
    chunks, problems = read(tmp_path, [*audio(types), other], types)
    assert {(one.rate, one.samples.shape[1]) for one in chunks} == {(16_000, 1)}
    (problem,) = problems
    assert 'no AudioInfo on /front/audio_info describes /front/audio' in problem
    assert 'that on /rear/audio_info is not beside it' in problem
    both = [*audio(types), other, info(types, '/front/audio_info', 3.0)]
    (tmp_path / 'both').mkdir()
    chunks, problems = read(tmp_path / 'both', both, types)
    assert {one.rate for one in chunks} == {16_000}
    assert problems == []


@pytest.mark.parametrize(('stated', 'ratio'), [(48_000, '0.33'), (8000, '2.00')])
def test_a_stated_rate_that_the_samples_contradict_is_reported(
    tmp_path: Path, types: Typestore, stated: int, ratio: str
) -> None:
    wrong = info(types, '/front/audio_info', sample_rate=stated)
    _, problems = read(tmp_path, [*audio(types), wrong], types)
    (problem,) = problems
    assert f'{ratio} times as many samples arrive on /front/audio' in problem


def test_audio_that_its_info_says_is_mp3_is_not_analysed(tmp_path: Path, types: Typestore) -> None:
    mp3 = info(types, '/front/audio_info', 2.0, coding_format='mp3')
    chunks, problems = read(tmp_path, [*audio(types), mp3], types)
    assert chunks == []
    assert any("/front/audio: audio is coded as 'mp3'" in one for one in problems)
