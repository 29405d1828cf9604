"""Messages become records, and reports become messages."""

from __future__ import annotations

import dataclasses
import enum
import re
import resource
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from support.recordings import write_media
from support.scripted import (
    ScriptedText,
    ScriptedTranscriber,
    events,
    scripted_analysis,
    utterance,
)

from emotion_node.config import AudioConfig, Config
from emotion_node.core.dialogue.speaker_state import Trend
from emotion_node.datatypes import (
    AudibleOrVisible,
    ClockSource,
    EndReason,
    ExpressionCheck,
    Reason,
    SpeechState,
    Trigger,
)
from emotion_node.labels import LABELS, Modality
from emotion_node.messages.audio import AudioFormat, MessageError, audio_format, decode_audio
from emotion_node.messages.image import decode_image
from emotion_node.messages.reports import OUTPUT_TOPICS, Encoder, plain

CONFIG = AudioConfig()
RECEIPT = 50_000_000_000


def header(sec: int = 10, nanosec: int = 5) -> SimpleNamespace:
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id='')


def chunk(samples: Any, rate: int = 16000, channels: int = 1) -> SimpleNamespace:
    return SimpleNamespace(header=header(), sample_rate=rate, channels=channels, data=samples)


def encoded(container: str, folder: Path) -> bytes:
    """Return a second of noise, compressed."""
    noise = np.random.default_rng(1).integers(-9999, 9999, (44100, 1)).astype(np.int16)
    codec = {'mp3': 'libmp3lame', 'flac': 'flac'}[container]
    return write_media(folder / f'noise.{container}', noise, 44100, codec=codec).read_bytes()


