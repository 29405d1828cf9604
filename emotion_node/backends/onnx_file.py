"""Writes ONNX models: the few messages of onnx.proto3 that a network of constants needs.

The package onnx does this too, but it weighs 18 MB and needs its own release of protobuf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

OPSET: Final = 16
IR_VERSION: Final = 8

Array = npt.NDArray[Any]
Attribute = int | float | str | Sequence[int]
Shape = Sequence[int | str]

_DATA_TYPES: Final = {'float32': 1, 'int64': 7}
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7


@dataclass
class OnnxGraph:
    """An ONNX model under construction.

    Attributes:
        name: of the model.
    """

    name: str
    _nodes: list[bytes] = field(default_factory=list)
    _constants: dict[str, bytes] = field(default_factory=dict)
    _count: int = 0

    def constant(self, value: Array) -> str:
        """Add a constant, float32 or int64, and return its name."""
        name = f'constant_{len(self._constants)}'
        raw = np.ascontiguousarray(value)
        dims = b''.join(_number(1, size) for size in raw.shape)
        kind = _number(2, _DATA_TYPES[raw.dtype.name])
        self._constants[name] = dims + kind + _text(8, name) + _block(9, raw.tobytes())
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str = '', **has: Attribute) -> str:
        """Add an operator with one output, and return the name of that output."""
        self._count += 1
        output = output or f'{kind}_{self._count}'
        message = b''.join(_text(1, one) for one in inputs) + _text(2, output) + _text(4, kind)
        message += b''.join(_block(5, _attribute(name, value)) for name, value in has.items())
        self._nodes.append(message)
        return output

    def model(self, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> bytes:
        """Return the content of the file.

        Args:
            inputs: shape of each float32 input, by name; a word names a size that may vary.
            outputs: shape of each float32 output, likewise.
        """
        graph = b''.join(_block(1, one) for one in self._nodes) + _text(2, self.name)
        graph += b''.join(_block(5, one) for one in self._constants.values())
        graph += b''.join(_block(11, _value(*one)) for one in inputs.items())
        graph += b''.join(_block(12, _value(*one)) for one in outputs.items())
        return _number(1, IR_VERSION) + _block(7, graph) + _block(8, _number(2, OPSET))


def _value(name: str, shape: Shape) -> bytes:
    sizes = (_number(1, size) if isinstance(size, int) else _text(2, size) for size in shape)
    dims = b''.join(_block(1, size) for size in sizes)
    tensor = _number(1, _DATA_TYPES['float32']) + _block(2, dims)
    return _text(1, name) + _block(2, _block(1, tensor))


def _attribute(name: str, value: Attribute) -> bytes:
    message = _text(1, name)
    match value:
        case int():
            return message + _number(3, value) + _number(20, _INT)
        case float():
            return message + b'\x15' + np.float32(value).tobytes() + _number(20, _FLOAT)
        case str():
            return message + _text(4, value) + _number(20, _STRING)
    return message + b''.join(_number(8, one) for one in value) + _number(20, _INTS)


def _number(field_number: int, value: int) -> bytes:
    return _varint(field_number << 3) + _varint(value & (1 << 64) - 1)


def _text(field_number: int, value: str) -> bytes:
    return _block(field_number, value.encode())


def _block(field_number: int, content: bytes) -> bytes:
    return _varint(field_number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
