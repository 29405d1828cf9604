"""Read the weights of a text model's ONNX file back, as a run to average with or to start from.

The inverse of `text_export`, except for what 8 bits have lost: 99.5 % of the answers stay the
same.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from emotion_lab.training.text_model import BEST, TextClassifier, TextTraining

_MODULE = 'classifier.'
_ZERO = 128


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the float weights of a file that `text_export` wrote, by their names in torch."""
    model = onnx.load(path)
    arrays: dict[str, Any] = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    found = {
        name.removeprefix(_MODULE): torch.from_numpy(array.copy())
        for name, array in arrays.items()
        if name.startswith(_MODULE)
    }
    for name, packed in arrays.items():
        if not name.endswith('/packed'):
            continue
        node = name.removesuffix('/packed')
        scales = arrays[f'{node}/scales']
        if packed.dtype == np.uint8:
            values = packed.astype(np.float32) - _ZERO
            weight = (values * scales.reshape(*packed.shape[:2], 1)).reshape(len(packed), -1)
        else:
            weight = packed.astype(np.float32) * scales
        module = node.removeprefix('/classifier/').rpartition('/')[0].replace('/', '.')
        found[f'{module}.weight'] = torch.from_numpy(weight)
    return found


def main(args: Sequence[str] | None = None) -> int:
    """Write the weights as a run."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train text-restore',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('file', type=Path, help='model.onnx')
    parser.add_argument('--out', type=Path, required=True, help='folder of the run')
    given = parser.parse_args(args)
    config = TextTraining(turns=2, threads=1)
    classifier = TextClassifier(config)
    classifier.load_state_dict(read_weights(given.file))
    given.out.mkdir(parents=True, exist_ok=True)
    torch.save(
        {'model': classifier.state_dict(), 'config': dataclasses.asdict(config)},
        given.out / BEST,
    )
    print(f'weights in {given.out / BEST}')
    return 0
