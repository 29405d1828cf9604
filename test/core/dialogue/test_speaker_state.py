"""How a speaker seems to feel now, and as a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import SECOND, scores

from emotion_node.core.dialogue.speaker_state import SpeakerState, Trend, find_state
from emotion_node.core.dialogue.turns import DialogueTurn
from emotion_node.display.sentences import describe_state
from emotion_node.labels import LABELS, valence_arousal


def turn(number: int, label: str, end_s: float, speaker: str = 's1') -> DialogueTurn:
    shares = scores(**{label: 0.8}) if label else None
    valence, arousal = (0.0, 0.0) if shares is None else valence_arousal(shares)
    end_ns = round(end_s * SECOND)
    return DialogueTurn(
        f'u{number}', speaker, end_ns - SECOND, end_ns, 'w', label, shares, valence, arousal
    )


TALK = (turn(1, 'sadness', 5.0), turn(2, 'anger', 8.0, 's2'), turn(3, 'joy', 20.0))


def test_the_last_words_count_most() -> None:
    state = find_state(TALK, 21 * SECOND)
    assert (state.speaker_id, state.label, state.trend) == ('s1', 'joy', Trend.MORE_POSITIVE)
    assert state.utterance_ids == ('u1', 'u3')
    assert state.age_ns == SECOND
    assert describe_state(state) == (
        f's1 seems happy (confidence {state.confidence:.2f}), more positive than before.'
    )
    other = find_state(TALK, 21 * SECOND, 's2')
    assert (other.label, other.trend) == ('anger', Trend.UNKNOWN)
    assert describe_state(other) == (
        f's2 seemed angry 13 seconds ago (confidence {other.confidence:.2f}).'
    )


def test_nobody_knows_for_ever() -> None:
    state = find_state(TALK, 1000 * SECOND)
    assert (state.label, state.confidence, state.trend) == ('', 0.0, Trend.UNKNOWN)
    assert describe_state(state) == 'How s1 feels is unknown; last heard 16 minutes ago.'


@pytest.mark.parametrize(
    ('turns', 'speaker', 'sentence'),
    [
        ((), '', 'Nobody has been heard yet.'),
        (TALK, 's9', 's9 has not been heard.'),
        ((turn(1, '', 5.0),), 's1', 'How s1 feels is unknown; last heard 1 second ago.'),
        (
            (turn(1, '', 5.0, ''),),
            '',
            'How an unknown speaker feels is unknown; last heard 1 second ago.',
        ),
    ],
)
def test_nothing_known_is_unknown(
    turns: tuple[DialogueTurn, ...], speaker: str, sentence: str
) -> None:
    state = find_state(turns, 6 * SECOND, speaker)
    assert (state.label, state.confidence, state.valence) == ('', 0.0, 0.0)
    assert describe_state(state) == sentence


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=6), st.integers(0, 200))
def test_confidence_only_falls_with_time_and_shifted_time_changes_nothing(
    labels: list[str], age_s: int
) -> None:
    def states(shift: int) -> tuple[SpeakerState, SpeakerState]:
        turns = [turn(n, label, shift + 3.0 * n) for n, label in enumerate(labels, 1)]
        now_ns = turns[-1].end_ns + age_s * SECOND
        return find_state(turns, now_ns), find_state(turns, now_ns + 10 * SECOND)

    now, later = states(0)
    assert later.confidence <= now.confidence
    assert abs(later.valence) <= abs(now.valence)
    assert states(1_000) == (now, later)
