"""Fuzz targets for recordings: damaged bags and media files, into `annotate`.

No damage may raise anything but a `UserError`, and no message may be lost without a word.
"""

from __future__ import annotations

import io
import shutil
import weakref
from fractions import Fraction
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from emotion_lab.fuzz.target import Target
from emotion_node.annotate.annotator import Annotator, Options
from emotion_node.annotate.plan import Job
from emotion_node.annotate.summary import Result
from emotion_node.config import make_config
from emotion_node.datatypes import NS_PER_S
from emotion_node.errors import UserError
from emotion_node.factory import load_models
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import TopicNames
from emotion_node.recordings.definitions import standard_types

RATE: Final = 16_000
CHUNK: Final = 512
SECONDS: Final = 2
START_NS: Final = 1_700_000_000 * NS_PER_S
_PARTS: Final = ('transcriber', 'text', 'voice', 'face')
_OFF: Final = {**{f'{part}.backend': 'off' for part in _PARTS}, 'vad.backend': 'webrtc'}
_AUDIO: Final = 'emotion_msgs/msg/AudioChunk'
_STRING: Final = 'std_msgs/msg/String'

Rng = np.random.Generator
Samples = npt.NDArray[np.int16]


def damage(rng: Rng, data: bytes) -> bytes:
    """Return the bytes of a file truncated, with flipped bits, or with overwritten fields."""
    changed = bytearray(data)
    # Most of what matters is at the two ends.
    reach = len(changed) if rng.random() < 0.5 else min(len(changed), 2000)
    first = 0 if rng.random() < 0.5 else len(changed) - reach
    for _ in range(int(rng.integers(1, 4))):
        at = first + int(rng.integers(reach))
        match int(rng.integers(6)):
            case 0:
                return bytes(changed[:at])
            case 1 | 2:
                changed[at] ^= 1 << int(rng.integers(8))
            case 3:
                changed[at : at + 8] = rng.bytes(8)
            case 4:
                size = int(rng.choice([2, 4, 8]))
                changed[at : at + size] = bytes([int(rng.choice([0, 0x7F, 0xFF]))]) * size
            case _:
                changed[at : at + int(rng.integers(1, 100))] = b''
        reach = min(reach, len(changed) - first)
        if reach <= 0:
            break
    return bytes(changed)


