"""Audio whose sample rate is not the one in its messages."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_node.core.hearing.rate_check import RateCheck, RateRecord, mismatch_text
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, AudioChunk

START = 1_700_000_000 * NS_PER_S


def add_audio(
    check: RateCheck | RateRecord,
    declared: int,
    true: int,
    seconds: float = 6.0,
    start_ns: int = START,
) -> None:
    """Add chunks of 100 ms that really hold `true` samples per second."""
    samples = np.zeros((true // 10, 1), np.int16)
    jitter = np.random.default_rng(3).integers(
        -10 * NS_PER_MS, 10 * NS_PER_MS, round(seconds * 10)
    )
    for number, late in enumerate(jitter):
        stamp_ns = start_ns + number * NS_PER_S // 10 + int(late)
        check.add(AudioChunk(stamp_ns, samples, declared))


@pytest.mark.parametrize('rate', [8000, 16000, 44100, 48000])
def test_a_correct_rate_is_accepted_although_stamps_jitter(rate: int) -> None:
    check = RateCheck()
    add_audio(check, rate, rate)
    assert check.ratio() == pytest.approx(1.0, abs=0.02)
    assert check.mismatch() is None


@pytest.mark.parametrize(('declared', 'true'), [(16000, 48000), (48000, 16000), (16000, 22050)])
def test_a_wrong_rate_is_found_with_its_ratio(declared: int, true: int) -> None:
    check = RateCheck()
    add_audio(check, declared, true)
    assert check.mismatch() == pytest.approx(true / declared, rel=0.05)


def test_no_ratio_is_given_too_soon() -> None:
    check = RateCheck()
    assert check.ratio() is None
    add_audio(check, 16000, 48000, seconds=2.0)
    assert check.ratio() is None


def test_measuring_starts_again_after_a_pause_or_a_clock_set_back() -> None:
    check = RateCheck()
    for start_ns in (START, START + 100 * NS_PER_S, START):
        add_audio(check, 16000, 16000, seconds=4.0, start_ns=start_ns)
        assert check.mismatch() is None


@pytest.mark.parametrize(('declared', 'true'), [(16000, 48000), (48000, 16000)])
def test_a_recording_with_a_wrong_rate_is_recognised_with_its_ratio(
    declared: int, true: int
) -> None:
    record = RateRecord()
    add_audio(record, declared, true, seconds=12.0)
    ratio = record.mismatch()
    assert ratio == pytest.approx(true / declared, rel=0.05)
    assert '3.00 times as many samples' in mismatch_text(3.0, '/audio')


def test_a_recording_with_one_stall_has_the_right_rate() -> None:
    record = RateRecord()
    add_audio(record, 16000, 16000, seconds=20.0)
    add_audio(record, 16000, 8000, seconds=5.0, start_ns=START + 20 * NS_PER_S)
    add_audio(record, 16000, 16000, seconds=20.0, start_ns=START + 25 * NS_PER_S)
    assert record.mismatch() is None