class TestAudio:
    def test_our_own_chunk_is_read_in_place(self) -> None:
        data = np.arange(960, dtype=np.int16)
        audio = decode_audio(chunk(data, 48000, 6), RECEIPT, CONFIG)
        assert audio.samples.shape == (160, 6)
        assert np.shares_memory(audio.samples, data)
        assert (audio.stamp_ns, audio.rate) == (10_000_000_005, 48000)
        assert audio.clock_source is ClockSource.HEADER

    def test_bare_samples_are_stamped_at_receipt_minus_their_duration(self) -> None:
        message = SimpleNamespace(layout=SimpleNamespace(dim=[]), data=np.zeros(1600, np.int16))
        audio = decode_audio(message, RECEIPT, CONFIG)
        assert audio.stamp_ns == RECEIPT - 100_000_000
        assert audio.clock_source is ClockSource.RECEIPT

    def test_a_layout_may_name_the_channels(self) -> None:
        dim = [
            SimpleNamespace(label='samples', size=800),
            SimpleNamespace(label='channels', size=2),
        ]
        message = SimpleNamespace(layout=SimpleNamespace(dim=dim), data=np.zeros(1600, np.int16))
        assert decode_audio(message, RECEIPT, CONFIG).samples.shape == (800, 2)

    def test_a_stamp_of_zero_counts_as_none(self) -> None:
        message = chunk(np.zeros(160, np.int16))
        message.header = header(0, 0)
        assert decode_audio(message, RECEIPT, CONFIG).clock_source is ClockSource.RECEIPT

    def test_bytes_of_ros_drivers_are_read_by_their_audio_info(self) -> None:
        info = audio_format(
            SimpleNamespace(
                channels=2,
                sample_rate=44100,
                sample_format='F32LE',
                bitrate=0,
                coding_format='wave',
            )
        )
        assert info == AudioFormat(44100, 2, 'F32LE')
        payload = np.linspace(-1, 1, 882, dtype=np.float32)
        message = SimpleNamespace(header=header(), audio=SimpleNamespace(data=payload.tobytes()))
        audio = decode_audio(message, RECEIPT, CONFIG, info)
        assert audio.samples.shape == (441, 2)
        np.testing.assert_array_equal(audio.samples.ravel(), payload)
        assert audio.stamp_ns == 10_000_000_005

    @pytest.mark.parametrize(
        ('mark', 'stamp_ns', 'source'),
        [
            ('start', 10_000_000_005, ClockSource.HEADER),
            ('end', 10_000_000_005 - 10_000_000, ClockSource.HEADER),
            ('receipt', RECEIPT - 10_000_000, ClockSource.RECEIPT),
        ],
    )
    def test_what_a_stamp_marks_can_be_set(
        self, mark: str, stamp_ns: int, source: ClockSource
    ) -> None:
        data = np.zeros(160, np.int16)
        message = SimpleNamespace(header=header(), sample_rate=16000, channels=1, data=data)
        audio = decode_audio(message, RECEIPT, dataclasses.replace(CONFIG, stamp=mark))
        assert (audio.stamp_ns, audio.clock_source) == (stamp_ns, source)

    @pytest.mark.parametrize(
        ('name', 'values', 'expected'),
        [
            ('int16_data', np.array([16384, -32768], np.int16), [0.5, -1.0]),
            ('float32_data', np.array([0.5, -1.0], np.float32), [0.5, -1.0]),
            ('int32_data', np.array([2**30, -(2**31)], np.int32), [0.5, -1.0]),
            ('int8_data', np.array([64, -128], np.int8), [0.5, -1.0]),
            ('uint8_data', np.array([192, 0], np.uint8), [0.5, -1.0]),
        ],
    )
    def test_every_array_of_the_other_audio_common_msgs(
        self, name: str, values: Any, expected: list[float]
    ) -> None:
        empty: list[int] = []
        arrays = dict.fromkeys(
            ('int16_data', 'float32_data', 'int32_data', 'int8_data', 'uint8_data'), empty
        )
        message = SimpleNamespace(
            header=header(),
            audio=SimpleNamespace(
                audio_data=SimpleNamespace(**{**arrays, name: values}),
                info=SimpleNamespace(format=8, channels=1, rate=16000, chunk=2),
            ),
        )
        samples = decode_audio(message, RECEIPT, CONFIG).samples.ravel()
        full_scale = 32768 if samples.dtype == np.int16 else 1
        np.testing.assert_allclose(samples / full_scale, expected)

    @pytest.mark.parametrize(('container', 'name'), [('mp3', 'MP3'), ('flac', 'FLAC')])
    def test_compressed_audio_is_refused_by_name(
        self, container: str, name: str, tmp_path: Path
    ) -> None:
        data = encoded(container, tmp_path)
        message = SimpleNamespace(data=np.frombuffer(data, np.uint8))
        with pytest.raises(MessageError, match=f'holds {name}, expected uncompressed PCM'):
            decode_audio(message, RECEIPT, CONFIG)

    def test_mp3_frames_without_a_tag_are_known_too(self, tmp_path: Path) -> None:
        data = encoded('mp3', tmp_path)
        at = data.index(b'\xff\xfb', 200)
        with pytest.raises(MessageError, match='holds MP3'):
            decode_audio(SimpleNamespace(data=data[at : at + 2000]), RECEIPT, CONFIG)

    def test_loud_noise_is_not_taken_for_mp3(self) -> None:
        random = np.random.default_rng(2)
        for _ in range(300):
            data = random.integers(0, 256, 640).astype(np.uint8)
            data[0:2] = 0xFF, 0xFB
            decode_audio(SimpleNamespace(data=data), RECEIPT, CONFIG)

    @pytest.mark.parametrize(
        ('message', 'text'),
        [
            (chunk(np.zeros(10, np.int16), rate=4000), 'sample rate of 4000 Hz'),
            (
                chunk(np.zeros(10, np.int16), channels=3),
                '10 samples, which do not fill 3 channels',
            ),
            (chunk(np.zeros(10, np.int16), channels=0), 'do not fill 0 channels'),
            (chunk(np.zeros(0, np.int16)), 'no samples'),
            (SimpleNamespace(data=b'abc'), '3 bytes, which is not a whole number'),
            (SimpleNamespace(), 'is not an audio message'),
        ],
    )
    def test_audio_that_cannot_be_used_is_refused_with_a_reason(
        self, message: Any, text: str
    ) -> None:
        with pytest.raises(MessageError, match=text):
            decode_audio(message, RECEIPT, CONFIG)

    def test_an_audio_info_that_says_mp3_is_refused(self) -> None:
        info = SimpleNamespace(
            channels=1, sample_rate=16000, sample_format='S16LE', bitrate=0, coding_format='mp3'
        )
        with pytest.raises(MessageError, match='format:=wave'):
            audio_format(info)


