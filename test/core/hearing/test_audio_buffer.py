"""Chunks of audio are placed in time, whatever their stamps, rate and channels."""

from __future__ import annotations

import numpy as np
import pytest
from support.speech import STAMP, chunks

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import AudioConfig
from emotion_node.core.hearing.audio_buffer import AudioBuffer, mix_down
from emotion_node.core.hearing.timeline import SLEW_DEAD_BAND_NS, Continuity, Timeline
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    AudioChunk,
    ClockSource,
    FloatArray,
)

MS = NS_PER_S // 1000


def silence(
    stamp_ms: float,
    duration_ms: int = 20,
    rate: int = SAMPLE_RATE,
    clock_source: ClockSource = ClockSource.HEADER,
) -> AudioChunk:
    samples = np.zeros((rate * duration_ms // 1000, 1), np.int16)
    return AudioChunk(STAMP + round(stamp_ms * MS), samples, rate, clock_source)


def continuity(*audio: AudioChunk) -> list[Continuity]:
    timeline = Timeline(AudioConfig())
    return [timeline.place(chunk).continuity for chunk in audio]


def test_chunks_that_follow_each_other_are_contiguous() -> None:
    for rate in (8000, 11025, 44100):
        audio = chunks(np.zeros(10 * rate, np.float32), [rate // 70], rate=rate)
        timeline = Timeline(AudioConfig())
        assert {timeline.place(chunk).continuity for chunk in audio[:1]} == {Continuity.NEW}
        assert {timeline.place(chunk).continuity for chunk in audio[1:]} == {Continuity.CONTIGUOUS}
        assert timeline.expected_ns == STAMP + 10 * NS_PER_S
        assert timeline.take_slew() == 0


def test_a_little_jitter_is_not_a_gap() -> None:
    rng = np.random.default_rng(1)
    audio = [silence(20 * n + rng.uniform(-15, 15)) for n in range(1000)]
    assert set(continuity(*audio)[1:]) == {Continuity.CONTIGUOUS}


def test_audio_without_header_may_jitter_ten_times_as_much() -> None:
    late = 300
    assert continuity(silence(0), silence(20 + late)) == [Continuity.NEW, Continuity.GAP]
    receipt = ClockSource.RECEIPT
    assert continuity(
        silence(0, clock_source=receipt), silence(20 + late, clock_source=receipt)
    ) == [
        Continuity.NEW,
        Continuity.CONTIGUOUS,
    ]


def test_missing_audio_is_a_gap_of_its_length() -> None:
    timeline = Timeline(AudioConfig())
    timeline.place(silence(0))
    fit = timeline.place(silence(170))
    assert fit.continuity is Continuity.GAP
    assert fit.missing_ns == 150 * MS
    assert fit.start_ns == STAMP + 170 * MS


def test_repeated_audio_is_left_out() -> None:
    timeline = Timeline(AudioConfig())
    timeline.place(silence(0, 1000))
    fit = timeline.place(silence(800, 1000))
    assert fit.continuity is Continuity.OVERLAP
    assert fit.start_ns == STAMP + 1000 * MS
    assert fit.skip == 200 * SAMPLE_RATE // 1000
    assert timeline.place(silence(1800)).continuity is Continuity.CONTIGUOUS


def test_a_chunk_that_arrives_twice_is_left_out_whole() -> None:
    timeline = Timeline(AudioConfig())
    for stamp in (0, 100, 200):
        timeline.place(silence(stamp, 100))
    again = timeline.place(silence(200, 100))
    assert (again.continuity, again.skip) == (Continuity.OVERLAP, 1600)
    assert timeline.place(silence(300, 100)).continuity is Continuity.CONTIGUOUS


def test_a_clock_set_back_starts_afresh() -> None:
    timeline = Timeline(AudioConfig())
    timeline.place(silence(50_000))
    fit = timeline.place(silence(100))
    assert (fit.continuity, fit.start_ns) == (Continuity.JUMP_BACK, STAMP + 100 * MS)
    assert timeline.place(silence(120)).continuity is Continuity.CONTIGUOUS


def test_another_rate_starts_afresh_where_the_old_one_ended() -> None:
    timeline = Timeline(AudioConfig())
    timeline.place(silence(0, 100))
    fit = timeline.place(silence(101, 100, rate=48000))
    assert (fit.continuity, fit.start_ns) == (Continuity.NEW, STAMP + 100 * MS)


@pytest.mark.parametrize('offset_ms', [0, 2, 10, 17])
@pytest.mark.parametrize('duration_ms', [10, 20, 100, 500])
def test_of_two_publishers_one_is_used(offset_ms: int, duration_ms: int) -> None:
    timeline = Timeline(AudioConfig())
    heard: list[str] = []
    total = 0
    for n in range(20_000 // duration_ms):
        for name, offset in (('first', 0), ('second', offset_ms)):
            chunk = silence(n * duration_ms + offset, duration_ms)
            fit = timeline.place(chunk)
            assert fit.continuity in (Continuity.NEW, Continuity.CONTIGUOUS, Continuity.OVERLAP)
            total += len(chunk.samples) - fit.skip
            if fit.skip < len(chunk.samples):
                heard.append(name)
    assert total / SAMPLE_RATE == pytest.approx(20, abs=0.2)
    assert len(set(heard[-15:])) == 1


@pytest.mark.parametrize('parts_per_million', [-100, 100])
def test_hours_of_a_drifting_sound_card_have_no_gap(parts_per_million: int) -> None:
    timeline = Timeline(AudioConfig())
    chunk = silence(0, 100)
    followed_ns = 0
    for n in range(4 * 36_000):
        stamp_ns = STAMP + round(n * 100 * MS * (1 + parts_per_million / 1e6))
        fit = timeline.place(AudioChunk(stamp_ns, chunk.samples, chunk.rate))
        assert fit.continuity in (Continuity.NEW, Continuity.CONTIGUOUS)
        assert abs(fit.start_ns - stamp_ns) < 2 * SLEW_DEAD_BAND_NS
        followed_ns += timeline.take_slew()
    assert followed_ns == pytest.approx(4 * 3600 * 1000 * parts_per_million, rel=0.01)


def test_the_buffer_gives_views_by_time() -> None:
    buffer = AudioBuffer(1.0)
    buffer.begin(STAMP, ClockSource.HEADER)
    samples = np.arange(8000, dtype=np.float32)
    buffer.append(samples)
    view = buffer.read(STAMP + 10 * NS_PER_SAMPLE, STAMP + 20 * NS_PER_SAMPLE)
    assert view.base is not None
    np.testing.assert_array_equal(view, samples[10:20])
    with pytest.raises(ValueError, match='asked for'):
        buffer.read(STAMP, STAMP + NS_PER_S)


def test_the_buffer_holds_the_latest_second_and_does_not_grow() -> None:
    buffer = AudioBuffer(1.0)
    buffer.begin(STAMP, ClockSource.HEADER)
    count = 0
    for size in (1, 333, 5000, 16000, 40000, 7) * 5:
        buffer.append(np.arange(count, count + size, dtype=np.float32))
        count += size
        assert buffer.end_ns == STAMP + count * NS_PER_SAMPLE
        start_ns = max(STAMP, buffer.end_ns - NS_PER_S)
        held = buffer.read(start_ns, buffer.end_ns)
        np.testing.assert_array_equal(held, np.arange(count - len(held), count))


def test_channels_are_mixed_to_their_mean() -> None:
    left_right = np.array([[32767, -32768], [16384, 0], [-32768, -32768]], np.int16)
    mono = mix_down(left_right)
    assert mono is not None
    np.testing.assert_allclose(mono, [-1 / 65536, 0.25, -1.0])
    floats = mix_down(np.array([[0.5, 0.25, 0.0], [3.0, 3.0, 3.0]], np.float32))
    assert floats is not None
    np.testing.assert_allclose(floats, [0.25, 1.0])


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(bad: float) -> None:
    samples = np.zeros((10, 2), np.float32)
    samples[3, 1] = bad
    assert mix_down(samples) is None


def resampled(samples: FloatArray, rate: int, sizes: list[int]) -> FloatArray:
    resampler = SoxrResampler(rate)
    parts = [
        resampler.process(chunk.samples[:, 0].astype(np.float32))
        for chunk in chunks(samples, sizes)
    ]
    return np.concatenate([*parts, resampler.process(np.zeros(0, np.float32), last=True)])


@pytest.mark.parametrize('rate', [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_a_tone_is_resampled_without_clicks(rate: int) -> None:
    time = np.arange(rate + 77) / rate
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    whole = resampled(tone, rate, [len(tone)])
    assert len(whole) == round(len(tone) * SAMPLE_RATE / rate)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(whole)) / SAMPLE_RATE)
    inside = slice(800, -800)  # the filter rings where the tone begins and ends
    np.testing.assert_allclose(whole[inside], expected[inside], atol=1e-4)
    for sizes in ([rate // 100], [rate // 31], [333, 1, 4096]):
        np.testing.assert_array_equal(resampled(tone, rate, sizes), whole)


@pytest.mark.parametrize('rate', [7999, 96001])
def test_rates_out_of_range_are_refused(rate: int) -> None:
    with pytest.raises(ValueError, match=f'8000 to 96000 Hz, got {rate}'):
        SoxrResampler(rate)
