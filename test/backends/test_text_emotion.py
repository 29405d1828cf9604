"""The shipped text model, run as the node runs it."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.manifests import with_file
from support.scripted import PastTurn

from emotion_node.backends.text_onnx import OnnxTextEmotion
from emotion_node.backends.vad_silero import find_silero
from emotion_node.datatypes import ModalityEmotion, Reason
from emotion_node.errors import ModelError
from emotion_node.labels import LABELS, Modality
from emotion_node.model_store.manifest import ModelEntry, find_model

GOLDEN = json.loads((Path(__file__).parent / 'golden' / 'text_emotion.json').read_text())


def load(entry: ModelEntry, threads: int = 1) -> OnnxTextEmotion:
    return OnnxTextEmotion(entry, threads)


@pytest.fixture(scope='module')
def entry() -> ModelEntry:
    return find_model('text')


@pytest.fixture(scope='module')
def model(entry: ModelEntry) -> OnnxTextEmotion:
    return load(entry)


def of_case(model: OnnxTextEmotion, case: dict[str, Any]) -> list[float]:
    history = [PastTurn(speaker, text) for speaker, text in case['history']]
    return scores(model.estimate(case['text'], history, case['speaker_id']))


def scores(emotion: ModalityEmotion) -> list[float]:
    assert emotion.scores is not None
    return [float(score) for score in emotion.scores]


@pytest.mark.parametrize(
    ('text', 'label'),
    [
        ('I am so happy for you, this is wonderful!', 'joy'),
        ('Oh my God! What?!', 'surprise'),
        ('Get out of my house! I hate you!', 'anger'),
        ('I miss her so much. I am so sad.', 'sadness'),
        ('The meeting is on the second floor at three.', 'neutral'),
    ],
)
def test_words_show_their_emotion(model: OnnxTextEmotion, text: str, label: str) -> None:
    emotion = model.estimate(text)
    assert emotion.label == label
    assert emotion.available
    assert emotion.reason is Reason.NONE
    assert emotion.modality is Modality.TEXT
    assert emotion.model == model.info
    assert emotion.confidence > 0.3


@pytest.mark.parametrize(
    'text', ['?!', '...', ' ', '😀', '你好', 'a' * 5000, 'no ' * 5000, '\x00']
)
def test_any_text_gets_probabilities(model: OnnxTextEmotion, text: str) -> None:
    emotion = model.estimate(text)
    assert sum(scores(emotion)) == pytest.approx(1, abs=1e-5)
    assert min(scores(emotion)) >= 0
    assert len(scores(emotion)) == len(LABELS)
    assert 0 <= emotion.samples_used <= 64


def test_typographic_and_plain_characters_are_read_alike(model: OnnxTextEmotion) -> None:
    typographic = model.estimate('That’s great… isn’t it?')
    assert scores(typographic) == scores(model.estimate("That's great... isn't it?"))


def test_the_turns_before_make_a_difference(model: OnnxTextEmotion) -> None:
    alone = scores(model.estimate('Yes.'))
    past = [PastTurn('', 'We are going to have a baby!'), PastTurn('', 'Oh my God! Really?!')]
    assert scores(model.estimate('Yes.', past)) != alone
    assert scores(model.estimate('Yes.', [PastTurn('', ' ')])) == alone


def test_speakers_are_distinguished_but_their_ids_make_no_difference(
    model: OnnxTextEmotion,
) -> None:
    past = [PastTurn('voice_7', 'You lied to me.'), PastTurn('voice_2', 'I did not!')]
    renamed = [PastTurn('x', 'You lied to me.'), PastTurn('y', 'I did not!')]
    by_7 = scores(model.estimate('You did.', past, 'voice_7'))
    assert by_7 == scores(model.estimate('You did.', renamed, 'x'))
    assert by_7 != scores(model.estimate('You did.', past, 'voice_2'))


def test_words_show_their_emotion_without_punctuation(model: OnnxTextEmotion) -> None:
    assert model.estimate('i am so angry with you').label == 'anger'
    assert model.estimate('that is wonderful i am so happy for you').label == 'joy'
    assert model.estimate('there is something in the kitchen i am so scared').label == 'fear'


def test_samples_used_counts_the_tokens_of_the_words(model: OnnxTextEmotion) -> None:
    assert model.estimate('Oh no!').samples_used == 3


def test_a_call_does_not_change_the_next(model: OnnxTextEmotion) -> None:
    before = scores(model.estimate('We were on a break!'))
    model.estimate('I love you!')
    assert scores(model.estimate('We were on a break!')) == before


def test_calls_from_several_threads_do_not_mix(model: OnnxTextEmotion) -> None:
    texts = [case['text'] for case in GOLDEN] * 5
    alone = [scores(model.estimate(text)) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert [scores(emotion) for emotion in pool.map(model.estimate, texts)] == alone


def test_int8_agrees_with_the_float_model_it_was_made_from(model: OnnxTextEmotion) -> None:
    found = np.array([of_case(model, case) for case in GOLDEN])
    expected = np.array([case['scores'] for case in GOLDEN])
    assert found.argmax(1).tolist() == expected.argmax(1).tolist()
    # Processors round int8 products differently, by less than this.
    np.testing.assert_allclose(found, expected, atol=0.08)


def test_a_damaged_model_is_refused_with_its_checksum(entry: ModelEntry, tmp_path: Path) -> None:
    weights = entry.file('weights')
    damaged = tmp_path / 'model.onnx'
    data = bytearray(weights.read())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    broken = dataclasses.replace(weights, path=damaged, folders=(tmp_path,))
    files = {**entry.files, 'weights': broken}
    with pytest.raises(ModelError, match=rf'is damaged.*{weights.sha256}'):
        load(dataclasses.replace(entry, files=files))


@pytest.mark.parametrize('content', [b'', b'no model at all'])
def test_a_file_that_is_no_model_is_refused(
    entry: ModelEntry, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / 'file'
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r'is no ONNX model that onnxruntime .* can run'):
        load(with_file(entry, 'weights', path))
    with pytest.raises(ModelError, match=r'is no tokenizer\.json'):
        load(with_file(entry, 'tokenizer', path))


def test_a_label_table_of_another_size_is_refused(entry: ModelEntry) -> None:
    with pytest.raises(ModelError, match=r'its label table has 6 labels.*\(batch, 6\)'):
        load(dataclasses.replace(entry, labels=LABELS[:6]))


def test_a_label_table_of_another_order_is_refused(entry: ModelEntry) -> None:
    with pytest.raises(ModelError, match=r'has the labels disgust, .*; expected neutral'):
        load(dataclasses.replace(entry, labels=tuple(reversed(LABELS))))


def test_a_model_for_something_else_is_refused(entry: ModelEntry) -> None:
    with pytest.raises(
        ModelError, match=r'a text model takes input_ids of \(batch, length\), attention_mask'
    ):
        load(with_file(entry, 'weights', find_silero()))
