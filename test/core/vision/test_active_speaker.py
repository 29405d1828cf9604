"""Whose mouth moves with the voice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotion_node.core.vision.active_speaker import (
    Candidate,
    SpeakerDecision,
    TalkingScores,
)
from emotion_node.core.vision.active_speaker import find_speaker as find_among
from emotion_node.core.vision.jaw_sync import Jaw, measure_sync
from emotion_node.core.voice.level import HOP_NS, LevelMeter, VoiceLevel
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, NS_PER_SAMPLE, SAMPLE_RATE, FloatArray

SECOND = NS_PER_S
FRAME_NS = 40 * NS_PER_MS
START_NS = 5 * SECOND
LENGTH_NS = 3 * SECOND
MARGIN_NS = SECOND


def syllables(seed: int) -> FloatArray:
    """Return (n,) how far a mouth is open every 10 ms, 0..1, from a second before speech."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(LENGTH_NS + 2 * MARGIN_NS) // HOP_NS + 200)
    smooth = np.convolve(steps, np.hanning(20), 'same')[100:-100]
    spread = smooth - smooth.min()
    opened: FloatArray = (spread / spread.max()).astype(np.float32)
    return opened


def voice(seed: int, late_ns: int = 0, gain_db: float = 0.0) -> VoiceLevel:
    levels = -50 + 30 * syllables(seed) + np.float32(gain_db)
    return VoiceLevel(START_NS - MARGIN_NS + late_ns, levels.astype(np.float32))


def jaw(seed: int, opens_cm: float = 0.6, frame_ns: int = FRAME_NS) -> Jaw:
    stamps = np.arange(START_NS - MARGIN_NS, START_NS + LENGTH_NS + MARGIN_NS, frame_ns)
    places = (stamps - stamps[0]) // HOP_NS
    rng = np.random.default_rng(seed + 1000)
    jitter = rng.normal(0, 0.02, len(stamps))
    drop = 8 + opens_cm * syllables(seed)[places] + jitter
    return Jaw(stamps.astype(np.int64), drop.astype(np.float32))


def still(seed: int = 0) -> Jaw:
    return jaw(seed, opens_cm=0.0)


def end(late_ns: int = 0) -> int:
    return START_NS + LENGTH_NS + late_ns


def find_speaker(
    heard: VoiceLevel, jaws: Mapping[str, Jaw], start_ns: int, end_ns: int
) -> SpeakerDecision:
    """Decide by the jaws alone, of faces that are far or turned away."""
    return find_among(
        heard, {face_id: Candidate(one) for face_id, one in jaws.items()}, start_ns, end_ns
    )


def test_the_one_whose_mouth_moves_with_the_voice_speaks() -> None:
    decision = find_speaker(voice(1), {'f1': jaw(2), 'f2': jaw(1)}, START_NS, end())
    assert decision.face_id == 'f2'
    assert decision.confidence > 0.9


@pytest.mark.parametrize('late_ms', [0, 50, 100, 150, 200])
def test_sound_may_come_late(late_ms: int) -> None:
    late_ns = late_ms * NS_PER_MS
    times = START_NS + late_ns, end(late_ns)
    decision = find_speaker(voice(1, late_ns), {'f1': jaw(2), 'f2': jaw(1)}, *times)
    assert decision.face_id == 'f2'
    assert abs(measure_sync(voice(1, late_ns), jaw(1), *times).lag_ns - late_ns) <= FRAME_NS


def test_the_speaker_is_off_screen_when_no_mouth_moves_with_the_voice() -> None:
    decisions = [
        find_speaker(voice(1), {'f1': jaw(seed), 'f2': still()}, START_NS, end())
        for seed in range(3, 23)
    ]
    off_screen = [decision for decision in decisions if not decision.face_id]
    assert len(off_screen) >= 17  # some mouths move with any voice by chance
    assert {decision.confidence for decision in off_screen} == {0.0}


def test_a_still_face_is_not_the_speaker() -> None:
    assert find_speaker(voice(1), {'f1': still()}, START_NS, end()).off_screen > 0.9


def test_without_faces_the_speaker_is_off_screen() -> None:
    assert find_speaker(voice(1), {}, START_NS, end()).off_screen == 1.0


