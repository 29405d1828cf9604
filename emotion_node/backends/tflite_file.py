"""Reads TensorFlow Lite models: their tensors, constants and operators.

The format is tensorflow/lite/schema/schema.fbs; fields are numbered as there. Weights in 16 bits
and sparse weights are expanded, so that what remains are operators on float32.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from flatbuffers import flexbuffers, number_types
from flatbuffers.table import Table

from emotion_node.errors import UserError

Array = npt.NDArray[Any]


class TfliteError(UserError):
    """A file is no TensorFlow Lite model, is damaged, or holds another network."""


IDENTIFIER: Final = b'TFL3'
OPERATORS: Final = {
    0: 'ADD',
    2: 'CONCATENATION',
    3: 'CONV_2D',
    4: 'DEPTHWISE_CONV_2D',
    5: 'DEPTH_TO_SPACE',
    6: 'DEQUANTIZE',
    14: 'LOGISTIC',
    17: 'MAX_POOL_2D',
    18: 'MUL',
    19: 'RELU',
    22: 'RESHAPE',
    23: 'RESIZE_BILINEAR',
    32: 'CUSTOM',
    34: 'PAD',
    39: 'TRANSPOSE',
    40: 'MEAN',
    41: 'SUB',
    42: 'DIV',
    45: 'STRIDED_SLICE',
    54: 'PRELU',
    59: 'NEG',
    74: 'SUM',
    75: 'SQRT',
    76: 'RSQRT',
    99: 'SQUARED_DIFFERENCE',
    124: 'DENSIFY',
}
"""Names of the operators that occur in MediaPipe's face models, by their number."""
_TYPES: Final = {0: np.float32, 1: np.float16, 2: np.int32}
_INT8, _BOOL = number_types.Int8Flags, number_types.BoolFlags
_INT32, _UINT32 = number_types.Int32Flags, number_types.Uint32Flags


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a model.

    Attributes:
        name: it need not be unique.
        shape: (n,) sizes, channels last.
        value: its content, if it is constant.
    """

    name: str
    shape: tuple[int, ...]
    value: Array | None


class Operator:
    """An operator of a model.

    Attributes:
        name: as in `OPERATORS`, or the custom operator's own.
        inputs, outputs: indices of tensors; -1 for an input that is left out.
        custom: attributes of a custom operator.
    """

    def __init__(self, table: _Table, codes: list[tuple[str, str]]) -> None:
        name, own = codes[table.number(0, _UINT32)]
        self.name = own or name
        self.inputs = tuple(int(one) for one in table.numbers(1, _INT32))
        self.outputs = tuple(int(one) for one in table.numbers(2, _INT32))
        self._options = table.union(4)
        content = table.numbers(5, number_types.Uint8Flags).tobytes() if own else b''
        self.custom: dict[str, Any] = flexbuffers.Loads(bytearray(content)) if content else {}

    def option(self, index: int, default: int = 0) -> int:
        """Return a number of 32 bits of the operator's options, by the number of its field."""
        return self._options.number(index, _INT32, default) if self._options else default

    def choice(self, index: int) -> int:
        """Return a number of 8 bits of the options."""
        return self._options.number(index, _INT8) if self._options else 0


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """The only graph of a model.

    Attributes:
        tensors: all of them.
        operators: in the order in which they run.
        inputs, outputs: indices of tensors.
    """

    tensors: list[Tensor]
    operators: list[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(content: bytes) -> TfliteModel:
    """Return the graph of a TensorFlow Lite model.

    Raises:
        TfliteError: it is no such model, or is damaged.
    """
    if content[4:8] != IDENTIFIER:
        raise TfliteError('it is no TensorFlow Lite model')
    try:
        return _read(content)
    except (struct.error, IndexError, KeyError, TypeError, ValueError) as error:
        raise TfliteError(f'it is a damaged TensorFlow Lite model: {error!r}') from error


def _read(content: bytes) -> TfliteModel:
    buffer = bytearray(content)
    model = _Table(Table(buffer, struct.unpack_from('<I', buffer)[0]))
    codes = [
        (
            OPERATORS.get(
                number := max(one.number(0, _INT8), one.number(3, _INT32)), f'operator {number}'
            ),
            one.text(1),
        )
        for one in model.tables(1)
    ]
    buffers = list(model.tables(4))
    (graph, *_) = model.tables(2)
    tensors = [_tensor(one, buffers) for one in graph.tables(0)]
    operators = []
    for table in graph.tables(3):
        one = Operator(table, codes)
        if one.name in ('DEQUANTIZE', 'DENSIFY'):
            # Constants; sparse ones have been expanded with the tensor.
            (source,), (target,) = one.inputs, one.outputs
            value = tensors[source].value
            if value is None:
                raise ValueError(f'{one.name} of a tensor that is not constant')
            tensors[target] = Tensor(
                tensors[target].name, tensors[target].shape, value.astype(np.float32)
            )
        else:
            operators.append(one)
    inputs, outputs = (tuple(int(k) for k in graph.numbers(field, _INT32)) for field in (1, 2))
    return TfliteModel(tensors, operators, inputs, outputs)


def _tensor(table: _Table, buffers: list[_Table]) -> Tensor:
    shape = tuple(int(size) for size in table.numbers(0, _INT32))
    raw = buffers[table.number(2, _UINT32)].numbers(0, number_types.Uint8Flags)
    kind = table.number(1, _INT8)
    if not len(raw):
        return Tensor(table.text(3), shape, None)
    flat = np.frombuffer(raw.tobytes(), _TYPES[kind])
    sparsity = table.table(6)
    value = flat.reshape(shape) if sparsity is None else _expand(flat, shape, sparsity)
    return Tensor(table.text(3), shape, value)


def _expand(flat: Array, shape: tuple[int, ...], sparsity: _Table) -> Array:
    """Return a sparse tensor as a dense one.

    The levels of the tree that lists its values are its dimensions, in order, then those inside a
    block (see the comment on SparsityParameters in the schema).
    """
    order = [int(one) for one in sparsity.numbers(0, _INT32)]
    blocks = [int(one) for one in sparsity.numbers(1, _INT32)]
    # Place of each value at the levels so far, and its position in the list of them.
    places: npt.NDArray[np.int64] = np.zeros((1, 0), np.int64)
    positions = np.zeros(1, np.int64)
    sizes = []
    for level in sparsity.tables(2):
        if level.number(0, _INT8) == 0:
            size = level.number(1, _INT32)
            inside = np.tile(np.arange(size), len(positions))
            parents = np.repeat(np.arange(len(positions)), size)
            positions = np.repeat(positions, size) * size + inside
        else:
            segments, indices = (_index_vector(level, field) for field in (3, 5))
            counts = np.diff(segments)[positions]
            parents = np.repeat(np.arange(len(positions)), counts)
            firsts = np.repeat(segments[positions] - np.cumsum(counts) + counts, counts)
            positions = np.asarray(firsts + np.arange(counts.sum()), np.int64)
            inside = indices[positions]
            size = 0
        places = np.column_stack([places[parents], inside])
        sizes.append(size)
    full: npt.NDArray[np.int64] = np.zeros((len(places), len(shape)), np.int64)
    for level_number, dimension in enumerate(order):
        if dimension < len(shape):
            full[:, dimension] += places[:, level_number]
    for number, dimension in enumerate(blocks):
        level_number = order.index(len(shape) + number)
        full[:, dimension] *= sizes[level_number]
        full[:, dimension] += places[:, level_number]
    dense = np.zeros(shape, flat.dtype)
    dense[tuple(full.T)] = flat[positions]
    return dense


def _index_vector(level: _Table, field: int) -> npt.NDArray[np.int64]:
    kinds = {1: _INT32, 2: number_types.Uint16Flags, 3: number_types.Uint8Flags}
    values = level.union(field)
    if values is None:
        raise ValueError('a sparse dimension without indices')
    kind = level.number(field - 1, number_types.Uint8Flags)
    return np.asarray(values.numbers(0, kinds[kind]), np.int64)


class _Table:
    """A table of a flatbuffer, whose fields are read by number."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def _place(self, field: int) -> int:
        offset: int = self._table.Offset(4 + 2 * field)
        return offset

    def number(self, field: int, kind: Any, default: int = 0) -> int:
        place = self._place(field)
        return int(self._table.Get(kind, place + self._table.Pos)) if place else default

    def text(self, field: int) -> str:
        place = self._place(field)
        return self._table.String(place + self._table.Pos).decode() if place else ''

    def numbers(self, field: int, kind: Any) -> Array:
        place = self._place(field)
        if not place:
            return np.zeros(0, np.int64)
        return np.asarray(self._table.GetVectorAsNumpy(kind, place))

    def table(self, field: int) -> _Table | None:
        place = self._place(field)
        if not place:
            return None
        return _Table(Table(self._table.Bytes, self._table.Indirect(place + self._table.Pos)))

    union = table

    def tables(self, field: int) -> Iterator[_Table]:
        place = self._place(field)
        if not place:
            return
        first = self._table.Vector(place)
        for number in range(self._table.VectorLen(place)):
            yield _Table(Table(self._table.Bytes, self._table.Indirect(first + 4 * number)))
