"""What goes wrong between sensors and node: faults that are put into a recording.

Each fault changes the messages of the demo conversation as a real driver, network or clock does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

from emotion_node.datatypes import NS_PER_MS, NS_PER_S
from emotion_node.messages.stamps import ns_to_stamp
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.definitions import standard_types

RATE: Final = 16_000
CHUNK_MS: Final = 20
CHUNK_NS: Final = CHUNK_MS * NS_PER_MS
DAY_NS: Final = 86_400 * NS_PER_S
MIDDLE_S: Final = 20.75
"""Position in the recording at which single faults happen: in the middle of an utterance."""

AUDIO_TOPIC: Final = '/audio'
IMAGE_TOPIC: Final = '/camera/image_raw/compressed'
ROBOT_TOPIC: Final = '/robot_speaking'

_CHUNK: Final = 'emotion_msgs/msg/AudioChunk'
_STAMPED: Final = 'audio_common_msgs/msg/AudioStamped'
_IMAGE: Final = 'sensor_msgs/msg/CompressedImage'
_BOOL: Final = 'std_msgs/msg/Bool'
_AUDIO_COMMON: Final = {
    'AudioInfo': 'int32 format\nint32 channels\nint32 rate\nint32 chunk\n',
    'AudioData': (
        'float32[] float32_data\nint32[] int32_data\nint16[] int16_data\nint8[] int8_data\n'
        'uint8[] uint8_data\n'
    ),
    'Audio': 'audio_common_msgs/AudioData audio_data\naudio_common_msgs/AudioInfo info\n',
    'AudioStamped': 'std_msgs/Header header\naudio_common_msgs/Audio audio\n',
}
"""The messages of mgonzs13's audio_common, the only ones that carry floating point."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A message of audio.

    Attributes:
        time_ns: when it is received.
        stamp_ns: in its header.
        samples: (n,) int16, or float32 for a message of floating point.
        rate: as the message states it.
    """

    time_ns: int
    stamp_ns: int
    samples: npt.NDArray[Any]
    rate: int = RATE


@dataclass(frozen=True, slots=True)
class Frame:
    """A message of a camera.

    Attributes:
        time_ns: when it is received.
        stamp_ns: in its header.
        data: JPEG.
    """

    time_ns: int
    stamp_ns: int
    data: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RobotSpeaks:
    """A message on `robot_speaking`.

    Attributes:
        time_ns: when it is received.
        speaking: its value.
    """

    time_ns: int
    speaking: bool


Item = Chunk | Frame | RobotSpeaks
Disturbance = Callable[[list[Item]], list[Item]]
"""Takes the messages of the undisturbed recording in order, and returns those that arrive."""


@dataclass(frozen=True, slots=True)
class Story:
    """One fault.

    Attributes:
        name: the fault, in words.
        disturb: puts it into the messages.
        images: whether the camera matters, too.
        publishers: how many nodes publish audio.
        back_ns: by how much the clock is set back.
    """

    name: str
    disturb: Disturbance
    images: bool = False
    publishers: int = 1
    back_ns: int = 0


def read_items(path: Path, images: bool) -> list[Item]:
    """Return the messages of a recording of mono audio, with its audio in chunks of 20 ms.

    Args:
        path: the demo's bag.
        images: whether to read those of the camera.
    """
    items: list[Item] = []
    pieces: list[npt.NDArray[np.int16]] = []
    start_ns: int | None = None
    with Bag(path) as bag:
        for message in bag.messages({AUDIO_TOPIC, IMAGE_TOPIC} if images else {AUDIO_TOPIC}):
            content = bag.decode(message)
            stamp_ns = content.header.stamp.sec * NS_PER_S + content.header.stamp.nanosec
            if message.topic == AUDIO_TOPIC:
                start_ns = stamp_ns if start_ns is None else start_ns
                pieces.append(np.asarray(content.data, np.int16))
            else:
                items.append(Frame(message.stamp_ns, stamp_ns, content.data))
    samples = np.concatenate(pieces)
    assert start_ns is not None
    size = RATE * CHUNK_MS // 1000
    for n in range(len(samples) // size):
        stamp_ns = start_ns + n * CHUNK_NS
        items.append(Chunk(stamp_ns + CHUNK_NS, stamp_ns, samples[n * size : (n + 1) * size]))
    return sorted(items, key=lambda one: one.time_ns)


def write_items(folder: Path, items: Iterable[Item]) -> None:
    """Write messages as a bag.

    Args:
        folder: the bag; must not exist.
        items: in the order in which they are received.
    """
    types = _types()
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for item in items:
            topic, kind, content = as_message(item)
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=types)
            data = types.serialize_cdr(content, kind)
            writer.write(connections[topic], item.time_ns, data)


def as_message(item: Item) -> tuple[str, str, Any]:
    """Return topic, type and content of a message."""
    types = _types().types
    match item:
        case RobotSpeaks():
            return ROBOT_TOPIC, _BOOL, types[_BOOL](data=item.speaking)
        case Frame():
            header = _header(item.stamp_ns, 'camera')
            return IMAGE_TOPIC, _IMAGE, types[_IMAGE](header=header, format='jpeg', data=item.data)
        case Chunk() if item.samples.dtype == np.float32:
            fields = {
                f'{name}_data': np.zeros(0, name)
                for name in ('float32', 'int32', 'int16', 'int8', 'uint8')
            }
            fields['float32_data'] = item.samples
            audio = types['audio_common_msgs/msg/Audio'](
                audio_data=types['audio_common_msgs/msg/AudioData'](**fields),
                info=types['audio_common_msgs/msg/AudioInfo'](
                    format=1, channels=1, rate=item.rate, chunk=len(item.samples)
                ),
            )
            header = _header(item.stamp_ns, 'microphone')
            return AUDIO_TOPIC, _STAMPED, types[_STAMPED](header=header, audio=audio)
        case Chunk():
            header = _header(item.stamp_ns, 'microphone')
            content = types[_CHUNK](
                header=header, sample_rate=item.rate, channels=1, data=item.samples
            )
            return AUDIO_TOPIC, _CHUNK, content


@cache
def _types() -> Typestore:
    store = standard_types()
    for name, text in reversed(_AUDIO_COMMON.items()):
        if f'audio_common_msgs/msg/{name}' not in store.fielddefs:
            store.register(get_types_from_msg(text, f'audio_common_msgs/msg/{name}'))
    return store


def _header(stamp_ns: int, frame_id: str) -> Any:
    types = _types().types
    stamp = types['builtin_interfaces/msg/Time'](*ns_to_stamp(stamp_ns))
    return types['std_msgs/msg/Header'](stamp=stamp, frame_id=frame_id)


def stamped(stamps_of: Callable[[int, int], int]) -> Disturbance:
    """Return the fault of wrong stamps.

    Args:
        stamps_of: takes the number of a chunk and its true stamp; returns its stamp.
    """

    def disturb(items: list[Item]) -> list[Item]:
        numbers = iter(range(len(items)))
        return [
            dataclasses.replace(one, stamp_ns=stamps_of(next(numbers), one.stamp_ns))
            if isinstance(one, Chunk)
            else one
            for one in items
        ]

    return disturb


def in_steps(step_ms: int) -> Disturbance:
    """Return chunks published together and stamped at publication."""
    step = step_ms // CHUNK_MS
    return stamped(lambda n, true_ns: true_ns + (step - n % step) * CHUNK_NS)


def jittering(jitter_ms: int) -> Disturbance:
    """Return stamps off by up to so much, before or after."""
    rng = np.random.default_rng(1)
    shift_ns = rng.uniform(-jitter_ms, jitter_ms, 100_000) * NS_PER_MS
    return stamped(lambda n, true_ns: true_ns + int(shift_ns[n]))


def stalling(late_ms: int, every: int = 120) -> Disturbance:
    """Return stamps taken before a blocking read, by a driver that is late every 2.4 s.

    No sample is lost: after a delay it reads what has accumulated without waiting.
    """
    shifts: list[int] = []
    now = 0
    for n in range(100_000):
        shifts.append(now - n * CHUNK_NS)
        now = max(now, (n + 1) * CHUNK_NS)
        if n % every == every // 2:
            now += late_ms * NS_PER_MS
    return stamped(lambda n, true_ns: true_ns + shifts[n])


def wild(by_ns: int) -> Disturbance:
    """Return a single stamp that is wrong by so much."""
    number = round(MIDDLE_S * NS_PER_S) // CHUNK_NS
    return stamped(lambda n, true_ns: true_ns + by_ns * (n == number))


def set_back(items: list[Item]) -> list[Item]:
    """Return a clock that is set back by a day between two utterances."""
    at_ns = items[0].time_ns + round(19.7 * NS_PER_S)
    return [
        dataclasses.replace(one, stamp_ns=one.stamp_ns - DAY_NS)
        if not isinstance(one, RobotSpeaks) and one.time_ns >= at_ns
        else one
        for one in items
    ]


def losing(share: float) -> Disturbance:
    """Return a network that loses a share of the chunks."""

    def disturb(items: list[Item]) -> list[Item]:
        rng = np.random.default_rng(1)
        return [one for one in items if not isinstance(one, Chunk) or rng.random() >= share]

    return disturb


def out_of_order(items: list[Item]) -> list[Item]:
    """Return chunks in an arbitrary order within each four."""
    rng = np.random.default_rng(1)
    audio = [one for one in items if isinstance(one, Chunk)]
    arriving = []
    for begin in range(0, len(audio), 4):
        four = audio[begin : begin + 4]
        for place, k in enumerate(rng.permutation(len(four))):
            arriving.append(dataclasses.replace(four[k], time_ns=four[place].time_ns))
    return arriving


def twice(items: list[Item]) -> list[Item]:
    """Return two microphones on one topic, one 7 ms after the other."""
    return [copy for one in items for copy in (one, _later(one, 7 * NS_PER_MS))]


def _later(item: Item, by_ns: int) -> Item:
    if isinstance(item, RobotSpeaks):
        return item
    return dataclasses.replace(item, time_ns=item.time_ns + by_ns, stamp_ns=item.stamp_ns + by_ns)


def without(seconds: float) -> Disturbance:
    """Return audio that is missing for so long, from the middle of an utterance on."""

    def disturb(items: list[Item]) -> list[Item]:
        first_ns = items[0].time_ns + round(MIDDLE_S * NS_PER_S)
        last_ns = first_ns + round(seconds * NS_PER_S)
        return [
            one
            for one in items
            if not isinstance(one, Chunk) or not first_ns <= one.time_ns < last_ns
        ]

    return disturb


def not_a_number(items: list[Item]) -> list[Item]:
    """Return floating-point audio in which every hundredth chunk holds a NaN."""
    arriving: list[Item] = []
    for n, one in enumerate(items):
        if isinstance(one, Chunk):
            samples = one.samples.astype(np.float32) / np.float32(32768)
            if n % 100 == 99:
                samples[7] = np.nan
            one = dataclasses.replace(one, samples=samples)
        arriving.append(one)
    return arriving


def with_empty_ones(items: list[Item]) -> list[Item]:
    """Return a driver whose every tenth message has no samples."""
    arriving: list[Item] = []
    for n, one in enumerate(items):
        arriving.append(one)
        if isinstance(one, Chunk) and n % 10 == 9:
            arriving.append(dataclasses.replace(one, samples=one.samples[:0]))
    return arriving


def stating(rate: int) -> Disturbance:
    """Return a wrong sample rate in every message."""

    def disturb(items: list[Item]) -> list[Item]:
        return [
            dataclasses.replace(one, rate=rate) if isinstance(one, Chunk) else one for one in items
        ]

    return disturb


def camera_dies(items: list[Item]) -> list[Item]:
    """Return a camera that delivers nothing after the middle of an utterance."""
    end_ns = items[0].time_ns + round(MIDDLE_S * NS_PER_S)
    return [one for one in items if not isinstance(one, Frame) or one.time_ns < end_ns]


def camera_late(late_ms: int) -> Disturbance:
    """Return a camera whose frames are stamped when they arrive, so much after exposure."""

    def disturb(items: list[Item]) -> list[Item]:
        late_ns = late_ms * NS_PER_MS
        moved = [_later(one, late_ns) if isinstance(one, Frame) else one for one in items]
        return sorted(moved, key=lambda one: one.time_ns)

    return disturb


def camera_freezes(items: list[Item]) -> list[Item]:
    """Return a camera that repeats one frame after the middle of an utterance."""
    end_ns = items[0].time_ns + round(MIDDLE_S * NS_PER_S)
    last = max(
        (one for one in items if isinstance(one, Frame) and one.time_ns < end_ns),
        key=lambda one: one.time_ns,
    )
    return [
        dataclasses.replace(one, data=last.data)
        if isinstance(one, Frame) and one.time_ns >= end_ns
        else one
        for one in items
    ]


def robot_never_stops(items: list[Item]) -> list[Item]:
    """Return `robot_speaking` that becomes true between two utterances and stays so."""
    at_ns = items[0].time_ns + round(6.0 * NS_PER_S)
    before = [one for one in items if one.time_ns < at_ns]
    return [*before, RobotSpeaks(at_ns, True), *items[len(before) :]]


def stopped(items: list[Item]) -> list[Item]:
    """Return only what arrives before the middle of an utterance."""
    end_ns = items[0].time_ns + round(MIDDLE_S * NS_PER_S)
    return [one for one in items if one.time_ns < end_ns]


def undisturbed(items: list[Item]) -> list[Item]:
    """Return everything."""
    return items


def _stories() -> Iterator[Story]:
    yield Story('none', undisturbed)
    for step_ms in (60, 80, 100, 200):
        yield Story(f'stamps in steps of {step_ms} ms', in_steps(step_ms))
    for jitter_ms in (60, 200):
        yield Story(f'stamps that jitter by ±{jitter_ms} ms', jittering(jitter_ms))
    for late_ms in (45, 60, 100):
        yield Story(f'driver late by {late_ms} ms every 2.4 s', stalling(late_ms))
    yield Story('stamps that stand still', stamped(lambda n, true_ns: true_ns - n * CHUNK_NS))
    yield Story(
        'stamps in whole seconds', stamped(lambda n, true_ns: true_ns // NS_PER_S * NS_PER_S)
    )
    yield Story('one stamp an hour ahead', wild(3600 * NS_PER_S))
    yield Story('one stamp an hour back', wild(-3600 * NS_PER_S))
    yield Story('clock set back by a day', set_back, back_ns=DAY_NS)
    yield Story('chunks out of order in fours', out_of_order)
    yield Story('two microphones on one topic', twice, publishers=2)
    for percent in (2, 5, 10):
        yield Story(f'{percent} % of the chunks lost', losing(percent / 100))
    for seconds in (0.3, 0.6, 5.0):
        yield Story(f'{seconds:g} s lost in an utterance', without(seconds))
    yield Story('NaN in every hundredth chunk', not_a_number)
    yield Story('every tenth message empty', with_empty_ones)
    yield Story('sample rate stated as 48 kHz, true 16 kHz', stating(48_000))
    yield Story('sample rate stated as 100 Hz', stating(100))
    yield Story('robot_speaking true for ever', robot_never_stops)
    yield Story('recording or node stops in an utterance', stopped)
    yield Story('none, with the camera', undisturbed, images=True)
    yield Story('camera stops in an utterance', camera_dies, images=True)
    yield Story('camera repeats one frame', camera_freezes, images=True)
    for late_ms in (67, 100, 400):
        yield Story(f'camera stamps {late_ms} ms late', camera_late(late_ms), images=True)


STORIES: Final[Sequence[Story]] = tuple(_stories())
