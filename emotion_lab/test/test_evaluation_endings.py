"""How it is counted which words end a sentence."""

from __future__ import annotations

from emotion_lab.evaluation.endings import count_endings, words_and_ends


def test_a_sentence_ends_at_its_punctuation_and_not_where_it_trails_off() -> None:
    assert list(words_and_ends('Oh my God! Well... I, "Really?"')) == [
        ('oh', False),
        ('my', False),
        ('god', True),
        ('well', False),
        ('i', False),
        ('really', True),
    ]
    table = count_endings(['we went home. and then', 'and we stayed home.'] * 8)
    assert table['home'] > 0 > table['and']
