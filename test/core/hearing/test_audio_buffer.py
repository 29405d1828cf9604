"""Chunks of audio are placed in time, whatever their stamps, rate and channels."""

from __future__ import annotations

import numpy as np
import pytest
from support.speech import STAMP, chunks

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.core.hearing.audio_buffer import AudioBuffer
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    FloatArray,
)


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
