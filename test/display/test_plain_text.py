"""Text from messages does not act on the terminal."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from emotion_node.display.plain_text import json_line, plain


def test_words_of_all_languages_stay_as_they_are() -> None:
    for text in ('Grüße, 你好', 'שלום', 'می\u200cخواهم', '👩\u200d🚀 — “joy”…', ''):
        assert plain(text) == text
        assert json_line(text) == f'"{text}"'


def test_what_acts_on_a_terminal_is_replaced_everywhere_in_a_record() -> None:
    record = {'text': 'a\x1b[2Jb', 'list': [{'name': 'c\u202ed'}, 0.5, 'e\nf']}
    assert plain(record) == {'text': 'a\ufffd[2Jb', 'list': [{'name': 'c\ufffdd'}, 0.5, 'e f']}


def test_numbers_that_json_does_not_have_are_null() -> None:
    assert (
        json_line({'a': float('nan'), 'b': [float('-inf'), 1.5]})
        == '{"a": null, "b": [null, 1.5]}'
    )


@given(st.text())
def test_no_text_acts_and_json_says_the_same(text: str) -> None:
    line = json_line({'text': text})
    for shown in (plain(text), line):
        assert not {'Cc', 'Cs', 'Zl', 'Zp'} & set(map(unicodedata.category, shown))
        assert not set(shown) & set(
            '\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f'
        )
    assert json.loads(line)['text'] == text
