"""The speaker of the utterance before, as evidence of who speaks now."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import SECOND, utterance
from support.talking_faces import TalkingFaces, live, spoken

from emotion_node.core.vision.active_speaker import SpeakerDecision
from emotion_node.core.vision.speaker_continuity import LatestSpeakers, PreviousSpeaker
from emotion_node.core.vision.stream import FaceVision
from emotion_node.datatypes import EndReason, Utterance

SURE = SpeakerDecision({'f1': 0.97, 'f2': 0.01}, 0.02)
"""The first face spoke."""
NOBODY = SpeakerDecision({'f1': 0.02, 'f2': 0.01}, 0.97)
"""Neither did."""
UNCLEAR = SpeakerDecision({'f1': 0.35, 'f2': 0.15}, 0.5)
"""Too short to say: the first face a little rather than the other one."""
OTHER = SpeakerDecision({'f1': 0.03, 'f2': 0.9}, 0.07)
"""The other face speaks."""

shares = st.lists(st.floats(0.001, 1.0), min_size=4, max_size=4)


def said(number: int, start_s: float, reason: EndReason = EndReason.SILENCE) -> Utterance:
    return dataclasses.replace(utterance(number, start_s, 1.0), end_reason=reason)


def decision(weights: list[float], names: str = 'abc') -> SpeakerDecision:
    total = sum(weights)
    return SpeakerDecision(
        {name: one / total for name, one in zip(names, weights, strict=False)}, weights[-1] / total
    )


def continued(
    first: SpeakerDecision,
    then: SpeakerDecision,
    pause_s: float = 0.4,
    reason: EndReason = EndReason.SILENCE,
) -> SpeakerDecision:
    """Return who spoke an utterance that follows another one after a pause."""
    speakers = LatestSpeakers()
    speakers.add(said(1, 1.0, reason), first, True)
    return speakers.add(said(2, 2.0 + pause_s), then, True)


def test_a_sentence_spoken_in_two_breaths_keeps_its_face() -> None:
    assert UNCLEAR.face_id == ''
    assert continued(SURE, UNCLEAR).face_id == 'f1'


def test_another_face_that_takes_over_does_not_inherit_the_turn() -> None:
    assert continued(SURE, OTHER).face_id == 'f2'
    assert continued(SURE, UNCLEAR, reason=EndReason.SPEAKER_CHANGE) == UNCLEAR
    shown = continued(SURE, UNCLEAR).scores
    assert shown['f2'] < UNCLEAR.scores['f2']


def test_nobody_stays_nobody() -> None:
    leaning = SpeakerDecision({'f1': 0.5, 'f2': 0.05}, 0.45)
    assert leaning.face_id == 'f1'
    assert continued(NOBODY, leaning).face_id == ''
    assert continued(NOBODY, SURE).face_id == 'f1'


def test_what_was_long_ago_says_nothing() -> None:
    faded = [continued(SURE, UNCLEAR, pause_s).scores['f1'] for pause_s in (0.2, 0.5, 2.0, 30.0)]
    assert faded == sorted(faded, reverse=True)
    assert faded[-1] == pytest.approx(UNCLEAR.scores['f1'], abs=1e-5)


def test_a_face_that_was_not_there_before_is_neither_more_nor_less_likely() -> None:
    now = SpeakerDecision({'f1': 0.2, 'f3': 0.5}, 0.3)
    then = continued(NOBODY, now)
    assert then.scores['f3'] / then.off_screen == pytest.approx(0.5 / 0.3)
    strangers = SpeakerDecision({'f7': 0.6}, 0.4)  # a film's cut: all faces are new
    assert continued(SURE, strangers) == strangers


@given(first=shares, then=shares, pause_s=st.floats(0, 100))
def test_all_probabilities_together_are_one(
    first: list[float], then: list[float], pause_s: float
) -> None:
    carried = PreviousSpeaker(decision(first), round(pause_s * SECOND)).carry(decision(then))
    assert sum(carried.scores.values()) + carried.off_screen == pytest.approx(1.0)


@given(first=shares, then=shares, pause_s=st.floats(0, 100))
def test_evidence_of_now_is_never_outweighed_by_more_than_ten_to_one(
    first: list[float], then: list[float], pause_s: float
) -> None:
    now = decision(then)
    carried = PreviousSpeaker(decision(first), round(pause_s * SECOND)).carry(now)
    before = np.array([*now.scores.values(), now.off_screen])
    change = np.array([*carried.scores.values(), carried.off_screen]) / before
    assert change.max() / change.min() < 10


def test_an_estimate_made_again_does_not_take_itself_for_the_utterance_before() -> None:
    speakers = LatestSpeakers()
    once = speakers.add(said(1, 1.0), UNCLEAR, True)
    assert speakers.add(said(1, 1.0), UNCLEAR, True) == once == UNCLEAR
    assert speakers.before('u1', SECOND) is None


def test_the_end_of_a_sentence_is_too_short_by_itself_and_has_the_face_of_its_beginning() -> None:
    faces = TalkingFaces(1, None)
    alone = FaceVision(faces)
    tail = spoken(1, 3.4, 0.3)
    tail = dataclasses.replace(tail, utterance_id='u2')
    _, without = live(alone, tail, until_s=4.5)
    vision = FaceVision(faces)
    _, begun = live(vision, spoken(1, 1.0, 2.0), until_s=3.3)
    _, with_it = live(vision, tail, start_ns=3 * SECOND + 320_000_000, until_s=1.2)
    assert begun.face_id == 'f1'
    assert with_it.speaker_confidence > without.speaker_confidence
    assert with_it.face_id == 'f1'
