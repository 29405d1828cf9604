"""Converts MediaPipe's network of blendshapes from TensorFlow Lite to ONNX.

It mixes tokens (an MLP-Mixer, Tolstikhin et al., arXiv 2105.01601), written with convolutions of
single pixels: here they are matrix products, and all tensors keep their order of dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.backends.tflite_converter import Converter
from emotion_node.backends.tflite_file import Operator, Tensor

Array = npt.NDArray[Any]


class TokenConverter(Converter):
    """Its arguments and errors are those of `Converter`."""

    def _convert(self, operator: Operator) -> str:
        return _OPERATORS[operator.name](self, operator)

    def _shape(self, tensor: Tensor) -> tuple[int, ...]:
        return tensor.shape

    def _arrange(self, value: Array) -> Array:
        return value

    def _convolution(self, operator: Operator) -> str:
        weights = self._value(operator, 1)
        if weights.shape[1:3] != (1, 1):
            raise ValueError('a convolution of more than one pixel')
        matrix = self._graph.constant(weights[:, 0, 0].T.astype(np.float32))
        output = self._graph.node('MatMul', [self._input(operator), matrix])
        output = self._graph.node('Add', [output, self._input(operator, 2)])
        return self._activate(output, operator.choice(3))

    def _mean(self, operator: Operator) -> str:
        axes = [int(axis) for axis in np.atleast_1d(self._value(operator, 1))]
        kept = operator.choice(0)
        return self._graph.node('ReduceMean', [self._input(operator)], axes=axes, keepdims=kept)

    def _sum(self, operator: Operator) -> str:
        axes = self._numbers(*np.atleast_1d(self._value(operator, 1)).tolist())
        inputs = [self._input(operator), axes]
        return self._graph.node('ReduceSum', inputs, keepdims=operator.choice(0))

    def _concatenate(self, operator: Operator) -> str:
        inputs = [self._input(operator, number) for number in range(len(operator.inputs))]
        return self._graph.node('Concat', inputs, axis=operator.option(0))

    def _transpose(self, operator: Operator) -> str:
        order = self._value(operator, 1).tolist()
        return self._graph.node('Transpose', [self._input(operator)], perm=order)

    def _reshape(self, operator: Operator) -> str:
        shape = self._numbers(*self._target(operator).shape)
        return self._graph.node('Reshape', [self._input(operator), shape])

    def _slice(self, operator: Operator) -> str:
        first, last, step = (self._value(operator, number).tolist() for number in (1, 2, 3))
        shape = self._tensor(operator).shape
        for axis, size in enumerate(shape):
            if operator.option(0) >> axis & 1:
                first[axis] = 0
            if operator.option(1) >> axis & 1:
                last[axis] = size
            if operator.option(4) >> axis & 1:  # the dimension disappears
                last[axis] = first[axis] + 1
        axes = self._numbers(*range(len(shape)))
        bounds = [self._numbers(*first), self._numbers(*last), axes, self._numbers(*step)]
        part = self._graph.node('Slice', [self._input(operator), *bounds])
        return self._graph.node('Reshape', [part, self._numbers(*self._target(operator).shape)])

    def _rsqrt(self, operator: Operator) -> str:
        return self._graph.node('Reciprocal', [self._graph.node('Sqrt', [self._input(operator)])])

    def _squared_difference(self, operator: Operator) -> str:
        difference = self._graph.node('Sub', [self._input(operator), self._input(operator, 1)])
        return self._graph.node('Mul', [difference, difference])


def _unary(kind: str) -> Callable[[TokenConverter, Operator], str]:
    return lambda one, operator: one._graph.node(kind, [one._input(operator)])


def _binary(kind: str) -> Callable[[TokenConverter, Operator], str]:
    def convert(one: TokenConverter, operator: Operator) -> str:
        output = one._graph.node(kind, [one._input(operator), one._input(operator, 1)])
        return one._activate(output, operator.choice(0))

    return convert


_OPERATORS: Final[Mapping[str, Callable[[TokenConverter, Operator], str]]] = {
    'ADD': _binary('Add'),
    'SUB': _binary('Sub'),
    'MUL': _binary('Mul'),
    'DIV': _binary('Div'),
    'NEG': _unary('Neg'),
    'SQRT': _unary('Sqrt'),
    'LOGISTIC': _unary('Sigmoid'),
    'RSQRT': TokenConverter._rsqrt,
    'SQUARED_DIFFERENCE': TokenConverter._squared_difference,
    'MEAN': TokenConverter._mean,
    'SUM': TokenConverter._sum,
    'CONV_2D': TokenConverter._convolution,
    'CONCATENATION': TokenConverter._concatenate,
    'TRANSPOSE': TokenConverter._transpose,
    'RESHAPE': TokenConverter._reshape,
    'STRIDED_SLICE': TokenConverter._slice,
}
