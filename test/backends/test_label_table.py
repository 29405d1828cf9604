"""Labels of any classifier are mapped to the seven, and unknown ones are an error."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_node.backends.label_table import KNOWN, label_matrix, parse_table
from emotion_node.config import make_config
from emotion_node.errors import ModelError
from emotion_node.factory import load_models
from emotion_node.labels import LABELS

# Labels of published classifiers, from their model cards.
HARTMANN = ('anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise')
DAIR = ('sadness', 'joy', 'love', 'anger', 'fear', 'surprise')


TABLE = 'voice.transformers_labels'


def counted_as(labels: tuple[str, ...], table: str = '') -> list[str]:
    matrix = label_matrix(labels, parse_table(table, TABLE), TABLE)
    return [LABELS[int(row.argmax())] if row.any() else '' for row in matrix]


def test_our_own_labels_are_known_in_any_order_and_case() -> None:
    assert counted_as(HARTMANN) == list(HARTMANN)
    assert counted_as(tuple(label.upper() for label in LABELS)) == list(LABELS)


def test_synonyms_are_known_and_several_may_map_to_one_label() -> None:
    assert counted_as(DAIR) == ['sadness', 'joy', 'joy', 'anger', 'fear', 'surprise']
    assert counted_as(('happiness', 'fearful', 'disgusted')) == ['joy', 'fear', 'disgust']


def test_every_label_of_goemotions_is_known() -> None:
    names = [name for several in KNOWN.values() for name in several]
    assert len(names) == len(set(names))
    goemotions = (
        *('admiration', 'amusement', 'anger', 'annoyance', 'approval', 'caring', 'confusion'),
        *('curiosity', 'desire', 'disappointment', 'disapproval', 'disgust', 'embarrassment'),
        *('excitement', 'fear', 'gratitude', 'grief', 'joy', 'love', 'nervousness', 'optimism'),
        *('pride', 'realization', 'relief', 'remorse', 'sadness', 'surprise', 'neutral'),
    )
    assert len(goemotions) == 28
    assert set(goemotions) <= set(names)


def test_the_table_takes_precedence_over_known_labels() -> None:
    assert counted_as(DAIR, 'love=surprise')[2] == 'surprise'
    assert counted_as(('JOY', 'sad'), ' joy = anger ,, sad = fear ') == ['anger', 'fear']
    assert counted_as(('a=b', 'joy'), 'a=b=anger') == ['anger', 'joy']


def test_a_label_is_left_out_only_if_the_table_says_so() -> None:
    assert counted_as(('joy', 'irony'), 'irony=') == ['joy', '']
    with pytest.raises(ModelError, match=r'unknown meaning: irony, LABEL_7; map each in'):
        label_matrix(('joy', 'irony', 'LABEL_7'), {}, TABLE)
    with pytest.raises(ModelError, match='maps every label of the model to nothing'):
        label_matrix(('joy', 'sad'), parse_table('joy=, sad=', TABLE), TABLE)


@pytest.mark.parametrize(
    ('table', 'message'),
    [
        ('LABEL_0', r'expected "label=emotion", got \'LABEL_0\''),
        ('=joy', 'expected "label=emotion"'),
        ('LABEL_0=happiness', r"'LABEL_0' is mapped to 'happiness'; expected one of neutral"),
    ],
)
def test_a_malformed_table_is_rejected(table: str, message: str) -> None:
    with pytest.raises(ModelError, match=rf'^{TABLE}: .*{message}'):
        parse_table(table, TABLE)


def test_a_table_for_another_model_is_rejected() -> None:
    with pytest.raises(ModelError, match='names LABEL_0; the model has joy, sad'):
        label_matrix(('joy', 'sad'), {'LABEL_0': 'joy'}, TABLE)


@given(
    st.lists(st.sampled_from(['', *LABELS]), min_size=1, max_size=30).filter(any),
    st.integers(0, 2**32 - 1),
)
def test_sums_keep_all_probability_but_that_of_labels_left_out(ours: list[str], seed: int) -> None:
    labels = [f'LABEL_{n}' for n in range(len(ours))]
    matrix = label_matrix(labels, dict(zip(labels, ours, strict=True)), TABLE)
    given_scores = np.random.default_rng(seed).dirichlet(np.ones(len(ours)))
    found = given_scores @ matrix
    for place, label in enumerate(LABELS):
        parts = [p for p, mapped in zip(given_scores, ours, strict=True) if mapped == label]
        assert found[place] == pytest.approx(sum(parts))


def test_without_its_packages_the_backend_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, 'torch', None)  # as where it is not installed
    monkeypatch.delitem(sys.modules, 'emotion_node.backends.text_transformers', raising=False)
    config = make_config({'text.backend': 'transformers', 'transcriber.backend': 'off'})
    with pytest.raises(ModelError, match='needs the Python package torch: pip install torch tra'):
        load_models(config, print)
