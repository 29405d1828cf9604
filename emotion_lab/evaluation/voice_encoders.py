"""Speaker encoders with trained weights, run without torch: Resemblyzer's, and ONNX models."""

from __future__ import annotations

import collections
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from emotion_lab.data.metrics import Array
from emotion_node.backends.onnx import open_session
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

WINDOW: Final = SAMPLE_RATE // 40
HOP: Final = SAMPLE_RATE // 100
GE2E_FRAMES: Final = 160
GE2E_STEP: Final = 77
"""Frames of a partial utterance, and from one to the next (1.3 a second)."""
GE2E_LEVEL_DB: Final = -30.0
LAYERS: Final = 3
HIDDEN: Final = 256
MAX_SAMPLES: Final = 6 * SAMPLE_RATE


class _Tensors(pickle.Unpickler):
    """Reads tensors of torch's format before 1.6, and refuses every other object."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return the few callables that a dictionary of tensors consists of."""
        if (module, name) == ('collections', 'OrderedDict'):
            return collections.OrderedDict
        if (module, name) in {
            ('torch._utils', '_rebuild_tensor'),
            ('torch._utils', '_rebuild_tensor_v2'),
        }:
            return lambda storage, offset, size, *rest: (storage, offset, size)
        if (module, name) == ('torch', 'FloatStorage'):
            return 'float32'
        raise pickle.UnpicklingError(f'expected tensors alone, found {module}.{name}')

    def persistent_load(self, pid: Any) -> str:
        """Return the key of a storage."""
        self.storages[pid[2]] = int(pid[4])
        return str(pid[2])


def read_tensors(path: Path) -> dict[str, Any]:
    """Return the float32 tensors of a file of torch's format before 1.6, by name."""
    with path.open('rb') as file:
        for _ in range(3):
            _Tensors(file).load()
        reader = _Tensors(file)
        model = reader.load()['model_state']
        values = {}
        for key in _Tensors(file).load():
            count = int(np.fromfile(file, '<i8', 1)[0])
            values[key] = np.fromfile(file, '<f4', count)
    return {
        name: values[storage][offset : offset + int(np.prod(size))].reshape(size)
        for name, (storage, offset, size) in model.items()
    }


def ge2e_encoder(path: Path) -> Callable[[FloatArray], Array | None]:
    """Return Resemblyzer's encoder: three layers of LSTM over 40 mel bands, then a projection.

    Args:
        path: `pretrained.pt` of the wheel `resemblyzer` 0.1.4.
    """
    tensors = read_tensors(path)
    filters = _slaney_filters(40)
    window = np.hanning(WINDOW + 1)[:-1]

    def encode(samples: FloatArray) -> Array | None:
        samples = samples[-MAX_SAMPLES:]
        level = 10 * np.log10(float(np.mean(np.square(samples, dtype=np.float64))) + 1e-12)
        samples = samples * np.float32(10 ** (max(GE2E_LEVEL_DB - level, 0.0) / 20))
        frames = len(samples) // HOP + 1
        starts = list(range(0, max(1, frames - GE2E_FRAMES + GE2E_STEP + 1), GE2E_STEP))
        if len(starts) > 1 and (frames - starts[-1]) < 0.75 * GE2E_FRAMES:
            starts.pop()
        missing = max(0, (starts[-1] + GE2E_FRAMES) * HOP - len(samples))
        padded = np.pad(samples, (WINDOW // 2, missing + WINDOW // 2))
        cut = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
        mel = (np.abs(np.fft.rfft(cut * window)) ** 2 @ filters).astype(np.float32)
        parts = np.stack([mel[one : one + GE2E_FRAMES] for one in starts])
        for layer in range(LAYERS):
            parts = _lstm(parts, tensors, layer)
        raw = parts[:, -1] @ tensors['linear.weight'].T + tensors['linear.bias']
        raw = np.maximum(raw, 0)
        mean = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float64)

    return encode


def _lstm(inputs: Any, tensors: dict[str, Any], layer: int) -> Any:
    """Return (n, frames, `HIDDEN`) outputs of one layer."""
    own = {key: tensors[f'lstm.{key}_l{layer}'] for key in ('weight_ih', 'weight_hh')}
    bias = tensors[f'lstm.bias_ih_l{layer}'] + tensors[f'lstm.bias_hh_l{layer}']
    driven = inputs @ own['weight_ih'].T + bias
    recurrent = np.ascontiguousarray(own['weight_hh'].T)
    hidden = cell = np.zeros((len(inputs), HIDDEN), np.float32)
    outputs = np.empty((*inputs.shape[:2], HIDDEN), np.float32)
    for step in range(inputs.shape[1]):
        gates = driven[:, step] + hidden @ recurrent
        squashed = 0.5 + 0.5 * np.tanh(gates / 2)
        take, keep, give = (squashed[:, k * HIDDEN : (k + 1) * HIDDEN] for k in (0, 1, 3))
        cell = keep * cell + take * np.tanh(gates[:, 2 * HIDDEN : 3 * HIDDEN])
        hidden = give * np.tanh(cell)
        outputs[:, step] = hidden
    return outputs


def fbank_encoder(path: Path) -> Callable[[FloatArray], Array | None]:
    """Return an encoder by an ONNX model that takes (1, n, 80) log-mel bands, mean removed."""
    session = open_session(path, f'speaker model {path}', threads=1)
    name = session.get_inputs()[0].name
    filters = _kaldi_filters(80)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))) ** 0.85

    def encode(samples: FloatArray) -> Array | None:
        samples = samples[-MAX_SAMPLES:]
        cut = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), WINDOW)[::HOP]
        cut = cut - cut.mean(axis=1, keepdims=True)
        cut = np.concatenate([0.03 * cut[:, :1], cut[:, 1:] - 0.97 * cut[:, :-1]], axis=1)
        power = np.abs(np.fft.rfft(cut * window, 512)) ** 2
        bands = np.log(np.maximum(power @ filters, 1.19e-7))
        bands -= bands.mean(axis=0)
        (vector,) = session.run(None, {name: bands[None].astype(np.float32)})
        flat = np.ravel(vector).astype(np.float64)
        return np.asarray(flat / np.linalg.norm(flat))

    return encode


def _slaney_filters(bands: int) -> Array:
    """Return (`WINDOW` / 2 + 1, `bands`) weights, as librosa's by default."""
    step = np.log(6.4) / 27

    def to_mel(hz: Any) -> Any:
        return np.where(hz < 1000, 3 * hz / 200, 15 + np.log(np.maximum(hz, 1) / 1000) / step)

    def to_hz(mel: Any) -> Any:
        return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(step * (mel - 15)))

    top = float(to_mel(np.array(SAMPLE_RATE / 2)))
    edges = to_hz(np.linspace(0, top, bands + 2))
    hz = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    return np.asarray(_triangles(hz, edges) * 2 / (edges[2:] - edges[:-2]))


def _kaldi_filters(bands: int) -> Array:
    """Return (257, `bands`) weights, as Kaldi's from 20 Hz to 8 kHz; triangular in mel."""

    def to_mel(hz: Any) -> Any:
        return 1127 * np.log(1 + hz / 700)

    edges = np.linspace(to_mel(20.0), to_mel(SAMPLE_RATE / 2), bands + 2)
    filters = _triangles(to_mel(np.arange(257) * SAMPLE_RATE / 512), edges)
    filters[0] = 0
    return filters


def _triangles(places: Array, edges: Array) -> Array:
    rising = (places[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))
