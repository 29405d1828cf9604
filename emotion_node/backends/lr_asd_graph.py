"""The network LR-ASD as ONNX graphs (Liao et al., IJCV 2025; arXiv 2303.04439 for its parent).

Three graphs, so that each part runs no more often than it must: the pictures of a face to one
vector per picture, the sound to one vector per picture, and both to a score. Normalisation is
folded into the convolutions. The first runs as a stream: each convolution over time keeps the
last feature maps of the call before, so that no picture is processed twice, and a vector comes
out `DELAY` pictures late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.backends.onnx_file import OnnxGraph, Shape

Tensor = npt.NDArray[Any]
Weights = Mapping[str, Tensor]

EMBEDDING: Final = 128
CEPSTRA: Final = 13
CHANNELS: Final = (32, 64, 128)
"""Of the three blocks."""
KERNELS: Final = (5, 3)
DELAY: Final = len(CHANNELS) * sum(kernel // 2 for kernel in KERNELS)
_MEAN: Final = 0.4161
_SPREAD: Final = 0.1688
"""Of the brightness of the pictures it was trained on, 0..1."""
_NORM: Final = 1e-3
"""What batch normalisation adds to a variance."""


def state_shapes(side: int) -> list[tuple[int, int, int, int]]:
    """Return the shapes of the streaming states for pictures of `side` by `side` pixels."""
    shapes = []
    for channels in CHANNELS:
        side = (side + 1) // 2  # a stride of 2, by convolution or by pooling
        shapes += [(kernel - 1, channels, side, side) for kernel in KERNELS]
    return shapes


def visual_graph(weights: Weights, side: int) -> bytes:
    """Return the graph from pictures to vectors, as a stream.

    Inputs: `faces` (n, 1, side, side) float32 0..255; `numbers` (n, 1, 1, 1), which count them
    from 0 at the start of the stream; and `state0` to `state5`. Outputs: `vectors` (n, 128), and
    `next0` to `next5`.
    """
    graph = OnnxGraph('lr_asd_visual')
    zero, one = (graph.constant(np.array(k, np.float32)) for k in (0, 1))
    late = 0
    value = graph.node('Sub', ['faces', graph.constant(np.array(_MEAN * 255, np.float32))])
    shapes = state_shapes(side)
    for block in range(len(CHANNELS)):
        name = f'model.visualEncoder.block{block + 1}'
        if block:
            value = _pool(graph, value, (3, 3), (2, 2), (1, 1))
        for number, kernel in enumerate(KERNELS, 1):
            kernels, bias = _folded(weights, f'{name}.s_{number}', f'{name}.s_norm_{number}')
            first = block == 0 and number == 1
            kernels = kernels[:, :, 0] / (255 * _SPREAD if first else 1)
            pad = kernel // 2
            stride = 2 if first else 1
            value = _convolve(graph, value, kernels, bias, (pad, pad), (stride, stride))
        for number in (1, 2):
            place = 2 * block + number - 1
            kernels, bias = _folded(weights, f'{name}.t_{number}', f'{name}.t_norm_{number}')
            if late:
                # Before the first picture there are zeros, as where the network was trained.
                before = graph.constant(np.array(late - 1, np.float32))
                known = graph.node('Clip', [graph.node('Sub', ['numbers', before]), zero, one])
                value = graph.node('Mul', [value, known])
            value = _over_time(graph, value, kernels[..., 0, 0], bias, place)
            late += kernels.shape[2] // 2
    value = graph.node('GlobalMaxPool', [value])
    graph.node('Flatten', [value], 'vectors')
    inputs: dict[str, Shape] = {'faces': ('n', 1, side, side), 'numbers': ('n', 1, 1, 1)}
    return graph.model(
        inputs | {f'state{k}': shape for k, shape in enumerate(shapes)},
        {'vectors': ('n', EMBEDDING)} | {f'next{k}': shape for k, shape in enumerate(shapes)},
    )


def _over_time(graph: OnnxGraph, value: str, kernels: Tensor, bias: Tensor, place: int) -> str:
    """Add a convolution over time alone: one of the pictures side by side as channels."""
    width = kernels.shape[2]
    longer = graph.node('Concat', [f'state{place}', value], axis=0)
    first = graph.constant(np.array([1 - width], np.int64))
    last = graph.constant(np.array([1 << 40], np.int64))
    graph.node('Slice', [longer, first, last], f'next{place}')
    shifted = []
    for k in range(width):
        begin = graph.constant(np.array([k], np.int64))
        end = last if k == width - 1 else graph.constant(np.array([k + 1 - width], np.int64))
        shifted.append(graph.node('Slice', [longer, begin, end]))
    beside = graph.node('Concat', shifted, axis=1)
    # (out, in, time) to (out, time * in), in the order of the channels.
    flat = kernels.transpose(0, 2, 1).reshape(kernels.shape[0], -1)[..., None, None]
    return _convolve(graph, beside, flat, bias, (0, 0), (1, 1))


def audio_graph(weights: Weights) -> bytes:
    """Return the graph from cepstra to vectors.

    Input: `cepstra` (1, 1, 13, 4 n), 100 per second. Output: `vectors` (1, n, 128).
    """
    graph = OnnxGraph('lr_asd_audio')
    value = 'cepstra'
    for block in range(len(CHANNELS)):
        name = f'model.audioEncoder.block{block + 1}'
        if block:
            value = _pool(graph, value, (1, 3), (1, 2), (0, 1))
        for part, over_time in (('m', False), ('t', True)):
            for number, kernel in enumerate(KERNELS, 1):
                kernels, bias = _folded(
                    weights, f'{name}.{part}_{number}', f'{name}.{part}_norm_{number}'
                )
                pad = (0, kernel // 2) if over_time else (kernel // 2, 0)
                value = _convolve(graph, value, kernels, bias, pad, (1, 1))
    value = graph.node('ReduceMean', [value], axes=(2,), keepdims=0)
    graph.node('Transpose', [value], 'vectors', perm=(0, 2, 1))
    return graph.model({'cepstra': (1, 1, CEPSTRA, 't')}, {'vectors': (1, 'n', EMBEDDING)})


def score_graph(weights: Weights) -> bytes:
    """Return the graph from the vectors of both to scores.

    Inputs: `sound` and `sight` (1, n, 128). Output: `scores` (n,), log odds that the face speaks.
    """
    graph = OnnxGraph('lr_asd_score')
    both = graph.node('Concat', ['sound', 'sight'], axis=2)
    both = _attend(graph, both, weights, 'model.fusion')
    directions = ('model.detector.gru_forward', 'model.detector.gru_backward')
    inputs = [_gru(weights, name) for name in directions]
    w, r, b = (graph.constant(np.stack(one)) for one in zip(*inputs, strict=True))
    in_time = graph.node('Transpose', [both], perm=(1, 0, 2))
    found = graph.node(
        'GRU',
        [in_time, w, r, b],
        direction='bidirectional',
        hidden_size=EMBEDDING // 2,
        linear_before_reset=1,
    )
    # (n, directions, 1, hidden) to (1, n, directions * hidden)
    found = graph.node('Transpose', [found], perm=(2, 0, 1, 3))
    shape = graph.constant(np.array([1, -1, EMBEDDING], np.int64))
    found = graph.node('Reshape', [found, shape])
    found = _attend(graph, found, weights, 'model.detector.attention')
    matrix, bias = weights['lossAV.FC.weight'], weights['lossAV.FC.bias']
    contrast = graph.constant((matrix[1] - matrix[0])[:, None])
    found = graph.node('MatMul', [found, contrast])
    found = graph.node('Add', [found, graph.constant(bias[1:] - bias[:1])])
    flat = graph.constant(np.array([-1], np.int64))
    graph.node('Reshape', [found, flat], 'scores')
    each = (1, 'n', EMBEDDING)
    return graph.model({'sound': each, 'sight': each}, {'scores': ('n',)})


def _attend(graph: OnnxGraph, value: str, weights: Weights, name: str) -> str:
    """Weight each channel by a sigmoid of all of them."""
    kernels, bias = _folded(weights, f'{name}.attention', f'{name}.bn')
    gate = graph.node('MatMul', [value, graph.constant(kernels[..., 0].T)])
    gate = graph.node('Add', [gate, graph.constant(bias)])
    return graph.node('Mul', [value, graph.node('Sigmoid', [gate])])


def _gru(weights: Weights, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights of a GRU in ONNX's order of gates (update, reset, new)."""

    def ordered(values: Tensor) -> Tensor:
        reset, update, new = np.split(values, 3)
        return np.concatenate([update, reset, new])

    biases = [ordered(weights[f'{name}.bias_{one}_l0']) for one in ('ih', 'hh')]
    return (
        ordered(weights[f'{name}.weight_ih_l0']),
        ordered(weights[f'{name}.weight_hh_l0']),
        np.concatenate(biases),
    )


