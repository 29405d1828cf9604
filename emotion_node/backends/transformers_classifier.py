"""Loads any classifier of Hugging Face's transformers and maps its labels; run by torch.

Both packages are optional: nothing else that runs on the robot needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers.utils import logging

from emotion_node.backends.label_table import label_matrix, parse_table
from emotion_node.config import ModelConfig
from emotion_node.datatypes import FloatArray, ModelInfo
from emotion_node.errors import ModelError, first_line
from emotion_node.labels import LABELS, Modality

MIN_MAPPED: Final = 0.5
"""Minimum probability of all labels that are mapped to an emotion; below it there is no answer."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of classifier.

    Attributes:
        modality: whose parameters name the model: `MODALITY.transformers_model` and so on.
        name: of the kind, for error messages.
        model: class of transformers that loads the classifier (`AutoModelFor...`).
        reader: class of transformers that loads what prepares its input.
    """

    modality: Modality
    name: str
    model: Any
    reader: Any

    @property
    def how_to_get(self) -> str:
        """What to do where there is no model."""
        return (
            f'Pass the folder or hub id of {self.name} in the format of transformers as '
            f'{self.modality}.transformers_model; one that is not on this machine yet is '
            f'downloaded once with {self.modality}.transformers_local_files_only:=false'
        )


class TransformersClassifier:
    """A classifier whose labels are mapped to the seven.

    The probabilities of labels that are mapped to the same emotion are summed. They are a
    softmax, or for a multi-label classifier, sigmoids scaled to sum to 1.

    It has no state between calls and may be called from several threads.

    Args:
        kind: what kind of classifier is expected.
        config: which model, label table, device, and number of threads of torch in this process.
        log: takes a sentence about the emotions that it never answers.

    Attributes:
        reader: tokenizer, feature extractor or image processor.
        config: the classifier's own configuration.
        labels: its labels, in the order of its outputs.
        matrix: (n, 7) float32: 1 where a label is mapped to one of the seven.
        info: name and, of a model from the hub, the beginning of its revision.

    Raises:
        ModelError: there is no such model, it is damaged or no classifier, a label is not mapped,
            or there is no such device.
    """

    def __init__(self, kind: Kind, config: ModelConfig, log: Callable[[str], None]) -> None:
        torch.set_num_threads(config.threads)
        self._name = config.transformers_model
        parameter = f'{kind.modality}.transformers_labels'
        table = parse_table(config.transformers_labels, parameter)
        self._device = _device(config.transformers_device, f'{kind.modality}.transformers_device')
        self.reader, model = _load(kind, self._name, config.transformers_local_files_only)
        self._model = model.to(self._device)
        self.config = model.config
        self.labels = [str(self.config.id2label[one]) for one in sorted(self.config.id2label)]
        if len(self.labels) < 2 or self.config.problem_type == 'regression':
            raise ModelError(
                f'{self._name} is no classifier: it returns one number. {kind.how_to_get}'
            )
        self._multi_label = self.config.problem_type == 'multi_label_classification'
        self.matrix: FloatArray = label_matrix(self.labels, table, parameter)
        revision = getattr(self.config, '_commit_hash', None) or ''
        self.info = ModelInfo(Path(self._name).name, revision[:8])
        never = [one for one, n in zip(LABELS, self.matrix.sum(0), strict=True) if not n]
        if never:
            log(f'Emotion of the {kind.modality} by {self.info.name}, never {", ".join(never)}')

    def probabilities(self, inputs: Mapping[str, Any]) -> FloatArray:
        """Return (n,) probabilities of the labels for one input.

        Args:
            inputs: tensors with a batch of one, by the names that the classifier takes.
        """
        with torch.inference_mode():
            on_device = {name: tensor.to(self._device) for name, tensor in inputs.items()}
            logits = self._model(**on_device).logits[0]
            if self._multi_label:
                scores = logits.sigmoid()
                scores = scores / scores.sum()
            else:
                scores = logits.softmax(-1)
        probabilities: FloatArray = scores.float().cpu().numpy()
        return probabilities

    def emotions(self, inputs: Mapping[str, Any]) -> tuple[FloatArray, float]:
        """Return (7,) probabilities of the emotions, summing to the second value.

        The second value is the probability of all labels that are mapped to one.

        Raises:
            ValueError: the model's output is not finite.
        """
        scores = self.probabilities(inputs) @ self.matrix
        mapped = float(scores.sum())
        if not np.isfinite(mapped):
            raise ValueError(f'the output of {self.info.name} is not finite')
        return scores, mapped

    def check(self, inputs: Mapping[str, Any], what: str) -> None:
        """Try an input at start-up.

        Args:
            inputs: as for `probabilities`.
            what: the input in words, such as "2 s of sound".

        Raises:
            ModelError: the model cannot take it, or its answer does not fit its label table.
        """
        try:
            found = self.probabilities(inputs)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f'{self._name} cannot read {what}: {first_line(error)}') from error
        if not np.isfinite(found).all():
            raise ModelError(f'{self._name} is damaged: its output is not finite')
        if found.shape != (len(self.labels),):
            raise ModelError(
                f'{self._name} returns {found.size} numbers; its label table has '
                f'{len(self.labels)} labels ({", ".join(self.labels)}); model and table do not '
                'belong together'
            )


def _device(wanted: str, parameter: str) -> str:
    there = torch.cuda.is_available()
    if wanted == 'cuda' and not there:
        raise ModelError(f'{parameter} is "cuda", but torch finds no GPU; set it to auto or cpu')
    return 'cuda' if there and wanted != 'cpu' else 'cpu'


def _load(kind: Kind, model: str, local_files_only: bool) -> tuple[Any, Any]:
    """Return what reads the input, and the classifier."""
    if not model:
        raise ModelError(f'{kind.modality}.transformers_model is empty. {kind.how_to_get}')
    logging.set_verbosity_error()
    if local_files_only:
        logging.disable_progress_bar()
    folder = Path(model).expanduser()
    source = str(folder) if folder.is_dir() else model
    options = {'local_files_only': local_files_only, 'trust_remote_code': False}
    try:
        reader = kind.reader.from_pretrained(source, **options)
        classifier, report = kind.model.from_pretrained(
            source, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    except Exception as error:  # the libraries raise exceptions of any type
        raise ModelError(
            f'no {kind.modality} model {model!r}: {first_line(error)}. {kind.how_to_get}'
        ) from error
    # Weights that the file lacks would be initialised with random numbers.
    if wrong := [*map(_mismatch, report['mismatched_keys']), *sorted(report['missing_keys'])]:
        raise ModelError(
            f'{model} is not complete as {kind.name}: its file does not match its config.json '
            f'({"; ".join(wrong[:3])}). {kind.how_to_get}'
        )
    return reader, classifier.float().eval()


def _mismatch(entry: tuple[str, Sequence[int], Sequence[int]]) -> str:
    name, found, expected = entry
    return f'{name} is {list(found)}, expected {list(expected)}'
