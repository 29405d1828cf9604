"""Emotions are printed with their evidence, in a hundred columns."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from rich.console import Console
from support.emotions import changed_fusion, emotion

from emotion_node.config import PrivacyConfig
from emotion_node.datatypes import (
    AudibleOrVisible,
    EmotionReport,
    ExpressionCheck,
    ModalityEmotion,
    Reason,
    Trigger,
)
from emotion_node.display.terminal import EmotionDisplay
from emotion_node.labels import LABELS, Modality
from emotion_node.messages.privacy import outgoing


def printed(*reports: EmotionReport) -> str:
    out = io.StringIO()
    display = EmotionDisplay(Console(file=out, width=100))
    for report in reports:
        display.show(report)
    return out.getvalue()


def test_an_emotion_is_shown_with_its_evidence() -> None:
    text = printed(emotion(1), emotion(2))
    first, second, rest = text.split('\n' + ' ' * 100 + '\n')
    assert rest == ''
    for part in (
        'joy 0.60',
        'valence +0.50',
        '“I am so happy”',
        'little-text 3 · 9 tokens · 4.0 ms',
        'voice   absent: too short',
        'face    absent: no model',
        'lip corner puller · face: partly shown',
        '0.46 s after speech  (0.40 s silence, 0.05 s words)',
        *LABELS,
    ):
        assert part in first
    assert 'brow lowerer' not in first
    assert '    0.0 s' in first
    assert '    5.0 s' in second
    assert len(first.splitlines()) <= 12
    assert max(map(len, text.splitlines())) <= 100
    assert '\x1b' not in text  # no colours outside of a terminal
    bars = dict(re.findall(r'(\w+) +(█+)', first))
    assert len(bars['joy']) == 12


def test_words_that_are_hidden_are_not_taken_for_none() -> None:
    hidden = outgoing(emotion(1), PrivacyConfig('hide'))
    assert isinstance(hidden, EmotionReport)
    text = printed(hidden)
    assert '(words hidden)' in text
    assert 'happy' not in text
    assert 'little-text 3' in text, 'the emotion of the words is there'


def test_an_unknown_emotion_is_shown_without_bars() -> None:
    text = printed(emotion(label='', text=''))
    assert 'emotion unknown' in text
    assert '(no words recognised)' in text
    assert 'sadness' not in text


def test_another_expression_of_the_face_is_named() -> None:
    report = emotion(check=ExpressionCheck.OTHER_EXPRESSION, shown='anger')
    assert 'face: another expression (anger)' in printed(report)


def test_without_a_face_nothing_is_said_of_it() -> None:
    face = ModalityEmotion.absent(Modality.FACE, Reason.SPEAKER_NOT_VISIBLE)
    report = changed_fusion(
        emotion(face_id=''),
        face=face,
        expression_check=ExpressionCheck.NOT_VISIBLE,
        audible_or_visible=AudibleOrVisible.NONE,
    )
    text = printed(report)
    assert 'face    absent: the speaker is not in view' in text
    assert 'speaker unknown' in text
    assert 'face:' not in text


def test_markup_in_words_is_printed_as_it_is() -> None:
    text = printed(emotion(text='[red]stop[/red] [/] ' + 'and on ' * 60))
    assert '[red]stop[/red] [/]' in text
    assert len(text.splitlines()) <= 12


def test_an_interim_estimate_takes_one_line() -> None:
    text = printed(replace(emotion(), trigger=Trigger.INTERIM))
    assert text.splitlines() == ['    0.0 s  …  2.0 s  joy 0.60  “I am so happy”']
