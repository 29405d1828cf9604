"""Converts MediaPipe's networks over images of faces from TensorFlow Lite to ONNX.

Tensors of four dimensions are in channels-last order there, and channels-first here; the others
keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.backends.tflite_converter import Converter
from emotion_node.backends.tflite_file import Operator, Tensor

Array = npt.NDArray[Any]

_TO_FIRST: Final = (0, 3, 1, 2)
_TO_LAST: Final = (0, 2, 3, 1)
_SAME: Final = 0
"""Padding so that the output is as large as the input, divided by the stride."""


class ImageConverter(Converter):
    """Its input is (1, 3, height, width); its arguments and errors are those of `Converter`."""

    def _convert(self, operator: Operator) -> str:
        return _OPERATORS[operator.name](self, operator)

    def _shape(self, tensor: Tensor) -> tuple[int, ...]:
        if len(tensor.shape) == 4:
            return tuple(tensor.shape[axis] for axis in _TO_FIRST)
        return tensor.shape

    def _arrange(self, value: Array) -> Array:
        return value.transpose(_TO_FIRST) if value.ndim == 4 else value

    def _pads(
        self, operator: Operator, kernel: Sequence[int], strides: Sequence[int]
    ) -> list[int]:
        if operator.choice(0) != _SAME:
            return [0, 0, 0, 0]
        before, after = [], []
        for size, reach, stride in zip(
            self._tensor(operator).shape[1:3], kernel, strides, strict=True
        ):
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
            before.append(total // 2)
            after.append(total - total // 2)
        return before + after

    def _convolve(
        self, operator: Operator, weights: Array, strides: list[int], groups: int, activation: int
    ) -> str:
        kernel = list(weights.shape[2:])
        inputs = [self._input(operator), self._graph.constant(weights)]
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            inputs.append(self._input(operator, 2))
        output = self._graph.node(
            'Conv',
            inputs,
            kernel_shape=kernel,
            strides=strides,
            group=groups,
            pads=self._pads(operator, kernel, strides),
        )
        return self._activate(output, activation)

    def _convolution(self, operator: Operator) -> str:
        weights = self._value(operator, 1).transpose(0, 3, 1, 2)
        strides = [operator.option(2, 1), operator.option(1, 1)]
        return self._convolve(operator, weights, strides, 1, operator.choice(3))

    def _depthwise(self, operator: Operator) -> str:
        weights = self._value(operator, 1).transpose(3, 0, 1, 2)
        strides = [operator.option(2, 1), operator.option(1, 1)]
        channels = self._tensor(operator).shape[3]
        return self._convolve(operator, weights, strides, channels, operator.choice(4))

    def _max_pool(self, operator: Operator) -> str:
        kernel = [operator.option(4), operator.option(3)]
        strides = [operator.option(2), operator.option(1)]
        pads = self._pads(operator, kernel, strides)
        return self._graph.node(
            'MaxPool', [self._input(operator)], kernel_shape=kernel, strides=strides, pads=pads
        )

    def _pad(self, operator: Operator) -> str:
        pads = self._value(operator, 1).astype(np.int64)[list(_TO_FIRST)]
        if pads[1].any() and not pads[[0, 2, 3]].any():
            # As a convolution, which onnxruntime keeps in its own layout of channels.
            channels = self._tensor(operator).shape[3]
            weights = np.pad(np.eye(channels, dtype=np.float32), (pads[1], (0, 0)))
            return self._graph.node(
                'Conv',
                [self._input(operator), self._graph.constant(weights[:, :, None, None])],
                kernel_shape=[1, 1],
            )
        return self._graph.node(
            'Pad', [self._input(operator), self._graph.constant(pads.T.ravel())]
        )

    def _relu(self, operator: Operator) -> str:
        return self._graph.node('Relu', [self._input(operator)])

    def _sigmoid(self, operator: Operator) -> str:
        return self._graph.node('Sigmoid', [self._input(operator)])

    def _add(self, operator: Operator) -> str:
        output = self._graph.node('Add', [self._input(operator), self._input(operator, 1)])
        return self._activate(output, operator.choice(0))

    def _prelu(self, operator: Operator) -> str:
        slope = self._value(operator, 1).astype(np.float32).reshape(-1)
        name = self._input(operator)
        # slope x + (1 - slope) max(0, x): for onnxruntime three times as fast as PRelu, since
        # convolutions keep its own layout of channels and are joined with their neighbours.
        rest = 1 - slope
        if (rest < 0).any():
            positive = self._scale(self._graph.node('Relu', [name]), rest)
        else:
            positive = self._graph.node('Relu', [self._scale(name, rest)])
        return self._graph.node('Add', [self._scale(name, slope), positive])

    def _scale(self, name: str, factors: Array) -> str:
        weights = self._graph.constant(factors[:, None, None, None])
        return self._graph.node('Conv', [name, weights], kernel_shape=[1, 1], group=len(factors))

    def _reshape(self, operator: Operator) -> str:
        source, target = self._tensor(operator), self._target(operator)
        name = self._input(operator)
        if len(source.shape) == 4 and source.shape[1:3] != (1, 1):
            name = self._graph.node('Transpose', [name], perm=list(_TO_LAST))
        if len(target.shape) == 4 and target.shape[1:3] != (1, 1):
            raise ValueError('a reshape to an image')
        return self._graph.node('Reshape', [name, self._numbers(*self._shape(target))])

    def _resize(self, operator: Operator) -> str:
        if operator.choice(2):
            mode = 'align_corners'
        else:
            mode = 'half_pixel' if operator.choice(3) else 'asymmetric'
        sizes = self._numbers(*self._shape(self._target(operator)))
        inputs = [self._input(operator), '', '', sizes]
        return self._graph.node(
            'Resize', inputs, mode='linear', coordinate_transformation_mode=mode
        )

    def _depth_to_space(self, operator: Operator) -> str:
        return self._graph.node(
            'DepthToSpace', [self._input(operator)], blocksize=operator.option(0), mode='DCR'
        )

    def _same(self, operator: Operator) -> str:
        """A slice that takes the whole of its input."""
        if self._tensor(operator).shape != self._target(operator).shape:
            raise ValueError('a slice of a part')
        return self._input(operator)

    def _crop_transform(self, operator: Operator) -> str:
        """Landmarks2TransformMatrix: from a square around some landmarks to the whole.

        Output: (2, 3), from pixels of the crop to the coordinates of the landmarks; the crop is
        turned with the line between two landmarks.
        """
        graph, custom = self._graph, operator.custom
        if custom['target_rotation_radians']:
            raise ValueError('a crop that is turned')
        size = custom['output_width']
        scale = [custom['scale_x'] / size, custom['scale_y'] / custom['output_height']]

        def rows(*numbers: int) -> str:
            taken = graph.node('Gather', [flat, self._numbers(*numbers)], axis=0)
            return graph.node('Gather', [taken, self._numbers(0, 1)], axis=1)

        flat = graph.node('Reshape', [self._input(operator), self._numbers(-1, 3)])
        left, right = (rows(custom[f'{side}_rotation_idx']) for side in ('left', 'right'))
        along = graph.node('Sub', [right, left])
        length = graph.node('ReduceL2', [along], axes=[1], keepdims=1)
        direction = graph.node('Div', [along, length])
        # The line's direction as the first axis, and at right angles to it the second.
        turn = graph.constant(np.array([[0, 1], [-1, 0]], np.float32))
        across = graph.node('MatMul', [direction, turn])
        axes = graph.node('Concat', [direction, across], axis=0)
        back = graph.node('Transpose', [axes], perm=[1, 0])
        turned = graph.node('MatMul', [rows(*custom['subset_idxs']), back])
        low = graph.node('ReduceMin', [turned], axes=[0], keepdims=1)
        high = graph.node('ReduceMax', [turned], axes=[0], keepdims=1)
        middle = graph.node('Mul', [graph.node('Add', [low, high]), self._floats(0.5)])
        steps = graph.node('Mul', [graph.node('Sub', [high, low]), self._floats(*scale)])
        first = graph.node(
            'Add', [middle, graph.node('Mul', [steps, self._floats(-size / 2, -size / 2)])]
        )
        origin = graph.node('Transpose', [graph.node('MatMul', [first, axes])], perm=[1, 0])
        linear = graph.node('Mul', [back, steps])
        return graph.node('Concat', [linear, origin], axis=1)

    def _crop(self, operator: Operator) -> str:
        """TransformTensorBilinear: the part of an image that a transform shows."""
        graph = self._graph
        _, height, width, _ = self._tensor(operator).shape
        rows, columns = operator.custom['output_height'], operator.custom['output_width']
        # Centres of pixels, in the units of the transform; then -1..1 from edge to edge.
        y, x = np.mgrid[:rows, :columns].reshape(2, -1) + 0.5
        places = graph.constant(np.stack([x, y, np.ones_like(x)], axis=1).astype(np.float32))
        matrix = graph.node('Transpose', [self._input(operator, 1)], perm=[1, 0])
        at = graph.node('MatMul', [places, matrix])
        to_unit = self._floats(2 / width, 2 / height)
        grid = graph.node('Sub', [graph.node('Mul', [at, to_unit]), self._floats(1)])
        grid = graph.node('Reshape', [grid, self._numbers(1, rows, columns, 2)])
        return graph.node(
            'GridSample',
            [self._input(operator), grid],
            mode='bilinear',
            padding_mode='zeros',
            align_corners=0,
        )

    def _uncrop(self, operator: Operator) -> str:
        """TransformLandmarks: landmarks of the crop in the coordinates of the whole."""
        graph = self._graph
        count = self._tensor(operator).shape[1]
        ones = graph.constant(np.ones((1, count, 1), np.float32))
        places = graph.node('Concat', [self._input(operator), ones], axis=2)
        matrix = graph.node('Transpose', [self._input(operator, 1)], perm=[1, 0])
        return graph.node('MatMul', [places, matrix])

    def _multiply(self, operator: Operator) -> str:
        value = self._value(operator, 1)
        if value.shape == (1, 4, 4):  # of a transform, of which two rows and three columns remain
            value = value[0][:2, [0, 1, 3]]
        return self._graph.node(
            'Mul', [self._input(operator), self._graph.constant(value.astype(np.float32))]
        )


_OPERATORS: Final[Mapping[str, Callable[[ImageConverter, Operator], str]]] = {
    'CONV_2D': ImageConverter._convolution,
    'DEPTHWISE_CONV_2D': ImageConverter._depthwise,
    'MAX_POOL_2D': ImageConverter._max_pool,
    'PAD': ImageConverter._pad,
    'ADD': ImageConverter._add,
    'MUL': ImageConverter._multiply,
    'RELU': ImageConverter._relu,
    'PRELU': ImageConverter._prelu,
    'LOGISTIC': ImageConverter._sigmoid,
    'RESHAPE': ImageConverter._reshape,
    'RESIZE_BILINEAR': ImageConverter._resize,
    'DEPTH_TO_SPACE': ImageConverter._depth_to_space,
    'STRIDED_SLICE': ImageConverter._same,
    'Landmarks2TransformMatrix': ImageConverter._crop_transform,
    'TransformTensorBilinear': ImageConverter._crop,
    'TransformLandmarks': ImageConverter._uncrop,
}
