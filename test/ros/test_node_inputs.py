"""The node on faulty topics: wrong, dying and doubled sensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from support.active_node import CHUNK, DAY_NS, WORDS, Bench, listening_node
from support.recordings import write_media
from support.robot import (
    NS_PER_S,
    RATE,
    Samples,
    audio_message,
    conversation,
)

from emotion_msgs.msg import AudioChunk, Emotion
from emotion_node import datatypes
from emotion_node.messages.stamps import stamp_to_ns


@pytest.fixture(scope='module')
def speech() -> Samples:
    """The first sentence of the demo recording, 2.3 s, with room noise before and after it."""
    return conversation()[: 4 * RATE]


@pytest.fixture(scope='module')
def bench() -> Iterator[Bench]:
    with listening_node() as one:
        yield one


def test_a_microphone_that_stops_mid_sentence_ends_the_utterance(
    bench: Bench, speech: Samples
) -> None:
    before = len(bench.robot.inbox['emotion'])
    bench.play(speech[: 2 * RATE], bench.new_day())
    emotion = bench.next('emotion', before)
    assert emotion.end_reason == Emotion.END_REASON_END
    status = bench.status_at('audio', DiagnosticStatus.STALE)
    assert 'robot publishes on /audio, but no message has arrived for' in status.message


def test_a_camera_that_dies_mid_sentence_affects_nothing_else(
    bench: Bench, speech: Samples
) -> None:
    start_ns = bench.new_day()
    publisher = bench.robot.publisher(Image, 'image')
    before = len(bench.robot.inbox['faces'])
    for number in range(5):
        image = Image(height=4, width=4, encoding='bgr8', step=12, data=bytes(48))
        image.header.frame_id = 'camera'
        image.header.stamp.sec = start_ns // NS_PER_S + number
        publisher.publish(image)
        faces = bench.next('faces', before + number)
        assert (faces.available, faces.reason, faces.faces) == (True, '', [])
        assert faces.header == image.header
    bench.robot.forget('image')
    assert bench.emotion(speech, start_ns).text.endswith(WORDS)
    bench.robot.until(
        lambda: 'nobody publishes on /image' in bench.fresh_status('image').message, 'the warning'
    )


def test_an_image_of_unknown_encoding_is_rejected(bench: Bench) -> None:
    publisher = bench.robot.publisher(Image, 'image')
    publisher.publish(Image(height=2, width=2, encoding='yuv411_yy', step=4, data=bytes(8)))
    status = bench.status_at('image', DiagnosticStatus.ERROR)
    assert "image encoding 'yuv411_yy' is not known" in status.message


def test_audio_of_an_impossible_sample_rate_is_rejected(bench: Bench, speech: Samples) -> None:
    publisher = bench.robot.publisher(AudioChunk, 'audio')
    publisher.publish(audio_message(speech[:CHUNK], bench.new_day(), rate=4000))
    status = bench.status_at('audio', DiagnosticStatus.ERROR)
    assert 'sample rate of 4000 Hz, expected 8000 to 96000' in status.message
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)


def test_a_sample_rate_that_contradicts_the_samples_is_reported(
    bench: Bench, speech: Samples
) -> None:
    publisher = bench.robot.publisher(AudioChunk, 'audio')
    start_ns = bench.new_day()
    for number in range(50):  # three times as many samples as 16 kHz would make in 0.1 s
        publisher.publish(audio_message(speech[:4800], start_ns + number * NS_PER_S // 10))
    bench.robot.until(
        lambda: '3.00 times as many samples' in bench.fresh_status('audio').message, 'the error'
    )
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)


def test_mp3_in_place_of_pcm_is_rejected_by_name(
    bench: Bench, speech: Samples, tmp_path: Path
) -> None:
    publisher = bench.robot.publisher(AudioChunk, 'audio')
    path = write_media(tmp_path / 'speech.mp3', speech[:, None], RATE, codec='libmp3lame')
    sound = path.read_bytes()
    publisher.publish(audio_message(np.frombuffer(sound[:4000], np.int16), bench.new_day()))
    bench.robot.until(
        lambda: 'holds MP3, expected uncompressed PCM' in bench.fresh_status('audio').message,
        'the rejection',
    )
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)


def test_audio_without_samples_is_rejected(bench: Bench, speech: Samples) -> None:
    publisher = bench.robot.publisher(AudioChunk, 'audio')
    publisher.publish(audio_message(speech[:0], bench.new_day()))
    bench.robot.until(
        lambda: 'has no samples' in bench.fresh_status('audio').message, 'the rejection'
    )
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)


def test_audio_that_is_not_a_number_is_a_gap(bench: Bench, speech: Samples) -> None:
    assert bench.node.state.engine is not None
    bad = np.full((CHUNK, 1), np.nan, np.float32)
    bench.node.state.engine.put_audio(datatypes.AudioChunk(bench.new_day(), bad, RATE))
    bench.robot.until(
        lambda: 'not finite numbers' in bench.fresh_status('hearing').message, 'the warning'
    )
    assert bench.emotion(speech, bench.new_day()).text.endswith(WORDS)


def test_a_clock_that_jumps_back_does_not_stop_the_node(bench: Bench, speech: Samples) -> None:
    late_ns = bench.new_day()
    bench.play(speech[: 2 * RATE], late_ns)
    early_ns = late_ns - DAY_NS // 2
    before = len(bench.robot.inbox['emotion'])
    bench.play(speech, early_ns)
    bench.robot.until(
        lambda: any(one.text.endswith(WORDS) for one in bench.robot.inbox['emotion'][before:]),
        'the sentence after the jump',
    )
    last = bench.robot.inbox['emotion'][-1]
    assert early_ns < stamp_to_ns(last.header.stamp) < late_ns
    values = {one.key: one.value for one in bench.fresh_status('hearing').values}
    assert int(values['jumps_back']) >= 1


def test_a_second_publisher_of_audio_is_reported_and_received(
    bench: Bench, speech: Samples
) -> None:
    bench.emotion(speech, bench.new_day())
    # It offers less than the first, from which reliable transport is requested.
    qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    second = bench.robot.node.create_publisher(AudioChunk, 'audio', qos)
    bench.robot.until(
        lambda: '2 publishers on /audio' in bench.fresh_status('audio').message, 'the warning'
    )
    bench.robot.until(lambda: second.get_subscription_count(), 'the node requests less')
    received = bench.received
    second.publish(audio_message(speech[:CHUNK], bench.new_day()))
    bench.robot.until(lambda: bench.received > received, 'audio of the second publisher')
    bench.robot.node.destroy_publisher(second)
    bench.robot.until(
        lambda: '2 publishers' not in bench.fresh_status('audio').message, 'the all-clear'
    )


def test_audio_that_is_lost_on_the_way_is_reported_with_the_remedy(bench: Bench) -> None:
    start_ns = bench.new_day()
    samples = conversation()[: 8 * RATE]
    for n, first in enumerate(range(0, len(samples), CHUNK)):
        if n < 10 or n % 8:
            bench.play(samples[first : first + CHUNK], start_ns + first * NS_PER_S // RATE)
    status = bench.status_at('hearing', DiagnosticStatus.WARN)
    assert '% of the audio of the last minute is missing' in status.message
    assert 'set audio.stamp to "receipt"' in status.message


def test_a_microphone_that_is_too_loud_is_reported_with_the_remedy(bench: Bench) -> None:
    loud = (conversation()[: 6 * RATE].astype(np.int32) * 40).clip(-32768, 32767)
    bench.play(loud.astype(np.int16), bench.new_day())
    bench.robot.until(
        lambda: 'turn its gain down' in bench.fresh_status('hearing').message, 'the warning'
    )
    assert bench.fresh_status('hearing').level == DiagnosticStatus.WARN


def test_a_muted_microphone_is_reported_with_the_remedy(bench: Bench) -> None:
    bench.play(np.zeros(32 * RATE, np.int16), bench.new_day())
    bench.robot.until(
        lambda: 'the microphone is muted' in bench.fresh_status('hearing').message, 'the warning'
    )