def sound(rng: Rng) -> Samples:
    """Return bursts of sound between silence."""
    samples = rng.normal(0, 2000, SECONDS * RATE)
    samples *= np.repeat(rng.integers(0, 2, SECONDS * 4), RATE // 4)
    return samples.astype(np.int16)


def write_bag(folder: Path, storage: StoragePlugin, compression: CompressionMode) -> None:
    """Write a bag of audio and of a topic that fills several chunks."""
    rng = np.random.default_rng(0)
    types = standard_types()
    writer = Writer(folder, version=9, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    samples = sound(rng)
    with writer:
        audio = writer.add_connection('/audio', _AUDIO, typestore=types)
        other = writer.add_connection('/other', _STRING, typestore=types)
        for begin in range(0, len(samples), CHUNK):
            stamp_ns = START_NS + begin * NS_PER_S // RATE
            sec, nanosec = divmod(stamp_ns, NS_PER_S)
            stamp = types.types['builtin_interfaces/msg/Time'](sec=sec, nanosec=nanosec)
            header = types.types['std_msgs/msg/Header'](stamp=stamp, frame_id='microphone')
            chunk = types.types[_AUDIO](
                header=header, sample_rate=RATE, channels=1, data=samples[begin : begin + CHUNK]
            )
            writer.write(audio, stamp_ns, bytes(types.serialize_cdr(chunk, _AUDIO)))
            text = types.types[_STRING](data=rng.bytes(25_000).hex())
            writer.write(other, stamp_ns, bytes(types.serialize_cdr(text, _STRING)))


def write_media(path: Path, codec: str, images: str = '') -> None:
    """Write an audio or video file.

    Args:
        path: its suffix names the container.
        codec: of its audio.
        images: codec of its video; empty for none.
    """
    samples = sound(np.random.default_rng(0))
    with av.open(str(path), 'w') as container:
        video = container.add_stream(images, rate=10) if images else None
        audio = container.add_stream(codec, rate=RATE, layout='mono')
        packets: list[Any] = []
        if isinstance(video, av.VideoStream):
            video.width, video.height, video.pix_fmt = 64, 48, 'yuv420p'
            for number in range(10 * SECONDS):
                pixels = np.full((48, 64, 3), 10 * number, np.uint8)
                image = av.VideoFrame.from_ndarray(pixels, format='bgr24')
                image.pts, image.time_base = number, Fraction(1, 10)
                packets += video.encode(image)
            packets += video.encode(None)
        assert isinstance(audio, av.AudioStream)
        for begin in range(0, len(samples), CHUNK):
            data = np.ascontiguousarray(samples[begin : begin + CHUNK].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(data, format='s16', layout='mono')
            frame.rate, frame.pts, frame.time_base = RATE, begin, Fraction(1, RATE)
            packets += audio.encode(frame)
        packets += audio.encode(None)
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        for packet in packets:
            container.mux(packet)


class _Annotate:
    """Annotates a file into a folder, without models.

    Attributes:
        folder: for what a case writes.
    """

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix='emotion_fuzz_'))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        config = make_config(_OFF)
        options = Options(config, TopicNames())
        models = load_models(config, lambda text: None)
        self._annotator = Annotator(options, models, Console(file=io.StringIO()))

    def __call__(self, path: Path, copy: Path | None) -> Result:
        result = self._annotator.annotate(Job(path, self.folder / 'out.jsonl', copy), shared=None)
        if self._annotator.faults:
            raise AssertionError(f'the pipeline failed: {self._annotator.faults}')
        return result


class _Bags:
    """Damaged bags."""

    def __init__(self) -> None:
        self._annotate = _Annotate()
        self._folder = self._annotate.folder
        self._whole: list[tuple[Path, int]] = []
        for storage, compression in (
            (StoragePlugin.MCAP, CompressionMode.NONE),
            (StoragePlugin.MCAP, CompressionMode.STORAGE),
            (StoragePlugin.SQLITE3, CompressionMode.NONE),
            (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
            (StoragePlugin.MCAP, CompressionMode.FILE),
        ):
            path = self._folder / f'whole_{storage.name}_{compression.name}'
            write_bag(path, storage, compression)
            with Bag(path) as bag:
                self._whole.append((path, len(list(bag.messages()))))

    def __call__(self, rng: Rng) -> str:
        whole, count = self._whole[int(rng.integers(len(self._whole)))]
        folder, copy = self._folder / 'bag', self._folder / 'copy'
        for old in (folder, copy):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(whole, folder)
        metadata = folder / 'metadata.yaml'
        (storage,) = (path for path in folder.iterdir() if path != metadata)
        which = rng.random()
        hurt = metadata if which < 0.2 else storage
        hurt.write_bytes(damage(rng, hurt.read_bytes()))
        if which > 0.8:
            metadata.unlink()
        try:
            result = self._annotate(folder, copy if rng.random() < 0.3 else None)
            with Bag(folder) as bag:
                found = len(list(bag.messages()))
                said = bool(bag.losses)
        except UserError:
            return 'refused'
        if found < count and not said:
            raise AssertionError(f'{found} of {count} messages came, and nothing was said')
        return 'losses named' if result.losses or said else 'whole'


class _Media:
    """Damaged audio and video files."""

    def __init__(self) -> None:
        self._annotate = _Annotate()
        folder = self._annotate.folder
        self._whole: list[Path] = []
        for name, codec, images in (
            ('a.wav', 'pcm_s16le', ''),
            ('a.flac', 'flac', ''),
            ('a.mkv', 'aac', 'mpeg4'),
            ('a.mp4', 'aac', 'mpeg4'),
            ('a.ts', 'mp2', 'mpeg2video'),
        ):
            write_media(folder / name, codec, images)
            self._whole.append(folder / name)

    def __call__(self, rng: Rng) -> str:
        whole = self._whole[int(rng.integers(len(self._whole)))]
        path = whole.with_name(f'damaged{whole.suffix}')
        path.write_bytes(damage(rng, whole.read_bytes()))
        try:
            result = self._annotate(path, None)
        except UserError:
            return 'refused'
        return 'losses named' if result.losses else 'whole'


RECORDING_TARGETS: Final = (
    Target('bag', 'damaged bags, MCAP and SQLite, into annotate', _Bags, sample=40),
    Target('media', 'damaged audio and video files into annotate', _Media, sample=40),
)