def test_confidence_grows_with_the_length_of_speech() -> None:
    faces = {'f1': jaw(2), 'f2': jaw(1)}
    heard = [START_NS + k * SECOND // 2 for k in range(1, 5)]
    shares = [find_speaker(voice(1), faces, START_NS, now_ns).scores['f2'] for now_ns in heard]
    assert shares[-1] > shares[0]
    assert shares[-1] > 0.9


@settings(max_examples=30)
@given(shift=st.integers(-(2**62), 2**62))
def test_stamps_shifted_by_a_constant_change_nothing(shift: int) -> None:
    shift -= shift % FRAME_NS  # so that frames lie at the same places between levels
    here = measure_sync(voice(1), jaw(1), START_NS, end())
    heard, seen = voice(1), jaw(1)
    there = measure_sync(
        dataclasses.replace(heard, first_ns=heard.first_ns + shift),
        dataclasses.replace(seen, stamps=seen.stamps + shift),
        START_NS + shift,
        end() + shift,
    )
    assert there == here


@settings(max_examples=20)
@given(order=st.permutations(['f1', 'f2', 'f3']), gain_db=st.floats(-30, 30))
def test_neither_order_nor_loudness_matters(order: list[str], gain_db: float) -> None:
    faces = {'f1': jaw(2), 'f2': jaw(1), 'f3': still()}
    one = find_speaker(voice(1), faces, START_NS, end())
    other = find_speaker(
        voice(1, gain_db=gain_db), {name: faces[name] for name in order}, START_NS, end()
    )
    assert other.scores == pytest.approx(one.scores, abs=1e-4)


@settings(max_examples=20)
@given(dropped=st.sets(st.integers(30, 70), max_size=10))
def test_a_few_missing_frames_do_not_change_the_answer(dropped: set[int]) -> None:
    seen = jaw(1)
    kept = [k for k in range(len(seen.stamps)) if k not in dropped]
    faces = {'f1': jaw(2), 'f2': Jaw(seen.stamps[kept], seen.drop[kept])}
    assert find_speaker(voice(1), faces, START_NS, end()).face_id == 'f2'


def test_only_speech_during_which_a_face_was_seen_is_evidence() -> None:
    seen = jaw(1)

    def until(stamp_ns: int) -> Jaw:
        kept = seen.stamps < stamp_ns
        return Jaw(seen.stamps[kept], seen.drop[kept])

    half = measure_sync(voice(1), until(START_NS + SECOND), START_NS, end())
    assert half.seconds == pytest.approx(1.0, abs=0.4)
    gone = measure_sync(voice(1), until(START_NS - SECOND // 2), START_NS, end())
    assert gone.seconds == 0.0


def test_too_little_to_compare_is_no_evidence() -> None:
    nothing = np.zeros(0)
    empty = Jaw(nothing.astype(np.int64), nothing.astype(np.float32))
    assert measure_sync(voice(1), empty, START_NS, end()).seconds == 0.0
    silent = VoiceLevel(START_NS, nothing.astype(np.float32))
    assert measure_sync(silent, jaw(1), START_NS, end()).seconds == 0.0
    assert measure_sync(voice(1), jaw(1), START_NS, START_NS + 1).seconds == 0.0


class TestLevelMeter:
    """The level of the voice."""

    def tone(self, hertz: float, loud: float = 0.1, seconds: float = 1.0) -> FloatArray:
        times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        samples: FloatArray = (loud * np.sin(2 * np.pi * hertz * times)).astype(np.float32)
        return samples

    def levels(self, samples: FloatArray) -> FloatArray:
        meter = LevelMeter(0)
        meter.append(samples)
        return meter.level().levels

    def test_ten_times_the_amplitude_is_twenty_decibels(self) -> None:
        soft, loud = (self.levels(self.tone(1000, amplitude)) for amplitude in (0.01, 0.1))
        np.testing.assert_allclose(loud - soft, 20, atol=0.1)

    def test_only_the_band_of_the_first_formants_counts(self) -> None:
        inside = self.levels(self.tone(900)).mean()
        for hertz in (120, 3000):
            assert inside - self.levels(self.tone(hertz)).mean() > 30

    @settings(max_examples=30)
    @given(sizes=st.lists(st.integers(0, 1000), min_size=1, max_size=40))
    def test_how_audio_is_cut_into_pieces_changes_nothing(self, sizes: list[int]) -> None:
        samples = np.random.default_rng(0).normal(0, 0.1, sum(sizes)).astype(np.float32)
        meter = LevelMeter(0)
        for first, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
            meter.append(samples[first : first + size])
        np.testing.assert_array_equal(meter.level().levels, self.levels(samples))

    def test_a_knock_shows_at_its_time(self) -> None:
        samples = np.zeros(SAMPLE_RATE, np.float32)
        samples[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + 160] = self.tone(1000, seconds=0.01)
        meter = LevelMeter(7 * SECOND)
        meter.append(samples)
        level = meter.level()
        loudest_ns = level.first_ns + int(np.argmax(level.levels)) * HOP_NS
        knock_ns = 7 * SECOND + (SAMPLE_RATE // 2 + 80) * NS_PER_SAMPLE
        assert abs(loudest_ns - knock_ns) <= HOP_NS

    def test_the_level_of_silence_is_finite(self) -> None:
        assert np.isfinite(self.levels(np.zeros(4000, np.float32))).all()


def talks(value: float, count: int = 40) -> TalkingScores:
    """Return scores of the learned detector during the speech."""
    stamps = START_NS + np.arange(count, dtype=np.int64) * FRAME_NS
    return TalkingScores(stamps, np.full(count, value, np.float32))


def seen(seed: int, score: float | None = None, visibility: float = 1.0) -> Candidate:
    scores = TalkingScores() if score is None else talks(score)
    return Candidate(jaw(seed), visibility, scores)


def decide(**faces: Candidate) -> SpeakerDecision:
    return find_among(voice(1), faces, START_NS, end())


def test_a_lone_frontal_face_that_talks_is_the_speaker_though_its_jaw_hardly_follows() -> None:
    assert decide(f1=seen(2)).face_id == 'f1'
    assert decide(f1=seen(2, visibility=0.5)).face_id == ''
    assert decide(f1=Candidate(still(), 1.0)).face_id == ''
    assert decide(f1=seen(2), f2=seen(3)).face_id == ''


def test_the_learned_detector_tells_chewing_from_talking() -> None:
    assert decide(f1=seen(2, -5.0)).face_id == ''
    assert decide(f1=seen(2, 4.0)).face_id == 'f1'
    assert decide(f1=seen(2, 4.0), f2=seen(3, -5.0)).face_id == 'f1'


def test_of_two_that_talk_the_jaw_that_moves_with_the_voice_wins() -> None:
    assert decide(f1=seen(2, 8.0), f2=seen(1, 3.0)).face_id == 'f2'
    assert decide(f1=seen(2, 8.0), f2=seen(3, 8.0)).face_id == ''


def test_a_face_beside_one_that_may_talk_is_not_the_only_one() -> None:
    assert decide(f1=seen(2, 4.0), f2=seen(3)).face_id == ''
    assert decide(f1=seen(2, 4.0), f2=Candidate(still(), 1.0)).face_id == 'f1'


def test_few_scores_count_little() -> None:
    few = dataclasses.replace(seen(1), scores=talks(-5.0, 3))
    many = dataclasses.replace(seen(1), scores=talks(-5.0, 40))
    assert decide(f1=few).scores['f1'] > 0.9
    assert decide(f1=many).scores['f1'] < decide(f1=few).scores['f1']


def test_scores_in_pauses_do_not_count() -> None:
    levels = voice(1).levels.copy()
    paused = slice(MARGIN_NS // HOP_NS + 50, MARGIN_NS // HOP_NS + 250)
    levels[paused] = -90.0
    heard = VoiceLevel(START_NS - MARGIN_NS, levels)
    scores = talks(4.0, 75)
    quiet = (scores.stamps - heard.first_ns) // HOP_NS
    scores.values[(quiet >= paused.start) & (quiet < paused.stop)] = -9.0
    assert scores.while_voiced(heard).min() == 4.0
