"""Which language an utterance is recognised in, and whether its words are translated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.speech import feed, noise

from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.backends.whisper_language import (
    POOR_UTTERANCES,
    SETTLE_S,
    SpokenLanguage,
    translation_rule,
)
from emotion_node.datatypes import FloatArray


def say(
    spoken: SpokenLanguage, code: str, share: float = 0.95, seconds: float = 2.0, sure: float = 0.8
) -> str:
    """Speak one utterance that sounds like a language; return what it is recognised in."""
    chosen = spoken.choose(lambda: {code: share, 'la': 1 - share}, seconds)
    spoken.commit(sure)
    return chosen


def refuse() -> dict[str, float]:
    raise AssertionError('the language is settled')


def test_a_language_is_settled_by_the_first_utterances_and_not_asked_for_again() -> None:
    spoken = SpokenLanguage()
    for _ in range(round(SETTLE_S / 2)):
        assert not spoken.settled
        assert say(spoken, 'de') == 'de'
    assert spoken.settled == 'de'
    assert spoken.choose(refuse, 3.0) == 'de'


def test_a_short_sound_does_not_change_the_language_of_those_before_it() -> None:
    spoken = SpokenLanguage()
    assert say(spoken, 'de', seconds=3.0) == 'de'
    assert say(spoken, 'ja', share=0.7, seconds=0.5) == 'de'


def test_nothing_is_settled_while_the_utterances_disagree() -> None:
    spoken = SpokenLanguage()
    for code in ('de', 'am', 'pl', 'en', 'sw'):
        say(spoken, code, share=0.4)
    assert not spoken.settled


def test_another_language_is_heard_after_several_utterances_of_low_confidence() -> None:
    spoken = SpokenLanguage()
    for _ in range(3):
        say(spoken, 'en')
    for _ in range(POOR_UTTERANCES - 1):
        assert say(spoken, 'de', sure=0.1) == 'en'
    say(spoken, 'en', sure=0.9)
    assert spoken.settled == 'en', 'one that is understood speaks for the language'
    for _ in range(POOR_UTTERANCES):
        assert say(spoken, 'de', sure=0.1) == 'en'
    assert say(spoken, 'de', seconds=3.0) == 'de'


def test_an_utterance_that_is_looked_at_often_or_dropped_does_not_count_for_more() -> None:
    spoken = SpokenLanguage()
    for seconds in (0.5, 1.0, 1.5, 2.0, 9.0):
        spoken.choose(lambda: {'de': 1.0}, seconds)
    spoken.discard()
    spoken.commit(0.9)
    assert not spoken.settled
    for seconds in (0.5, 1.0, 1.5):
        spoken.choose(lambda: {'de': 1.0}, seconds)
    spoken.commit(0.9)
    assert not spoken.settled


@given(
    st.lists(st.tuples(st.sampled_from(['en', 'de', 'pl']), st.floats(0.1, 15.0), st.floats(0, 1)))
)
def test_whatever_is_said_some_language_is_chosen(
    utterances: Sequence[tuple[str, float, float]],
) -> None:
    spoken = SpokenLanguage()
    for code, seconds, sure in utterances:
        assert say(spoken, code, 0.6, seconds, sure) in ('en', 'de', 'pl', 'la')


@pytest.mark.parametrize(
    ('emotion_text', 'languages', 'translated'),
    [
        ('auto', ('en',), {'de', 'am'}),
        ('auto', ('de', 'en'), {'am'}),
        ('auto', (), set()),
        ('auto', ('de',), set()),
        ('original', ('en',), set()),
        ('translate', ('de', 'en'), {'de', 'am'}),
    ],
)
def test_words_are_translated_where_the_text_model_does_not_know_their_language(
    emotion_text: str, languages: tuple[str, ...], translated: set[str]
) -> None:
    rule = translation_rule(emotion_text, languages)
    assert {tag for tag in ('en', 'de', 'am') if rule(tag)} == translated


def test_one_encoding_serves_the_language_the_words_and_their_translation(
    tiny_whisper: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whisper = WhisperTranscriber(
        str(tiny_whisper('thanks')), language='auto', threads=1, translates=lambda tag: True
    )
    encoded: list[int] = []
    encode = whisper.model.encode

    def counting(features: FloatArray) -> object:
        encoded.append(features.shape[-1])
        return encode(features)

    monkeypatch.setattr(whisper.model, 'encode', counting)
    transcript = feed(whisper.stream(), noise(1.0))
    assert len(encoded) == 1
    probabilities = whisper.language_probabilities(noise(1.0))
    assert transcript.locale == max(probabilities, key=lambda tag: probabilities[tag])
    assert np.isclose(sum(probabilities.values()), 1.0, atol=1e-3)
    assert transcript.text == transcript.translation == 'Thank you'
    assert (transcript.read_text, transcript.read_locale) == ('Thank you', 'en')
