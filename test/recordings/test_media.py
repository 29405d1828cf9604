"""Audio and video files are read as if they came from a microphone and a camera."""

from __future__ import annotations

import itertools
import os
import signal
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.recordings import Samples, noise, truncate, write_media

from emotion_node.datatypes import AudioChunk, ClockSource, VideoFrame
from emotion_node.messages.audio import MessageError
from emotion_node.recordings.media import probe, read_audio, read_media, read_video
from emotion_node.recordings.media_audio import interrupts_deferred
from emotion_node.recordings.media_container import MediaError
from emotion_node.recordings.media_losses import MediaLosses
from emotion_node.recordings.recording import MediaRecording


def tone(seconds: float, rate: int, channels: int = 1) -> Samples:
    times = np.arange(int(seconds * rate)) / rate
    wave = 10_000 * np.sin(2 * np.pi * 440 * times)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.int16)


def joined(chunks: list[AudioChunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks]).ravel().astype(np.int16)


def test_a_wav_file_is_read_unchanged(tmp_path: Path) -> None:
    sound = noise(2.0)
    chunks = list(read_audio(write_media(tmp_path / 'a.wav', sound)))
    np.testing.assert_array_equal(joined(chunks), sound)
    assert {chunk.rate for chunk in chunks} == {16_000}
    assert {chunk.clock_source for chunk in chunks} == {ClockSource.FILE}
    assert chunks[0].stamp_ns == 0
    for one, following in itertools.pairwise(chunks):
        assert abs(following.stamp_ns - one.stamp_ns - one.duration_ns) <= 1


