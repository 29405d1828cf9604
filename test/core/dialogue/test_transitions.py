"""How earlier turns change the scores of the next one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.scripted import SECOND, known, scores

from emotion_node.config import DialogueConfig
from emotion_node.core.dialogue.transitions import TransitionFilter, counted_transitions
from emotion_node.core.dialogue.turns import DialogueTurn
from emotion_node.datatypes import FusedScores, ModalityEmotion, Reason
from emotion_node.labels import LABELS, MODALITIES

CONFIG = DialogueConfig(transition_power=0.5, half_life=30.0)


def doubtful() -> FusedScores:
    text, voice, face = (ModalityEmotion.absent(one, Reason.MODEL_OFF) for one in MODALITIES)
    return FusedScores(scores(neutral=0.3), 0.0, 0.0, text, voice, face)


def turn(speaker: str, label: str, end_s: float = 10.0) -> DialogueTurn:
    end_ns = round(end_s * SECOND)
    return DialogueTurn(
        'u1', speaker, end_ns - SECOND, end_ns, 'words', label, scores(**{label: 0.9})
    )


def filtered(*turns: DialogueTurn, speaker: str = 'a', at_s: float = 11.0) -> dict[str, float]:
    after = TransitionFilter(CONFIG).apply(doubtful(), turns, speaker, round(at_s * SECOND))
    assert after.scores is not None
    assert after.scores.sum() == pytest.approx(1.0, abs=1e-6)
    return dict(zip(LABELS, after.scores.tolist(), strict=True))


@pytest.mark.parametrize('label', LABELS)
def test_an_emotion_lasts(label: str) -> None:
    before = dict(zip(LABELS, scores(neutral=0.3).tolist(), strict=True))
    assert filtered(turn('a', label))[label] > before[label]


def test_the_anger_of_another_weighs_less_than_ones_own() -> None:
    plain = filtered()['anger']
    assert plain < filtered(turn('b', 'anger'))['anger'] < filtered(turn('a', 'anger'))['anger']


def test_an_unknown_speaker_or_no_turns_change_nothing() -> None:
    answer = doubtful()
    prior = TransitionFilter(CONFIG)
    for given in (
        prior.apply(answer, (), 'a', 0),
        prior.apply(answer, (turn('a', 'anger'),), '', 11 * SECOND),
        prior.apply(answer, (turn('', 'anger'),), 'a', 11 * SECOND),
    ):
        np.testing.assert_allclose(known(given.scores), known(answer.scores), rtol=1e-6)
    off = TransitionFilter(dataclasses.replace(CONFIG, transition_power=0.0))
    assert off.apply(answer, (turn('a', 'anger'),), 'a', 11 * SECOND) is answer


def test_an_unknown_answer_stays_unknown() -> None:
    unknown = dataclasses.replace(doubtful(), scores=None)
    assert TransitionFilter(CONFIG).apply(unknown, (turn('a', 'joy'),), 'a', 0) is unknown


def test_the_effect_fades_with_time() -> None:
    angers = [filtered(turn('a', 'anger'), at_s=at_s)['anger'] for at_s in (10, 20, 60, 3600)]
    assert angers == sorted(angers, reverse=True)
    assert angers[-1] == pytest.approx(filtered()['anger'], abs=1e-4)


def test_shifted_stamps_change_nothing() -> None:
    shift_s = 1_700_000_000
    moved = filtered(turn('a', 'fear', 10 + shift_s), at_s=11 + shift_s)
    assert moved == pytest.approx(filtered(turn('a', 'fear')))


def test_only_the_last_turn_of_each_speaker_counts() -> None:
    long = filtered(turn('a', 'joy', 5.0), turn('b', 'fear', 6.0), turn('a', 'anger'))
    assert long == pytest.approx(filtered(turn('b', 'fear', 6.0), turn('a', 'anger')))


def test_the_shipped_table_holds_probabilities() -> None:
    table = counted_transitions()
    for rows in (table.own, table.other, table.shares[None]):
        np.testing.assert_allclose(rows.sum(axis=1), 1.0)
        assert rows.min() > 0
