"""Any sequence classifier of Hugging Face as the text model; needs torch and transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.recordings import CONVERSATION, write_media
from support.scripted import PastTurn
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from emotion_node.cli.main import main
from emotion_node.config import TextConfig, make_config
from emotion_node.datatypes import ModalityEmotion, Reason
from emotion_node.errors import ModelError
from emotion_node.factory import Models, load_models
from emotion_node.labels import LABELS, Modality
from emotion_node.recordings.bag import Bag

backend = pytest.importorskip(
    'emotion_node.backends.text_transformers', exc_type=ModuleNotFoundError
)
torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

LETTERS = 'abcdefghijklmnopqrstuvwxyz'
SPECIAL = ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]')
VOCABULARY = (*SPECIAL, *LETTERS, *(f'##{letter}' for letter in LETTERS), '!', '?', '.')
LENGTH = 40
"""Tokens that the model can read, special ones and two to spare included."""


def tokenizer(separator: bool = True) -> Any:
    """A tokenizer by letters."""
    table = {piece: place for place, piece in enumerate(VOCABULARY)}
    plain = Tokenizer(models.WordPiece(table, unk_token='[UNK]'))
    plain.normalizer = normalizers.Lowercase()
    plain.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = {'unk_token': '[UNK]', 'pad_token': '[PAD]'}
    if separator:
        plain.post_processor = processors.TemplateProcessing(
            single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 2), ('[SEP]', 3)]
        )
        names |= {'cls_token': '[CLS]', 'sep_token': '[SEP]'}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=plain, **names)


def build(
    folder: Path,
    labels: Sequence[str],
    logits: Sequence[float] | None = None,
    separator: bool = True,
    **config: Any,
) -> Path:
    """Write a random classifier, or one that always returns the same logits."""
    torch.manual_seed(0)
    settings = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=LENGTH,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
        initializer_range=1.0,
        **config,
    )
    model = transformers.BertForSequenceClassification(settings)
    if logits is not None:
        with torch.no_grad():
            model.classifier.weight.zero_()
            model.classifier.bias.copy_(torch.tensor(logits))
    model.save_pretrained(folder)
    tokenizer(separator).save_pretrained(folder)
    return folder


def load(folder: Path | str, table: str = '', **options: Any) -> Any:
    config = TextConfig(
        transformers_model=str(folder), transformers_labels=table, transformers_device='cpu',
        **options,
    )  # fmt: skip
    return backend.TransformersTextEmotion(config, lambda text: None)


def scores(emotion: ModalityEmotion) -> dict[str, float]:
    assert emotion.scores is not None
    return dict(zip(LABELS, map(float, emotion.scores), strict=True))


def alter(folder: Path, **changes: Any) -> Path:
    path = folder / 'config.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp('models') / 'tiny', LABELS)


@pytest.fixture(scope='module')
def model(folder: Path) -> Any:
    return load(folder)


def test_labels_mapped_to_one_emotion_are_summed(tmp_path: Path) -> None:
    shares = {'happiness': 0.3, 'love': 0.2, 'sad': 0.4, 'angry': 0.1}
    model = load(build(tmp_path, list(shares), np.log(list(shares.values())).tolist()))
    emotion = model.estimate('whatever')
    expected = dict.fromkeys(LABELS, 0.0) | {'joy': 0.5, 'sadness': 0.4, 'anger': 0.1}
    assert scores(emotion) == pytest.approx(expected, abs=1e-6)
    assert (emotion.label, emotion.modality) == ('joy', Modality.TEXT)
    assert emotion.valence == pytest.approx(0.5 * 0.76 - 0.4 * 0.63 - 0.1 * 0.51)


def test_labels_without_names_need_a_table(tmp_path: Path) -> None:
    build(tmp_path, ['LABEL_0', 'LABEL_1'], [0.0, 5.0])
    with pytest.raises(ModelError, match='unknown meaning: LABEL_0, LABEL_1; map each'):
        load(tmp_path)
    assert load(tmp_path, 'LABEL_0=joy, LABEL_1=fear').estimate('no').label == 'fear'


def test_probability_of_excluded_labels_is_redistributed_up_to_one_half(tmp_path: Path) -> None:
    mild = build(tmp_path / 'mild', ['joy', 'sad', 'irony'], np.log([0.3, 0.3, 0.4]).tolist())
    assert scores(load(mild, 'irony=').estimate('ah'))['joy'] == pytest.approx(0.5, abs=1e-6)
    much = build(tmp_path / 'much', ['joy', 'sad', 'irony'], np.log([0.3, 0.1, 0.6]).tolist())
    emotion = load(much, 'irony=').estimate('ah')
    assert emotion.reason is Reason.LOW_CONFIDENCE
    assert not emotion.available
    assert emotion.model.name == 'much'


def test_a_multi_label_classifier_gives_probabilities(tmp_path: Path) -> None:
    build(
        tmp_path, ['joy', 'sad', 'love'], [0.0, 0.0, 30.0],
        problem_type='multi_label_classification',
    )  # fmt: skip
    found = scores(load(tmp_path).estimate('ah'))
    assert found['joy'] == pytest.approx(0.75)
    assert found['sadness'] == pytest.approx(0.25)


def answer(folder: Path, text: str) -> list[float]:
    """Return the probabilities that transformers itself computes for a text."""
    reader = transformers.AutoTokenizer.from_pretrained(folder)
    given = reader(text, return_tensors='pt', return_token_type_ids=False)
    classifier = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        found: list[float] = classifier(**given).logits[0].softmax(-1).tolist()
    return found


PAST = (PastTurn('a', 'Hi!'), PastTurn('b', ' '), PastTurn('a', 'Oh no!'))


def test_it_answers_as_transformers_does(folder: Path, model: Any) -> None:
    expected = answer(folder, 'so sad')
    assert list(scores(model.estimate('so sad', PAST)).values()) == pytest.approx(expected)
    assert model.estimate('so sad').samples_used == 5
    assert model.info.name == 'tiny'


def test_past_turns_are_joined_if_the_parameter_says_so(folder: Path) -> None:
    one, all_of_them = load(folder, transformers_turns=1), load(folder, transformers_turns=9)
    expected = answer(folder, 'oh no! [SEP] so sad')
    assert list(scores(one.estimate('so sad', PAST)).values()) == pytest.approx(expected)
    expected = answer(folder, 'hi! [SEP] oh no! [SEP] so sad')
    assert list(scores(all_of_them.estimate('so sad', PAST)).values()) == pytest.approx(expected)
    assert all_of_them.estimate('so sad', PAST).samples_used == 5


def test_turns_that_do_not_fit_are_left_out(folder: Path) -> None:
    model = load(folder, transformers_turns=3)
    room = LENGTH - 2 - 2
    whole = 'a' * room
    alone = scores(model.estimate(whole))
    assert scores(model.estimate(whole + 'bcd')) == alone
    assert scores(model.estimate(whole, PAST)) == alone
    assert model.estimate(whole + 'bcd').samples_used == room
    past = (PastTurn('a', 'no'), PastTurn('b', 'x' * room))
    assert scores(model.estimate('ah', past)) == scores(model.estimate('ah'))


@pytest.mark.parametrize('text', ['?!', ' ', '😀', 'a' * 5000, 'no ' * 5000, '\x00', '[SEP]'])
def test_any_text_gets_probabilities(model: Any, text: str) -> None:
    found = scores(model.estimate(text)).values()
    assert sum(found) == pytest.approx(1, abs=1e-5)
    assert min(found) >= 0


def test_calls_from_several_threads_do_not_mix(model: Any) -> None:
    texts = ['oh no', 'so sad', 'a' * 50, 'yes!'] * 10
    alone = [scores(model.estimate(text)) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: scores(model.estimate(text)), texts)) == alone


def test_threads_are_a_parameter(folder: Path) -> None:
    before = torch.get_num_threads()
    try:
        load(folder, threads=3)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def without_head(path: Path) -> Path:
    build(path, LABELS)
    model = transformers.AutoModel.from_pretrained(path)
    model.save_pretrained(path)
    return path


def damaged(path: Path) -> Path:
    build(path, LABELS, [float('nan')] * 7)
    return path


def cut_off(path: Path) -> Path:
    weights = build(path, LABELS) / 'model.safetensors'
    weights.write_bytes(weights.read_bytes()[:-100])
    return path


def without_tokenizer(path: Path) -> Path:
    build(path, LABELS)
    for file in path.glob('tokenizer*'):
        file.unlink()
    return path


def of_another_tokenizer(path: Path) -> Path:
    build(path, LABELS)
    small = transformers.BertConfig.from_pretrained(path, vocab_size=10)
    transformers.BertForSequenceClassification(small).save_pretrained(path)
    return path


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (
            lambda path: alter(build(path, LABELS), id2label={'0': 'joy', '1': 'sad'}),
            r'classifier\.bias is \[7\], expected \[2\]',
        ),
        (without_head, r'does not match its config\.json \(classifier\.bias; '),
        (lambda path: build(path, ['joy']), 'is no classifier: it returns one number'),
        (lambda path: path, 'no text model .*/model'),
        (damaged, 'is damaged: its output is not finite'),
        (cut_off, 'no text model .*/model'),
        (without_tokenizer, 'the tokenizer of .* has no vocabulary'),
        (of_another_tokenizer, 'cannot read 38 tokens'),
    ],
    ids=[
        'another size', 'no head', 'regression', 'nothing there', 'not a number', 'cut off',
        'no tokenizer', 'another tokenizer',
    ],
)  # fmt: skip
def test_an_unusable_model_is_an_error_at_start_up(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    path = make(tmp_path / 'model')
    with pytest.raises(ModelError, match=message):
        load(path)


def test_nothing_is_downloaded_unless_allowed() -> None:
    with pytest.raises(
        ModelError, match=r'no text model .*downloaded once with text\.transformers_l'
    ):
        load('nobody/has-such-a-model')
    with pytest.raises(ModelError, match='transformers_model is empty'):
        load('')


def test_past_turns_need_a_separator(tmp_path: Path) -> None:
    build(tmp_path, LABELS, separator=False)
    assert load(tmp_path).estimate('oh no').available
    with pytest.raises(ModelError, match=r'no separator .*set text\.transformers_turns to 0'):
        load(tmp_path, transformers_turns=2)


def test_an_output_that_is_not_finite_is_a_fault_not_an_emotion(tmp_path: Path) -> None:
    build(tmp_path, LABELS)
    model = transformers.BertForSequenceClassification.from_pretrained(tmp_path)
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[VOCABULARY.index('z')] = float('nan')
    model.save_pretrained(tmp_path)
    model = load(tmp_path)
    assert model.estimate('ah').available
    with pytest.raises(ValueError, match='is not finite'):
        model.estimate('z')


def loaded(logged: list[str], **values: str | int) -> Models:
    given: dict[str, object] = {'text.backend': 'transformers', 'transcriber.backend': 'off'}
    given.update({f'text.transformers_{name}': value for name, value in values.items()})
    return load_models(make_config(given), logged.append)


def test_parameters_select_it_and_the_log_names_the_labels_it_never_answers(
    tmp_path: Path,
) -> None:
    logged: list[str] = []
    build(tmp_path / 'moods', ['LABEL_0', 'LABEL_1'], [0.0, 5.0])
    labels = 'LABEL_0=neutral, LABEL_1=disgust'
    models = loaded(logged, model=str(tmp_path / 'moods'), labels=labels, turns=1)
    assert models.describe()['text emotion'] == 'moods'
    assert models.text is not None
    assert models.text.estimate('ah').label == 'disgust'
    assert logged == ['Emotion of the text by moods, never joy, sadness, anger, surprise, fear']


def test_annotate_uses_it_for_a_recording(tmp_path: Path) -> None:
    build(tmp_path / 'moods', ['upbeat', 'down'], [3.0, 0.0])
    with Bag(CONVERSATION) as bag:
        sound = np.concatenate([bag.decode(one).data for one in bag.messages({'/audio'})])
    wav = write_media(tmp_path / 'talk.wav', sound[: 12 * 16_000])
    out = tmp_path / 'out.jsonl'
    options = {
        'text.backend': 'transformers',
        'text.transformers_model': tmp_path / 'moods',
        'text.transformers_labels': 'upbeat=joy, down=sadness',
        'text.transformers_turns': 2,
        'transcriber.backend': 'pocketsphinx',
    }
    given = [word for name, value in options.items() for word in ('-p', f'{name}:={value}')]
    assert main(['annotate', '-q', str(wav), '-o', str(out), *given]) == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(found) > 2
    for one in found:
        text = one['modalities'][0]
        assert (text['modality'], text['available'], text['label']) == ('text', True, 'joy')
        assert text['confidence'] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-4)
        assert one['label'] == 'joy'
