"""Emotion from words by an ONNX text classifier, run by onnxruntime and tokenizers alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from emotion_node.backends.onnx import CPU, LABEL_COUNT, OnnxModel, Signature
from emotion_node.backends.text_input import InputBuilder
from emotion_node.datatypes import ModalityEmotion
from emotion_node.errors import ModelError
from emotion_node.interfaces import Turn
from emotion_node.labels import Modality
from emotion_node.model_store.manifest import ModelEntry

INPUTS: Final = ('input_ids', 'attention_mask', 'token_type_ids')
"""Each (batch, length) int64, as `text_input` makes them."""
SIGNATURE: Final = Signature(
    'text', dict.fromkeys(INPUTS, ('batch', 'length')), {'scores': ('batch', LABEL_COUNT)}
)
"""The scores are probabilities."""


class OnnxTextEmotion(OnnxModel):
    """An ONNX classifier over the words of an utterance and of the turns before it.

    Its arguments are those of `OnnxModel`.

    Raises:
        ModelError: as for `OnnxModel`, or the tokenizer's file is no tokenizer.json.
    """

    signature = SIGNATURE

    def __init__(
        self, entry: ModelEntry, threads: int = 1, providers: Sequence[str] = CPU
    ) -> None:
        self._builder = _load_builder(entry)
        self._languages = entry.languages
        super().__init__(entry, threads, providers)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that the model knows, as in the manifest."""
        return self._languages

    def warm_up(self) -> None:
        """Answer once about any words."""
        self.estimate('Oh my God!')

    def estimate(
        self,
        text: str,
        history: Sequence[Turn] = (),
        speaker_id: str = '',
        *,
        names: bool = False,
    ) -> ModalityEmotion:
        """Return the emotion that `text` expresses.

        `samples_used` counts the tokens of the utterance's own words that were read.

        Args:
            text: the utterance.
            history: the dialogue before it, oldest first.
            speaker_id: who speaks, as in the turns of `history`; empty when unknown.
            names: whether speaker ids are people's names, which the model may read; otherwise
                they only distinguish speakers.
        """
        built = self._builder.build(text, history, speaker_id, names=names)
        ids = np.array([built.ids], dtype=np.int64)
        (scores,) = self._call(
            {
                'input_ids': ids,
                'attention_mask': np.ones_like(ids),
                'token_type_ids': np.array([built.types], dtype=np.int64),
            }
        )
        return ModalityEmotion.from_scores(
            Modality.TEXT,
            scores[0],
            self.info,
            samples_used=built.words,
        )


def _load_builder(entry: ModelEntry) -> InputBuilder:
    file = entry.file('tokenizer')
    data = file.read()
    try:
        return InputBuilder(Tokenizer.from_buffer(data))
    except ValueError as error:
        raise ModelError(f'{file.path} is no tokenizer.json of a text model: {error}') from error
