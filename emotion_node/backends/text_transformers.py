"""Emotion from words by a sequence classifier of Hugging Face's transformers, run by torch.

Both packages are optional: nothing else that runs on the robot needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from emotion_node.backends.transformers_classifier import (
    MIN_MAPPED,
    Kind,
    TransformersClassifier,
)
from emotion_node.config import TextConfig
from emotion_node.datatypes import ModalityEmotion, ModelInfo, Reason, primary_languages
from emotion_node.errors import ModelError
from emotion_node.interfaces import Turn
from emotion_node.labels import Modality

MAX_TOKENS: Final = 256
"""Longest input; 15 s of speech are about 60 word pieces."""
KIND: Final = Kind(
    Modality.TEXT, 'a sequence classifier', AutoModelForSequenceClassification, AutoTokenizer
)


class TransformersTextEmotion:
    """A sequence classifier over the words of an utterance, alone or after past turns.

    Labels are mapped to the seven as `TransformersClassifier` does. The probability of labels
    that are mapped to nothing is left out, and where that is more than half, there is no answer
    (reason low_confidence). It may be called from several threads.

    Args:
        config: parameters. `transformers_turns` past turns are put before the utterance, joined
            by the tokenizer's separator. A turn that does not fit completely is left out with all
            before it.
        log: takes a sentence about the emotions that it never answers.

    Raises:
        ModelError: as `TransformersClassifier` does; or past turns are requested and the
            tokenizer has no separator.
    """

    def __init__(self, config: TextConfig, log: Callable[[str], None]) -> None:
        self._classifier = TransformersClassifier(KIND, config, log)
        self._tokenizer: Any = self._classifier.reader
        self._turns = config.transformers_turns
        self._languages = primary_languages(config.transformers_languages)
        self._separator = self._tokenizer.sep_token_id
        model = config.transformers_model
        if self._turns and self._separator is None:
            raise ModelError(
                f'the tokenizer of {model} has no separator to join past turns with; '
                'set text.transformers_turns to 0'
            )
        self._first, self._last = _frame(self._tokenizer)
        # RoBERTa's positions begin after that of the padding, at 2.
        positions = getattr(self._classifier.config, 'max_position_embeddings', 0) or MAX_TOKENS
        room = min(MAX_TOKENS, self._tokenizer.model_max_length, positions - 2)
        self._room = room - len(self._first) - len(self._last)
        self._check(model)

    @property
    def info(self) -> ModelInfo:
        """Name and, of a model from the hub, the beginning of its revision."""
        return self._classifier.info

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that the classifier knows; empty: all."""
        return self._languages

    def estimate(
        self, text: str, history: Sequence[Turn] = (), speaker_id: str = ''
    ) -> ModalityEmotion:
        """Return the emotion that `text` expresses; `speaker_id` is not used.

        `samples_used` counts the tokens of the utterance's own words that were read.

        Raises:
            ValueError: the model's output is not finite.
        """
        ids, words = self._ids(text, history)
        scores, mapped = self._classifier.emotions(_inputs(ids))
        if mapped < MIN_MAPPED:
            return ModalityEmotion.absent(Modality.TEXT, Reason.LOW_CONFIDENCE, model=self.info)
        scores = scores / np.float32(mapped)
        return ModalityEmotion.from_scores(Modality.TEXT, scores, self.info, samples_used=words)

    def _check(self, model: str) -> None:
        # The longest input shows at start-up whether model and tokenizer fit.
        ids, _ = self._ids('Oh my God! ' * MAX_TOKENS, ())
        # Where the files are missing, transformers builds a tokenizer without a vocabulary.
        if {*ids} <= {*self._first, *self._last, self._tokenizer.unk_token_id}:
            raise ModelError(f'the tokenizer of {model} has no vocabulary; are its files missing?')
        self._classifier.check(_inputs(ids), f'{len(ids)} tokens')

    def _ids(self, text: str, history: Sequence[Turn]) -> tuple[list[int], int]:
        """Return the input's tokens, and how many of them are the utterance's words."""
        ids = self._tokens(text)[: self._room]
        words = len(ids)
        past = [turn.text for turn in history if turn.text.strip()]
        for turn in reversed(past[-self._turns :] if self._turns else []):
            before = [*self._tokens(turn), self._separator]
            if len(before) + len(ids) > self._room:
                break
            ids = before + ids
        return [*self._first, *ids, *self._last], words

    def _tokens(self, text: str) -> list[int]:
        # Without truncation and padding, which would change a tokenizer that other threads use.
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        return ids


def _inputs(ids: list[int]) -> dict[str, Any]:
    batch = torch.tensor([ids])
    return {'input_ids': batch, 'attention_mask': torch.ones_like(batch)}


def _frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens that the tokenizer puts before and after a text."""
    encoded = tokenizer('a', return_special_tokens_mask=True)
    word = [i for i, special in enumerate(encoded['special_tokens_mask']) if not special]
    if not word:
        return [], []
    return encoded['input_ids'][: word[0]], encoded['input_ids'][word[-1] + 1 :]
