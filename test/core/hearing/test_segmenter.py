"""Where utterances begin and end, given the probability of speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.speech import STAMP, check_order, seconds, utterances

from emotion_node.config import SegmenterConfig
from emotion_node.core.hearing.audio_buffer import AudioBuffer
from emotion_node.core.hearing.segmenter import SpeechSegmenter, required_capacity
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FloatArray,
    SpeechAudio,
    SpeechDropped,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
)

FRAME = 160
CONFIG = SegmenterConfig(activation_threshold=0.6, deactivation_threshold=0.3)


def segment(
    probabilities: Sequence[float],
    samples: FloatArray | None = None,
    config: SegmenterConfig = CONFIG,
    delays_ns: tuple[int, int] = (0, 0),
    splits: Mapping[float, tuple[float, float]] | None = None,
) -> list[SpeechEvent]:
    """Return the events for one probability per 10 ms, and check what always holds.

    `splits` are stretches of time to split in, by when that is asked for, all in seconds.
    """
    buffer = AudioBuffer(required_capacity(config))
    buffer.begin(STAMP, ClockSource.HEADER)
    frame_ns = FRAME * NS_PER_SAMPLE
    ids = iter(f'u{n}' for n in range(1, 1000))
    segmenter = SpeechSegmenter(config, buffer, frame_ns, *delays_ns, ids)
    if samples is None:
        samples = np.arange(len(probabilities) * FRAME, dtype=np.float32)
    events: list[SpeechEvent] = []
    for n, probability in enumerate(probabilities):
        buffer.append(samples[n * FRAME : (n + 1) * FRAME])
        events += segmenter.push_frame(STAMP + n * frame_ns, probability)
        if splits and n + 1 in {round(at * 100) for at in splits}:
            start, end = (STAMP + round(x * NS_PER_S) for x in splits[(n + 1) / 100])
            events += segmenter.split(start, end, buffer.end_ns)
    events += segmenter.end(buffer.end_ns, buffer.end_ns, EndReason.END)
    check_order(events)
    return events


def spans(events: list[SpeechEvent]) -> list[tuple[float, float]]:
    return [
        (round(seconds(u.start_ns), 3), round(seconds(u.end_ns), 3)) for u in utterances(events)
    ]


def script(*pieces: tuple[float, float]) -> list[float]:
    """Return probabilities made of (seconds, probability) pieces."""
    return [p for duration, p in pieces for _ in range(round(duration * 100))]


def test_speech_in_silence_is_one_utterance() -> None:
    events = segment(script((1, 0), (1.5, 0.9), (1, 0)))
    (utterance,) = utterances(events)
    assert spans(events) == [(1.0, 2.5)]
    assert utterance.end_reason is EndReason.SILENCE
    assert seconds(utterance.decided_ns) == 2.9
    assert seconds(utterance.samples_start_ns) == 0.8
    first = round(0.8 * SAMPLE_RATE)
    np.testing.assert_array_equal(utterance.samples, np.arange(first, 2.6 * SAMPLE_RATE))


def test_it_is_announced_while_it_lasts() -> None:
    events = segment(script((1, 0), (1.5, 0.9), (1, 0)))
    started, audio = events[:2]
    assert isinstance(started, SpeechStarted)
    assert isinstance(audio, SpeechAudio)
    assert seconds(started.start_ns) == 1.0
    assert seconds(started.decided_ns) == 1.1
    assert seconds(audio.stamp_ns) == 0.8
    assert len(audio.samples) == 0.3 * SAMPLE_RATE


def test_a_short_pause_belongs_to_the_utterance_and_a_long_one_ends_it() -> None:
    assert spans(segment(script((1, 0), (1, 1), (0.3, 0), (1, 1), (1, 0)))) == [(1, 3.3)]
    assert spans(segment(script((1, 0), (1, 1), (0.6, 0), (1, 1), (1, 0)))) == [(1, 2), (2.6, 3.6)]


def test_between_the_thresholds_nothing_changes() -> None:
    doubtful = (2, 0.45)
    assert spans(segment(script(doubtful, (1, 0)))) == []
    assert spans(segment(script((1, 0), (0.5, 0.7), doubtful, (1, 0)))) == [(1, 3.5)]
    paused = script((1, 0), (0.5, 0.7), (0.1, 0.2), doubtful, (1, 0))
    assert spans(segment(paused)) == [(1, 1.5)]


def test_a_click_is_ignored_and_a_cough_is_dropped() -> None:
    assert segment(script((1, 0), (0.09, 1), (1, 0))) == []
    events = segment(script((1, 0), (0.15, 1), (1, 0)))
    assert isinstance(events[-1], SpeechDropped)
    assert (seconds(events[-1].end_ns), seconds(events[-1].decided_ns)) == (1.15, 1.55)


def test_two_coughs_are_not_enough_speech_however_far_apart() -> None:
    config = replace(CONFIG, min_utterance_duration=0.4)
    events = segment(script((1, 0), (0.15, 1), (0.3, 0), (0.15, 1), (1, 0)), config=config)
    assert isinstance(events[-1], SpeechDropped)


def test_the_delay_of_the_detector_is_subtracted() -> None:
    delays_ns = (30 * NS_PER_MS, 50 * NS_PER_MS)
    events = segment(script((1, 0), (1, 1), (1, 0)), delays_ns=delays_ns)
    assert spans(events) == [(0.97, 1.95)]
    (utterance,) = utterances(events)
    assert seconds(utterance.decided_ns) == 2.35


def test_a_monologue_is_cut_where_it_is_quietest() -> None:
    samples = 0.3 * np.ones(40 * SAMPLE_RATE, np.float32)
    quiet = (5.0, 13.7, 14.5, 26.0, 36.5)
    for at in quiet:
        samples[round((at - 0.1) * SAMPLE_RATE) : round((at + 0.1) * SAMPLE_RATE)] *= 0.1
    samples[round(12.9 * SAMPLE_RATE) : round(13.0 * SAMPLE_RATE)] *= 0.5
    config = replace(CONFIG, max_utterance_duration=15.0)
    events = segment(script((40, 0.9)), samples, config)
    found = utterances(events)
    assert [u.end_reason for u in found] == [
        EndReason.MAX_LENGTH,
        EndReason.MAX_LENGTH,
        EndReason.END,
    ]
    cuts = [seconds(u.end_ns) for u in found]
    assert abs(cuts[0] - 13.7) < 0.1
    assert abs(cuts[1] - 26.0) < 0.1
    assert [u.start_ns for u in found[1:]] == [u.end_ns for u in found[:-1]]
    np.testing.assert_array_equal(np.concatenate([u.samples for u in found]), samples)


def test_speech_after_a_cut_continues_at_once() -> None:
    config = replace(CONFIG, max_utterance_duration=3.0)
    events = segment(script((5, 0.9)), config=config)
    ended = next(n for n, event in enumerate(events) if not isinstance(event, SpeechAudio) and n)
    started, audio = events[ended + 1 : ended + 3]
    assert isinstance(started, SpeechStarted)
    assert isinstance(audio, SpeechAudio)
    (first, *_) = utterances(events)
    assert started.start_ns == audio.stamp_ns == first.end_ns
    assert started.decided_ns == first.decided_ns
    assert audio.stamp_ns + len(audio.samples) * NS_PER_SAMPLE == started.decided_ns


def test_a_cut_in_a_pause_leaves_the_pause_out_of_both_parts() -> None:
    config = replace(CONFIG, max_utterance_duration=3.0)
    samples = np.full(5 * SAMPLE_RATE, 0.3, np.float32)
    samples[round(2.3 * SAMPLE_RATE) : round(2.6 * SAMPLE_RATE)] = 0
    events = segment(script((2.3, 0.9), (0.3, 0), (2.4, 0.9)), samples, config)
    first, second = utterances(events)
    assert spans(events) == [(0.0, 2.3), (2.6, 5.0)]
    assert len(first.samples) + len(second.samples) == len(samples)


def test_the_rest_after_a_cut_is_kept_however_short() -> None:
    config = replace(CONFIG, max_utterance_duration=3.0, min_utterance_duration=0.5)
    samples = np.full(5 * SAMPLE_RATE, 0.3, np.float32)
    samples[round(2.4 * SAMPLE_RATE) : round(2.6 * SAMPLE_RATE)] = 0
    events = segment(script((3.02, 0.9), (1.98, 0)), samples, config)
    first, second = utterances(events)
    assert first.end_reason is EndReason.MAX_LENGTH
    assert seconds(second.end_ns) == 3.02


def test_where_the_speaker_changes_it_is_split_at_the_quietest_point_nearby() -> None:
    samples = np.full(6 * SAMPLE_RATE, 0.3, np.float32)
    for at in (1.0, 2.6, 4.5):
        samples[round((at - 0.05) * SAMPLE_RATE) : round((at + 0.05) * SAMPLE_RATE)] *= 0.1
    events = segment(script((6, 0.9)), samples, splits={3.2: (2.1, 3.0)})
    first, second = utterances(events)
    assert first.end_reason is EndReason.SPEAKER_CHANGE
    assert abs(seconds(first.end_ns) - 2.6) < 0.05
    assert second.start_ns == first.end_ns
    assert seconds(first.decided_ns) == 3.2
    np.testing.assert_array_equal(np.concatenate([first.samples, second.samples]), samples)


@settings(max_examples=40, deadline=None)
@given(
    asked=st.integers(20, 390),
    start=st.floats(-1, 5),
    length=st.floats(-0.5, 2),
    silent=st.integers(0, 3),
)
def test_a_split_loses_nothing_and_leaves_speech_on_both_sides(
    asked: int, start: float, length: float, silent: int
) -> None:
    samples = np.random.default_rng(asked).normal(0, 0.1, 4 * SAMPLE_RATE).astype(np.float32)
    probabilities = script((0.5 * silent, 0.0), (4 - 0.5 * silent, 0.9))
    found = utterances(
        segment(probabilities, samples, splits={asked / 100: (start, start + length)})
    )
    joined = np.concatenate([one.samples for one in found])
    np.testing.assert_array_equal(joined, samples[len(samples) - len(joined) :])
    if len(found) == 2:
        assert start <= seconds(found[0].end_ns) <= start + length
        assert min(len(one.samples) for one in found) >= 0.2 * SAMPLE_RATE


def test_padding_never_duplicates_audio() -> None:
    config = replace(CONFIG, padding=1.0, trailing_padding=1.0, min_silence_duration=0.4)
    events = segment(script((1, 0), (1, 1), (0.5, 0), (1, 1), (2, 0)), config=config)
    first, second = utterances(events)
    end_ns = first.samples_start_ns + len(first.samples) * NS_PER_SAMPLE
    assert end_ns <= second.samples_start_ns
    assert seconds(first.samples_start_ns) == 0.0


def pauses(events: list[SpeechEvent]) -> list[SpeechPaused]:
    return [event for event in events if isinstance(event, SpeechPaused)]


def reported_audio(events: list[SpeechEvent], utterance_id: str) -> FloatArray:
    """Return the audio that was reported of an utterance."""
    return np.concatenate(
        [
            event.samples
            for event in events
            if isinstance(event, SpeechAudio) and event.utterance_id == utterance_id
        ]
    )


def test_a_pause_is_reported_once_with_the_utterance_as_it_is_if_it_ends_there() -> None:
    events = segment(script((1, 0), (1, 1), (0.3, 0), (1, 1), (1, 0)))
    first, last = pauses(events)
    (utterance,) = utterances(events)
    assert (seconds(first.utterance.end_ns), seconds(last.utterance.end_ns)) == (2.0, 3.3)
    assert last.utterance.holds_the_same(utterance)
    assert not first.utterance.holds_the_same(utterance)
    np.testing.assert_array_equal(last.utterance.samples, utterance.samples)
    assert seconds(last.utterance.decided_ns) < seconds(utterance.decided_ns) == 3.7


def test_the_recogniser_gets_the_audio_of_the_utterance() -> None:
    for pieces in (((1, 1), (1, 0)), ((1, 1), (0.3, 0), (1, 1), (1, 0)), ((1, 1), (0.3, 0))):
        events = segment(script((1, 0), *pieces))
        (utterance,) = utterances(events)
        np.testing.assert_array_equal(reported_audio(events, 'u1'), utterance.samples)


def test_a_pause_is_not_reported_when_shorter_than_the_padding_or_after_too_little_speech() -> (
    None
):
    hasty = replace(CONFIG, min_silence_duration=0.1)
    assert not pauses(segment(script((1, 0), (1, 1), (1, 0)), config=hasty))
    assert not pauses(segment(script((1, 0), (0.15, 1), (1, 0))))
