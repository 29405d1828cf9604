"""Fuzz targets for messages: random and damaged ones, into the decoders and the pipeline.

A message has the types that DDS guarantees, and any values in their ranges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final

import cv2
import numpy as np

from emotion_lab.fuzz.target import Case, Target
from emotion_node.config import AudioConfig, make_config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Timings
from emotion_node.datatypes import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    NS_PER_S,
    AudioChunk,
    EmotionReport,
    TranscriptReport,
    VideoFrame,
)
from emotion_node.factory import build_pipeline, load_models
from emotion_node.messages.audio import MessageError, audio_format, decode_audio
from emotion_node.messages.image import decode_image
from emotion_node.messages.transcript import decode_transcript
from emotion_node.recordings.recording import RobotSpeaking, push

RECEIPT_NS: Final = 1_700_000_000 * NS_PER_S
MAX_SAMPLES: Final = 4000
"""Most values in a random array."""
_INT32: Final = 2**31
_ENCODINGS: Final = (
    *('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'mono16', 'rgb16', 'yuv422', 'yuv422_yuy2'),
    *('nv12', 'nv21', 'bayer_rggb8', 'bayer_gbrg16', '8UC1', '8UC3', '16UC1', '32FC1', 'h264', ''),
)
_FORMATS: Final = ('jpeg', 'png', 'rgb8; jpeg compressed bgr8', 'h264', 'webp', '')
_CODINGS: Final = ('wave', 'mp3', 'raw', 'PCM', '', 'opus')
_SAMPLE_FORMATS: Final = ('S16LE', 'S32LE', 'F32LE', 'U8', 'S8', 'S24LE', '')
_REASONS: Final = ('', 'timeout', 'error', 'low_confidence', 'no reason at all')
_OFF: Final = {f'{part}.backend': 'off' for part in ('transcriber', 'text', 'voice', 'face')}

Rng = np.random.Generator


def _pick(rng: Rng, values: Sequence[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def _integer(rng: Rng, low: int, high: int, usual: Sequence[int]) -> int:
    """Return a usual value, an end of the range, or any value of it."""
    which = rng.random()
    if which < 0.6:
        return int(_pick(rng, usual))
    return int(_pick(rng, (low, high))) if which < 0.75 else int(rng.integers(low, high + 1))


def _text(rng: Rng) -> str:
    codes = rng.choice([97, 32, 0, 10, 27, 0x202E, 0x1F600, 0xFFFD], int(rng.integers(40)))
    return ''.join(map(chr, codes)) * int(_pick(rng, (1, 1, 1, 300)))


def _header(rng: Rng, near_ns: int | None = None) -> SimpleNamespace:
    if near_ns is not None and rng.random() < 0.9:
        sec, nanosec = divmod(max(near_ns, 0), NS_PER_S)
    else:
        sec = _integer(rng, -_INT32, _INT32 - 1, (0, RECEIPT_NS // NS_PER_S))
        nanosec = _integer(rng, 0, 2**32 - 1, (0, 1, NS_PER_S - 1))
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id=_text(rng))


def _bytes(rng: Rng) -> bytes:
    data = rng.bytes(int(rng.integers(MAX_SAMPLES)))
    magic = _pick(rng, (b'', b'', b'', b'ID3', b'OggS', b'RIFF', b'\xff\xfb\x90\x00', b'fLaC'))
    return bytes(magic) + data


def _floats(rng: Rng) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = rng.normal(0, 0.1, int(rng.integers(MAX_SAMPLES))).astype(np.float32)
    if len(values) and rng.random() < 0.4:
        values[int(rng.integers(len(values)))] = _pick(rng, (np.nan, np.inf, -np.inf, 3e38, 32768))
    return values


def audio_message(rng: Rng, near_ns: int | None = None) -> SimpleNamespace:
    """Return a random message of one of the kinds of audio.

    Args:
        rng: random numbers.
        near_ns: what its stamp mostly is; None for any.
    """
    header = _header(rng, near_ns)
    rate = _integer(rng, 0, 2**32 - 1, (16_000, 48_000, 8000, 44_100))
    channels = _integer(rng, 0, 255, (1, 1, 1, 2, 6))
    pcm = np.frombuffer(_bytes(rng)[: MAX_SAMPLES // 2 * 2] + b'\0\0\0\0', np.uint8)
    pcm = pcm[: len(pcm) // 2 * 2].view(np.int16)
    pcm = pcm[: len(pcm) // max(channels, 1) * max(channels, 1)] if rng.random() < 0.7 else pcm
    match int(rng.integers(5)):
        case 0:
            return SimpleNamespace(header=header, sample_rate=rate, channels=channels, data=pcm)
        case 1:
            size = _integer(rng, 0, 2**32 - 1, (0, 1, 2))
            label = _pick(rng, ('channels', 'samples', ''))
            dim = [SimpleNamespace(label=label, size=size)] * int(rng.integers(3))
            return SimpleNamespace(layout=SimpleNamespace(dim=dim, data_offset=0), data=pcm)
        case 2:
            kinds = (np.int32, np.int8, np.uint8)
            arrays: dict[str, Any] = dict.fromkeys(
                ('int16_data', 'float32_data', 'int32_data', 'int8_data', 'uint8_data'), ()
            )
            arrays['float32_data'] = _floats(rng) if rng.random() < 0.6 else ()
            arrays['int16_data'] = pcm if rng.random() < 0.3 else ()
            kind = np.dtype(_pick(rng, kinds))
            whole = _bytes(rng)
            arrays[f'{kind.name}_data'] = np.frombuffer(
                whole[: len(whole) // kind.itemsize * kind.itemsize], kind
            )
            info = SimpleNamespace(
                format=_integer(rng, -_INT32, _INT32 - 1, (8, 1)),
                channels=_integer(rng, -_INT32, _INT32 - 1, (1, 2)),
                rate=_integer(rng, -_INT32, _INT32 - 1, (16_000, 48_000)),
                chunk=0,
            )
            data = SimpleNamespace(**arrays)
            return SimpleNamespace(
                header=header, audio=SimpleNamespace(audio_data=data, info=info)
            )
        case 3:
            return SimpleNamespace(header=header, audio=SimpleNamespace(data=_bytes(rng)))
        case _:
            return SimpleNamespace(data=_bytes(rng))


def info_message(rng: Rng) -> SimpleNamespace:
    """Return a random `AudioInfo` of ros-drivers."""
    return SimpleNamespace(
        channels=_integer(rng, 0, 255, (1, 2)),
        sample_rate=_integer(rng, 0, 2**32 - 1, (16_000, 48_000)),
        sample_format=_pick(rng, _SAMPLE_FORMATS),
        bitrate=_integer(rng, 0, 2**32 - 1, (128,)),
        coding_format=_pick(rng, _CODINGS),
    )


def image_message(rng: Rng, near_ns: int | None = None) -> SimpleNamespace:
    """Return a random `Image` or `CompressedImage`.

    Args:
        rng: random numbers.
        near_ns: what its stamp mostly is; None for any.
    """
    header = _header(rng, near_ns)
    if rng.random() < 0.5:
        data = _damaged(rng, _encoded(rng))
        return SimpleNamespace(header=header, format=_pick(rng, _FORMATS), data=data)
    height, width = (_integer(rng, 0, 2**32 - 1, (0, 1, 2, 7, 48, 64)) for _ in range(2))
    step = _integer(rng, 0, 2**32 - 1, (width * 3, width, width * 2, width * 4, 0))
    length = min(height * step, 40_000) if rng.random() < 0.8 else int(rng.integers(40_000))
    return SimpleNamespace(
        header=header,
        height=height,
        width=width,
        step=step,
        encoding=_pick(rng, _ENCODINGS),
        is_bigendian=int(rng.integers(2)),
        data=rng.bytes(length + int(rng.integers(2)) * (length // 2)),
    )


def _encoded(rng: Rng) -> bytes:
    shape = (int(rng.integers(1, 64)), int(rng.integers(1, 64)), 3)
    pixels = rng.integers(0, 256, shape, np.uint8)
    return cv2.imencode(_pick(rng, ('.jpg', '.png')), pixels)[1].tobytes()


def _damaged(rng: Rng, data: bytes) -> bytes:
    """Return the bytes with some of them changed, cut off, repeated, or as they are."""
    changed = bytearray(data)
    match int(rng.integers(4)):
        case 0:
            for _ in range(int(rng.integers(1, 20))):
                changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
        case 1:
            del changed[int(rng.integers(len(changed))) :]
        case 2:
            at = int(rng.integers(min(len(changed), 200)))
            changed[at : at + 4] = rng.bytes(4)
    return bytes(changed)


def transcript_message(rng: Rng, near_ns: int | None = None) -> SimpleNamespace:
    """Return a random `Transcript`.

    Args:
        rng: random numbers.
        near_ns: what its stamp mostly is; None for any.
    """
    return SimpleNamespace(
        header=_header(rng, near_ns),
        utterance_id=_pick(rng, ('', 'u1', 'u2', _text(rng))),
        text=_text(rng),
        confidence=float(_pick(rng, (0.5, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e300))),
        locale=_pick(rng, ('en', '', _text(rng))),
        translation=_pick(rng, ('', _text(rng))),
        final=bool(rng.integers(2)),
        reason=_pick(rng, _REASONS),
    )


def _check(holds: bool, what: object) -> None:
    if not holds:
        raise AssertionError(f'out of range: {what}')


def check_audio(chunk: AudioChunk) -> None:
    """Raise AssertionError unless decoded audio is in range."""
    _check(MIN_SAMPLE_RATE <= chunk.rate <= MAX_SAMPLE_RATE, chunk.rate)
    _check(chunk.samples.ndim == 2 and len(chunk.samples) > 0, chunk.samples.shape)
    _check(chunk.samples.dtype in (np.int16, np.float32), chunk.samples.dtype)
    _check(chunk.samples.size <= 2 * MAX_SAMPLES, chunk.samples.size)


def _decode_audio(rng: Rng) -> str:
    config = AudioConfig(stamp=_pick(rng, ('auto', 'start', 'end', 'receipt')))
    try:
        info = audio_format(info_message(rng)) if rng.random() < 0.5 else None
        chunk = decode_audio(audio_message(rng), RECEIPT_NS, config, info)
    except MessageError:
        return 'refused'
    check_audio(chunk)
    return 'decoded'


def _decode_image(rng: Rng) -> str:
    try:
        image = decode_image(image_message(rng), RECEIPT_NS).decode()
    except ValueError:
        return 'refused'
    _check(image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3, image.shape)
    return 'decoded'


def _decode_transcript(rng: Rng) -> str:
    report = decode_transcript(transcript_message(rng), RECEIPT_NS)
    _check(0.0 <= report.transcript.confidence <= 1.0, report.transcript.confidence)
    return 'absent' if report.transcript.reason else 'used'


class _Stream:
    """A pipeline without models, which gets one random input after the other."""

    def __init__(self) -> None:
        config = make_config(_OFF)
        models = load_models(config, lambda text: None)
        self.faults: list[str] = []
        guard = Guard(Timings(lambda: 0), lambda stage, error: self.faults.append(repr(error)))
        self._config = config
        self._pipeline = build_pipeline(config, models, guard)
        self._now_ns = RECEIPT_NS

    def __call__(self, rng: Rng) -> str:
        self._now_ns += int(rng.integers(0, 100_000_000))
        try:
            value = self._input(rng)
        except ValueError:
            return 'refused'
        longest_ns = round((self._config.segmenter.max_utterance_duration + 5) * NS_PER_S)
        for report in push(self._pipeline, value):
            if isinstance(report, EmotionReport):
                length_ns = report.end_ns - report.start_ns
                _check(0 <= length_ns <= longest_ns, length_ns)
        if rng.random() < 0.01:
            self._pipeline.flush()
        if rng.random() < 0.001:
            self._pipeline.reset()
        _check(not self.faults, self.faults)
        return type(value).__name__

    def _input(self, rng: Rng) -> AudioChunk | VideoFrame | RobotSpeaking | TranscriptReport:
        now_ns, which = self._now_ns, rng.random()
        if which < 0.6:
            return decode_audio(audio_message(rng, now_ns), now_ns, self._config.audio)
        if which < 0.75:
            return decode_image(image_message(rng, now_ns), now_ns)
        if which < 0.9:
            return decode_transcript(transcript_message(rng, now_ns), now_ns)
        return RobotSpeaking(now_ns, bool(rng.random() < 0.3))


def _always(case: Case) -> Callable[[], Case]:
    return lambda: case


MESSAGE_TARGETS: Final = (
    Target('audio', 'messages of audio into their decoder', _always(_decode_audio)),
    Target('image', 'images and compressed images into their decoder', _always(_decode_image)),
    Target('transcript', 'transcripts into their decoder', _always(_decode_transcript)),
    Target('stream', 'random streams of all messages into the pipeline', _Stream),
)
