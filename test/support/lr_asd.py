"""LR-ASD with random weights, as a PyTorch archive that PyTorch did not write."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from emotion_node.backends.lr_asd_graph import CHANNELS, KERNELS
from emotion_node.datatypes import FloatArray

REBUILD = b'ctorch._utils\n_rebuild_tensor_v2\n'
EMPTY_DICT = b'ccollections\nOrderedDict\n)R'


def pickled(
    tensors: Mapping[str, FloatArray], storage: bytes = b'ctorch\nFloatStorage\n'
) -> bytes:
    """Return the pickle of a state dict; tensor `k` is in the storage of that number."""
    out = [b'\x80\x02', EMPTY_DICT, b'(']
    for number, (name, values) in enumerate(tensors.items()):
        strides = [int(np.prod(values.shape[k + 1 :])) for k in range(values.ndim)]
        out += [text(name), REBUILD, b'(']
        out += [b'(', text('storage'), storage, text(str(number)), text('cpu')]
        out += [integer(values.size), b'tQ', integer(0)]
        for sizes in (values.shape, strides):
            out += [b'(', *map(integer, sizes), b't']
        out += [b'\x89', EMPTY_DICT, b'tR']
    return b''.join([*out, b'u.'])


def text(value: str) -> bytes:
    return b'X' + len(value).to_bytes(4, 'little') + value.encode()


def integer(value: int) -> bytes:
    return b'J' + int(value).to_bytes(4, 'little', signed=True)


def archive(tensors: Mapping[str, FloatArray], pickle: bytes | None = None) -> bytes:
    """Return the content of the file that `torch.save` would write."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, 'w') as file:
        file.writestr('archive/data.pkl', pickled(tensors) if pickle is None else pickle)
        for number, values in enumerate(tensors.values()):
            file.writestr(f'archive/data/{number}', values.astype('<f4').tobytes())
    return target.getvalue()


def random_weights(seed: int = 0) -> dict[str, FloatArray]:
    """Return all weights of the network."""
    rng = np.random.default_rng(seed)
    weights: dict[str, FloatArray] = {}

    def layer(name: str, norm: str, *shape: int) -> None:
        spread = np.sqrt(2 / np.prod(shape[1:]))
        weights[f'{name}.weight'] = (rng.normal(size=shape) * spread).astype(np.float32)
        for part, low, high in (('weight', 0.8, 1.2), ('bias', -0.1, 0.1)):
            weights[f'{norm}.{part}'] = rng.uniform(low, high, shape[0]).astype(np.float32)
        for part, low, high in (('running_mean', -0.1, 0.1), ('running_var', 0.8, 1.2)):
            weights[f'{norm}.{part}'] = rng.uniform(low, high, shape[0]).astype(np.float32)

    k1, k2 = KERNELS
    before = 1
    for number, channels in enumerate(CHANNELS, 1):
        half = channels // 2
        sight, sound = (f'model.{one}Encoder.block{number}' for one in ('visual', 'audio'))
        layer(f'{sight}.s_1', f'{sight}.s_norm_1', half, before, 1, k1, k1)
        layer(f'{sight}.s_2', f'{sight}.s_norm_2', channels, half, 1, k2, k2)
        layer(f'{sight}.t_1', f'{sight}.t_norm_1', channels, channels, k1, 1, 1)
        layer(f'{sight}.t_2', f'{sight}.t_norm_2', channels, channels, k2, 1, 1)
        layer(f'{sound}.m_1', f'{sound}.m_norm_1', half, before, k1, 1)
        layer(f'{sound}.m_2', f'{sound}.m_norm_2', channels, half, k2, 1)
        layer(f'{sound}.t_1', f'{sound}.t_norm_1', channels, channels, 1, k1)
        layer(f'{sound}.t_2', f'{sound}.t_norm_2', channels, channels, 1, k2)
        before = channels
    layer('model.fusion.attention', 'model.fusion.bn', 256, 256, 1)
    for direction in ('forward', 'backward'):
        name = f'model.detector.gru_{direction}'
        for part, shape in (('weight_ih', (192, 256)), ('weight_hh', (192, 64))):
            weights[f'{name}.{part}_l0'] = rng.normal(0, 0.1, shape).astype(np.float32)
        for part in ('bias_ih', 'bias_hh'):
            weights[f'{name}.{part}_l0'] = rng.normal(0, 0.1, 192).astype(np.float32)
    layer('model.detector.attention.attention', 'model.detector.attention.bn', 128, 128, 1)
    weights['lossAV.FC.weight'] = rng.normal(0, 0.1, (2, 128)).astype(np.float32)
    weights['lossAV.FC.bias'] = np.zeros(2, np.float32)
    return weights


def write_random(path: Path, seed: int = 0) -> Path:
    """Write a file of random weights and return its path."""
    path.write_bytes(archive(random_weights(seed)))
    return path
