"""How the partner's emotion changed."""

from __future__ import annotations

import pytest
from support.scripted import SECOND, scores

from emotion_node.core.dialogue.reaction import Reaction, find_reaction
from emotion_node.core.dialogue.turns import DialogueTurn
from emotion_node.labels import valence_arousal


def turn(number: int, label: str, end_s: float, speaker: str = 's1') -> DialogueTurn:
    label_scores = scores(**{label: 0.8}) if label else None
    valence, arousal = (0.0, 0.0) if label_scores is None else valence_arousal(label_scores)
    end_ns = round(end_s * SECOND)
    return DialogueTurn(
        f'u{number}', speaker, end_ns - SECOND, end_ns, 'w', label, label_scores, valence, arousal
    )


TALK = (turn(1, 'neutral', 5.0), turn(2, 'neutral', 10.0), turn(3, 'joy', 20.0))


def test_a_joke_made_the_partner_laugh() -> None:
    reaction = find_reaction(TALK, 12 * SECOND)
    assert reaction.known
    assert (reaction.before.label, reaction.after.label) == ('neutral', 'joy')
    assert reaction.valence_change > 0.3
    assert reaction.arousal_change > 0.2
    assert reaction.strength == pytest.approx(0.8 - 0.2 / 6, abs=1e-6)
    assert reaction.before.utterance_ids == ('u1', 'u2')
    assert reaction.after.utterance_ids == ('u3',)
    assert (reaction.speaker_id, reaction.speakers) == ('s1', ('s1',))


def test_no_change_has_no_strength() -> None:
    reaction = find_reaction(TALK[:2], 7 * SECOND)
    assert reaction.strength == pytest.approx(0.0, abs=1e-6)
    assert reaction.valence_change == pytest.approx(0.0, abs=1e-6)


def test_an_unknown_moment_is_the_one_before_the_last_utterance() -> None:
    assert _same(find_reaction(TALK), find_reaction(TALK, 19 * SECOND))


def _same(one: Reaction, other: Reaction) -> bool:
    return (one.before.utterance_ids, one.after.utterance_ids, one.strength) == (
        other.before.utterance_ids,
        other.after.utterance_ids,
        other.strength,
    )


def test_silence_since_then_is_reported_with_the_emotion_before() -> None:
    reaction = find_reaction(TALK, 30 * SECOND)
    assert not reaction.known
    assert reaction.problem == 'nothing was heard since then'
    assert reaction.before.label in ('joy', 'neutral')
    assert (reaction.strength, reaction.valence_change) == (0.0, 0.0)
    assert find_reaction(()).problem == 'nothing was heard yet'


def test_no_emotion_is_known_from_before() -> None:
    reaction = find_reaction(TALK, 0)
    assert not reaction.known
    assert reaction.problem == 'no emotion is known from before'
    assert reaction.after.utterance_ids == ('u1', 'u2', 'u3')


def test_utterances_without_an_emotion_are_no_evidence() -> None:
    reaction = find_reaction((*TALK, turn(4, '', 25.0)), 22 * SECOND)
    assert reaction.problem == 'no emotion was perceived since then'
    assert reaction.after.label == ''


def test_of_several_speakers_it_is_the_last_one_or_the_named_one() -> None:
    talk = (
        turn(1, 'neutral', 5.0, 's1'),
        turn(2, 'joy', 8.0, 's2'),
        turn(3, 'anger', 12.0, 's2'),
        turn(4, 'sadness', 15.0, 's1'),
    )
    last = find_reaction(talk, 10 * SECOND)
    assert (last.speaker_id, last.after.label) == ('s1', 'sadness')
    assert last.speakers == ('s2', 's1')
    named = find_reaction(talk, 10 * SECOND, 's2')
    assert (named.before.label, named.after.label) == ('joy', 'anger')
    assert named.after.utterance_ids == ('u3',)
    unheard = find_reaction(talk, 10 * SECOND, 's9')
    assert unheard.problem == 'nothing was heard of s9'


def test_utterances_nearer_to_the_moment_weigh_more() -> None:
    talk = (turn(1, 'anger', 5.0), turn(2, 'joy', 300.0), turn(3, 'neutral', 310.0))
    reaction = find_reaction(talk, 305 * SECOND, half_life_ns=60 * SECOND)
    assert reaction.before.label == 'joy'


def test_shifted_stamps_change_nothing() -> None:
    shift = 1_700_000_000
    moved = tuple(
        turn(n, label, end_s + shift)
        for n, label, end_s in ((1, 'neutral', 5.0), (2, 'neutral', 10.0), (3, 'joy', 20.0))
    )
    assert _same(find_reaction(moved, (12 + shift) * SECOND), find_reaction(TALK, 12 * SECOND))


def test_turns_whose_stamps_fall_back_by_years_are_no_fault() -> None:
    years_s = 3 * 365 * 86_400.0
    turns = (turn(1, 'joy', years_s), turn(2, 'anger', 5.0), turn(3, 'neutral', 20.0))
    for since_s in (1.0, 10.0, years_s - 1):
        reaction = find_reaction(turns, round(since_s * SECOND))
        assert 0.0 <= reaction.strength <= 1.0
