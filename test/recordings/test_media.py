"""Audio and video files are read as if they came from a microphone and a camera."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import numpy as np
import pytest
from support.recordings import Samples, noise, truncate, write_media

from emotion_node.datatypes import AudioChunk, ClockSource, VideoFrame
from emotion_node.messages.audio import MessageError
from emotion_node.recordings.media import probe, read_audio, read_media, read_video
from emotion_node.recordings.media_audio import interrupts_deferred
from emotion_node.recordings.media_container import MediaError
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
