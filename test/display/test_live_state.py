"""What a viewer shows: the utterance under way, the emotions so far, the state of the node."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.emotions import emotion

from emotion_node.datatypes import NS_PER_S, EmotionReport, Trigger
from emotion_node.display.live_state import (
    MAX_FINALS,
    MAX_SPEAKERS,
    SILENT_AFTER_S,
    SPEAKING_NOW,
    UNKNOWN_SPEAKER,
    HealthEntry,
    LiveState,
)


def interim(number: int, after_s: float, text: str = '') -> EmotionReport:
    """Return an estimate of an utterance under way, some time after its start."""
    report = emotion(number, text=text, trigger=Trigger.INTERIM)
    return replace(report, end_ns=report.start_ns + round(after_s * NS_PER_S))


def test_an_utterance_is_shown_from_its_first_sound_to_its_emotion() -> None:
    state = LiveState()
    state.take_start('u1')
    assert state.view(0.0).speaking
    state.take_words('u1', 'I am')
    assert state.view(0.0).words == 'I am'
    state.take_emotion(interim(1, 0.5, 'I am so'))
    view = state.view(0.0)
    assert view.interim is not None
    assert view.words == 'I am so'
    state.take_end('u1', dropped=False)
    view = state.view(0.0)
    assert not view.speaking
    assert view.under_way  # its words stay until its emotion is there
    assert view.words == 'I am so'
    state.take_emotion(emotion(1, speaker_id='s1'))
    view = state.view(0.0)
    assert not view.under_way
    assert view.interim is None
    assert [one.utterance_id for one in view.finals] == ['u1']


def test_a_sound_too_short_to_be_an_utterance_leaves_nothing() -> None:
    state = LiveState()
    state.take_start('u1')
    state.take_emotion(interim(1, 0.3))
    state.take_end('u1', dropped=True)
    view = state.view(0.0)
    assert not view.under_way
    assert view.curves == {}


def test_interim_points_go_to_the_speaker_who_is_known_at_the_end() -> None:
    state = LiveState()
    for after_s in (0.5, 0.6, 1.2):
        state.take_emotion(interim(1, after_s))
    assert len(state.view(0.0).curves[SPEAKING_NOW]) == 2  # 0.6 s is too close to 0.5 s
    state.take_emotion(emotion(1, speaker_id='s1'))
    curves = state.view(0.0).curves
    assert list(curves) == ['s1']
    assert [one.final for one in curves['s1']] == [False, False, True]


def test_an_estimate_that_comes_after_its_emotion_changes_nothing() -> None:
    state = LiveState()
    state.take_emotion(emotion(1))
    state.take_emotion(interim(1, 1.9))
    assert not state.view(0.0).under_way


def test_a_node_that_falls_silent_is_said_to_be_so() -> None:
    state = LiveState()
    assert 'no node' in state.view(5.0).health[0].text
    entries = [HealthEntry('audio', 'ok', '50 messages per second')]
    state.take_health(entries, 10.0)
    assert state.view(10.0 + SILENT_AFTER_S / 2).health == tuple(entries)
    silent = state.view(20.0)
    assert silent.health[0].text == 'the node has not answered for 10 s: does it run?'
    assert silent.revision != state.view(21.0).revision  # the seconds are counted
    state.take_health(entries, 22.0)
    assert state.view(22.0).health == tuple(entries)


def test_the_latency_is_the_median_of_what_was_measured() -> None:
    state = LiveState()
    assert math.isnan(state.view(0.0).median_latency_s)
    for number, processing_ns in enumerate((50_000_000, 1_600_000_000, 100_000_000)):
        state.take_emotion(emotion(number, processing_ns=processing_ns))
    assert state.view(0.0).median_latency_s == 0.5


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), max_size=120))
def test_whatever_comes_the_state_stays_small_and_true(
    messages: list[tuple[int, bool, bool]],
) -> None:
    state = LiveState()
    finals = []
    for number, (speaker, is_final, known) in enumerate(messages):
        report = emotion(number, label='joy' if known else '', speaker_id=f's{speaker}')
        if is_final:
            finals.append(report)
        else:
            report = replace(report, trigger=Trigger.INTERIM)
        state.take_emotion(report)
    view = state.view(0.0)
    assert list(view.finals) == finals[-MAX_FINALS:]
    spoken = [name for name in view.curves if name != SPEAKING_NOW]
    assert len(spoken) <= MAX_SPEAKERS
    assert UNKNOWN_SPEAKER not in spoken
    for points in view.curves.values():
        assert [one.stamp_ns for one in points] == sorted(one.stamp_ns for one in points)
