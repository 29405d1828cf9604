"""Export a trained text model to the shipped files.

Writes `model.onnx` (tokens in, calibrated probabilities out, weights in 8 bits) and
`tokenizer.json`, and prints the entries of `models/manifest.toml`. The balance of the classes,
the temperature and the quantisation are chosen on MELD dev.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from torch import nn
from tqdm import tqdm

from emotion_lab.data.datasets import class_shares
from emotion_lab.data.metrics import (
    expected_calibration_error,
)
from emotion_lab.data.samples import PastTurn
from emotion_lab.training.calibration import (
    CHECKED,
    Calibrated,
    DevSet,
    calibrate,
)
from emotion_lab.training.quantise import Quantisation, quantise
from emotion_lab.training.text_model import (
    build_tokenizer,
    collate,
    predict_logits,
)
from emotion_lab.training.text_runs import load_classifier
from emotion_node.backends.text_input import InputBuilder, TextInput
from emotion_node.backends.text_onnx import INPUTS

OPSET: Final = 17
FLOAT_TOLERANCE: Final = 1e-4
"""Probabilities of float ONNX and torch may differ by this much."""
MAX_LOSS: Final = 0.003
"""Largest loss of weighted F1 on dev from storing weights in 8 bits, as transcribed and plain."""

Scores = npt.NDArray[np.float64]

QUANTISATIONS: Final = (
    Quantisation(block=32, int8_products=True),
    Quantisation(block=16, int8_products=True),
    Quantisation(block=32, int8_products=False),
)
"""The fastest first; the first whose loss is within `MAX_LOSS` is shipped."""


def export_float(model: nn.Module, example: Sequence[TextInput], path: Path) -> None:
    """Write a float ONNX model with dynamic batch and length."""
    axes = {0: 'batch', 1: 'length'}
    with warnings.catch_warnings():
        # The newer exporter's graphs hide MatMul weights from quantisation.
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(
            model.eval(),
            collate(example),
            str(path),
            input_names=list(INPUTS),
            output_names=['scores'],
            dynamic_axes={**dict.fromkeys(INPUTS, axes), 'scores': {0: 'batch'}},
            opset_version=OPSET,
            dynamo=False,
        )


def onnx_scores(path: Path, inputs: Sequence[TextInput]) -> Scores:
    """Return (n, 7) probabilities, one call per input as at run time."""
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    scores = []
    for one in tqdm(inputs, desc=path.name, mininterval=2):
        values = (array.numpy() for array in collate([one]))
        scores.append(session.run(None, dict(zip(INPUTS, values, strict=True)))[0][0])
    return np.array(scores, dtype=np.float64)


def export(run: Path, out: Path, golden: Path | None = None) -> dict[str, Any]:
    """Export the best weights of `run` into the folder `out` and return its figures.

    Args:
        run: folder of the training run.
        out: folder to fill.
        golden: JSON list of cases, each with `speaker_id`, `history` and `text`, whose `scores`
            are replaced by torch's probabilities.

    Raises:
        RuntimeError: float ONNX differs from torch, or every quantisation loses too much.
    """
    classifier, config = load_classifier(run)
    tokenizer = build_tokenizer(config)
    builder = InputBuilder(tokenizer, config.turns, config.max_tokens)
    dev = DevSet(builder, config.data_folder)

    logits = {name: predict_logits(classifier, inputs) for name, inputs in dev.inputs.items()}
    calibration = calibrate(logits, dev.truth, class_shares(config.data_folder))
    model = Calibrated(classifier, calibration)
    expected = {name: calibration.scores(rows) for name, rows in logits.items()}
    measured: dict[str, Any] = {
        'balance': calibration.balance,
        'temperature': round(calibration.temperature, 4),
    }
    for name, scores in expected.items():
        measured[f'dev_{name}_weighted_f1_float'] = dev.weighted_f1(scores)
        measured[f'dev_{name}_ece_float'] = expected_calibration_error(scores, dev.truth)

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / 'float.onnx'
        export_float(model, dev.inputs['gold'][:2], plain)
        found = onnx_scores(plain, dev.inputs['gold'])
        difference = float(np.abs(found - expected['gold']).max())
        measured['float_onnx_max_difference'] = difference
        if difference > FLOAT_TOLERANCE:
            raise RuntimeError(
                f'float ONNX differs from torch by {difference:.2e}, more than '
                f'{FLOAT_TOLERANCE:.0e}: the export is wrong'
            )
        measured |= _quantise_best(plain, out / 'model.onnx', dev, expected)
    tokenizer.save(str(out / 'tokenizer.json'))
    if golden is not None:
        _write_golden(golden, builder, model)
    return measured


def _write_golden(path: Path, builder: InputBuilder, model: nn.Module) -> None:
    cases = json.loads(path.read_text(encoding='utf-8'))
    for case in cases:
        past = [PastTurn(speaker, text) for speaker, text in case['history']]
        given = builder.build(case['text'], past, case['speaker_id'])
        with torch.inference_mode():
            case['scores'] = [round(score, 5) for score in model(*collate([given]))[0].tolist()]
    lines = ',\n'.join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text(f'[\n{lines}\n]\n', encoding='utf-8')


def _quantise_best(
    plain: Path, target: Path, dev: DevSet, expected: dict[str, Scores]
) -> dict[str, Any]:
    tried = []
    for way in QUANTISATIONS:
        quantise(plain, target, way)
        figures: dict[str, Any] = {'quantisation': str(way)}
        losses = []
        for name in CHECKED:
            scores = onnx_scores(target, dev.inputs[name])
            reached = dev.weighted_f1(scores)
            losses.append(dev.weighted_f1(expected[name]) - reached)
            same = scores.argmax(1) == expected[name].argmax(1)
            figures |= {
                f'dev_{name}_weighted_f1': reached,
                f'dev_{name}_agreement': float(np.mean(same)),
                f'dev_{name}_mean_difference': float(np.abs(scores - expected[name]).mean()),
            }
        print(json.dumps(figures), file=sys.stderr)
        if max(losses) <= MAX_LOSS:
            return figures
        tried.append(figures)
    raise RuntimeError(f'every quantisation costs more than {MAX_LOSS} weighted F1: {tried}')


def manifest_files(out: Path, key: str) -> str:
    """Return the `[key.files]` table of the manifest for the exported files."""
    lines = [f'[{key}.files]']
    for role, name in (('weights', 'model.onnx'), ('tokenizer', 'tokenizer.json')):
        data = (out / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        lines.append(
            f"{role} = {{ path = '{key}/{name}', sha256 = '{digest}', size = {len(data)} }}"
        )
    return '\n'.join(lines)


def main(args: Sequence[str] | None = None) -> int:
    """Export, and print the entries of the manifest."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train text-export',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--run', type=Path, default=Path('runs/text'), help='folder of the run')
    parser.add_argument('--out', type=Path, default=Path('models/text'), help='folder to fill')
    parser.add_argument(
        '--golden', type=Path, help='JSON file whose scores are replaced by the new ones'
    )
    given = parser.parse_args(args)
    print(json.dumps(export(given.run, given.out, given.golden), indent=2))
    print(manifest_files(given.out, given.out.name))
    return 0
