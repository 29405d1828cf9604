"""Audio that comes out of order is put in order; audio whose stamps jitter is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from support.speech import STAMP

from emotion_node.core.hearing.reorder import Reorder
from emotion_node.datatypes import NS_PER_S, AudioChunk

MS = NS_PER_S // 1000


def passed(order: list[int], stamps: list[float] | None = None) -> list[int]:
    """Return the order in which numbered chunks of 20 ms come out."""
    reorder = Reorder()
    out: list[AudioChunk] = []
    for n in order:
        stamp_ms = 20 * n if stamps is None else stamps[n]
        samples = np.full((320, 1), n, np.int16)
        out += reorder.push(AudioChunk(STAMP + round(stamp_ms * MS), samples, 16000))
    return [int(one.samples[0, 0]) for one in [*out, *reorder.flush()]]


def test_audio_in_order_is_not_held_back() -> None:
    reorder = Reorder()
    for n in range(100):
        chunk = AudioChunk(STAMP + 20 * n * MS, np.zeros((320, 1), np.int16), 16000)
        assert reorder.push(chunk) == [chunk]


@pytest.mark.parametrize('size', [2, 3, 4, 8])
@pytest.mark.parametrize('shuffled', [False, True])
def test_groups_out_of_order_come_in_order(size: int, shuffled: bool) -> None:
    rng = np.random.default_rng(size)
    order: list[int] = []
    for first in range(0, 240, size):
        group = list(range(first, first + size))
        order += [int(n) for n in rng.permutation(group)] if shuffled else group[::-1]
    found = passed(order)
    assert sorted(found) == list(range(240)), 'nothing is lost'
    later = [n for n in found if n >= 6 * size]
    assert later == sorted(later)


@pytest.mark.parametrize('jitter_ms', [15, 30, 60, 200])
def test_audio_whose_stamps_jitter_keeps_the_order_in_which_it_comes(jitter_ms: int) -> None:
    rng = np.random.default_rng(jitter_ms)
    order = list(range(1000))
    found = passed(order, [20 * n + rng.uniform(-jitter_ms, jitter_ms) for n in order])
    assert sum(one != other for one, other in zip(found, order, strict=True)) <= 10


def test_a_clock_that_is_set_back_lets_everything_pass() -> None:
    stamps = [20.0 * n for n in range(50)] + [20.0 * n - 5000 for n in range(50)]
    assert passed(list(range(100)), stamps) == list(range(100))
