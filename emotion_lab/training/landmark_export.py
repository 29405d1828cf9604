"""Export a trained landmark model to a folder of models that the node can load.

    python -m emotion_lab train landmark-export --run runs/landmarks --out runs/models

Writes `landmarks/model.onnx`, and `manifest.toml` with its table, into the given folder. The
temperature is fitted on the dev split if it has enough clips.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import torch
from torch import nn

from emotion_lab.training.calibration import fit_temperature
from emotion_lab.training.landmark_clips import read_clips
from emotion_lab.training.landmark_model import LandmarkNet, predict
from emotion_lab.training.landmarks import LandmarkSet, load_landmarks, load_sets, split_figures
from emotion_lab.training.text_export import OPSET
from emotion_node.backends.face_landmarks_onnx import INPUTS, MAX_STEPS, OUTPUT, RATE
from emotion_node.core.vision.face_points import POINTS, WIDTH
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import MANIFEST

KEY: Final = 'landmarks'
"""Key of the model's table, and name of its folder."""
TOLERANCE: Final = 1e-4
"""Scores of ONNX and torch may differ by this much."""
CHECKED_STEPS: Final = (1, 2, 7, RATE, 5 * RATE, MAX_STEPS)
"""Lengths in steps at which they are compared: one step to 30 s."""
MIN_DEV_CLIPS: Final = 50
"""With fewer clips no temperature is fitted."""


class CalibratedLandmarks(nn.Module):
    """The exported module: one sequence in, probabilities out.

    Args:
        net: the network.
        temperature: of its logits.
    """

    def __init__(self, net: LandmarkNet, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.temperature = temperature

    def forward(self, landmarks: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
        """Return (7,) probabilities of landmarks (steps, `WIDTH`) and quality (steps,)."""
        logits = self.net(landmarks.unsqueeze(0), quality.unsqueeze(0))
        return (logits.squeeze(0) / self.temperature).softmax(-1)


def export_onnx(model: CalibratedLandmarks, path: Path) -> float:
    """Write a model for sequences of any length; return the largest difference from torch.

    Raises:
        RuntimeError: it is more than `TOLERANCE`.
    """
    model.eval()
    generator = torch.Generator().manual_seed(0)

    def example(steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        noise = torch.randn(steps, WIDTH, generator=generator)
        quality = torch.rand(steps, generator=generator)
        return model.net.mean + model.net.spread * noise, quality

    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # a warning that the batch size is fixed at one
        torch.onnx.export(
            model,
            example(RATE),
            str(path),
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes={name: {0: 'steps'} for name in INPUTS},
            opset_version=OPSET,
            dynamo=False,
        )
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    difference = 0.0
    for steps in CHECKED_STEPS:
        given = example(steps)
        with torch.inference_mode():
            expected = model(*given).numpy()
        values = {name: one.numpy() for name, one in zip(INPUTS, given, strict=True)}
        found = session.run([OUTPUT], values)[0]
        difference = max(difference, float(np.abs(found - expected).max()))
    if difference > TOLERANCE:
        raise RuntimeError(
            f'ONNX differs from torch by {difference:.2e}, more than {TOLERANCE:.0e}: the export '
            'is wrong'
        )
    return difference


def calibrate(net: LandmarkNet, sets: Mapping[str, LandmarkSet]) -> float:
    """Return the temperature fitted on dev; 1 if dev is missing or small."""
    dev = sets.get('dev')
    if dev is None or len(dev.labels) < MIN_DEV_CLIPS:
        return 1.0
    return fit_temperature(predict(net, dev.sequences), torch.from_numpy(dev.labels))


def export(run: Path, out: Path, version: str = '1.0.0') -> dict[str, Any]:
    """Export the kept weights of a run, and return its figures.

    Args:
        run: folder of the run; the clips' sequences are taken from its store.
        out: folder to fill.
        version: published with the model's estimates.

    Raises:
        FileNotFoundError: the run has no weights yet.
        DatasetError: its folder of clips is gone.
        RuntimeError: ONNX differs from torch.
    """
    net, config = load_landmarks(run)
    clips = read_clips(Path(config.data), config.split, config.seed)
    sets, _ = load_sets(Path(config.store), clips)
    temperature = calibrate(net, sets)
    path = out / KEY / 'model.onnx'
    measured: dict[str, Any] = {
        'onnx_max_difference': export_onnx(CalibratedLandmarks(net, temperature), path),
        'temperature': round(temperature, 4),
    }
    for split, one in sets.items():
        found = split_figures(net, one)
        measured |= {
            f'{split}_{name}': round(found[name], 4)
            for name in ('clips', 'accuracy', 'weighted_f1', 'macro_f1')
        }
    data = f'{Path(config.data).name}, {len(sets["train"].labels)} clips'
    table = manifest_table(path, version, data, measured)
    (out / MANIFEST).write_text(table, encoding='utf-8')
    return measured


def manifest_table(path: Path, version: str, data: str, figures: Mapping[str, Any]) -> str:
    """Return the model's table of a manifest in the folder above that of its file."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    place = f'{path.parent.name}/{path.name}'
    lines = '\n'.join(f'{name} = {value}' for name, value in figures.items())
    return f"""[{KEY}]
name = 'landmark-lstm'
version = '{version}'
modality = 'face'
labels = {list(LABELS)}
input = 'x and y of {len(POINTS)} landmarks in the frame of the head, in cm, {RATE} times a second'
licence = 'as that of the clips it was trained on'
commercial = false
training_data = [{json.dumps(data)}]

[{KEY}.files]
weights = {{ path = '{place}', sha256 = '{digest}', size = {len(content)} }}

[{KEY}.figures]
{lines}
"""


def main(args: Sequence[str] | None = None) -> int:
    """Export, and print the figures."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train landmark-export',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--run', type=Path, default=Path('runs/landmarks'))
    parser.add_argument('--out', type=Path, default=Path('runs/models'))
    parser.add_argument('--version', default='1.0.0', help="published with the model's estimates")
    given = parser.parse_args(args)
    print(json.dumps(export(given.run, given.out, given.version), indent=2))
    return 0
