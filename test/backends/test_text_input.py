"""The input of the text model: the utterance, then the turns before it, latest first."""

from __future__ import annotations

import pytest
from support.scripted import PastTurn
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from emotion_node.backends.text_input import (
    MAX_OWN_TOKENS,
    MAX_TOKENS,
    MAX_TURN_TOKENS,
    InputBuilder,
    TextInput,
)
from emotion_node.model_store.manifest import find_model


@pytest.fixture(scope='module')
def tokenizer() -> Tokenizer:
    return Tokenizer.from_buffer(find_model('text').file('tokenizer').read())


@pytest.fixture(scope='module')
def builder(tokenizer: Tokenizer) -> InputBuilder:
    return InputBuilder(tokenizer)


def words(tokenizer: Tokenizer, given: TextInput) -> list[str]:
    return [tokenizer.id_to_token(token) or '' for token in given.ids]


def spaced(tokens: str) -> list[str]:
    return tokens.split()


def turns(*said: tuple[str, str]) -> list[PastTurn]:
    return [PastTurn(speaker, text) for speaker, text in said]


def test_the_utterance_comes_first_then_the_past_latest_first(
    tokenizer: Tokenizer, builder: InputBuilder
) -> None:
    past = turns(('ann', 'Good morning.'), ('bob', 'Hello!'))
    given = builder.build('Sit down.', past, 'ann')
    assert words(tokenizer, given) == (
        [
            '[CLS]',
            'a',
            ':',
            'sit',
            'down',
            '.',
            '[SEP]',
            'b',
            ':',
            'hello',
            '!',
            '[SEP]',
            'a',
            ':',
            'good',
            'morning',
            '.',
            '[SEP]',
        ]
    )
    assert given.types == [0] * 7 + [1] * 11
    assert given.words == 3


def test_names_stand_for_speakers_where_ids_are_names(
    tokenizer: Tokenizer, builder: InputBuilder
) -> None:
    given = builder.build('Hi.', turns(('Ross', 'Hey.')), 'Rachel', names=True)
    assert words(tokenizer, given) == [
        '[CLS]',
        'rachel',
        ':',
        'hi',
        '.',
        '[SEP]',
        'ross',
        ':',
        'hey',
        '.',
        '[SEP]',
    ]


def test_unknown_speakers_have_no_letter(tokenizer: Tokenizer, builder: InputBuilder) -> None:
    given = builder.build('Hi.', turns(('', 'Hey.')))
    assert words(tokenizer, given) == spaced('[CLS] hi . [SEP] hey . [SEP]')
    # The unknown speaker may be one of the others, so A stays free.
    given = builder.build('Hi.', turns(('bob', 'Hey.')))
    assert words(tokenizer, given) == spaced('[CLS] hi . [SEP] b : hey . [SEP]')


def test_only_the_last_two_turns_with_words_are_used(
    tokenizer: Tokenizer, builder: InputBuilder
) -> None:
    past = turns(('', 'one'), ('', 'two'), ('', ' '), ('', 'three'), ('', 'four'), ('', ''))
    given = builder.build('five', past)
    assert words(tokenizer, given) == [
        '[CLS]',
        'five',
        '[SEP]',
        'four',
        '[SEP]',
        'three',
        '[SEP]',
    ]


def test_long_input_is_truncated_where_it_matters_least(
    tokenizer: Tokenizer, builder: InputBuilder
) -> None:
    long = 'no ' * 500
    given = builder.build('start ' + long, turns(('x', long + 'end'), ('y', long), ('z', long)))
    assert len(given.ids) <= MAX_TOKENS
    assert given.types.count(0) == MAX_OWN_TOKENS
    assert words(tokenizer, given)[1] == 'start'
    given = builder.build('Hi.', turns(('x', long + 'end')), 'y')
    assert given.types.count(1) == MAX_TURN_TOKENS
    assert words(tokenizer, given)[-2] == 'end'


def test_a_very_long_name_leaves_room_for_the_words(
    tokenizer: Tokenizer, builder: InputBuilder
) -> None:
    given = builder.build('Hello there.', turns(('y ' * 300, 'Hi.')), 'x ' * 300, names=True)
    assert 'there' in words(tokenizer, given)
    assert 'hi' in words(tokenizer, given)


def test_a_tokenizer_of_another_family_is_rejected() -> None:
    with pytest.raises(ValueError, match=r'no \[CLS\] or no \[SEP\]'):
        InputBuilder(Tokenizer(WordLevel({'a': 0}, unk_token='a')))
