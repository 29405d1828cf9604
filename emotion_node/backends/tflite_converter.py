"""What the converters of networks from TensorFlow Lite to ONNX have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.backends.onnx_file import OnnxGraph
from emotion_node.backends.tflite_file import Operator, Tensor, TfliteError, TfliteModel

Array = npt.NDArray[Any]

INPUT: Final = 'input'
"""Name of the only input of a converted network."""
_ACTIVATIONS: Final = {0: '', 1: 'Relu'}


class Converter(ABC):
    """Converts those operators of a network that lead to the wanted outputs.

    Args:
        source: the network.
        name: of the ONNX model.
        outputs: name of each wanted output in the ONNX model, by the name of its tensor.

    Raises:
        TfliteError: it has no such outputs.
    """

    def __init__(self, source: TfliteModel, name: str, outputs: Mapping[str, str]) -> None:
        self._source = source
        self._graph = OnnxGraph(name)
        (self._index,) = source.inputs
        self._names: dict[int, str] = {self._index: INPUT}
        self._outputs = {
            index: outputs[source.tensors[index].name]
            for index in source.outputs
            if source.tensors[index].name in outputs
        }
        missing = outputs.keys() - {source.tensors[index].name for index in self._outputs}
        if missing:
            raise TfliteError(f'the network has no output {", ".join(sorted(missing))}')

    def model(self) -> bytes:
        """Return the ONNX model.

        Raises:
            TfliteError: the network has an operator that is unknown, or used in an unknown way.
        """
        try:
            return self._model()
        except (KeyError, ValueError, IndexError) as error:
            raise TfliteError(f'it is not the expected network: {error!r}') from error

    def _model(self) -> bytes:
        for operator in self._needed():
            (target,) = operator.outputs
            self._names[target] = self._convert(operator)
        for index, name in self._outputs.items():
            self._graph.node('Identity', [self._names[index]], name)
        outputs = {
            name: self._shape(self._source.tensors[index]) for index, name in self._outputs.items()
        }
        return self._graph.model({INPUT: self._shape(self._source.tensors[self._index])}, outputs)

    @abstractmethod
    def _convert(self, operator: Operator) -> str:
        """Add an operator, and return the name of its output."""

    @abstractmethod
    def _shape(self, tensor: Tensor) -> tuple[int, ...]:
        """Return the shape that a tensor has in the ONNX model."""

    @abstractmethod
    def _arrange(self, value: Array) -> Array:
        """Return a constant in the order of dimensions that it has in the ONNX model."""

    def _needed(self) -> list[Operator]:
        wanted = set(self._outputs)
        kept = []
        for operator in reversed(self._source.operators):
            if wanted.intersection(operator.outputs):
                wanted.update(operator.inputs)
                kept.append(operator)
        return kept[::-1]

    def _tensor(self, operator: Operator, number: int = 0) -> Tensor:
        return self._source.tensors[operator.inputs[number]]

    def _target(self, operator: Operator) -> Tensor:
        return self._source.tensors[operator.outputs[0]]

    def _input(self, operator: Operator, number: int = 0) -> str:
        index = operator.inputs[number]
        if index not in self._names:
            value = self._arrange(self._value(operator, number))
            self._names[index] = self._graph.constant(value.astype(np.float32))
        return self._names[index]

    def _value(self, operator: Operator, number: int) -> Array:
        value = self._tensor(operator, number).value
        if value is None:
            raise ValueError(f'input {number} of {operator.name} is not constant')
        return value

    def _activate(self, name: str, choice: int) -> str:
        kind = _ACTIVATIONS[choice]
        return self._graph.node(kind, [name]) if kind else name

    def _numbers(self, *values: int) -> str:
        return self._graph.constant(np.array(values, np.int64))

    def _floats(self, *values: float) -> str:
        return self._graph.constant(np.array(values, np.float32))
