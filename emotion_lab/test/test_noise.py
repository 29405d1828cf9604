"""Text as speech recognisers write it: plain, and with as many word errors as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_lab.data.datasets import DatasetError, read_meld
from emotion_lab.data.metrics import word_errors
from emotion_lab.data.noise import CONDITIONS, corrupt, plain_text, sound_alikes

SAID = (
    "Oh my God, he's lost it. He's totally lost it. We could go to the bank, close our accounts "
    'and cut them off at the source. Remember that cute client I told you about?'
)


def test_plain_text_is_what_recognisers_write() -> None:
    assert plain_text("“Well… I DON’T know!” – 'Really?' Café's 27-year-old, rock 'n' roll") == (
        "well i don't know really cafe's 27 year old rock n roll"
    )


@pytest.mark.parametrize('wer', [0.05, 0.15, 0.35, 0.6])
def test_the_word_error_rate_is_as_requested(wer: float) -> None:
    rng = np.random.default_rng(1)
    said = plain_text(SAID).split()
    wrong = sum(word_errors(said, corrupt(SAID, wer, rng).split()) for _ in range(300))
    assert wrong / (300 * len(said)) == pytest.approx(wer, rel=0.07)


def test_no_errors_leave_plain_text() -> None:
    assert corrupt(SAID, 0.0, np.random.default_rng(0)) == plain_text(SAID)


def test_at_least_one_word_is_left() -> None:
    rng = np.random.default_rng(0)
    assert all(corrupt('What?!', 1.0, rng) for _ in range(200))
    assert corrupt('?!', 0.5, rng) == ''


def test_words_are_replaced_by_words_that_sound_alike() -> None:
    assert 'leave' in sound_alikes()['love']
    assert 'four' in sound_alikes()['for']
    assert all(word not in others for word, others in sound_alikes().items())


@pytest.mark.parametrize('name', CONDITIONS)
def test_a_condition_gives_the_same_text_each_time(name: str) -> None:
    condition = CONDITIONS[name]
    first = condition.apply(SAID, 'dev 1 2')
    assert condition.apply(SAID, 'dev 1 2') == first
    assert (condition.apply(SAID, 'dev 1 3') == first) == (name in ('gold', 'plain'))
    assert condition.apply('?!', 'dev 1 4') == '?!'


def test_the_conditions_of_measurement_have_their_rate_on_meld() -> None:
    try:
        rows = read_meld('dev')
    except DatasetError as error:
        pytest.skip(str(error))
    for name, wer in (('plain', 0.0), ('wer15', 0.15), ('wer35', 0.35)):
        wrong = total = 0
        for row in rows:
            said = plain_text(row.text).split()
            key = f'dev {row.dialogue_id} {row.utterance_id}'
            wrong += word_errors(said, CONDITIONS[name].apply(row.text, key).split())
            total += len(said)
        assert wrong / total == pytest.approx(wer, abs=0.012)
