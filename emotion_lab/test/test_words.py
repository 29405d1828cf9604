"""What the laboratory says of a recogniser's words: alignment, confidence, errors as Whisper's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_lab.data.alignment import align
from emotion_lab.data.decoding import DecodedSegment, Decoder
from emotion_lab.data.heard import Heard, HeardUtterance
from emotion_lab.data.metrics import word_errors
from emotion_lab.data.noise import CONDITIONS, sound_alikes
from emotion_lab.data.spoken import SpokenClip, normal_words
from emotion_lab.data.whisper_errors import marked_words, whisper_errors, write_as_whisper
from emotion_lab.evaluation.confidence import calibration, evaluate_confidence
from emotion_lab.evaluation.languages import prefix_errors
from emotion_lab.training.whisper_errors import as_pair, count
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

SILENCE: FloatArray = np.zeros(0, np.float32)
WORDS = st.lists(st.sampled_from('abcd'), max_size=7)
SAID = (
    "Oh my God, he's lost it. He's totally lost it! Could we go to the bank, close our accounts "
    'and cut them off at the source? Remember that cute client I told you about?'
)


@given(WORDS, WORDS)
def test_an_alignment_has_the_fewest_errors_and_all_words_in_order(
    said: Sequence[str], written: Sequence[str]
) -> None:
    steps = align(said, written)
    assert sum(not step.right for step in steps) == word_errors(said, written)
    assert [step.said for step in steps if step.said is not None] == list(range(len(said)))
    places = [step.written for step in steps if step.written is not None]
    assert places == list(range(len(written)))
    for step in steps:
        if step.right:
            assert step.said is not None
            assert step.written is not None
            assert said[step.said] == written[step.written]


def test_small_numbers_are_words() -> None:
    assert normal_words('Set green in Z 3.', 'en') == ['set', 'green', 'in', 'z', 'three']
    assert normal_words('In 7 Stunden', 'de') == ['in', 'sieben', 'stunden']


def test_a_sentence_that_is_cut_off_counts_as_far_as_it_fits() -> None:
    sentence = ['das', 'will', 'sie', 'am', 'mittwoch', 'abgeben']
    assert prefix_errors(sentence, sentence[:4]) == (0, -4)
    assert prefix_errors(sentence, ['das', 'will', 'sieh', 'am']) == (1, -4)


def test_confidence_that_is_the_share_of_right_words_has_no_calibration_error() -> None:
    sure = np.array([0.25, 0.75])
    assert calibration(sure, np.array([8.0, 4.0]), np.array([2.0, 3.0]))['ece'] == 0.0
    assert calibration(sure, np.array([8.0, 4.0]), np.array([8.0, 3.0]))['ece'] == 0.5


def heard(corpus: str, place: int, right: bool) -> Heard:
    clip = SpokenClip(corpus, f'{place}', 'a', 'en', 'one two three four', lambda: SILENCE)
    text = ' one two three four' if right else ' five six three eleven'
    likely = -0.1 if right else -0.9
    segment = DecodedSegment(text, likely, 0.05, 1.0, (1, 2, 3, 4))
    return Heard(clip, 'clean', [HeardUtterance(2.0, [segment])])


def test_the_fit_finds_the_share_of_right_words_on_a_corpus_that_it_has_not_seen() -> None:
    figures = evaluate_confidence(
        [heard(corpus, k, k % 3 > 0) for corpus in ('A', 'B', 'C') for k in range(30)]
    )
    for row in figures['rows']:
        assert row['right'] == pytest.approx((20 + 10 / 4) / 30)
        assert row['held_out'] == pytest.approx(row['right'], abs=0.05)
    assert figures['held_out']['ece'] < figures['evidence']['ece']


def test_marks_stand_with_the_word_before_them() -> None:
    assert [(one.word, one.mark) for one in marked_words("Well… I don’t -- really?! It's 5.")] == [
        ('Well', '.'),
        ('I', ''),
        ("don't", ','),
        ('really', '?'),
        ("It's", ''),
        ('5', '.'),
    ]


def test_text_as_whisper_writes_it_has_its_errors_in_runs_and_its_marks() -> None:
    rng = np.random.default_rng(0)
    said = normal_words(SAID, 'en')
    texts = [write_as_whisper(SAID, sound_alikes(), rng) for _ in range(300)]
    wrong = sum(word_errors(said, normal_words(text, 'en')) for text in texts)
    assert wrong / (300 * len(said)) == pytest.approx(whisper_errors().word_error_rate, abs=0.04)
    assert all(text[0].isupper() for text in texts)
    assert whisper_errors().error_after_error > 1.5 * whisper_errors().error_after_right
    exclaimed = sum(text.count('!') for text in texts) / 300
    assert exclaimed < SAID.count('!'), 'Whisper seldom exclaims'


def test_a_text_never_loses_all_its_words() -> None:
    rng = np.random.default_rng(0)
    lossy = dataclasses.replace(
        whisper_errors(), error_after_right=1.0, substituted=0.0, deleted=1.0
    )
    assert write_as_whisper('Really?', sound_alikes(), rng, lossy) == 'Really?'
    assert CONDITIONS['whisper'].apply('?!', 'dev 1 4') == '?!'


def test_what_was_written_is_counted() -> None:
    counted = count(
        [
            as_pair('MELD', 'Go home! Now.', 'Go home. No.'),
            as_pair('MELD', 'I know.', 'I know you.'),
            as_pair('MELD', 'Oh really?', 'Really?'),
        ],
        'three',
    )
    assert counted.words == 7
    assert counted.word_error_rate == pytest.approx(3 / 7, abs=1e-4)
    assert counted.substituted == counted.deleted == pytest.approx(1 / 3, abs=1e-4)
    assert counted.inserted == {'you': 1}
    assert counted.marks['!'][2] > 0, 'the exclamation became a full stop'


def test_audio_is_decoded_once(tiny_whisper: object, tmp_path: Path) -> None:
    assert callable(tiny_whisper)
    samples = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    folder = str(tiny_whisper('babble'))
    first = Decoder(folder, 15.0, tmp_path).segments(samples)
    again = Decoder(folder, 15.0, tmp_path)
    assert again.segments(samples) == first
    assert again._loaded is None, 'the words came from the store'
