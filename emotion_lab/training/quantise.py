"""Store a text model's weights in 8 bits.

Matrices become blocks of rows with one scale each (`MatMulNBits` of onnxruntime): the
activations get a scale for each token and block, so that one token with large values does not
reduce the precision of the others. The table of word pieces gets one scale per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

MIN_ROWS: Final = 1000
"""A gathered table with fewer rows stays in float: it takes little space."""

_DOMAIN: Final = 'com.microsoft'
_ZERO: Final = 128


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How weights are stored in 8 bits.

    Attributes:
        block: number of weights that share a scale: 16, 32, 64, 128 or 256.
        int8_products: whether activations are quantised too, per token and block, which is faster;
            otherwise products are in float.
    """

    block: int
    int8_products: bool


def quantise(source: Path, target: Path, way: Quantisation) -> None:
    """Write the float model `source` with weights in 8 bits to `target`."""
    model = onnx.load(source)
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type == 'MatMul' and node.input[1] in weights:
            nodes.append(_matrix(graph, node, weights[node.input[1]], way))
        elif node.op_type == 'Gather' and _is_table(weights.get(node.input[0])):
            nodes += _table(graph, node, weights[node.input[0]])
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    onnx.save(model, target)


def _is_table(tensor: Any) -> bool:
    return tensor is not None and len(tensor.dims) == 2 and tensor.dims[0] >= MIN_ROWS


def _matrix(graph: Any, node: Any, tensor: Any, way: Quantisation) -> Any:
    weights = numpy_helper.to_array(tensor).T
    rows, columns = weights.shape
    if columns % way.block:
        raise ValueError(f'{tensor.name} has {columns} inputs; blocks of {way.block} do not fit')
    packed, scales = _eight_bits(weights.reshape(rows, columns // way.block, way.block))
    stored = (packed.astype(np.int16) + _ZERO).astype(np.uint8)
    names = _store(graph, node.name, stored, scales.reshape(-1))
    return helper.make_node(
        'MatMulNBits',
        [node.input[0], *names],
        list(node.output),
        name=node.name,
        domain=_DOMAIN,
        K=columns,
        N=rows,
        bits=8,
        block_size=way.block,
        accuracy_level=4 if way.int8_products else 1,
    )


def _table(graph: Any, node: Any, tensor: Any) -> list[Any]:
    packed, scales = _eight_bits(numpy_helper.to_array(tensor))
    names = _store(graph, node.name, packed, scales)
    rows, floats, chosen = (f'{node.name}/{part}' for part in ('rows', 'floats', 'scales_of'))
    return [
        helper.make_node('Gather', [names[0], node.input[1]], [rows], name=rows),
        helper.make_node('Cast', [rows], [floats], name=floats, to=TensorProto.FLOAT),
        helper.make_node('Gather', [names[1], node.input[1]], [chosen], name=chosen),
        helper.make_node('Mul', [floats, chosen], list(node.output), name=node.name),
    ]


def _eight_bits(
    values: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return `values` as multiples of a scale per last axis, and the scales."""
    scales = np.maximum(np.abs(values).max(-1, keepdims=True), 1e-12) / 127
    return np.rint(values / scales).astype(np.int8), scales.astype(np.float32)


def _store(
    graph: Any, name: str, packed: npt.NDArray[Any], scales: npt.NDArray[np.float32]
) -> tuple[str, str]:
    names = (f'{name}/packed', f'{name}/scales')
    graph.initializer.extend(
        numpy_helper.from_array(array, key)
        for key, array in zip(names, (packed, scales), strict=True)
    )
    return names
