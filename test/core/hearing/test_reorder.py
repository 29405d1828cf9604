"""Chunks out of order are put in order; chunks whose stamps jitter stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
from support.speech import STAMP

from emotion_node.core.hearing.reorder import ReorderBuffer
from emotion_node.datatypes import NS_PER_MS, AudioChunk


def released(order: list[int], stamps: list[float] | None = None) -> list[int]:
    """Return the order in which numbered chunks of 20 ms are released."""
    reorder = ReorderBuffer()
    out: list[AudioChunk] = []
    for n in order:
        stamp_ms = 20 * n if stamps is None else stamps[n]
        samples = np.full((320, 1), n, np.int16)
        out += reorder.push(AudioChunk(STAMP + round(stamp_ms * NS_PER_MS), samples, 16000))
    return [int(one.samples[0, 0]) for one in [*out, *reorder.flush()]]


def test_audio_in_order_is_not_held_back() -> None:
    reorder = ReorderBuffer()
    for n in range(100):
        chunk = AudioChunk(STAMP + 20 * n * NS_PER_MS, np.zeros((320, 1), np.int16), 16000)
        assert reorder.push(chunk) == [chunk]


@pytest.mark.parametrize('size', [2, 3, 4, 8])
@pytest.mark.parametrize('shuffled', [False, True])
def test_groups_out_of_order_are_put_in_order(size: int, shuffled: bool) -> None:
    rng = np.random.default_rng(size)
    order: list[int] = []
    for first in range(0, 240, size):
        group = list(range(first, first + size))
        order += [int(n) for n in rng.permutation(group)] if shuffled else group[::-1]
    found = released(order)
    assert sorted(found) == list(range(240)), 'nothing is lost'
    later = [n for n in found if n >= 6 * size]
    assert later == sorted(later)


@pytest.mark.parametrize('jitter_ms', [15, 30, 60, 200])
def test_audio_whose_stamps_jitter_keeps_its_order(jitter_ms: int) -> None:
    rng = np.random.default_rng(jitter_ms)
    order = list(range(1000))
    found = released(order, [20 * n + rng.uniform(-jitter_ms, jitter_ms) for n in order])
    assert sum(one != other for one, other in zip(found, order, strict=True)) <= 10


def test_after_a_clock_is_set_back_nothing_is_held_back() -> None:
    stamps = [20.0 * n for n in range(50)] + [20.0 * n - 5000 for n in range(50)]
    assert released(list(range(100)), stamps) == list(range(100))


@pytest.mark.parametrize('wrong_by_ms', [-60_000.0, -3_000.0, 3_000.0, 60_000.0])
def test_a_single_wrong_stamp_is_corrected(wrong_by_ms: float) -> None:
    reorder = ReorderBuffer()
    out: list[AudioChunk] = []
    for n in range(100):
        stamp_ms = 20.0 * n + (wrong_by_ms if n == 50 else 0)
        chunk = AudioChunk(
            STAMP + round(stamp_ms * NS_PER_MS), np.zeros((320, 1), np.int16), 16000
        )
        out += reorder.push(chunk)
    assert [one.stamp_ns for one in out] == [STAMP + 20 * n * NS_PER_MS for n in range(100)]


def test_a_jump_that_the_next_stamp_confirms_is_kept() -> None:
    stamps = [20.0 * n for n in range(50)] + [20.0 * n + 5000 for n in range(50, 100)]
    reorder = ReorderBuffer()
    out: list[AudioChunk] = []
    for stamp in stamps:
        samples = np.zeros((320, 1), np.int16)
        out += reorder.push(AudioChunk(STAMP + round(stamp * NS_PER_MS), samples, 16000))
    assert [(one.stamp_ns - STAMP) / NS_PER_MS for one in out] == stamps
