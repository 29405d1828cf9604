"""Export a trained face model to the shipped file.

    python -m emotion_lab train face-export --run runs/face/all --out models/face

The temperature is fitted on FER+ dev. Weights are stored in 8 bits, one scale per output channel,
and converted to float when the file is loaded: products are in float. Prints the figures on dev
and the entries of `models/manifest.toml`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import minimize_scalar
from torch import nn

from emotion_lab.data.ferplus import read_ferplus
from emotion_lab.data.metrics import accuracy, confusion, expected_calibration_error
from emotion_lab.training.face import load_face
from emotion_lab.training.face_model import FaceNet, predict
from emotion_lab.training.text_export import OPSET
from emotion_node.backends.face_image import SIDE
from emotion_node.backends.face_onnx import EXPRESSIONS, INPUT, OUTPUT

TOLERANCE: Final = 1e-4
"""Probabilities of float ONNX and torch may differ by this much."""
MAX_LOSS: Final = 0.003
"""Largest loss of accuracy on dev from storing weights in 8 bits."""
MIN_WEIGHTS: Final = 1000
"""Smaller tensors stay in float: they take little space."""


class CalibratedFace(nn.Module):
    """A network that gives probabilities: what is exported.

    Args:
        net: the network.
        temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """

    def __init__(self, net: FaceNet, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.temperature = temperature

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Return (batch, 8) probabilities."""
        logits: torch.Tensor = self.net(faces)
        return (logits / self.temperature).softmax(-1)


def fit_temperature(logits: torch.Tensor, labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature with the least negative log-likelihood of the majority's labels."""
    truth = torch.from_numpy(labels)

    def loss(temperature: float) -> float:
        return float(nn.functional.cross_entropy(logits / temperature, truth))

    return float(minimize_scalar(loss, bounds=(0.2, 5.0), method='bounded').x)


def export_float(model: CalibratedFace, path: Path) -> float:
    """Write a float model with dynamic batch; return how far it is from torch at most.

    Raises:
        RuntimeError: by more than `TOLERANCE`.
    """
    generator = torch.Generator().manual_seed(0)
    faces = 255 * torch.rand(3, SIDE, SIDE, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(
            model.eval(),
            (faces,),
            str(path),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: 'batch'}, OUTPUT: {0: 'batch'}},
            opset_version=OPSET,
            dynamo=False,
        )
    with torch.inference_mode():
        expected = model(faces).numpy()
    found = onnx_scores(path, faces.numpy())
    difference = float(np.abs(found - expected).max())
    if difference > TOLERANCE:
        raise RuntimeError(
            f'ONNX differs from torch by {difference:.2e}, more than {TOLERANCE:.0e}: the export '
            'is wrong'
        )
    return difference


def store_in_8_bits(source: Path, target: Path) -> None:
    """Write a model whose large weights are int8 with one scale per output channel."""
    model = onnx.load(source)
    graph = model.graph
    nodes, tensors = [], []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < MIN_WEIGHTS:
            tensors.append(tensor)
            continue
        others = tuple(range(1, weights.ndim))
        scales = np.abs(weights).max(axis=others, keepdims=True) / 127 + 1e-12
        name = tensor.name
        stored = np.round(weights / scales).astype(np.int8)
        tensors += [
            numpy_helper.from_array(stored, f'{name}.int8'),
            numpy_helper.from_array(scales.astype(np.float32), f'{name}.scale'),
        ]
        nodes += [
            helper.make_node('Cast', [f'{name}.int8'], [f'{name}.cast'], to=TensorProto.FLOAT),
            helper.make_node('Mul', [f'{name}.cast', f'{name}.scale'], [name]),
        ]
    nodes += list(graph.node)
    for field, values in ((graph.node, nodes), (graph.initializer, tensors)):
        del field[:]
        field.extend(values)
    onnx.save(model, target)


def onnx_scores(path: Path, faces: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return (n, 8) probabilities of (n, `SIDE`, `SIDE`) faces."""
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    parts = [
        session.run([OUTPUT], {INPUT: faces[start : start + 256].astype(np.float32)})[0]
        for start in range(0, len(faces), 256)
    ]
    return np.asarray(np.concatenate(parts), np.float64)


def export(run: Path, out: Path, data: Path | None = None) -> dict[str, Any]:
    """Export a run and return its figures.

    Raises:
        FileNotFoundError: the run is not finished.
        RuntimeError: ONNX differs from torch, or 8 bits cost too much accuracy.
    """
    net, _ = load_face(run)
    dev = read_ferplus('dev', data)
    logits = predict(net, dev.images)
    temperature = fit_temperature(logits, dev.labels)
    out.mkdir(parents=True, exist_ok=True)
    target = out / 'model.onnx'
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / 'float.onnx'
        difference = export_float(CalibratedFace(net, temperature), plain)
        store_in_8_bits(plain, target)
    expected = (logits / temperature).softmax(-1).double().numpy()
    found = onnx_scores(target, dev.images)
    agreed = dev.agreed
    reached = {
        name: accuracy(confusion(dev.labels[agreed], scores[agreed].argmax(1), len(EXPRESSIONS)))
        for name, scores in (('float', expected), ('8_bits', found))
    }
    if reached['float'] - reached['8_bits'] > MAX_LOSS:
        raise RuntimeError(f'8 bits cost more than {MAX_LOSS} accuracy: {reached}')
    return {
        'parameters': sum(weight.numel() for weight in net.parameters()),
        'temperature': round(temperature, 4),
        'onnx_max_difference': difference,
        'dev_accuracy_float': reached['float'],
        'dev_accuracy': reached['8_bits'],
        'dev_agreement': float(np.mean(expected.argmax(1) == found.argmax(1))),
        'dev_ece': expected_calibration_error(found, dev.labels),
        'file_mb': target.stat().st_size / 1e6,
    }


def manifest_table(path: Path, key: str) -> str:
    """Return a model's table of the manifest, without its figures."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return f"""[{key}]
name = 'facenet-ferplus'
version = '1.0.0'
modality = 'face'
labels = {list(EXPRESSIONS)}
input = 'a grey face of {SIDE} by {SIDE} pixels, aligned by eyes and mouth'
licence = 'MIT labels on images of FER2013, which were published for research'
commercial = false
training_data = ['FER+ (labels MIT)']

[{key}.files]
weights = {{ path = '{key}/{path.name}', sha256 = '{digest}', size = {len(data)} }}

[{key}.figures]
"""


def main(args: Sequence[str] | None = None) -> int:
    """Export, and print the entries of the manifest."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train face-export',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--run', type=Path, default=Path('runs/face/all'))
    parser.add_argument('--out', type=Path, default=Path('models/face'))
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    given = parser.parse_args(args)
    print(json.dumps(export(given.run, given.out, given.data), indent=2))
    print(manifest_table(given.out / 'model.onnx', given.out.name))
    return 0