def image(encoding: str, pixels: Any, step: int | None = None) -> SimpleNamespace:
    height, width = pixels.shape[:2]
    return SimpleNamespace(
        header=header(),
        encoding=encoding,
        height=height,
        width=width,
        step=pixels[0].nbytes if step is None else step,
        is_bigendian=False,
        data=pixels.tobytes(),
    )


class TestImages:
    red = np.full((4, 6, 3), (0, 0, 255), np.uint8)

    def test_an_image_that_states_a_size_of_gigabytes_is_refused_before_it_takes_them(
        self,
    ) -> None:
        small = bytearray(cv2.imencode('.jpg', np.zeros((16, 16, 3), np.uint8))[1].tobytes())
        start = small.index(b'\xff\xc0') + 5  # height and width in the frame header
        small[start : start + 4] = (30_000).to_bytes(2, 'big') * 2
        message = SimpleNamespace(header=header(), format='jpeg', data=bytes(small))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(MessageError, match='cannot be decoded'):
            decode_image(message, RECEIPT).decode()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, 'kB'

    @pytest.mark.parametrize('places', [3, 0], ids=['states', 'ends within what states'])
    def test_a_png_whose_part_states_gigabytes_is_refused_before_it_takes_them(
        self, places: int
    ) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
        whole = cv2.imencode('.png', pixels)[1].tobytes()
        at = whole.index(b'IDAT')
        # Either of gigabytes itself, or 5 bytes too long: the letters of "END" are a length then.
        length = int.from_bytes(whole[at - 4 : at], 'big') + (5 << 8 * places)
        damaged = whole[: at - 4] + length.to_bytes(4, 'big') + whole[at:]
        frame = decode_image(SimpleNamespace(header=header(), format='png', data=damaged), RECEIPT)
        with pytest.raises(MessageError, match='damaged or cut off'):
            frame.decode()
        good = SimpleNamespace(header=header(), format='png', data=whole)
        np.testing.assert_array_equal(decode_image(good, RECEIPT).decode(), pixels)

    def test_a_bgr_image_is_read_in_place(self) -> None:
        frame = decode_image(image('bgr8', self.red), RECEIPT)
        assert frame.stamp_ns == 10_000_000_005
        np.testing.assert_array_equal(frame.decode(), self.red)

    @pytest.mark.parametrize(
        ('encoding', 'code'),
        [
            ('rgb8', cv2.COLOR_BGR2RGB),
            ('rgba8', cv2.COLOR_BGR2RGBA),
            ('bgra8', cv2.COLOR_BGR2BGRA),
        ],
    )
    def test_other_orders_of_colour(self, encoding: str, code: int) -> None:
        message = image(encoding, cv2.cvtColor(self.red, code))
        np.testing.assert_array_equal(decode_image(message, RECEIPT).decode(), self.red)

    def test_rows_may_be_padded(self) -> None:
        padded = np.concatenate([self.red, np.zeros((4, 2, 3), np.uint8)], axis=1)
        message = image('bgr8', padded)
        message.width = 6
        np.testing.assert_array_equal(decode_image(message, RECEIPT).decode(), self.red)

    def test_a_step_of_zero_means_rows_without_padding(self) -> None:
        message = image('bgr8', self.red, step=0)
        np.testing.assert_array_equal(decode_image(message, RECEIPT).decode(), self.red)

    @pytest.mark.parametrize('encoding', ['nv12', 'nv21'])
    def test_colour_may_follow_the_brightness_at_half_the_resolution(self, encoding: str) -> None:
        height, width = self.red.shape[:2]
        planar = cv2.cvtColor(self.red, cv2.COLOR_BGR2YUV_I420).ravel()
        bright, blue, red = np.split(planar, [height * width, height * width * 5 // 4])
        chroma = np.stack([blue, red] if encoding == 'nv12' else [red, blue], axis=1)
        message = image(encoding, np.concatenate([bright, chroma.ravel()]).reshape(-1, width))
        message.height = height
        decoded = decode_image(message, RECEIPT).decode()
        assert decoded.shape == self.red.shape
        assert abs(decoded.astype(int) - self.red).max() < 10

    @pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
    @pytest.mark.parametrize('bits', [8, 16])
    def test_a_sensor_behind_a_bayer_filter(self, pattern: str, bits: int) -> None:
        full = 2**bits - 1
        tile = np.reshape([full * (colour == 'r') for colour in pattern], (2, 2))
        raw = np.tile(tile, (4, 4)).astype(f'<u{bits // 8}')
        decoded = decode_image(image(f'bayer_{pattern}{bits}', raw), RECEIPT).decode()
        assert decoded.shape == (8, 8, 3)
        np.testing.assert_array_equal(decoded[3, 3], (0, 0, 255))

    @pytest.mark.parametrize('big_endian', [False, True])
    @pytest.mark.parametrize('bits', [10, 12, 16])
    def test_samples_of_more_than_eight_bits(self, bits: int, big_endian: bool) -> None:
        kind = '>u2' if big_endian else '<u2'
        for encoding, colours in (('rgb16', [2, 1, 0]), ('bgr16', [0, 1, 2])):
            pixels = self.red[..., colours].astype(int) * (2**bits - 1) // 255
            message = image(encoding, pixels.astype(kind))
            message.is_bigendian = big_endian
            np.testing.assert_array_equal(decode_image(message, RECEIPT).decode(), self.red)
        grey = np.linspace(0, 2**bits - 1, 24).reshape(4, 6).astype(kind)
        message = image('mono16', grey)
        message.is_bigendian = big_endian
        decoded = decode_image(message, RECEIPT).decode()
        assert (decoded[0, 0, 0], decoded[-1, -1, 0]) == (0, 255)

    @pytest.mark.parametrize(
        ('form', 'data'), [('h264', b'any'), ('hevc', b'any'), ('', b'\0\0\0\1\x67\x42')]
    )
    def test_video_in_compressed_images_is_named(self, form: str, data: bytes) -> None:
        message = SimpleNamespace(header=header(), format=form, data=data)
        with pytest.raises(MessageError, match=rf"\('{form}'\).* video stream.*republish"):
            decode_image(message, RECEIPT).decode()

    def test_a_jpeg_is_decoded_when_it_is_used(self) -> None:
        data = cv2.imencode('.jpg', self.red)[1].tobytes()
        frame = decode_image(SimpleNamespace(header=header(), format='jpeg', data=data), RECEIPT)
        assert abs(frame.decode().astype(int) - self.red).max() < 5

    def test_a_broken_jpeg_says_so_when_it_is_used(self) -> None:
        message = SimpleNamespace(header=header(), format='jpeg', data=b'no image')
        frame = decode_image(message, RECEIPT)
        with pytest.raises(MessageError, match='cannot be decoded'):
            frame.decode()

    @pytest.mark.parametrize(
        ('change', 'text'),
        [
            ({'encoding': 'h264'}, "encoding 'h264' is not known.*camera driver"),
            ({'encoding': 'nv12', 'height': 3}, 'nv12 image has a size of 6x3, expected even'),
            ({'data': b'short'}, 'has 5 bytes'),
            ({'step': 3}, 'rows of 3'),
            ({'height': 0}, 'size of 6x0'),
        ],
    )
    def test_images_that_cannot_be_used_are_refused_with_a_reason(
        self, change: dict[str, Any], text: str
    ) -> None:
        message = image('bgr8', self.red)
        for name, value in change.items():
            setattr(message, name, value)
        with pytest.raises(MessageError, match=text):
            decode_image(message, RECEIPT)


MESSAGES = Path(__file__).parents[2] / 'emotion_msgs'
CONSTANT = re.compile(r'(?:string|uint8) (\w+)=(\w+)(?: *#.*)?')


def constants(file: Path) -> dict[str, str]:
    """Return the names and values of the constants in a message definition."""
    lines = map(CONSTANT.fullmatch, file.read_text(encoding='utf-8').splitlines())
    return {line[1]: line[2] for line in lines if line}


def named(members: Iterable[enum.Enum], prefix: str = '') -> dict[str, str]:
    """Return what the constants of an enum are; the empty string, for none of them, has none."""
    return {prefix + one.name: str(one.value) for one in members if one.value != ''}


def test_constants_of_messages_are_the_members_of_the_enums() -> None:
    expected = {
        'EmotionScore.msg': {label.upper(): label for label in LABELS},
        'Emotion.msg': named(Trigger)
        | named(ClockSource, 'CLOCK_')
        | named(EndReason, 'END_REASON_')
        | named(ExpressionCheck, 'EXPRESSION_')
        | named(AudibleOrVisible),
        'ModalityEmotion.msg': named(Modality) | named(Reason),
        'SpeechActivity.msg': named(SpeechState),
        'GetSpeakerState.srv': {'LABEL_UNKNOWN': 'unknown'} | named(Trend, 'TREND_'),
    }
    found = {file.name: constants(file) for file in sorted(MESSAGES.glob('*/*.*'))}
    assert {name: one for name, one in found.items() if one} == expected
    # None is written in a way that escapes this test.
    for file in MESSAGES.glob('*/*.*'):
        written = re.findall(r'^[^#\n]*=', file.read_text(encoding='utf-8'), re.MULTILINE)
        assert len(written) == len(constants(file))


def test_an_utterance_is_published_on_its_topics() -> None:
    analysis = scripted_analysis(
        Config(), ScriptedTranscriber(['so happy']), ScriptedText(), None, None
    )
    encoder = Encoder(plain, 'microphone')
    sent = [
        pair
        for event in events(utterance())
        for report in analysis.handle(event)
        for pair in encoder.encode(report)
    ]
    topics = [topic for topic, _ in sent]
    # Faces are published frame by frame, independent of speech.
    assert set(topics) == set(OUTPUT_TOPICS) - {'faces'}
    assert topics[0] == 'speech_activity'
    assert topics[-1] == 'emotion'
    emotion = sent[-1][1]
    assert emotion['header'] == {'stamp': {'sec': 2, 'nanosec': 0}, 'frame_id': 'microphone'}
    assert emotion['label'] == 'joy'
    assert [score['label'] for score in emotion['scores']] == list(LABELS)
    assert [one['modality'] for one in emotion['modalities']] == ['text', 'voice', 'face']
    assert [one['reason'] for one in emotion['modalities']] == ['', 'model_off', 'model_off']
    assert emotion['modalities'][1]['scores'] == []
    assert emotion['endpointing_latency'] == pytest.approx(0.4)
    assert emotion['total_latency'] > 0.4
    assert (emotion['trigger'], emotion['end_reason']) == ('final', 'silence')
    interim = next(message for topic, message in sent if topic == 'emotion/interim')
    assert (interim['trigger'], interim['end_reason']) == ('interim', '')
