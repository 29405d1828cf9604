"""Audio whose sample rate is not what its messages say."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_node.core.hearing.rate_check import Pace
from emotion_node.datatypes import NS_PER_S, AudioChunk

START = 1_700_000_000 * NS_PER_S


def listen(
    pace: Pace, declared: int, true: int, seconds: float = 6.0, start_ns: int = START
) -> None:
    """Take chunks of 100 ms that really hold `true` samples per second."""
    samples = np.zeros((true // 10, 1), np.int16)
    jitter = np.random.default_rng(3).integers(-10_000_000, 10_000_000, round(seconds * 10))
    for number, late in enumerate(jitter):
        stamp_ns = start_ns + number * NS_PER_S // 10 + int(late)
        pace.add(AudioChunk(stamp_ns, samples, declared))


@pytest.mark.parametrize('rate', [8000, 16000, 44100, 48000])
def test_a_right_rate_is_right_though_stamps_jitter(rate: int) -> None:
    pace = Pace()
    listen(pace, rate, rate)
    assert pace.ratio() == pytest.approx(1.0, abs=0.02)
    assert pace.mismatch() is None


@pytest.mark.parametrize(('declared', 'true'), [(16000, 48000), (48000, 16000), (16000, 22050)])
def test_a_wrong_rate_is_found_with_its_factor(declared: int, true: int) -> None:
    pace = Pace()
    listen(pace, declared, true)
    assert pace.mismatch() == pytest.approx(true / declared, rel=0.05)


def test_nothing_is_said_too_soon() -> None:
    pace = Pace()
    assert pace.ratio() is None
    listen(pace, 16000, 48000, seconds=2.0)
    assert pace.ratio() is None


def test_a_pause_or_a_clock_set_back_begins_anew() -> None:
    pace = Pace()
    for start_ns in (START, START + 100 * NS_PER_S, START):
        listen(pace, 16000, 16000, seconds=4.0, start_ns=start_ns)
        assert pace.mismatch() is None
