"""ONNX models run by onnxruntime: execution providers, sessions, and the base of the adapters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from emotion_node.datatypes import ModelInfo
from emotion_node.errors import ModelError
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import ModelEntry

_ORT_ERRORS: Final = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)

CPU: Final = ('CPUExecutionProvider',)
"""Execution providers of a machine without an accelerator."""
Shape = tuple[int | str, ...]
LABEL_COUNT: Final = 'labels'
"""Name of the size of a label table, in the shapes of a `Signature`."""
_SUFFIX: Final = 'ExecutionProvider'


def choose_providers(wanted: str, log: Callable[[str], None]) -> tuple[str, ...]:
    """Return the execution providers to run models on, best first, the CPU last.

    Args:
        wanted: onnxruntime's names with or without "ExecutionProvider", separated by commas;
            "auto" for all that are available, in onnxruntime's order.
        log: takes a sentence about each that this onnxruntime does not have.

    Raises:
        ModelError: onnxruntime knows no such provider.
    """
    known = {name.removesuffix(_SUFFIX).lower(): name for name in ort.get_all_providers()}
    available = ort.get_available_providers()
    chosen: list[str] = []
    for one in wanted.split(','):
        short = one.strip().lower().removesuffix(_SUFFIX.lower())
        if not short:
            continue
        if short == 'auto':
            chosen += [name for name in available if name != 'AzureExecutionProvider']
            continue
        if short not in known:
            raise ModelError(
                f'inference.providers: onnxruntime knows no {one.strip()!r}; it knows '
                f'{", ".join(sorted(known))}'
            )
        if known[short] in available:
            chosen.append(known[short])
        else:
            here = ', '.join(name.removesuffix(_SUFFIX) for name in available)
            log(
                f'inference.providers asks for {short}, which onnxruntime {ort.__version__} here '
                f'does not have (it has {here}): it is skipped, and models run on the next one, '
                'the CPU being the last. Install the build of onnxruntime that has it, '
                'e.g. onnxruntime-gpu for cuda'
            )
    others = [name for name in chosen if name not in CPU]
    return tuple(dict.fromkeys((*others, *CPU)))


def open_session(
    model: bytes | Path, name: object, threads: int, providers: Sequence[str] = CPU
) -> ort.InferenceSession:
    """Return a session that runs an ONNX model.

    Args:
        model: the file's content or its path.
        name: names the model in errors.
        threads: of the CPU, per call.
        providers: as `choose_providers` returns them.

    Raises:
        ModelError: it is no ONNX model, or none that this onnxruntime can run.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would take a core from the rest of the node between calls.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        return ort.InferenceSession(model, options, providers=list(providers))
    except _ORT_ERRORS as error:
        raise ModelError(
            f'{name} is no ONNX model that onnxruntime {ort.__version__} can run: {error}'
        ) from error


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs that a kind of model must have.

    Attributes:
        kind: of model, e.g. "text"; for errors.
        inputs: shape of each input by name; a number is a fixed size, a word names a size that
            may vary.
        outputs: in the same form; `LABEL_COUNT` is the number of labels in the manifest.
        labels: label table that the manifest must have, in the order of the scores.
    """

    kind: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    labels: tuple[str, ...] = LABELS

    def check(self, session: ort.InferenceSession, entry: ModelEntry) -> None:
        """Reject a model with other inputs, outputs or labels.

        Raises:
            ModelError: it has other inputs, outputs or labels.
        """
        path = entry.file('weights').path
        found = {value.name: tuple(value.shape) for value in session.get_inputs()}
        if not _fits(found, self.inputs):
            raise ModelError(
                f'{path} takes {_describe(found)}; a {self.kind} model takes '
                f'{_describe(self.inputs)}'
            )
        count = len(entry.labels)
        expected = {
            name: tuple(count if size == LABEL_COUNT else size for size in shape)
            for name, shape in self.outputs.items()
        }
        found = {value.name: tuple(value.shape) for value in session.get_outputs()}
        if not _fits(found, expected):
            raise ModelError(
                f'{path} returns {_describe(found)}; its label table has {count} labels '
                f'({", ".join(entry.labels)}), so {_describe(expected)} was expected; model and '
                'manifest do not belong together'
            )
        if entry.labels != self.labels:
            raise ModelError(
                f'{path} has the labels {", ".join(entry.labels)}; expected '
                f'{", ".join(self.labels)}'
            )


class OnnxModel(ABC):
    """An ONNX model of the manifest, loaded, checked and warmed up: base of the emotion models.

    It has no state between calls and may be called from several threads.

    Args:
        entry: the model; its files are compared with their checksums.
        threads: of the CPU, per call.
        providers: as `choose_providers` returns them.

    Attributes:
        signature: inputs, outputs and labels that the model must have; each subclass sets it.

    Raises:
        ModelError: a file is missing or damaged, or is no model of this signature.
    """

    signature: Signature

    def __init__(
        self, entry: ModelEntry, threads: int = 1, providers: Sequence[str] = CPU
    ) -> None:
        self._info = entry.info
        file = entry.file('weights')
        self._session = open_session(file.read(), file.path, threads, providers)
        self.signature.check(self._session, entry)
        # The first call allocates, so it is made at start-up.
        self.warm_up()

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        return self._info

    @abstractmethod
    def warm_up(self) -> None:
        """Answer once about any input."""

    def _call(self, inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Return the outputs in the order of the signature."""
        outputs: list[npt.NDArray[Any]] = self._session.run(
            list(self.signature.outputs), dict(inputs)
        )
        return outputs


def _fits(found: Mapping[str, Sequence[object]], expected: Mapping[str, Shape]) -> bool:
    return found.keys() == expected.keys() and all(
        len(found[name]) == len(shape)
        and all(
            isinstance(size, str) or here == size
            for here, size in zip(found[name], shape, strict=True)
        )
        for name, shape in expected.items()
    )


def _describe(values: Mapping[str, Sequence[object]]) -> str:
    return ', '.join(f'{name} of ({", ".join(map(str, shape))})' for name, shape in values.items())