@pytest.mark.parametrize(
    ('name', 'codec', 'rate', 'layout', 'channels'),
    [
        ('a.flac', 'flac', 44_100, 'stereo', 2),
        ('a.mp4', 'aac', 48_000, '5.1', 6),
        ('a.mka', 'pcm_s16le', 8_000, 'mono', 1),
    ],
)
def test_any_container_is_mixed_down_at_its_own_rate(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str, channels: int
) -> None:
    path = write_media(tmp_path / name, tone(2.0, rate, channels), rate, layout, codec)
    info = probe(path)
    assert (info.rate, info.has_video) == (rate, False)
    assert info.duration_ns == pytest.approx(2e9, rel=0.05)
    chunks = list(read_audio(path))
    assert {chunk.rate for chunk in chunks} == {rate}
    heard = joined(chunks)
    assert len(heard) == pytest.approx(2 * rate, rel=0.05)
    # Identical channels keep their level: nothing is lost, nothing clips.
    assert np.abs(heard[rate // 2 : rate]).max() == pytest.approx(10_000, rel=0.1)


def test_stereo_keeps_its_channels_and_surround_only_where_one_is_asked_for(
    tmp_path: Path,
) -> None:
    voice = tone(1.0, 48_000)
    opposite = write_media(tmp_path / 'a.wav', np.hstack([voice, -voice]), 48_000, 'stereo')
    (first, *_) = read_audio(opposite, 'mean')
    np.testing.assert_array_equal(first.samples[:, 0], -first.samples[:, 1])
    assert np.abs(first.samples).max() > 5000
    surround = write_media(tmp_path / 'a.mka', tone(1.0, 48_000, 6), 48_000, '5.1', 'pcm_s16le')
    assert next(read_audio(surround, '2')).samples.shape[1] == 6
    assert next(read_audio(surround, 'mean')).samples.shape[1] == 1


def test_a_channel_that_a_file_does_not_have_is_an_error(tmp_path: Path) -> None:
    path = write_media(tmp_path / 'a.wav', tone(1.0, 16_000))
    with pytest.raises(MessageError, match=r'audio\.channel is 1, but .* channels 0 to 0'):
        MediaRecording(path, images=False, channel='1')


def test_an_unsupported_rate_is_converted(tmp_path: Path) -> None:
    path = write_media(tmp_path / 'a.wav', tone(1.0, 192_000), 192_000)
    chunks = list(read_audio(path))
    assert {chunk.rate for chunk in chunks} == {48_000}
    assert sum(len(chunk.samples) for chunk in chunks) == pytest.approx(48_000, abs=100)


def test_sound_and_images_come_in_the_order_of_their_stamps(tmp_path: Path) -> None:
    path = write_media(tmp_path / 'a.mp4', noise(2.0)[:, None], codec='aac', images=40)
    items = list(read_media(path))
    stamps = [item.stamp_ns for item in items]
    assert stamps == sorted(stamps)
    images = [item for item in items if isinstance(item, VideoFrame)]
    assert [image.stamp_ns for image in images] == [n * 40_000_000 for n in range(40)]
    levels = [float(image.decode().mean()) for image in images[::10]]
    assert levels == pytest.approx([20, 70, 120, 170], abs=6)
    assert images[0].decode().shape == (48, 64, 3)
    assert all(isinstance(item, AudioChunk) for item in read_media(path, video=False))


def test_a_sound_file_has_no_images(tmp_path: Path) -> None:
    assert list(read_video(write_media(tmp_path / 'a.wav', noise(0.5)))) == []


def test_a_truncated_file_is_read_up_to_its_end(tmp_path: Path) -> None:
    path = truncate(write_media(tmp_path / 'a.mkv', noise(4.0), images=100))
    assert 0.5 < sum(chunk.duration_ns for chunk in read_audio(path)) / 1e9 < 4.0


def test_a_file_without_audio_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r'nowhere\.wav does not exist'):
        probe(tmp_path / 'nowhere.wav')
    rubbish = tmp_path / 'rubbish.wav'
    rubbish.write_bytes(b'RIFF' + bytes(1000))
    with pytest.raises(MediaError, match='cannot be read as audio or video'):
        probe(rubbish)
    silent = write_media(tmp_path / 'silent.mp4', None, images=5)
    with pytest.raises(MediaError, match='has no audio'):
        probe(silent)
    with pytest.raises(MediaError, match='has no audio'):
        list(read_media(silent))


def test_an_interrupt_inside_the_library_takes_effect_afterwards() -> None:
    reached = []

    def work() -> None:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached


def write_rotated(path: Path, degrees: int) -> Path:
    """Write a video whose upper half is white, stored turned as a phone does."""
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32] = 255
    upright[:32, :16] = 128
    stored = np.ascontiguousarray(np.rot90(upright, -degrees // 90))
    with av.open(str(path), 'w') as container:
        video = container.add_stream('mpeg4', rate=10)
        assert isinstance(video, av.VideoStream)
        video.height, video.width = stored.shape[:2]
        video.pix_fmt = 'yuv420p'
        video.set_display_rotation(degrees)
        audio = container.add_stream('aac', rate=16_000, layout='mono')
        assert isinstance(audio, av.AudioStream)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(stored, format='bgr24')
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(video.encode(frame))
        sound = av.AudioFrame.from_ndarray(noise(0.5).reshape(1, -1), format='s16', layout='mono')
        sound.rate, sound.pts, sound.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux([*audio.encode(sound), *video.encode(None), *audio.encode(None)])
    return path


@pytest.mark.parametrize('degrees', [0, 90, -90, 180])
def test_a_phone_video_is_turned_upright(tmp_path: Path, degrees: int) -> None:
    path = write_rotated(tmp_path / 'a.mp4', degrees)
    image = next(read_video(path)).decode()
    assert image.shape == (64, 96, 3)
    assert image[:24].mean() > 200
    assert image[40:].mean() < 50


@pytest.mark.parametrize(
    ('matrix', 'undo'),
    [
        ((1, 0, 0, 1), lambda image: image),
        ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
        ((1, 0, 0, -1), lambda image: image[::-1]),
        ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
        ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
        ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda image: np.rot90(image.transpose(1, 0, 2), 2)),
    ],
    ids=['as it is', 'mirrored', 'flipped', 'half turn', 'clockwise', 'counter-clockwise',
         'mirrored and turned', 'mirrored and turned back'],
)  # fmt: skip
def test_what_a_front_camera_mirrors_is_shown_as_the_file_says(
    tmp_path: Path, matrix: tuple[int, ...], undo: Callable[[Any], Any]
) -> None:
    path = write_rotated(tmp_path / 'a.mp4', 0)
    stored = next(read_video(path)).decode()
    data = path.read_bytes()
    header = data.index(b'tkhd')  # of the video, the first track
    a, b, c, d = (value << 16 for value in matrix)
    one = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
    assert data[header + 44 : header + 80] == struct.pack('>9i', *IDENTITY)
    path.write_bytes(data[: header + 44] + one + data[header + 80 :])
    np.testing.assert_array_equal(next(read_video(path)).decode(), undo(stored))


IDENTITY = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
"""The matrix in the header of a track: 16.16 numbers, the last column 2.30."""


def test_a_camera_that_hangs_upside_down_is_turned(tmp_path: Path) -> None:
    path = write_rotated(tmp_path / 'a.mp4', 0)
    image = next(read_video(path, rotation=180)).decode()
    assert image[:24].mean() < 50
    assert image[40:].mean() > 200
    sideways = next(read_video(path, rotation=90)).decode()
    assert sideways.shape == (96, 64, 3)
    assert sideways[:, 40:].mean() > 200  # what was above is at the right


def write_ts(path: Path, rate: int, layout: str, sound: Samples) -> Path:
    return write_media(path, sound, rate, layout, 'mp2')


def test_rate_and_channels_may_change_and_positions_start_again(tmp_path: Path) -> None:
    first = write_ts(tmp_path / 'a.ts', 48_000, 'mono', tone(3.0, 48_000))
    second = write_ts(tmp_path / 'b.ts', 44_100, 'stereo', tone(3.0, 44_100, 2))
    both = tmp_path / 'both.ts'
    both.write_bytes(first.read_bytes() + second.read_bytes())
    losses = MediaLosses()
    chunks = list(read_audio(both, losses=losses))
    assert {chunk.rate for chunk in chunks} == {48_000}
    assert sum(chunk.duration_ns for chunk in chunks) / 1e9 == pytest.approx(6.0, abs=0.2)
    stamps = [chunk.stamp_ns for chunk in chunks]
    assert stamps == sorted(stamps)
    assert stamps[-1] / 1e9 == pytest.approx(6.0, abs=0.2)
    assert list(losses.losses()) == []
    assert 'positions start again' in next(losses.remarks())


def test_the_audio_track_that_is_not_silent_is_taken(tmp_path: Path) -> None:
    path = tmp_path / 'a.mka'
    with av.open(str(path), 'w') as container:
        tracks = [container.add_stream('pcm_s16le', rate=16_000, layout='mono') for _ in '12']
        for track, sound in zip(tracks, (0 * noise(2.0), noise(2.0)), strict=True):
            assert isinstance(track, av.AudioStream)
            frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format='s16', layout='mono')
            frame.rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
            container.mux(track.encode(frame))
    np.testing.assert_array_equal(joined(list(read_audio(path))), noise(2.0))
    recording = MediaRecording(path, images=False)
    assert 'audio track 2 of 2 was used' in recording.remarks[0]