def _folded(weights: Weights, layer: str, norm: str) -> tuple[Tensor, Tensor]:
    """Return kernels and bias of a convolution together with the normalisation after it."""
    scale = weights[f'{norm}.weight'] / np.sqrt(weights[f'{norm}.running_var'] + _NORM)
    kernels = weights[f'{layer}.weight']
    shape = (-1, *[1] * (kernels.ndim - 1))
    bias = weights[f'{norm}.bias'] - scale * weights[f'{norm}.running_mean']
    return (kernels * scale.reshape(shape)).astype(np.float32), bias.astype(np.float32)


def _convolve(
    graph: OnnxGraph,
    value: str,
    kernels: Tensor,
    bias: Tensor,
    pad: tuple[int, int],
    stride: tuple[int, int],
) -> str:
    """Add a convolution with a rectifier."""
    inputs = [value, graph.constant(kernels.astype(np.float32)), graph.constant(bias)]
    value = graph.node(
        'Conv', inputs, kernel_shape=kernels.shape[2:], pads=pad * 2, strides=stride
    )
    return graph.node('Relu', [value])


def _pool(
    graph: OnnxGraph,
    value: str,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
) -> str:
    return graph.node('MaxPool', [value], kernel_shape=kernel, strides=stride, pads=pad * 2)
