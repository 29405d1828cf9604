"""Faces and voices in the messages of REP-155."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from emotion_node.datatypes import FacialCue, Transcript
from emotion_node.faces import Box
from emotion_node.labels import LABELS
from emotion_node.messages.humans import (
    EXPRESSIONS,
    HumansEncoder,
    decode_live_speech,
    locale_name,
)
from emotion_node.messages.reports import plain

SPOKEN = Transcript('I got the job', 0.8, 'en')


@pytest.mark.parametrize(
    ('tag', 'name'),
    [('en', 'en_US'), ('en-GB', 'en_GB'), ('de', 'de_DE'), ('ja', 'ja_JP'), ('', ''), ('q', 'q')],
)
def test_a_language_without_a_region_gets_the_usual_one(tag: str, name: str) -> None:
    assert locale_name(tag) == name


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'language'}, {'language': 'en'}),
        ({'locale'}, {'locale': 'en_US'}),
        ({'language', 'locale'}, {'language': 'en', 'locale': 'en_US'}),
    ],
    ids=['2.0', '2.3', '2.1'],
)
def test_words_fit_every_version_of_the_message(
    fields: set[str], expected: dict[str, str]
) -> None:
    said = HumansEncoder(plain, fields, 'microphone').speech(3_000_000_001, SPOKEN)
    header = {'stamp': {'sec': 3, 'nanosec': 1}, 'frame_id': 'microphone'}
    assert said == {
        'header': header, 'incremental': '', 'final': SPOKEN.text, 'confidence': 0.8, **expected
    }  # fmt: skip


@pytest.mark.parametrize('field', ['language', 'locale'])
def test_words_of_every_version_are_understood(field: str) -> None:
    def message(incremental: str, final: str, confidence: float = 0.5) -> Any:
        stamp = SimpleNamespace(sec=7, nanosec=5)
        return SimpleNamespace(
            header=SimpleNamespace(stamp=stamp, frame_id=''),
            incremental=incremental,
            final=final,
            confidence=confidence,
            **{field: 'en_GB'},
        )

    report = decode_live_speech(message('I got', 'I got the job '), 9)
    assert report is not None
    assert report.stamp_ns == 7_000_000_005
    assert report.transcript == Transcript('I got the job', 0.5, 'en-GB', final=True)
    report = decode_live_speech(message('I got', '', float('nan')), 9)
    assert report is not None
    assert report.transcript == Transcript('I got', 0.0, 'en-GB', final=False)
    assert decode_live_speech(message(' ', ''), 9) is None


def test_a_face_that_leaves_the_image_has_a_region_within_it() -> None:
    region = HumansEncoder(plain, ()).region(None, Box(-20.0, 60.0, 120.0, 80.0), (100, 200), 0.7)
    assert region == {
        'header': None, 'xmin': 0.0, 'ymin': 0.6, 'xmax': 0.5, 'ymax': 1.0, 'c': 0.7
    }  # fmt: skip


def test_action_units_stand_at_their_codes() -> None:
    cues = (FacialCue('lip corner puller', 12, 0.75), FacialCue('eyes closed', 43, 0.0))
    units = HumansEncoder(plain, ()).action_units(None, cues, 0.9)
    assert len(units['intensity']) == len(units['confidence']) == 99
    assert {k: value for k, value in enumerate(units['intensity']) if value} == {12: 0.75}
    assert {k: value for k, value in enumerate(units['confidence']) if value} == {12: 0.9, 43: 0.9}


def test_every_label_is_an_expression() -> None:
    assert list(EXPRESSIONS) == list(LABELS)
    assert len(set(EXPRESSIONS.values())) == len(LABELS)
