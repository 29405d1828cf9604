"""Export a trained face model to the shipped file.

    python -m emotion_lab train face-export --run runs/face/all --out models/face

The network's logits are those of classes that are equally frequent. The prior of the training
faces is given back to them, and the temperature fitted on FER+ dev, which gives the probabilities
in faces like those. As accuracy alone forgets rare expressions, these are then divided in part by
how frequent each label is: the weight of mean recall beside accuracy is the one with the largest
sum of both on dev.

Weights are stored in 16 bits and converted when the file is loaded: products are in 32 bits.
Prints the figures on dev and the entries of `models/manifest.toml`.
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

from emotion_lab.data.ferplus import FerPlus, read_ferplus
from emotion_lab.data.metrics import (
    accuracy,
    confusion,
    expected_calibration_error,
    unweighted_average_recall,
)
from emotion_lab.training.face import load_face, prior
from emotion_lab.training.face_model import HALF, FaceNet, predict
from emotion_lab.training.text_export import OPSET
from emotion_node.backends.face_image import SIDE
from emotion_node.backends.face_onnx import COVERED, EXPRESSIONS, INPUT, OUTPUT

TOLERANCE: Final = 1e-4
"""Probabilities of float ONNX and torch may differ by this much."""
MAX_LOSS: Final = 0.001
"""Largest loss of accuracy on dev from storing weights in 16 bits."""
WEIGHTS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0)
"""Weights of mean recall among which is chosen."""
MIN_WEIGHTS: Final = 1000
"""Smaller tensors stay in float: they take little space."""


class CalibratedFace(nn.Module):
    """A network that gives probabilities: what is exported.

    Args:
        net: the network.
        offset: (8,) added to its logits.
        temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """

    def __init__(self, net: FaceNet, offset: torch.Tensor, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.offset = offset
        self.temperature = temperature

    def forward(self, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (batch, 8) probabilities, and (batch, 2) shares of eyes and mouth covered."""
        logits, covers = self.net(faces)
        return ((logits + self.offset) / self.temperature).softmax(-1), covers.sigmoid()


def gains(faces: FerPlus, weight: float) -> npt.NDArray[np.float32]:
    """Return by how much the probability of each expression is multiplied, (8,).

    The most probable expression after that is the one with the largest expected accuracy plus
    `weight` times mean recall: a face counts 1 + weight / (classes x share of its class).

    Args:
        faces: those of the training.
        weight: of mean recall beside accuracy.
    """
    return np.asarray(1 + weight / len(EXPRESSIONS) / label_shares(faces), np.float32)


def label_shares(faces: FerPlus) -> npt.NDArray[np.float64]:
    """Return (8,) shares of the labels of faces."""
    counts = np.bincount(faces.labels, minlength=len(EXPRESSIONS))
    return np.asarray(np.maximum(counts, 1) / len(faces))


def choose_weight(
    logits: torch.Tensor, train: FerPlus, faces: FerPlus
) -> tuple[float, list[dict[str, float]]]:
    """Return the weight of mean recall with the largest sum of accuracy and mean recall, and all.

    Args:
        logits: (n, 8) calibrated.
        train: faces of the training.
        faces: those that belong to the logits; those on which the votes agree count.
    """
    agreed = faces.agreed
    truth, chosen = faces.labels[agreed], logits[torch.from_numpy(agreed)].numpy()
    rows = []
    for weight in WEIGHTS:
        found = (chosen + np.log(gains(train, weight))).argmax(1)
        counts = confusion(truth, found, len(EXPRESSIONS))
        row = {'accuracy': accuracy(counts), 'uar': unweighted_average_recall(counts)}
        rows.append({'weight': weight} | {name: round(one, 4) for name, one in row.items()})
    return max(rows, key=lambda row: row['accuracy'] + row['uar'])['weight'], rows


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
            output_names=[OUTPUT, COVERED],
            dynamic_axes={name: {0: 'batch'} for name in (INPUT, OUTPUT, COVERED)},
            opset_version=OPSET,
            dynamo=False,
        )
    with torch.inference_mode():
        expected = torch.cat(model(faces), 1).numpy()
    found = np.concatenate(onnx_outputs(path, faces.numpy()), 1)
    difference = float(np.abs(found - expected).max())
    if difference > TOLERANCE:
        raise RuntimeError(
            f'ONNX differs from torch by {difference:.2e}, more than {TOLERANCE:.0e}: the export '
            'is wrong'
        )
    return difference


def store_in_16_bits(source: Path, target: Path) -> None:
    """Write a model whose large weights are stored in half precision."""
    model = onnx.load(source)
    graph = model.graph
    nodes, tensors = [], []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < MIN_WEIGHTS:
            tensors.append(tensor)
            continue
        stored = f'{tensor.name}{HALF}'
        tensors.append(numpy_helper.from_array(weights.astype(np.float16), stored))
        nodes.append(helper.make_node('Cast', [stored], [tensor.name], to=TensorProto.FLOAT))
    nodes += list(graph.node)
    for field, values in ((graph.node, nodes), (graph.initializer, tensors)):
        del field[:]
        field.extend(values)
    onnx.save(model, target)


def onnx_outputs(
    path: Path, faces: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return (n, 8) probabilities and (n, 2) shares covered of (n, `SIDE`, `SIDE`) faces."""
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    parts = [
        session.run([OUTPUT, COVERED], {INPUT: faces[start : start + 256].astype(np.float32)})
        for start in range(0, len(faces), 256)
    ]
    scores, covered = (
        np.concatenate(each).astype(np.float64) for each in zip(*parts, strict=True)
    )
    return scores, covered


def export(run: Path, out: Path, data: Path | None = None) -> dict[str, Any]:
    """Export a run and return its figures.

    Raises:
        FileNotFoundError: the run is not finished.
        RuntimeError: ONNX differs from torch, or 16 bits cost too much accuracy.
    """
    net, _ = load_face(run)
    train, dev = read_ferplus('train', data), read_ferplus('dev', data)
    logits, _ = predict(net, dev.images)
    natural = torch.from_numpy(np.log(prior(train)))
    temperature = fit_temperature(logits + natural, dev.labels)
    weight, by_weight = choose_weight((logits + natural) / temperature, train, dev)
    offset = natural + temperature * torch.from_numpy(np.log(gains(train, weight)))
    logits = logits + offset
    out.mkdir(parents=True, exist_ok=True)
    target = out / 'model.onnx'
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / 'float.onnx'
        difference = export_float(CalibratedFace(net, offset, temperature), plain)
        store_in_16_bits(plain, target)
    expected = (logits / temperature).softmax(-1).double().numpy()
    found, _ = onnx_outputs(target, dev.images)
    agreed = dev.agreed
    reached = {
        name: accuracy(confusion(dev.labels[agreed], scores[agreed].argmax(1), len(EXPRESSIONS)))
        for name, scores in (('float', expected), ('16_bits', found))
    }
    if reached['float'] - reached['16_bits'] > MAX_LOSS:
        raise RuntimeError(f'16 bits cost more than {MAX_LOSS} accuracy: {reached}')
    return {
        'parameters': sum(weight.numel() for weight in net.parameters()),
        'dev_by_weight_of_mean_recall': by_weight,
        'weight': weight,
        'temperature': round(temperature, 4),
        'onnx_max_difference': difference,
        'dev_accuracy_float': reached['float'],
        'dev_accuracy': reached['16_bits'],
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
version = '2.0.0'
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