def test_what_a_truncated_file_lacks_is_named(tmp_path: Path) -> None:
    path = truncate(write_media(tmp_path / 'a.mkv', noise(4.0), images=100))
    recording = MediaRecording(path, images=True)
    steps = list(recording.steps())
    reached_s = max(step.time_ns for step in steps) / 1e9
    assert len(recording.losses) == 1
    assert f'it ends at {reached_s:.1f} of 4.0 s' in recording.losses[0]


def test_audio_that_cannot_be_decoded_is_named_with_its_length(tmp_path: Path) -> None:
    path = write_media(tmp_path / 'a.flac', tone(4.0, 16_000), codec='flac')
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    recording = MediaRecording(path, images=False)
    values = [step.value for step in recording.steps()]
    length_ns = sum(value.duration_ns for value in values if isinstance(value, AudioChunk))
    assert 2e9 < length_ns < 4e9
    missing = f'{4 - length_ns / 1e9:.2f} s of audio are missing'
    assert missing in ' '.join([*recording.losses, *recording.remarks])


@pytest.mark.parametrize('name', [b'a:b.wav', b'caf\xe9.wav', b'a#b?c%20.wav'])
def test_a_file_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    write_media(tmp_path / 'a.wav', noise(1.0)).rename(os.fsdecode(name))
    np.testing.assert_array_equal(joined(list(read_audio(Path(os.fsdecode(name))))), noise(1.0))
