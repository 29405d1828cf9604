"""Stamps of real drivers: missing audio is found, and late stamps are not mistaken for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.speech import STAMP, chunks

from emotion_node.config import AudioConfig
from emotion_node.core.hearing.timeline import SLEW_DEAD_BAND_NS, Timeline
from emotion_node.core.hearing.timeline_fit import Continuity
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, SAMPLE_RATE, AudioChunk, ClockSource

PAUSE_S = 0.4
N = 625
"""Chunks of 20 ms in 12.5 s."""


def make_timeline() -> Timeline:
    return Timeline(AudioConfig(), PAUSE_S)


def silence(
    stamp_ms: float,
    duration_ms: int = 20,
    rate: int = SAMPLE_RATE,
    clock_source: ClockSource = ClockSource.HEADER,
) -> AudioChunk:
    samples = np.zeros((rate * duration_ms // 1000, 1), np.int16)
    return AudioChunk(STAMP + round(stamp_ms * NS_PER_MS), samples, rate, clock_source)


def exact(count: int = N) -> list[float]:
    """Return the stamps, in ms, of chunks of 20 ms."""
    return [20.0 * n for n in range(count)]


class Placed:
    """The places that a timeline gives to chunks of 20 ms, from their stamps in ms."""

    def __init__(self, stamps: Iterable[float], true: Sequence[float] | None = None) -> None:
        timeline = make_timeline()
        self.kinds: Counter[Continuity] = Counter()
        self.skipped_ms = self.missing_ms = self.late_ms = 0.0
        self.errors: list[float] = []
        for n, stamp in enumerate(stamps):
            chunk = silence(stamp)
            fit = timeline.place(chunk)
            self.kinds[fit.continuity] += 1
            self.skipped_ms += fit.skip * 1000 / SAMPLE_RATE
            self.missing_ms += fit.missing_ns / NS_PER_MS
            self.late_ms += timeline.take_late_loss() / NS_PER_MS
            if true is not None:
                placed_ns = fit.start_ns + (
                    fit.missing_ns if fit.continuity is Continuity.HOLE else 0
                )
                self.errors.append((placed_ns - STAMP) / NS_PER_MS - true[n])

    @property
    def lost_ms(self) -> float:
        return self.missing_ms + self.late_ms

    def is_continuous(self) -> bool:
        """Whether no chunk was left out and no audio was reported missing."""
        return set(self.kinds) <= {Continuity.NEW, Continuity.CONTIGUOUS} and not self.skipped_ms


def test_chunks_that_follow_each_other_are_contiguous() -> None:
    for rate in (8000, 11025, 44100):
        audio = chunks(np.zeros(10 * rate, np.float32), [rate // 70], rate=rate)
        timeline = make_timeline()
        assert {timeline.place(chunk).continuity for chunk in audio[:1]} == {Continuity.NEW}
        assert {timeline.place(chunk).continuity for chunk in audio[1:]} == {Continuity.CONTIGUOUS}
        assert timeline.expected_ns == STAMP + 10 * NS_PER_S
        assert timeline.take_slew() == 0


@pytest.mark.parametrize('chunks_per_step', [2, 3, 4, 5, 10, 15])
def test_stamps_in_steps_lose_nothing(chunks_per_step: int) -> None:
    """Several chunks are published at once, each stamped at publication."""
    step = 20 * chunks_per_step
    placed = Placed([(n // chunks_per_step + 1) * step for n in range(N)], exact())
    assert placed.is_continuous()
    assert placed.lost_ms == 0
    assert max(map(abs, placed.errors[N // 2 :])) <= 21


@pytest.mark.parametrize('jitter_ms', [5, 15, 30, 60, 100, 200])
@pytest.mark.parametrize('seed', range(3))
def test_jitter_loses_nothing(jitter_ms: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    placed = Placed([stamp + rng.uniform(-jitter_ms, jitter_ms) for stamp in exact()])
    assert placed.is_continuous()
    assert placed.lost_ms <= 0.02 * 20 * N


@pytest.mark.parametrize('share', [0.01, 0.02, 0.05, 0.1])
@pytest.mark.parametrize('chunks_per_step', [1, 5])
def test_lost_chunks_are_holes_of_their_length(share: float, chunks_per_step: int) -> None:
    rng = np.random.default_rng(1)
    kept = rng.random(N) >= share
    kept[: N // 10] = True
    step = 20 * chunks_per_step
    true = [stamp for stamp, keep in zip(exact(), kept, strict=True) if keep]
    stamps = [stamp // step * step + (step if chunks_per_step > 1 else 0) for stamp in true]
    placed = Placed(stamps, true)
    assert Continuity.GAP not in placed.kinds
    assert Continuity.OVERLAP not in placed.kinds
    assert placed.lost_ms == pytest.approx(20 * (N - len(true)), abs=65)
    assert np.median(np.abs(placed.errors[-100:])) <= 21


@pytest.mark.parametrize('jitter_ms', [60, 200])
@pytest.mark.parametrize('seed', range(3))
def test_losses_within_the_jitter_are_counted_when_they_add_up(jitter_ms: int, seed: int) -> None:
    """3 % of 60 s: no single loss shows, and stamps would be wrong by 1.8 s at the end."""
    rng = np.random.default_rng(seed)
    true = [stamp for stamp in exact(3000) if rng.random() >= 0.03]
    lost_ms = 20 * (3000 - len(true))
    placed = Placed([stamp + rng.uniform(-jitter_ms, jitter_ms) for stamp in true], true)
    assert Continuity.GAP not in placed.kinds
    assert lost_ms - 2 * jitter_ms - 100 <= placed.lost_ms <= lost_ms + 100
    assert np.median(np.abs(placed.errors[-200:])) <= 2 * jitter_ms + 50


@pytest.mark.parametrize('late_ms', [30, 45, 60, 100, 200])
def test_a_driver_that_is_late_at_times_loses_nothing(late_ms: int) -> None:
    """It stamps before a blocking read, then reads the accumulated audio without waiting."""
    stamps, now = [], 0.0
    for n in range(N):
        stamps.append(now)
        now = max(now, (n + 1) * 20.0)
        if n % 120 == 60:
            now += late_ms
    placed = Placed(stamps)
    assert placed.kinds[Continuity.HOLE] <= 1, 'mistaken for a loss once, and never again'
    assert placed.kinds[Continuity.GAP] == placed.kinds[Continuity.OVERLAP] == 0
    assert placed.lost_ms == 0


@pytest.mark.parametrize('every', [N, 50])
def test_while_stamps_stand_still_the_samples_are_counted(every: int) -> None:
    placed = Placed([20.0 * (n // every * every) for n in range(N)], exact())
    assert placed.is_continuous()
    assert max(map(abs, placed.errors)) <= 1


def test_missing_audio_shorter_than_a_pause_is_a_hole_of_its_length() -> None:
    timeline = make_timeline()
    for stamp in exact(100):
        timeline.place(silence(stamp))
    placed = timeline.place(silence(2300))
    assert placed.continuity is Continuity.HOLE
    assert placed.missing_ns == 300 * NS_PER_MS
    assert placed.start_ns == STAMP + 2000 * NS_PER_MS
    assert timeline.expected_ns == STAMP + 2320 * NS_PER_MS


@pytest.mark.parametrize('before', [1, 10, 100])
def test_missing_audio_as_long_as_a_pause_is_a_gap(before: int) -> None:
    timeline = make_timeline()
    for stamp in exact(before):
        timeline.place(silence(stamp))
    placed = timeline.place(silence(20 * before + 500))
    assert placed.continuity is Continuity.GAP
    assert placed.missing_ns == 500 * NS_PER_MS
    assert placed.start_ns == STAMP + (20 * before + 500) * NS_PER_MS


def test_among_scattered_stamps_a_loss_is_noticed_later() -> None:
    rng = np.random.default_rng(2)
    true = [stamp for stamp in exact() if not 6000 <= stamp < 6300]
    placed = Placed([stamp + rng.uniform(-40, 40) for stamp in true], true)
    assert placed.lost_ms == pytest.approx(300, abs=60)
    assert abs(np.mean(placed.errors[-100:])) < 45


def test_a_chunk_that_arrives_twice_is_left_out_whole() -> None:
    timeline = make_timeline()
    for stamp in range(0, 3000, 100):
        timeline.place(silence(stamp, 100))
    again = timeline.place(silence(2800, 100))
    assert (again.continuity, again.skip) == (Continuity.OVERLAP, 1600)
    assert timeline.place(silence(3000, 100)).continuity is Continuity.CONTIGUOUS


def test_a_clock_set_back_starts_afresh() -> None:
    timeline = make_timeline()
    timeline.place(silence(50_000))
    placed = timeline.place(silence(100))
    assert (placed.continuity, placed.start_ns) == (Continuity.JUMP_BACK, STAMP + 100 * NS_PER_MS)
    assert timeline.place(silence(120)).continuity is Continuity.CONTIGUOUS


def test_another_rate_starts_afresh_where_the_old_one_ended() -> None:
    timeline = make_timeline()
    timeline.place(silence(0, 100))
    placed = timeline.place(silence(101, 100, rate=48000))
    assert (placed.continuity, placed.start_ns) == (Continuity.NEW, STAMP + 100 * NS_PER_MS)


@pytest.mark.parametrize('offset_ms', [0, 2, 10, 17])
@pytest.mark.parametrize('duration_ms', [10, 20, 100, 500])
def test_of_two_publishers_one_is_used(offset_ms: int, duration_ms: int) -> None:
    timeline = make_timeline()
    used: list[str] = []
    total = 0
    for n in range(20_000 // duration_ms):
        for name, offset in (('first', 0), ('second', offset_ms)):
            chunk = silence(n * duration_ms + offset, duration_ms)
            placed = timeline.place(chunk)
            assert placed.continuity in (
                Continuity.NEW,
                Continuity.CONTIGUOUS,
                Continuity.OVERLAP,
            )
            total += len(chunk.samples) - placed.skip
            if placed.skip < len(chunk.samples):
                used.append(name)
    assert total / SAMPLE_RATE == pytest.approx(20, abs=0.6)
    assert len(set(used[-15:])) == 1


@pytest.mark.parametrize('parts_per_million', [-100, 100])
def test_hours_of_a_drifting_sound_card_have_no_gap(parts_per_million: int) -> None:
    timeline = make_timeline()
    chunk = silence(0, 100)
    followed_ns = 0
    for n in range(4 * 36_000):
        stamp_ns = STAMP + round(n * 100 * NS_PER_MS * (1 + parts_per_million / 1e6))
        placed = timeline.place(AudioChunk(stamp_ns, chunk.samples, chunk.rate))
        assert placed.continuity in (Continuity.NEW, Continuity.CONTIGUOUS)
        assert abs(placed.start_ns - stamp_ns) < 2 * SLEW_DEAD_BAND_NS
        followed_ns += timeline.take_slew()
    assert followed_ns == pytest.approx(4 * 3600 * 1000 * parts_per_million, rel=0.01)


@given(
    st.lists(st.floats(0, 150), min_size=30, max_size=200),
    st.integers(0, 10**18),
)
def test_stamps_shifted_by_a_constant_are_placed_the_same(
    late: list[float], shift_ns: int
) -> None:
    one, other = make_timeline(), make_timeline()
    for n, late_ms in enumerate(late):
        chunk = silence(20 * n + late_ms)
        fit = one.place(chunk)
        moved = other.place(AudioChunk(chunk.stamp_ns + shift_ns, chunk.samples, chunk.rate))
        assert (moved.continuity, moved.skip, moved.missing_ns) == (
            fit.continuity,
            fit.skip,
            fit.missing_ns,
        )
        assert moved.start_ns - shift_ns == fit.start_ns
