"""Reads the tensors of a PyTorch archive (`torch.save` of a state dict) without PyTorch.

Such a file is a ZIP archive with a pickle and one member per storage. A pickle may run any code
when it is loaded, so this one may only build dictionaries of plain tensors: every other name in it
is an error.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_node.errors import ModelError

Tensor = npt.NDArray[Any]
_DTYPES: Final = {
    'FloatStorage': '<f4',
    'DoubleStorage': '<f8',
    'HalfStorage': '<f2',
    'LongStorage': '<i8',
    'IntStorage': '<i4',
    'ByteStorage': '|u1',
}
MAX_BYTES: Final = 1 << 28
"""Longest member that is read, unpacked: a small file may claim to hold more than the memory."""
_FAULTS: Final = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""What damaged archives and pickles raise."""


def read_tensors(content: bytes, name: object) -> dict[str, Tensor]:
    """Return the tensors of an archive by name.

    Args:
        content: of the file.
        name: names the file in errors.

    Raises:
        ModelError: it is no archive of plain tensors.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = _Unpickler(archive).load()
    except _FAULTS as error:
        raise ModelError(f'{name} is no archive of plain PyTorch tensors: {error}') from error
    if not isinstance(found, Mapping) or not all(
        isinstance(key, str) and isinstance(value, np.ndarray) for key, value in found.items()
    ):
        raise ModelError(f'{name} is no dictionary of PyTorch tensors')
    return dict(found)


class _Unpickler(pickle.Unpickler):
    """Builds tensors, and nothing else."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        (self._root,) = (
            one.removesuffix('data.pkl')
            for one in archive.namelist()
            if one.count('/') == 1 and one.endswith('/data.pkl')
        )
        self._archive = archive
        self._storages: dict[str, Tensor] = {}
        super().__init__(io.BytesIO(self._read('data.pkl')))

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('collections', 'OrderedDict'):
            return OrderedDict
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return _rebuild
        if module == 'torch' and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f'it asks for {module}.{name}')

    def persistent_load(self, pid: Any) -> Tensor:
        kind, storage, key, _, size = pid
        if kind != 'storage':
            raise pickle.UnpicklingError(f'it refers to a {kind}')
        if key not in self._storages:
            found = np.frombuffer(self._read(f'data/{key}'), _DTYPES[storage])
            if len(found) != size:
                raise pickle.UnpicklingError(f'a storage has {len(found)} values, not {size}')
            self._storages[key] = found
        return self._storages[key]

    def _read(self, name: str) -> bytes:
        member = self._archive.getinfo(self._root + name)
        if member.file_size > MAX_BYTES:
            raise pickle.UnpicklingError(f'{member.filename} has {member.file_size} bytes')
        return self._archive.read(member)


def _rebuild(
    storage: Tensor, offset: int, size: Sequence[int], stride: Sequence[int], *_: object
) -> Tensor:
    """Return a view of a storage as a new array.

    Raises:
        ValueError: it would reach outside the storage.
    """
    if min((offset, *size, *stride), default=0) < 0 or len(size) != len(stride):
        raise ValueError('a tensor has a negative size')
    if math.prod(size) > len(storage):
        raise ValueError('a tensor is larger than its storage')
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= len(storage):
        raise ValueError('a tensor reaches outside its storage')
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps, writeable=False).copy()
