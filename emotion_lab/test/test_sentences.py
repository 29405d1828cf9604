"""The everyday sentences: what they are, and how they are marked."""

from __future__ import annotations

from collections import Counter

import numpy as np

from emotion_lab.data.sentences import HALVES, MARKINGS, plain, read_sentences, swapped
from emotion_lab.evaluation.sentences import sentence_figures
from emotion_node.datatypes import ModalityEmotion, ModelInfo
from emotion_node.labels import LABELS, Modality


def test_each_label_has_fifteen_sentences_in_each_half_and_none_comes_twice() -> None:
    sentences = read_sentences()
    counts = Counter((one.split, one.label) for one in sentences)
    assert counts == {(half, k): 15 for half in HALVES for k in range(len(LABELS))}
    assert len({plain(one.text) for one in sentences}) == len(sentences)


def test_no_sentence_but_a_neutral_one_names_its_emotion() -> None:
    names = {'joy', 'happy', 'sad', 'angry', 'surprised', 'afraid', 'scared', 'disgusting'}
    for one in read_sentences():
        if LABELS[one.label] != 'neutral':
            assert not names & set(plain(one.text).split()), one.text


def test_markings_change_marks_alone() -> None:
    assert swapped('Oh! I saw. Did you? 3.5, they said.') == 'Oh. I saw! Did you. 3.5, they said!'
    assert plain("No, I don't know. It's 3.") == "no i don't know it's 3"
    for one in read_sentences():
        assert len({plain(marking(one.text)) for marking in MARKINGS.values()}) == 1


class Shouting:
    """Takes for anger what ends with "!", and all else for neutral."""

    info = ModelInfo('shouting')
    languages: tuple[str, ...] = ()

    def estimate(self, text: str, history: object = (), speaker_id: str = '') -> ModalityEmotion:
        label = LABELS.index('anger' if text.endswith('!') else 'neutral')
        scores = np.eye(len(LABELS), dtype=np.float32)[label]
        return ModalityEmotion(Modality.TEXT, scores=scores)


def test_a_model_that_hears_anger_in_each_exclamation_mark_loses_neutral_talk() -> None:
    figures = sentence_figures(Shouting(), read_sentences(), 'test')
    assert figures['sentences'] == 105
    assert figures['neutral_recall'] == {'written': 1.0, 'plain': 1.0} | {
        'swapped': figures['neutral_recall']['swapped']
    }
    assert figures['neutral_exclaimed'] == 0.0
    assert figures['recall']['fear'] == 0.0
