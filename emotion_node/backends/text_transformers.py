"""Emotion from words by a sequence classifier of Hugging Face's transformers, run by torch.

Both packages are optional: nothing else that runs on the robot needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

from emotion_node.backends.label_table import label_matrix
from emotion_node.datatypes import FloatArray, ModalityEmotion, ModelInfo, Reason
from emotion_node.errors import ModelError, first_line
from emotion_node.interfaces import Turn
from emotion_node.labels import Modality

MAX_TOKENS: Final = 256
"""Longest input; 15 s of speech are about 60 word pieces."""

MIN_MAPPED: Final = 0.5
"""Minimum probability of all labels that are mapped to an emotion; below it there is no answer."""

HOW_TO_GET: Final = (
    'Pass the folder or hub id of a sequence classifier in the format of transformers as '
    'text.transformers_model; one that is not on this machine yet is downloaded once with '
    'text.transformers_local_files_only:=false'
)


class TransformersTextEmotion:
    """A sequence classifier over the words of an utterance, alone or after past turns.

    The probabilities of labels that are mapped to the same emotion are summed. They are a
    softmax, or for a multi-label classifier, sigmoids scaled to sum to 1. The probability of
    labels that are mapped to nothing is left out, and where that is more than half, there is no
    answer (reason low_confidence).

    It has no state between calls and may be called from several threads.

    Args:
        model: folder or hub id.
        table: one of the seven labels, or nothing, for each of the classifier's labels that is
            not in `label_table.KNOWN`.
        turns: past turns put before the utterance, joined by the tokenizer's separator. A turn
            that does not fit completely is left out with all before it.
        languages: of the words that the classifier knows, as `primary_language` returns them;
            empty for all.
        local_files_only: never download anything.
        threads: of torch in this process.

    Raises:
        ModelError: there is no such model, it is damaged or no classifier, its output does not
            have the size of its label table, a label is not mapped, or past turns are requested
            and the tokenizer has no separator.
    """

    def __init__(
        self,
        model: str,
        table: Mapping[str, str],
        *,
        turns: int = 0,
        languages: Sequence[str] = (),
        local_files_only: bool = True,
        threads: int = 1,
    ) -> None:
        torch.set_num_threads(threads)
        self._tokenizer, self._model = _load(model, local_files_only)
        config = self._model.config
        labels = [str(config.id2label[place]) for place in sorted(config.id2label)]
        if len(labels) < 2 or config.problem_type == 'regression':
            raise ModelError(f'{model} is no classifier: it returns one number. {HOW_TO_GET}')
        self._multi_label = config.problem_type == 'multi_label_classification'
        self._matrix = label_matrix(labels, table)
        self._turns = turns
        self._languages = tuple(languages)
        self._separator = self._tokenizer.sep_token_id
        if turns and self._separator is None:
            raise ModelError(
                f'the tokenizer of {model} has no separator to join past turns with; '
                'set text.transformers_turns to 0'
            )
        self._first, self._last = _frame(self._tokenizer)
        # RoBERTa's positions begin after that of the padding, at 2.
        positions = getattr(config, 'max_position_embeddings', 0) or MAX_TOKENS
        room = min(MAX_TOKENS, self._tokenizer.model_max_length, positions - 2)
        self._room = room - len(self._first) - len(self._last)
        revision = getattr(config, '_commit_hash', None) or ''
        self._info = ModelInfo(Path(model).name, revision[:8])
        self._check(model, labels)

    @property
    def info(self) -> ModelInfo:
        """Name and, of a model from the hub, the beginning of its revision."""
        return self._info

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that the classifier knows; empty: all."""
        return self._languages

    @property
    def labels(self) -> FloatArray:
        """(n, 7) float32: 1 where a label of the model is mapped to one of the seven."""
        return self._matrix

    def estimate(
        self, text: str, history: Sequence[Turn] = (), speaker_id: str = ''
    ) -> ModalityEmotion:
        """Return the emotion that `text` expresses; `speaker_id` is not used.

        `samples_used` counts the tokens of the utterance's own words that were read.

        Raises:
            ValueError: the model's output is not finite.
        """
        ids, words = self._ids(text, history)
        scores = self._probabilities(ids) @ self._matrix
        mapped = float(scores.sum())
        if not np.isfinite(mapped):
            raise ValueError(f'the output of {self._info.name} is not finite')
        if mapped < MIN_MAPPED:
            return ModalityEmotion.absent(Modality.TEXT, Reason.LOW_CONFIDENCE, model=self._info)
        return ModalityEmotion.from_scores(
            Modality.TEXT,
            scores / np.float32(mapped),
            self._info,
            samples_used=words,
        )

    def _check(self, model: str, labels: Sequence[str]) -> None:
        # The longest input shows at start-up whether model and tokenizer fit.
        ids, _ = self._ids('Oh my God! ' * MAX_TOKENS, ())
        try:
            found = self._probabilities(ids)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f'{model} cannot read {len(ids)} tokens: {error}') from error
        if not np.isfinite(found).all():
            raise ModelError(f'{model} is damaged: its output is not finite')
        # Where the files are missing, transformers builds a tokenizer without a vocabulary.
        if {*ids} <= {*self._first, *self._last, self._tokenizer.unk_token_id}:
            raise ModelError(f'the tokenizer of {model} has no vocabulary; are its files missing?')
        if found.shape != (len(labels),):
            raise ModelError(
                f'{model} returns {found.size} numbers; its label table has {len(labels)} labels '
                f'({", ".join(labels)}); model and table do not belong together'
            )

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

    def _probabilities(self, ids: list[int]) -> FloatArray:
        batch = torch.tensor([ids])
        with torch.inference_mode():
            logits = self._model(input_ids=batch, attention_mask=torch.ones_like(batch)).logits[0]
            if self._multi_label:
                scores = logits.sigmoid()
                scores = scores / scores.sum()
            else:
                scores = logits.softmax(-1)
        probabilities: FloatArray = scores.numpy()
        return probabilities


def _load(model: str, local_files_only: bool) -> tuple[Any, Any]:
    """Return tokenizer and classifier."""
    if not model:
        raise ModelError(f'text.transformers_model is empty. {HOW_TO_GET}')
    logging.set_verbosity_error()
    if local_files_only:
        logging.disable_progress_bar()
    folder = Path(model).expanduser()
    source = str(folder) if folder.is_dir() else model
    options = {'local_files_only': local_files_only, 'trust_remote_code': False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        classifier, report = AutoModelForSequenceClassification.from_pretrained(
            source, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    except Exception as error:  # the libraries raise exceptions of any type
        raise ModelError(f'no text model {model!r}: {first_line(error)}. {HOW_TO_GET}') from error
    # Weights that the file lacks would be initialised with random numbers.
    if wrong := [*map(_mismatch, report['mismatched_keys']), *sorted(report['missing_keys'])]:
        raise ModelError(
            f'{model} is no complete sequence classifier: its file does not match its '
            f'config.json ({"; ".join(wrong[:3])}). {HOW_TO_GET}'
        )
    return tokenizer, classifier.float()


def _mismatch(entry: tuple[str, Sequence[int], Sequence[int]]) -> str:
    name, found, expected = entry
    return f'{name} is {list(found)}, expected {list(expected)}'


def _frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens that the tokenizer puts before and after a text."""
    encoded = tokenizer('a', return_special_tokens_mask=True)
    word = [i for i, special in enumerate(encoded['special_tokens_mask']) if not special]
    if not word:
        return [], []
    return encoded['input_ids'][: word[0]], encoded['input_ids'][word[-1] + 1 :]
