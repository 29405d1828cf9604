"""Bytes of ros-drivers are joined where a driver cuts samples, and compressed audio is refused."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recordings import conversation_sound

from emotion_node.config import AudioConfig
from emotion_node.datatypes import NS_PER_S, AudioChunk
from emotion_node.messages.audio import MessageError
from emotion_node.messages.audio_decoder import AudioDecoder, info_topics

RECEIPT = 50 * NS_PER_S


def info(**changes: Any) -> SimpleNamespace:
    fields = {
        'channels': 1,
        'sample_rate': 16000,
        'sample_format': 'S16LE',
        'bitrate': 0,
        'coding_format': 'wave',
    }
    return SimpleNamespace(**{**fields, **changes})


def decoder(**changes: Any) -> AudioDecoder:
    one = AudioDecoder(AudioConfig())
    one.take_info(info(**changes))
    return one


def decoded(one: AudioDecoder, parts: list[bytes]) -> list[AudioChunk]:
    chunks = [one.decode(SimpleNamespace(data=part), RECEIPT) for part in parts]
    return [chunk for chunk in chunks if chunk is not None]


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    edges = [0, *itertools.accumulate(sizes), len(data)]
    return [part for first, last in itertools.pairwise(edges) if (part := data[first:last])]


def joined(chunks: list[AudioChunk]) -> npt.NDArray[Any]:
    return np.concatenate([chunk.samples for chunk in chunks])


@given(st.lists(st.integers(1, 50), max_size=12))
@pytest.mark.parametrize(
    ('encoding', 'dtype', 'channels'),
    [('S16LE', '<i2', 1), ('S16LE', '<i2', 3), ('F32LE', '<f4', 2), ('S32LE', '<i4', 1)],
)
def test_bytes_cut_anywhere_give_the_same_samples(
    encoding: str, dtype: str, channels: int, sizes: list[int]
) -> None:
    values = (1000 * np.sin(np.arange(120 * channels))).astype(dtype)
    one = decoder(sample_format=encoding, channels=channels)
    (whole,) = decoded(one, [values.tobytes()])
    found = decoded(one, cut(values.tobytes(), sizes))
    np.testing.assert_array_equal(joined(found), whole.samples)


def test_a_part_of_a_sample_is_no_chunk_and_no_error() -> None:
    one = decoder(sample_format='S32LE')
    assert one.decode(SimpleNamespace(data=b'\x01\x02'), RECEIPT) is None
    (chunk,) = decoded(one, [b'\x03\x04'])
    assert chunk.samples.shape == (1, 1)


def test_an_empty_message_is_an_error() -> None:
    with pytest.raises(MessageError, match='no samples'):
        decoder().decode(SimpleNamespace(data=b''), RECEIPT)


@pytest.mark.parametrize('lost', [1, 2, 5])
def test_the_beginning_of_a_sample_is_found_again_after_a_lost_message(lost: int) -> None:
    speech = conversation_sound()[0][8000:24000]
    data = np.round(speech * 32768).astype('<i2').tobytes()
    parts = cut(data, [1001, 999, 1003] * 10)
    del parts[lost]
    found = joined(decoded(decoder(), parts))[:, 0].astype(float)
    later = found[4000:]
    assert np.sum(later[1:] * later[:-1]) / np.sum(later**2) > 0.8, 'sound, not noise'


def test_a_message_that_lost_its_last_byte_does_not_spoil_the_rest() -> None:
    speech = conversation_sound()[0][8000:24000]
    data = np.round(speech * 32768).astype('<i2').tobytes()
    parts = cut(data, [1000] * 30)
    parts[3] = parts[3][:-1]
    found = joined(decoded(decoder(), parts))[:, 0].astype(float)
    later = found[4000:]
    assert np.sum(later[1:] * later[:-1]) / np.sum(later**2) > 0.8, 'sound, not noise'


def test_audio_that_its_info_says_is_mp3_is_not_analysed_until_the_info_changes() -> None:
    one = AudioDecoder(AudioConfig())
    with pytest.raises(MessageError, match="coded as 'mp3'"):
        one.take_info(info(coding_format='mp3'))
    assert one.informed
    pcm = SimpleNamespace(data=bytes(640))
    for _ in range(3):
        with pytest.raises(MessageError, match='format:=wave'):
            one.decode(pcm, RECEIPT)
    one.take_info(info())
    assert one.decode(pcm, RECEIPT) is not None


def test_mp3_once_recognised_is_not_analysed_where_a_message_has_no_header() -> None:
    one = decoder()
    with pytest.raises(MessageError, match='holds MP3'):
        one.decode(SimpleNamespace(data=b'ID3' + bytes(500)), RECEIPT)
    middle = SimpleNamespace(data=np.random.default_rng(1).bytes(500))
    with pytest.raises(MessageError, match='holds MP3'):
        one.decode(middle, RECEIPT + NS_PER_S)
    assert one.decode(middle, RECEIPT + 10 * NS_PER_S) is not None


def test_an_info_of_another_format_discards_the_rest_of_the_old_one() -> None:
    one = decoder()
    one.decode(SimpleNamespace(data=b'\x01\x02\x03'), RECEIPT)
    one.take_info(info(sample_rate=48000))
    (chunk,) = decoded(one, [b'\x05\x06'])
    assert (chunk.rate, chunk.samples.tolist()) == (48000, [[0x0605]])


def test_the_info_is_beside_the_audio() -> None:
    assert info_topics('/audio') == ('/audio_info', '/audio_info')
    assert info_topics('/front/audio') == ('/front/audio_info', '/front/audio_info')
    assert info_topics('/front/mic') == ('/front/audio_info', '/front/mic_info')


def test_messages_that_state_their_format_are_decoded_alike() -> None:
    header = SimpleNamespace(stamp=SimpleNamespace(sec=10, nanosec=5), frame_id='')
    data = np.arange(6, dtype=np.int16)
    message = SimpleNamespace(header=header, sample_rate=48000, channels=2, data=data)
    chunk = AudioDecoder(AudioConfig()).decode(message, RECEIPT)
    assert chunk is not None
    assert (chunk.rate, chunk.samples.shape) == (48000, (3, 2))
