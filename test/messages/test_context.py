"""An emotion as one line of JSON for a language model."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.emotions import changed_fusion, emotion
from support.scripted import scores

from emotion_node.datatypes import EmotionReport, ModalityEmotion, ModelInfo
from emotion_node.labels import Modality
from emotion_node.messages.context import Contexts, carried_by


def of(modality: Modality, label: str, weight: float, share: float = 0.8) -> ModalityEmotion:
    made = ModalityEmotion.from_scores(modality, scores(**{label: share}), ModelInfo())
    return replace(made, weight=weight)


def line(report: EmotionReport) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(Contexts().line(report))
    return fields


def test_the_tag_says_what_is_felt_and_what_shows_it() -> None:
    report = changed_fusion(
        emotion(1, text='I got the job!'),
        scores=scores(joy=0.8),
        text=of(Modality.TEXT, 'joy', 0.4),
        voice=of(Modality.VOICE, 'joy', 0.5),
        face=of(Modality.FACE, 'neutral', 0.1),
    )
    fields = line(report)
    assert fields['tagged'] == '[joy 0.8, voice and words] I got the job!'
    assert fields['carried_by'] == ['voice', 'words']
    assert (fields['label'], fields['confidence']) == ('joy', 0.8)


@pytest.mark.parametrize('share', [0.3, 0.49])
def test_words_of_an_uncertain_emotion_have_no_tag(share: float) -> None:
    fields = line(changed_fusion(emotion(1, text='well'), scores=scores(joy=share)))
    assert fields['tagged'] == 'well'
    assert fields['label'] == 'joy'


def test_where_no_modality_answers_so_itself_the_strongest_one_carries_it() -> None:
    fused = changed_fusion(
        emotion(1),
        scores=scores(joy=0.6),
        text=of(Modality.TEXT, 'neutral', 0.3),
        voice=of(Modality.VOICE, 'anger', 0.7),
    ).fused
    assert carried_by(fused) == ('voice',)


def test_nothing_known_is_nothing_said() -> None:
    fields = line(emotion(1, '', ''))
    assert (fields['label'], fields['confidence'], fields['tagged']) == ('', 0.0, '')
    assert fields['carried_by'] == []


def test_the_change_is_that_since_the_last_turn_of_the_same_speaker() -> None:
    contexts = Contexts()
    anna = emotion(1, 'sadness', speaker_id='s1')
    ben = emotion(2, 'anger', speaker_id='s2')
    again = changed_fusion(emotion(4, 'joy', speaker_id='s1'), valence=0.75)
    first, other, second = (json.loads(contexts.line(one)) for one in (anna, ben, again))
    assert first['change'] is None
    assert other['change'] is None
    assert second['change'] == {'from': 'sadness', 'valence': 0.25, 'arousal': 0.0, 'seconds': 15}
    # A recording that begins again is no change.
    assert json.loads(contexts.line(emotion(3, 'fear', speaker_id='s1')))['change'] is None
    unknown = [json.loads(contexts.line(emotion(n, speaker_id=''))) for n in (5, 6)]
    assert [one['change'] for one in unknown] == [None, None]


@given(st.text())
def test_whatever_is_said_stays_one_line_and_outside_of_the_brackets(text: str) -> None:
    written = Contexts().line(changed_fusion(emotion(1, text=text), scores=scores(joy=0.9)))
    assert len(written.splitlines()) == 1 or not {'\n', '\r'} & set(written)
    tagged = json.loads(written)['tagged']
    assert tagged.count('[') == tagged.count(']') == 1
    assert '\n' not in tagged


def test_every_number_is_short() -> None:
    fields = line(changed_fusion(emotion(1), valence=1 / 3, arousal=float(np.float32(0.1))))
    assert (fields['valence'], fields['arousal']) == (0.333, 0.1)
