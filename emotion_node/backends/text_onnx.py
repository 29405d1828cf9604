"""Emotion from words by an ONNX text classifier, run by onnxruntime and tokenizers alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from emotion_node.backends.onnx import PROCESSOR, check_labels, load_session
from emotion_node.backends.text_input import InputBuilder, TextInput
from emotion_node.datatypes import FloatArray, ModalityEmotion, ModelInfo
from emotion_node.errors import ModelError
from emotion_node.interfaces import Turn
from emotion_node.labels import Modality
from emotion_node.model_store.manifest import ModelEntry

INPUTS: Final = ('input_ids', 'attention_mask', 'token_type_ids')
"""Each (batch, length) int64, as `text_input` makes them; the one output is (batch, 7)
probabilities."""


class OnnxTextEmotion:
    """An ONNX classifier over the words of an utterance and of the turns before it.

    Holds no state between calls and may be called from several threads.

    Args:
        entry: the model; its files are checked against their checksums.
        threads: threads per call.
        clock: reads the time in ns, from any origin; measures how long a call takes.

    Raises:
        ModelError: a file is missing or damaged, or its inputs and outputs are not those of a
            text classifier over the seven labels.
    """

    def __init__(
        self,
        entry: ModelEntry,
        threads: int = 1,
        *,
        clock: Callable[[], int],
        providers: Sequence[str] = PROCESSOR,
    ) -> None:
        self._info = entry.info
        self._clock = clock
        self._builder = _load_builder(entry)
        self._session = load_session(entry, threads, providers)
        _check_signature(self._session, entry)
        # The first call allocates, so it is made here and not while somebody waits.
        self.estimate('Oh my God!')

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        return self._info

    def estimate(
        self,
        text: str,
        history: Sequence[Turn] = (),
        speaker_id: str = '',
        *,
        names: bool = False,
    ) -> ModalityEmotion:
        """Return the emotion that `text` expresses.

        `samples_used` counts the tokens of its words that were looked at.

        Args:
            text: the utterance.
            history: the dialogue before it, oldest first.
            speaker_id: who speaks, as in the turns of `history`; empty when unknown.
            names: whether speaker ids are people's names, which the model may read; else they
                tell speakers apart.
        """
        begun = self._clock()
        given = self._builder.build(text, history, speaker_id, names=names)
        scores = self._run(given)
        return ModalityEmotion.from_scores(
            Modality.TEXT,
            scores,
            self._info,
            inference_ns=self._clock() - begun,
            samples_used=given.words,
        )

    def _run(self, given: TextInput) -> FloatArray:
        ids = np.array([given.ids], dtype=np.int64)
        inputs = {
            'input_ids': ids,
            'attention_mask': np.ones_like(ids),
            'token_type_ids': np.array([given.types], dtype=np.int64),
        }
        scores: FloatArray = self._session.run(None, inputs)[0][0]
        return scores


def _load_builder(entry: ModelEntry) -> InputBuilder:
    file = entry.file('tokenizer')
    data = file.read()
    try:
        return InputBuilder(Tokenizer.from_buffer(data))
    except ValueError as error:
        raise ModelError(f'{file.path} is no tokenizer.json of a text model: {error}') from error


def _check_signature(session: ort.InferenceSession, entry: ModelEntry) -> None:
    path = entry.file('weights').path
    inputs = sorted(value.name for value in session.get_inputs())
    if inputs != sorted(INPUTS):
        raise ModelError(
            f'{path} takes {", ".join(inputs)}; a text model takes {", ".join(INPUTS)}'
        )
    outputs = session.get_outputs()
    shape = outputs[0].shape
    if len(outputs) != 1 or len(shape) != 2 or shape[1] != len(entry.labels):
        raise ModelError(
            f'{path} gives {[value.shape for value in outputs]}; its label table has '
            f'{len(entry.labels)} labels ({", ".join(entry.labels)}), so one output of '
            f'(batch, {len(entry.labels)}) was expected; model and manifest do not belong together'
        )
    check_labels(entry)
