"""A tiny Whisper with random weights, converted to CTranslate2: its words are nonsense.

The weights are random; the layout, the quantisation and the files are those of a real
conversion, so faster-whisper and CTranslate2 run as they do with a trained model.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ctranslate2.specs
import numpy as np
import tokenizers
from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import decoders, models, pre_tokenizers

WIDTH = 64
HEADS = 4
LAYERS = 2
MELS = 80
TEXT_TOKENS = 50257
ENGLISH_TEXT_TOKENS = 600


def build(
    folder: Path,
    *,
    words: Sequence[str] = (),
    tokens_said: int = 4,
    certainty: float = 25.0,
    no_speech: float = 0.0,
    english_only: bool = False,
    seed: int = 7,
) -> Path:
    """Write a model folder.

    Args:
        folder: to create.
        words: its output for any sound, one token per word; empty for random words that depend
            on the sound.
        tokens_said: number of tokens after which the end of text becomes likely.
        certainty: standard deviation of the logits; 0.1 gives a model without any certainty.
        no_speech: logit of "no speech", in units of `certainty`.
        english_only: small vocabulary, no language tokens.
        seed: of the weights.
    """
    folder.mkdir(parents=True)
    tokenizer = _tokenizer(ENGLISH_TEXT_TOKENS if english_only else TEXT_TOKENS, words)
    tokenizer.save(str(folder / 'tokenizer.json'))
    (folder / 'preprocessor_config.json').write_text(
        json.dumps({'feature_size': MELS, 'sampling_rate': 16000, 'hop_length': 160, 'n_fft': 400})
    )
    vocabulary = [tokenizer.id_to_token(token) for token in range(tokenizer.get_vocab_size())]
    if not english_only:
        vocabulary[TEXT_TOKENS - 1] = ''  # CTranslate2 recognises a multilingual model by this
    spec = ctranslate2.specs.WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    _fill(spec, len(vocabulary), np.random.default_rng(seed))

    ids = tokenizer.get_vocab()
    end, silence_token = ids['<|endoftext|>'], ids['<|nospeech|>']
    directions = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(WIDTH, WIDTH)))[0]
    said = [ids[f'Ġ{word}'] for word in words] + [end]
    projection = spec.decoder.projection.weight
    positions = spec.decoder.position_encodings.encodings
    first = 1 if english_only else 3  # the prompt: start, (language, task,) no timestamps
    projection[silence_token + 1 :] = 0.0  # no timestamps among the words
    if words:
        for step, token in enumerate(said):
            direction = directions[said.index(token)]
            projection[token] = direction
            positions[first + step :] = 20 * direction
    else:
        projection[end] = directions[0]
        positions[first + tokens_said :] += 20 * directions[0]
    projection[silence_token] = no_speech * directions[-1]
    positions[0] = 20 * directions[-1]
    spec.decoder.layer_norm.gamma[:] = certainty

    spec.register_vocabulary(vocabulary)
    spec.config.lang_ids = sorted(ids[f'<|{c}|>'] for c in _LANGUAGE_CODES if f'<|{c}|>' in ids)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [ids['Ġ'], end]
    spec.config.alignment_heads = [[LAYERS - 1, head] for head in range(HEADS)]
    spec.validate()
    spec.optimize(quantization='int8')
    spec.save(str(folder))
    return folder


def _tokenizer(text_tokens: int, words: Sequence[str]) -> tokenizers.Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    texts = letters + [f'Ġ{word}' for word in dict.fromkeys(words)]
    texts += [f'Ġ{word}' for word in _nonsense(text_tokens - len(texts), set(words))]
    tokenizer = tokenizers.Tokenizer(
        models.BPE(vocab={text: number for number, text in enumerate(texts)}, merges=[])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    languages = [] if text_tokens < TEXT_TOKENS else [c for c in _LANGUAGE_CODES if c != 'yue']
    tokenizer.add_special_tokens(
        [
            '<|endoftext|>',
            '<|startoftranscript|>',
            *(f'<|{code}|>' for code in languages),
            '<|translate|>',
            '<|transcribe|>',
            '<|startoflm|>',
            '<|startofprev|>',
            '<|nospeech|>',
            '<|notimestamps|>',
            *(f'<|{step * 0.02:.2f}|>' for step in range(1501)),
        ]
    )
    return tokenizer


def _nonsense(count: int, taken: set[str]) -> Iterator[str]:
    syllables = [a + b for a in 'bdfgklmnprstvz' for b in ('a', 'e', 'i', 'o', 'u', 'ar', 'en')]
    words = (''.join(parts) for n in (2, 3) for parts in itertools.product(syllables, repeat=n))
    return itertools.islice((word for word in words if word not in taken), count)


def _fill(spec: Any, vocabulary: int, rng: np.random.Generator) -> None:
    def normal(*shape: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    def linear(part: Any, outputs: int, inputs: int) -> None:
        part.weight = normal(outputs, inputs, scale=inputs**-0.5)
        part.bias = np.zeros(outputs, np.float32)

    def norm(part: Any) -> None:
        part.gamma = np.ones(WIDTH, np.float32)
        part.beta = np.zeros(WIDTH, np.float32)

    def attention(part: Any, *outputs: int) -> None:
        norm(part.layer_norm)
        for layer, size in zip(part.linear, outputs, strict=True):
            linear(layer, size, WIDTH)

    def feed_forward(part: Any) -> None:
        norm(part.layer_norm)
        linear(part.linear_0, 4 * WIDTH, WIDTH)
        linear(part.linear_1, WIDTH, 4 * WIDTH)

    for conv, inputs in ((spec.encoder.conv1, MELS), (spec.encoder.conv2, WIDTH)):
        conv.weight = normal(WIDTH, inputs, 3, scale=(3 * inputs) ** -0.5)
        conv.bias = np.zeros(WIDTH, np.float32)
    spec.encoder.position_encodings.encodings = normal(1500, WIDTH, scale=0.1)
    norm(spec.encoder.layer_norm)
    for layer in spec.encoder.layer:
        attention(layer.self_attention, 3 * WIDTH, WIDTH)
        feed_forward(layer.ffn)
    spec.decoder.embeddings.weight = normal(vocabulary, WIDTH)
    spec.decoder.position_encodings.encodings = normal(448, WIDTH, scale=0.1)
    norm(spec.decoder.layer_norm)
    spec.decoder.projection.weight = normal(vocabulary, WIDTH, scale=WIDTH**-0.5)
    for layer in spec.decoder.layer:
        attention(layer.self_attention, 3 * WIDTH, WIDTH)
        attention(layer.attention, WIDTH, 2 * WIDTH, WIDTH)
        feed_forward(layer.ffn)
