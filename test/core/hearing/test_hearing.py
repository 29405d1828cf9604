"""Stories of a microphone: speech, and what goes wrong with its audio."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.speech import (
    STAMP,
    LoudnessVad,
    check_order,
    chunks,
    seconds,
    sound,
    utterances,
)

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import AudioConfig, SegmenterConfig
from emotion_node.core.hearing.stream import Hearing
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    AudioChunk,
    ClockSetBack,
    EndReason,
    FloatArray,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    Utterance,
)

SPOKEN = 0.2
TWO_SENTENCES = ((1.0, 0.0), (1.5, SPOKEN), (0.8, 0.0), (1.0, SPOKEN), (1.0, 0.0))


def make_hearing(segmenter: SegmenterConfig | None = None, mute_release: float = 0.3) -> Hearing:
    return Hearing(
        AudioConfig(), segmenter or SegmenterConfig(), mute_release, LoudnessVad(), SoxrResampler
    )


def process(audio: Sequence[AudioChunk], hearing: Hearing | None = None) -> list[SpeechEvent]:
    hearing = hearing or make_hearing()
    events = [event for chunk in audio for event in hearing.push(chunk)]
    events += hearing.flush()
    check_order(events)
    return events


def described(events: Sequence[SpeechEvent], shift_ns: int = 0) -> list[tuple[object, ...]]:
    """Return events as values that can be compared, with stamps moved by `shift_ns`."""
    result: list[tuple[object, ...]] = []
    for event in events:
        match event:
            case SpeechStarted(name, start_ns, decided_ns):
                result.append(('started', name, start_ns + shift_ns, decided_ns + shift_ns))
            case SpeechAudio(name, stamp_ns, samples):
                result.append(('audio', name, stamp_ns + shift_ns, samples.tobytes()))
            case SpeechDropped(name, end_ns, decided_ns):
                result.append(('dropped', name, end_ns + shift_ns, decided_ns + shift_ns))
            case SpeechEnded(u):
                stamps = (u.start_ns, u.end_ns, u.decided_ns, u.samples_start_ns)
                moved = tuple(stamp + shift_ns for stamp in stamps)
                result.append(('ended', u.utterance_id, *moved, u.samples.tobytes(), u.end_reason))
    return result


def check_apart(found: Sequence[Utterance]) -> None:
    """Assert that no moment belongs to two utterances, with their padding."""
    for earlier, later in itertools.pairwise(found):
        samples_end_ns = earlier.samples_start_ns + len(earlier.samples) * NS_PER_SAMPLE
        assert samples_end_ns <= later.samples_start_ns


def test_two_sentences_are_two_utterances() -> None:
    hearing = make_hearing()
    first, second = utterances(process(chunks(sound(*TWO_SENTENCES)), hearing))
    assert [first.utterance_id, second.utterance_id] == ['u1', 'u2']
    assert seconds(first.start_ns) == pytest.approx(1.0, abs=0.03)
    assert seconds(first.end_ns) == pytest.approx(2.5, abs=0.03)
    assert seconds(second.start_ns) == pytest.approx(3.3, abs=0.03)
    assert first.decided_ns - first.end_ns == 400 * NS_PER_MS
    assert hearing.heard_ns == STAMP + round(5.3 * NS_PER_S)
    assert hearing.stats.samples == 5.3 * SAMPLE_RATE
    assert hearing.stats.utterances == 2
    assert hearing.stats.end_reasons == {EndReason.SILENCE: 2}


@settings(max_examples=30)
@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=6))
def test_how_audio_is_cut_into_chunks_changes_nothing(sizes: list[int]) -> None:
    audio = sound(*TWO_SENTENCES)
    if sum(sizes) < 100 * len(sizes):
        sizes.append(1000)
    assert described(process(chunks(audio, sizes))) == described(process(chunks(audio)))


@pytest.mark.parametrize('rate', [8000, 22050, 44100, 48000])
def test_how_audio_is_cut_changes_nothing_at_other_rates_either(rate: int) -> None:
    audio = sound(*TWO_SENTENCES)[: 5 * rate]
    events = [
        described(process(chunks(audio, sizes, rate=rate)))
        for sizes in ([rate // 100], [len(audio)], [137, 1, 5000, 441])
    ]
    assert events[0] == events[1] == events[2]


@settings(max_examples=20)
@given(st.integers(-(10**18), 10**18))
def test_shifted_stamps_shift_all_events_and_change_nothing_else(shift_ns: int) -> None:
    audio = sound(*TWO_SENTENCES)
    as_stamped = described(process(chunks(audio)), shift_ns)
    assert described(process(chunks(audio, start_ns=STAMP + shift_ns))) == as_stamped


@pytest.mark.parametrize(('rate', 'channels'), [(8000, 1), (44100, 2), (48000, 6)])
def test_any_rate_and_number_of_channels_gives_the_same_utterances(
    rate: int, channels: int
) -> None:
    time = np.arange(5 * rate) / rate
    spoken = (time > 1) & (time < 2.5) | (time > 3.3) & (time < 4.3)
    mono = 0.3 * np.sin(2 * np.pi * 300 * time) * spoken
    pcm = np.repeat(np.round(mono * 32767).astype(np.int16)[:, None], channels, axis=1)
    found = utterances(process(chunks(pcm, rate=rate)))
    edges = [seconds(stamp) for u in found for stamp in (u.start_ns, u.end_ns)]
    assert edges == pytest.approx([1.0, 2.5, 3.3, 4.3], abs=0.021)
    with_padding = found[0].samples[round((1.0 - seconds(found[0].samples_start_ns)) * 16000) :]
    assert np.std(with_padding[1600:16000]) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)


def test_the_same_audio_in_float_and_int16_gives_the_same_events() -> None:
    pcm = np.round(sound(*TWO_SENTENCES) * 32767).astype(np.int16)
    as_float = (pcm / 32768).astype(np.float32)
    assert described(process(chunks(pcm))) == described(process(chunks(as_float)))


def test_missing_audio_ends_the_utterance_and_is_counted() -> None:
    hearing = make_hearing()
    audio = chunks(sound((1.0, 0.0), (2.0, SPOKEN), (1.0, 0.0)))
    events = process(audio[:100] + audio[125:], hearing)
    first, second = utterances(events)
    assert (first.end_reason, second.end_reason) == (EndReason.GAP, EndReason.SILENCE)
    assert seconds(first.end_ns) == 2.0
    assert seconds(second.start_ns) == pytest.approx(2.5, abs=0.021)
    assert (hearing.stats.gaps, hearing.stats.lost_ns) == (1, 500 * NS_PER_MS)


def restamped(audio: list[AudioChunk], stamps: Iterable[int]) -> list[AudioChunk]:
    return [
        replace(chunk, stamp_ns=stamp_ns) for chunk, stamp_ns in zip(audio, stamps, strict=True)
    ]


FOUR_SENTENCES = tuple(piece for _ in range(4) for piece in ((1.0, 0.0), (2.0, SPOKEN)))


def speech_times(audio: list[AudioChunk]) -> tuple[list[tuple[float, float]], Hearing]:
    hearing = make_hearing()
    found = utterances(process(audio, hearing))
    return [(seconds(one.start_ns), seconds(one.end_ns)) for one in found], hearing


@pytest.mark.parametrize('chunks_per_step', [3, 4, 5, 10])
def test_audio_stamped_in_steps_gives_the_same_utterances(chunks_per_step: int) -> None:
    audio = chunks(sound(*FOUR_SENTENCES, (1.0, 0.0)))
    expected, _ = speech_times(audio)
    last = len(audio) - 1
    stamps = [
        audio[min(n // chunks_per_step * chunks_per_step + chunks_per_step, last)].stamp_ns
        for n in range(len(audio))
    ]
    found, hearing = speech_times(restamped(audio, stamps))
    assert found == [pytest.approx(one, abs=0.22) for one in expected]
    assert hearing.stats.lost_ns == 0


@pytest.mark.parametrize('jitter_ms', [60, 200])
def test_audio_whose_stamps_jitter_gives_the_same_utterances(jitter_ms: int) -> None:
    rng = np.random.default_rng(jitter_ms)
    audio = chunks(sound(*FOUR_SENTENCES, (1.0, 0.0)))
    expected, _ = speech_times(audio)
    stamps = [
        one.stamp_ns + round(rng.uniform(-jitter_ms, jitter_ms) * NS_PER_MS) for one in audio
    ]
    found, _ = speech_times(restamped(audio, stamps))
    assert found == [pytest.approx(one, abs=0.3) for one in expected]


@pytest.mark.parametrize('late_ms', [45, 67, 390, 700])
@pytest.mark.parametrize('size', [320, 1024, 4096])
def test_a_driver_that_is_late_changes_nothing(size: int, late_ms: int) -> None:
    """It stamps before a blocking read, and catches up without losing a sample."""
    audio = chunks(sound(*FOUR_SENTENCES, (1.0, 0.0)), [size])
    stamps, now_ns = [], STAMP
    stalls = range(SAMPLE_RATE // size, len(audio) - SAMPLE_RATE // size, 2 * SAMPLE_RATE // size)
    for n, one in enumerate(audio):
        stamps.append(now_ns)
        now_ns = max(now_ns, one.stamp_ns + one.duration_ns)
        now_ns += late_ms * NS_PER_MS * (n in stalls)
    hearing = make_hearing()
    found = process(restamped(audio, stamps), hearing)
    assert described(found) == described(process(audio))
    assert hearing.stats.lost_ns == 0


@pytest.mark.parametrize('size', [320, 4096])
def test_audio_that_gets_out_of_order_in_fours_changes_nothing(size: int) -> None:
    audio = chunks(sound(*FOUR_SENTENCES, (1.0, 0.0)), [size])
    begin = 2 * SAMPLE_RATE // size
    order = list(range(begin))
    order += [first + k for first in range(begin, len(audio) - 3, 4) for k in (3, 2, 1, 0)]
    order += range(len(order), len(audio))
    assert described(process([audio[n] for n in order])) == described(process(audio))


def test_audio_out_of_order_gives_the_same_utterances() -> None:
    audio = chunks(sound(*FOUR_SENTENCES, (1.0, 0.0)))
    expected, _ = speech_times(audio)
    shuffled = [audio[first + k] for first in range(0, len(audio) - 3, 4) for k in (3, 2, 1, 0)]
    found, hearing = speech_times(shuffled)
    assert found == [pytest.approx(one, abs=0.1) for one in expected]
    assert hearing.stats.lost_ns < 100 * NS_PER_MS


@pytest.mark.parametrize('share', [0.02, 0.05])
def test_lost_chunks_do_not_split_utterances_and_are_counted(share: float) -> None:
    rng = np.random.default_rng(3)
    audio = chunks(sound(*FOUR_SENTENCES, (1.0, 0.0)))
    expected, _ = speech_times(audio)
    kept = [one for n, one in enumerate(audio) if n < 40 or rng.random() >= share]
    hearing = make_hearing()
    found = utterances(process(kept, hearing))
    assert [(seconds(one.start_ns), seconds(one.end_ns)) for one in found] == [
        pytest.approx(one, abs=0.35) for one in expected
    ]  # a hole in the onset delays the detector
    lost_ns = 20 * NS_PER_MS * (len(audio) - len(kept))
    assert hearing.stats.lost_ns == pytest.approx(lost_ns, abs=20 * NS_PER_MS)
    assert 0 < sum(one.missing_ns for one in found) <= lost_ns
    assert hearing.recent_loss.share == pytest.approx(1 - len(kept) / len(audio), abs=0.01)


def test_a_clock_that_is_set_back_is_reported_and_one_wild_stamp_is_not() -> None:
    audio = chunks(sound(*FOUR_SENTENCES, (1.0, 0.0)))
    hour_ns = 3600 * NS_PER_S
    half = len(audio) // 2
    later = [replace(one, stamp_ns=one.stamp_ns - hour_ns) for one in audio[half:]]
    events = process(audio[:half] + later)
    assert [one for one in events if isinstance(one, ClockSetBack)] == [
        ClockSetBack(later[0].stamp_ns)
    ]
    for wild_ns in (-hour_ns, hour_ns):
        audio = chunks(sound(*FOUR_SENTENCES, (1.0, 0.0)))
        expected, _ = speech_times(audio)
        audio[120] = replace(audio[120], stamp_ns=audio[120].stamp_ns + wild_ns)
        hearing = make_hearing()
        events = process(audio, hearing)
        assert not [one for one in events if isinstance(one, ClockSetBack)]
        found = utterances(events)
        assert [(seconds(one.start_ns), seconds(one.end_ns)) for one in found] == expected


def test_a_syllable_before_a_gap_is_dropped_not_lost() -> None:
    hearing = make_hearing()
    audio = chunks(sound((1.0, 0.0), (0.14, SPOKEN), (1.0, 0.0)))
    events = process([*audio[:57], *audio[80:]], hearing)
    assert [type(event) for event in events if not isinstance(event, SpeechAudio)] == [
        SpeechStarted,
        SpeechDropped,
    ]
    assert hearing.stats.dropped_utterances == 1


def test_a_tail_shorter_than_a_frame_belongs_to_the_utterance() -> None:
    audio = sound((0.5, 0.0), (1.0, SPOKEN))[: round(1.4503 * SAMPLE_RATE)]
    for rate in (SAMPLE_RATE, 48000):
        (utterance,) = utterances(process(chunks(audio, [441], rate=rate)))
        end_ns = STAMP + round(len(audio) * SAMPLE_RATE / rate) * NS_PER_SAMPLE
        assert utterance.end_reason is EndReason.END
        assert utterance.end_ns == utterance.decided_ns == end_ns
        assert utterance.samples_start_ns + len(utterance.samples) * NS_PER_SAMPLE == end_ns


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_samples_that_are_not_finite_are_replaced_by_silence(bad: float) -> None:
    hearing = make_hearing()
    audio = broken(chunks(sound((1.0, 0.0), (2.0, SPOKEN), (1.0, 0.0))), [100], bad)
    (utterance,) = utterances(process(audio, hearing))
    assert utterance.end_reason is EndReason.SILENCE
    assert utterance.missing_ns == hearing.stats.lost_ns == 20 * NS_PER_MS
    assert (hearing.stats.bad_chunks, hearing.stats.gaps) == (1, 0)
    assert np.isfinite(utterance.samples).all()


def test_samples_that_are_not_finite_for_a_pause_leave_a_gap() -> None:
    hearing = make_hearing()
    audio = broken(chunks(sound((1.0, 0.0), (4.0, SPOKEN), (1.0, 0.0))), range(100, 150))
    first, second = utterances(process(audio, hearing))
    assert (first.end_reason, second.end_reason) == (EndReason.GAP, EndReason.SILENCE)
    assert (hearing.stats.bad_chunks, hearing.stats.gaps) == (50, 1)
    assert hearing.stats.lost_ns == 1 * NS_PER_S


def broken(
    audio: list[AudioChunk], numbers: Iterable[int], bad: float = np.nan
) -> list[AudioChunk]:
    """Return chunks some of which hold a sample that is not a finite number."""
    for number in numbers:
        samples = audio[number].samples.copy()
        samples[7] = bad
        audio[number] = AudioChunk(audio[number].stamp_ns, samples, SAMPLE_RATE)
    return audio


def test_empty_chunks_are_ignored_and_counted() -> None:
    hearing = make_hearing()
    audio = chunks(sound(*TWO_SENTENCES))
    empty = AudioChunk(STAMP, np.zeros((0, 1), np.float32), SAMPLE_RATE)
    events = process([part for chunk in audio for part in (chunk, empty)], hearing)
    assert described(events) == described(process(audio))
    assert hearing.stats.empty_chunks == len(audio)


def test_a_rate_out_of_range_is_a_bad_chunk() -> None:
    hearing = make_hearing()
    assert hearing.push(AudioChunk(STAMP, np.zeros((100, 1), np.int16), 4000)) == []
    assert hearing.stats.bad_chunks == 1


def test_a_change_of_rate_ends_the_utterance_and_processing_continues() -> None:
    hearing = make_hearing()
    before = sound((1.0, 0.0), (1.0, SPOKEN))
    after = sound((3.0, SPOKEN), (3.0, 0.0))  # 1 s and 1 s at 48 kHz
    audio = chunks(before) + chunks(after, rate=48000, start_ns=STAMP + 2 * NS_PER_S)
    first, second = utterances(process(audio, hearing))
    assert (first.end_reason, second.end_reason) == (EndReason.GAP, EndReason.SILENCE)
    assert first.end_ns == second.start_ns == STAMP + 2 * NS_PER_S
    assert (hearing.stats.rate_changes, hearing.stats.gaps) == (1, 0)


def test_a_bag_that_loops_is_processed_again_and_ids_continue() -> None:
    hearing = make_hearing()
    audio = chunks(sound((1.0, 0.0), (1.5, SPOKEN), (0.2, 0.0)))
    once = [event for chunk in audio for event in hearing.push(chunk)]
    again = [event for chunk in audio for event in hearing.push(chunk)]
    check_order([*once, *again, *hearing.flush()])
    (utterance,) = utterances(again)
    assert (utterance.utterance_id, utterance.end_reason) == ('u1', EndReason.GAP)
    assert hearing.stats.jumps_back == 1
    assert hearing.heard_ns == STAMP + round(2.7 * NS_PER_S)


def test_two_microphones_on_one_topic_count_as_one() -> None:
    hearing = make_hearing()
    one = chunks(sound(*TWO_SENTENCES))
    other = chunks(sound(*TWO_SENTENCES, seed=1), start_ns=STAMP + 7 * NS_PER_MS)
    both = sorted(one + other, key=lambda chunk: chunk.stamp_ns)
    first, second = utterances(process(both, hearing))
    edges = [seconds(s) for u in (first, second) for s in (u.start_ns, u.end_ns)]
    assert edges == pytest.approx([1.0, 2.5, 3.3, 4.3], abs=0.3)
    assert hearing.stats.overlaps > 200
    assert hearing.stats.samples == pytest.approx(5.3 * SAMPLE_RATE, abs=0.4 * SAMPLE_RATE)


def test_the_robot_speaks_and_is_ignored() -> None:
    hearing = make_hearing(mute_release=0.3)
    audio = chunks(sound((1.0, 0.0), (4.0, SPOKEN), (1.0, 0.0)))
    events: list[SpeechEvent] = []
    for number, chunk in enumerate(audio):
        if number == 100:
            events += hearing.set_muted(chunk.stamp_ns, True)
        if number == 150:
            events += hearing.set_muted(chunk.stamp_ns, False)
        events += hearing.push(chunk)
    events += hearing.flush()
    check_order(events)
    first, second = utterances(events)
    assert (first.end_reason, seconds(first.end_ns)) == (EndReason.MUTED, 2.0)
    assert second.end_reason is EndReason.SILENCE
    assert seconds(second.start_ns) == pytest.approx(3.3)
    assert (
        second.samples_start_ns == second.start_ns
    )  # the robot's voice is not part of the padding
    assert hearing.stats.muted_ns == 1300 * NS_PER_MS


def test_the_message_that_the_robot_speaks_comes_late() -> None:
    hearing = make_hearing()
    audio = chunks(sound((1.0, 0.0), (3.0, SPOKEN), (1.0, 0.0)))
    events = [event for chunk in audio[:150] for event in hearing.push(chunk)]
    events += hearing.set_muted(STAMP + 2 * NS_PER_S, True)
    (utterance,) = utterances(events)
    assert (utterance.end_reason, seconds(utterance.end_ns)) == (EndReason.MUTED, 2.0)
    assert seconds(utterance.decided_ns) == 3.0
    assert len(utterance.samples) == round(1.2 * SAMPLE_RATE)
    events += [event for chunk in audio[150:] for event in hearing.push(chunk)]
    check_order([*events, *hearing.flush()])
    assert len(utterances(events)) == 1


def test_the_message_that_the_robot_speaks_comes_early() -> None:
    hearing = make_hearing()
    assert hearing.set_muted(STAMP + 2 * NS_PER_S, True) == []
    audio = chunks(sound((1.0, 0.0), (3.0, SPOKEN), (1.0, 0.0)))
    (utterance,) = utterances(process(audio, hearing))
    assert (utterance.end_reason, seconds(utterance.end_ns)) == (EndReason.MUTED, 2.0)


def test_a_repeated_message_that_the_robot_speaks_changes_nothing() -> None:
    hearing = make_hearing(mute_release=0.0)
    for second, muted in ((1, True), (1.5, True), (2, False), (2.5, False)):
        hearing.set_muted(STAMP + round(second * NS_PER_S), muted)
    process(chunks(sound((5.0, 0.0))), hearing)
    assert hearing.stats.muted_ns == NS_PER_S


def test_the_time_of_the_echo_can_be_changed_while_it_listens() -> None:
    hearing = make_hearing(mute_release=0.0)
    hearing.set_mute_release(0.5)
    hearing.set_muted(STAMP + NS_PER_S, True)
    hearing.set_muted(STAMP + 2 * NS_PER_S, False)
    process(chunks(sound((5.0, 0.0))), hearing)
    assert hearing.stats.muted_ns == 1500 * NS_PER_MS


def test_reset_ends_what_is_under_way_and_forgets_the_clock() -> None:
    hearing = make_hearing()
    audio = chunks(sound((0.5, 0.0), (1.0, SPOKEN)))
    events = [event for chunk in audio for event in hearing.push(chunk)]
    events += hearing.reset()
    assert hearing.heard_ns is None
    events += [event for chunk in audio for event in hearing.push(chunk)]
    events += hearing.flush()
    check_order(events)
    assert [(u.utterance_id, u.end_reason) for u in utterances(events)] == [
        ('u1', EndReason.END),
        ('u2', EndReason.END),
    ]
    assert hearing.stats.jumps_back == 0


def test_without_audio_there_are_no_events() -> None:
    hearing = make_hearing()
    assert (
        hearing.flush()
        == hearing.reset()
        == hearing.set_muted(STAMP, True)
        == hearing.set_muted(STAMP, False)
        == []
    )
    assert hearing.heard_ns is None


def test_a_drifting_sound_card_neither_splits_nor_overlaps_utterances() -> None:
    for parts_per_million in (-500, 500):
        hearing = make_hearing()
        audio = chunks(np.tile(sound((0.6, 0.0), (0.6, SPOKEN)), 100))
        drifting = [
            AudioChunk(
                STAMP + (c.stamp_ns - STAMP) * (10**6 + parts_per_million) // 10**6,
                c.samples,
                c.rate,
            )
            for c in audio
        ]
        found = utterances(process(drifting, hearing))
        assert len(found) == 100
        assert hearing.stats.gaps == hearing.stats.overlaps == 0
        check_apart(found)
        drift = 120 * parts_per_million / 1e6
        assert seconds(found[-1].end_ns) == pytest.approx(120 + drift, abs=0.005)


def test_memory_does_not_grow() -> None:
    hearing = make_hearing()
    second = sound((0.5, 0.0), (0.5, SPOKEN)).reshape(-1, 1)
    for n in range(60):
        hearing.push(AudioChunk(STAMP + n * NS_PER_S, second, SAMPLE_RATE))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for n in range(60, 360):
        hearing.push(AudioChunk(STAMP + n * NS_PER_S, second, SAMPLE_RATE))
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 50_000


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                'speech',
                'silence',
                'gap',
                'back',
                'far back',
                'mute',
                'unmute',
                'bad',
                'reset',
                'flush',
                'rate',
                'again',
            ]
        ),
        st.floats(0.001, 3.0),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(ACTIONS)
@example([('speech', 1.0), ('back', 0.5), ('bad', 1.0), ('speech', 0.1)])
def test_whatever_happens_every_start_has_an_end(actions: list[tuple[str, float]]) -> None:
    hearing = make_hearing(SegmenterConfig(max_utterance_duration=3.0))
    events: list[SpeechEvent] = []
    now_ns, rate = STAMP, SAMPLE_RATE
    last: AudioChunk | None = None

    def push(samples: FloatArray) -> None:
        nonlocal now_ns, last
        last = AudioChunk(now_ns, samples.reshape(-1, 1), rate)
        events.extend(hearing.push(last))
        now_ns += last.duration_ns

    for action, duration in actions:
        match action:
            case 'speech' | 'silence':
                level = SPOKEN if action == 'speech' else 0.0
                samples = sound((duration, level))
                for first in range(0, len(samples), 1111):
                    push(samples[first : first + 1111])
            case 'bad':
                push(np.full(100, np.nan, np.float32))
            case 'gap':
                now_ns += round(duration * NS_PER_S)
            case 'back' | 'far back':
                now_ns -= round(duration * NS_PER_S) * (1 if action == 'back' else 100)
            case 'mute' | 'unmute':
                stamp_ns = now_ns + round((duration - 1.5) * NS_PER_S)
                events.extend(hearing.set_muted(stamp_ns, action == 'mute'))
            case 'reset':
                events.extend(hearing.reset())
            case 'flush':
                events.extend(hearing.flush())
            case 'rate':
                rate = 48000 if rate == SAMPLE_RATE else SAMPLE_RATE
            case 'again' if last is not None:
                events.extend(hearing.push(last))
    events += hearing.flush()
    check_order(events)
    if hearing.stats.jumps_back == 0 and 'reset' not in dict(actions):
        check_apart(utterances(events))
