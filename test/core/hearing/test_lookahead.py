"""Late drivers tear nothing, missing audio is found at its place, and disorder is put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.speech import STAMP

from emotion_node.config import AudioConfig
from emotion_node.core.hearing.lookahead import MAX_HELD, Lookahead
from emotion_node.core.hearing.reorder import ReorderBuffer
from emotion_node.core.hearing.timeline import Timeline
from emotion_node.core.hearing.timeline_fit import Continuity
from emotion_node.datatypes import NS_PER_MS, SAMPLE_RATE, AudioChunk

SIZES_MS = (10, 20, 64, 256)


class Placed:
    """Where chunks end up that arrive with these numbers and stamps (in ms)."""

    def __init__(self, chunks: Iterable[tuple[int, float]], duration_ms: int) -> None:
        self._timeline = Timeline(AudioConfig(), 0.4)
        self.kinds: Counter[Continuity] = Counter()
        self.missing_ms = 0.0
        self.order: list[int] = []
        self.places: list[float] = []
        """Stamps of the chunks as they are used, in ms."""
        reorder, lookahead = ReorderBuffer(), Lookahead(self._timeline)
        for number, stamp_ms in chunks:
            samples = np.full((SAMPLE_RATE * duration_ms // 1000, 1), number, np.int16)
            stamp_ns = STAMP + round(stamp_ms * NS_PER_MS)
            for ordered in reorder.push(AudioChunk(stamp_ns, samples, SAMPLE_RATE)):
                for chunk in lookahead.push(ordered):
                    self._place(chunk)
        for ordered in reorder.flush():
            for chunk in lookahead.push(ordered):
                self._place(chunk)
        for chunk in lookahead.flush():
            self._place(chunk)

    def _place(self, chunk: AudioChunk) -> None:
        fit = self._timeline.place(chunk)
        self.kinds[fit.continuity] += 1
        self.missing_ms += (fit.missing_ns + self._timeline.take_late_loss()) / NS_PER_MS
        if fit.skip == len(chunk.samples):
            return
        hole_ns = fit.missing_ns if fit.continuity is Continuity.HOLE else 0
        self.order.append(int(chunk.samples[0, 0]))
        self.places.append((fit.start_ns + hole_ns - STAMP) / NS_PER_MS)

    def is_whole(self) -> bool:
        """Whether all is contiguous, and nothing was left out or reported missing."""
        whole = set(self.kinds) <= {Continuity.NEW, Continuity.CONTIGUOUS}
        return whole and not self.missing_ms


def stalling(stalls: dict[int, float], count: int, duration_ms: int) -> list[tuple[int, float]]:
    """Return stamps taken before a blocking read by a driver that is late after some chunks."""
    stamps, now = [], 0.0
    for number in range(count):
        stamps.append((number, now))
        now = max(now, (number + 1) * duration_ms) + stalls.get(number, 0.0)
    return stamps


@pytest.mark.parametrize('late_ms', [45, 60, 200, 500])
@pytest.mark.parametrize('duration_ms', SIZES_MS)
def test_a_driver_that_is_late_tears_nothing_not_even_once(late_ms: int, duration_ms: int) -> None:
    count, every = 12_500 // duration_ms, 2400 // duration_ms
    stalls = {number: float(late_ms) for number in range(every // 2, count, every)}
    placed = Placed(stalling(stalls, count, duration_ms), duration_ms)
    assert placed.is_whole()
    assert placed.order == list(range(count))
    expected = [number * duration_ms for number in range(count)]
    assert np.abs(np.subtract(placed.places, expected)).max() < 1


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.integers(1, 8), st.floats(1, 395), max_size=4),
    st.sampled_from(SIZES_MS),
    st.floats(0, 1.0),
    st.integers(0, 9),
)
def test_whenever_and_however_late_it_is(
    stalls: dict[int, float], duration_ms: int, jitter_ms: float, seed: int
) -> None:
    """By a driver whose stamps are precise otherwise, and that catches up in between."""
    rng = np.random.default_rng(seed)
    second = 1000 // duration_ms
    spaced = {second * number: late_ms for number, late_ms in stalls.items()}
    stamps = stalling(spaced, 10 * second, duration_ms)
    placed = Placed([(n, stamp + rng.uniform(0, jitter_ms)) for n, stamp in stamps], duration_ms)
    assert placed.is_whole()


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.integers(6, 29), st.integers(1, 3), min_size=1, max_size=6),
    st.sampled_from((20, 32, 64, 100)),
    st.floats(0, 1.0),
    st.integers(0, 9),
)
def test_missing_audio_is_a_hole_of_its_length_at_its_place(
    lost: dict[int, int], duration_ms: int, jitter_ms: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    gone = {10 * first + offset for first, count in lost.items() for offset in range(count)}
    kept = [number for number in range(300) if number not in gone]
    stamps = [(n, n * duration_ms + rng.uniform(0, jitter_ms)) for n in kept]
    placed = Placed(stamps, duration_ms)
    assert placed.kinds[Continuity.HOLE] == len(lost)
    assert placed.missing_ms == pytest.approx(len(gone) * duration_ms, abs=3 * len(lost))
    assert placed.order == kept
    errors = np.subtract(placed.places, [number * duration_ms for number in kept])
    assert np.abs(errors).max() <= 3


def test_a_chunk_is_held_back_only_where_audio_seems_to_be_missing() -> None:
    timeline = Timeline(AudioConfig(), 0.4)
    lookahead = Lookahead(timeline)
    samples = np.zeros((320, 1), np.int16)
    for number in range(100):
        stamp_ms = 20 * number + (60 if number >= 50 else 0)
        chunk = AudioChunk(STAMP + stamp_ms * NS_PER_MS, samples, SAMPLE_RATE)
        passed = []
        for one in lookahead.push(chunk):
            passed.append(one)
            timeline.place(one)
        assert len(passed) == {50: 0, 51: 2}.get(number, 1)


@pytest.mark.parametrize('duration_ms', [20, 64, 128, 256])
@pytest.mark.parametrize('kind', ['reversed', 'swapped', 'shuffled'])
def test_groups_of_four_out_of_order_are_put_in_order(kind: str, duration_ms: int) -> None:
    rng = np.random.default_rng(0)
    order = list(range(40))
    for first in range(40, 140, 4):
        swapped = [first + 1, first, first + 3, first + 2]
        shuffled = [int(number) for number in rng.permutation(range(first, first + 4))]
        order += {
            'reversed': sorted(swapped, reverse=True), 'swapped': swapped, 'shuffled': shuffled
        }[kind]  # fmt: skip
    placed = Placed([(number, number * duration_ms) for number in order], duration_ms)
    assert placed.is_whole()
    assert placed.order == list(range(140))


@pytest.mark.parametrize('duration_ms', [64, 256])
def test_from_the_first_chunk_on_disorder_costs_no_more_than_a_group(duration_ms: int) -> None:
    order = [first + offset for first in range(0, 100, 4) for offset in (3, 2, 1, 0)]
    placed = Placed([(number, number * duration_ms) for number in order], duration_ms)
    assert set(range(4, 100)) <= set(placed.order)
    later: Sequence[int] = [number for number in placed.order if number >= 4]
    assert later == sorted(later)


@pytest.mark.parametrize('wrong_by_ms', [33.0, 60.0, 300.0, 307.0, 390.0, 700.0])
def test_a_single_stamp_ahead_of_its_time_is_corrected(wrong_by_ms: float) -> None:
    stamps = [(n, 20.0 * n + (wrong_by_ms if n == 50 else 0.0)) for n in range(100)]
    placed = Placed(stamps, 20)
    assert placed.is_whole()
    assert placed.order == list(range(100))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-30, 60), min_size=60, max_size=120), st.sampled_from((0, 5, 10)))
def test_whatever_the_stamps_every_chunk_passes_once_and_few_wait(
    moved: list[int], grid_ms: int
) -> None:
    """Stamps ahead and behind by whole chunks and halves, after a second in which all is well."""
    timeline = Timeline(AudioConfig(), 0.4)
    lookahead = Lookahead(timeline)
    passed: list[int] = []
    stamps = [20 * n for n in range(50)] + [
        20 * (50 + n) + grid_ms * m for n, m in enumerate(moved)
    ]
    for number, stamp_ms in enumerate(stamps):
        samples = np.full((320, 1), number, np.int16)
        chunk = AudioChunk(STAMP + stamp_ms * NS_PER_MS, samples, SAMPLE_RATE)
        for one in lookahead.push(chunk):
            timeline.place(one)
            passed.append(int(one.samples[0, 0]))
        assert number + 1 - len(passed) <= MAX_HELD
    passed += [int(one.samples[0, 0]) for one in lookahead.flush()]
    assert sorted(passed) == list(range(len(stamps)))
