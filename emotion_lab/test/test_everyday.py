"""Everyday language: what the readers make of it, and marks that say nothing of the emotion."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.data.everyday import (
    MAX_WORDS,
    MIN_WORDS,
    read_dailydialog,
    read_isear,
    read_written,
    untokenised,
)
from emotion_lab.data.marks import draw_marks
from emotion_lab.data.noise import CONDITIONS, plain_text
from emotion_lab.data.samples import PastTurn, dailydialog_samples, written_samples
from emotion_lab.data.sentences import read_sentences
from emotion_node.labels import LABELS


@pytest.mark.parametrize(
    ('tokenised', 'written'),
    [
        ("I ' m here , Tom .", "I'm here, Tom."),
        ("Don ' t you know ? He ’ s late !", "Don't you know? He's late!"),
        ('Sounds good.What do you want ?', 'Sounds good. What do you want?'),
        ('At 3.50 , p.m. or so .', 'At 3.50, p.m. or so.'),
    ],
)
def test_tokenised_dialogue_is_written_as_people_do(tokenised: str, written: str) -> None:
    assert untokenised(tokenised) == written


def test_dailydialog_keeps_the_order_of_its_turns(tmp_path: Path) -> None:
    turns = [('A', 'Hi .', 'neutral'), ('B', 'We won !', 'happiness'), ('A', 'No ?', 'surprised')]
    dialogue = [
        {'turn': n, 'speaker': speaker, 'utterance': text, 'emotion': emotion}
        for n, (speaker, text, emotion) in enumerate(turns, start=1)
    ]
    folder = tmp_path / 'dailydialog_reccon'
    folder.mkdir()
    (folder / 'dailydialog_valid.json').write_text(json.dumps({'tr_1': [dialogue, dialogue]}))
    samples = dailydialog_samples('dev', CONDITIONS['plain'], tmp_path)
    assert [(one.text, LABELS[one.label]) for one in samples[:3]] == [
        ('hi', 'neutral'),
        ('we won', 'joy'),
        ('no', 'surprise'),
    ]
    assert samples[2].history == (PastTurn('A', 'hi'), PastTurn('B', 'we won'))
    assert samples[3].history == ()
    assert samples[3].group == 1
    with pytest.raises(DatasetError, match='no DailyDialog at'):
        read_dailydialog('train', tmp_path)
    (folder / 'dailydialog_train.json').write_text('{"tr_1": [[{"emotion": "bored"}]]}')
    with pytest.raises(DatasetError, match='is not DailyDialog'):
        read_dailydialog('train', tmp_path)


def test_isear_leaves_out_what_no_label_is_for(tmp_path: Path) -> None:
    rows = [
        'joy|When I passed the á last exam of all.|',
        'shame|When I did not speak the truth.|',
        'fear|[ No response.]|',
        'anger|Friends.|',
        'disgust|When a dog ate what it had left.|',
    ]
    (tmp_path / 'isear').mkdir()
    file = tmp_path / 'isear' / 'isear.csv'
    file.write_text('\n'.join(['Field1|SIT|', *rows]), encoding='utf-8')
    assert [(LABELS[one.label], one.text) for one in read_isear(tmp_path)] == [
        ('joy', 'I passed the last exam of all.'),
        ('disgust', 'When a dog ate what it had left.'),
    ]
    file.write_text('a|b\n')
    with pytest.raises(DatasetError, match='is not ISEAR'):
        read_isear(tmp_path)


def test_published_everyday_sets_are_read_whole() -> None:
    try:
        root = data_root()
        train, dev = read_dailydialog('train', root), read_dailydialog('dev', root)
        memories = read_isear(root)
    except DatasetError as error:
        pytest.skip(str(error))
    assert (len(train), len(dev)) == (8206, 493)
    assert not any(' .' in turn.text or ' ,' in turn.text for turn in dev)
    assert min(Counter(one.label for one in memories).values()) > 900
    assert all(MIN_WORDS <= len(one.text.split()) <= MAX_WORDS for one in memories)


def test_each_label_has_hundreds_of_written_sentences_without_open_choices() -> None:
    texts = read_written()
    assert min(Counter(one.label for one in texts).values()) > 400
    assert not any(set('{|}') & set(one.text) for one in texts)
    assert not any(one.text.startswith(',') or ' ,' in one.text for one in texts)
    assert len({len(one.history) for one in written_samples()}) == 3


def test_no_written_sentence_is_one_of_those_that_are_measured() -> None:
    measured = [set(plain_text(one.text).split()) for one in read_sentences()]
    for one in read_written():
        words = set(plain_text(one.text).split())
        near = max(len(words & other) / len(words | other) for other in measured)
        assert near < 0.6, one.text


@given(st.integers(0, 10_000), st.text(alphabet='ab .!?,\n', max_size=30))
def test_drawn_marks_change_marks_alone(seed: int, text: str) -> None:
    drawn = draw_marks(text, np.random.default_rng(seed))
    assert plain_text(drawn) == plain_text(text)
    if '?' not in text:
        assert '?' not in drawn


def test_a_mark_is_as_likely_whatever_was_written() -> None:
    rng = np.random.default_rng(0)
    ends = {
        mark: Counter(draw_marks(f'I see{mark}', rng)[-1] for _ in range(4000)) for mark in '.!'
    }
    for mark in '.!':
        assert ends[mark]['e'] == pytest.approx(800, rel=0.15)
    # It is kept in a fifth of the texts.
    assert ends['.']['!'] == pytest.approx(1200, rel=0.15)
    assert ends['!']['.'] == pytest.approx(1200, rel=0.15)
