"""Small recordings made for a test, and the recording of the demo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Qos
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys.store import Typestore

from emotion_node.datatypes import NS_PER_S, FloatArray
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.definitions import standard_types
from emotion_node.recordings.truth import read_truth

CONVERSATION = Path(__file__).parents[2] / 'demo' / 'conversation'
START_NS = 1_700_000_000_000_000_000
RATE = 16_000
CHUNK = 512

Samples = npt.NDArray[np.int16]
Row = tuple[str, str, int, Any]
"""Topic, type, time of recording, message."""


def conversation_sound() -> tuple[FloatArray, int]:
    """Return the sound of the demo conversation, and the stamp of its first sample."""
    with Bag(CONVERSATION) as bag:
        messages = [bag.decode(message) for message in bag.messages({'/audio'})]
    assert messages[0].sample_rate == RATE
    stamp = messages[0].header.stamp
    samples = np.concatenate([message.data for message in messages])
    return samples.astype(np.float32) / 32768.0, stamp.sec * NS_PER_S + stamp.nanosec


def conversation_utterances(padding_s: float = 0.2) -> list[tuple[str, FloatArray]]:
    """Return the words and the sound of each utterance of the demo, with some context."""
    samples, first_ns = conversation_sound()
    padding_ns = round(padding_s * NS_PER_S)

    def place(stamp_ns: int) -> int:
        return max((stamp_ns - first_ns) * RATE // NS_PER_S, 0)

    return [
        (one.text, samples[place(one.start_ns - padding_ns) : place(one.end_ns + padding_ns)])
        for one in read_truth(CONVERSATION / 'truth.json')
    ]


def noise(seconds: float, seed: int = 1) -> Samples:
    """Return noise like that of a quiet room."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 30, int(seconds * RATE))).astype(np.int16)


def make(typename: str, **fields: Any) -> Any:
    """Make a message of rosbags."""
    return standard_types().types[typename](**fields)


def header(stamp_ns: int, frame_id: str = 'microphone') -> Any:
    """Make a header."""
    sec, nanosec = divmod(stamp_ns, NS_PER_S)
    stamp = make('builtin_interfaces/msg/Time', sec=sec, nanosec=nanosec)
    return make('std_msgs/msg/Header', stamp=stamp, frame_id=frame_id)


def audio_rows(samples: Samples, topic: str = '/audio', start_ns: int = START_NS) -> list[Row]:
    """Return messages of audio, each recorded at the time of its last sample."""
    rows: list[Row] = []
    for begin in range(0, len(samples), CHUNK):
        data = samples[begin : begin + CHUNK]
        stamp_ns = start_ns + begin * NS_PER_S // RATE
        kind = 'emotion_msgs/msg/AudioChunk'
        message = make(kind, header=header(stamp_ns), sample_rate=RATE, channels=1, data=data)
        rows.append((topic, kind, stamp_ns + len(data) * NS_PER_S // RATE, message))
    return rows


def write_bag(
    folder: Path,
    rows: Iterable[Row],
    storage: str = 'mcap',
    compressed: bool = False,
    qos: Sequence[Qos] = (),
    types: Typestore | None = None,
    compression: str = '',
) -> Path:
    """Write a bag; `compressed` is short for the compression "storage"."""
    store = types or standard_types()
    plugin = StoragePlugin.MCAP if storage == 'mcap' else StoragePlugin.SQLITE3
    writer = Writer(folder, version=9, storage_plugin=plugin)
    if compressed or compression:
        mode = CompressionMode[compression.upper() or 'STORAGE']
        writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, kind, time_ns, message in rows:
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, kind, typestore=store, offered_qos_profiles=qos
                )
            writer.write(connections[topic], time_ns, store.serialize_cdr(message, kind))
    return folder


def storage_file(bag: Path) -> Path:
    """Return the one file in which a bag's messages are."""
    (file,) = (path for path in bag.iterdir() if path.suffix in ('.mcap', '.db3'))
    return file


def truncate(file: Path, share: float = 0.5) -> Path:
    """Truncate a file to a share of its size."""
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    return file


def write_media(
    path: Path,
    sound: Samples | None,
    rate: int = RATE,
    layout: str = 'mono',
    codec: str = '',
    images: int = 0,
) -> Path:
    """Write an audio or video file.

    Args:
        path: its suffix names the container.
        sound: (n, channels), or None for a film without sound.
        rate: of the sound.
        layout: of its channels.
        codec: of the sound; the container's usual one when empty.
        images: how many, at 25 per second, each with the grey level of its number.
    """
    with av.open(str(path), 'w') as container:
        video = container.add_stream('mpeg4', rate=25) if images else None
        audio = None
        if sound is not None:
            audio = container.add_stream(codec or 'pcm_s16le', rate=rate, layout=layout)
        packets = []
        if video is not None:
            assert isinstance(video, av.VideoStream)
            video.width, video.height, video.pix_fmt = 64, 48, 'yuv420p'
            for number in range(images):
                grey = np.full((48, 64, 3), (20 + number * 5) % 256, np.uint8)
                image = av.VideoFrame.from_ndarray(grey, format='bgr24')
                image.pts, image.time_base = number, Fraction(1, 25)
                packets += video.encode(image)
            packets += video.encode(None)
        if audio is not None and sound is not None:
            assert isinstance(audio, av.AudioStream)
            for begin in range(0, len(sound), CHUNK):
                data = np.ascontiguousarray(sound[begin : begin + CHUNK].reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(data, format='s16', layout=layout)
                frame.rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
                packets += audio.encode(frame)
            packets += audio.encode(None)
        packets.sort(key=lambda packet: (packet.dts or 0) * (packet.time_base or 0))
        for packet in packets:
            container.mux(packet)
    return path
