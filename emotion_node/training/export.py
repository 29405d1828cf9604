"""Turn a trained text model into the files that the package ships.

Writes `model.onnx` (tokens in, calibrated probabilities out, weights in int8) and
`tokenizer.json`, and prints what goes into `models/manifest.toml`. Everything that is chosen
here, the temperature and the way of quantisation, is chosen on MELD dev.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from scipy.optimize import minimize_scalar
from tokenizers import Tokenizer
from torch import nn
from tqdm import tqdm

from emotion_node.training.datasets import MeldUtterance, read_meld
from emotion_node.training.metrics import confusion, expected_calibration_error, weighted_f1
from emotion_node.training.text_model import (
    BEST,
    TextClassifier,
    TextTraining,
    build_tokenizer,
    encode,
    predict_logits,
)

OPSET: Final = 17
FLOAT_TOLERANCE: Final = 1e-4
"""Probabilities of float ONNX and torch may differ by this much."""
MAX_LOSS: Final = 0.003
"""Weighted F1 on dev that int8 may cost."""

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quantisation:
    """One way of dynamic int8 quantisation.

    Attributes:
        per_channel: one scale per output channel instead of one per matrix.
        reduce_range: 7-bit weights, which processors without VNNI multiply without saturation.
        head: whether the head is quantised too.
    """

    per_channel: bool
    reduce_range: bool
    head: bool


CANDIDATES: Final = (
    Quantisation(per_channel=True, reduce_range=True, head=True),
    Quantisation(per_channel=True, reduce_range=True, head=False),
    Quantisation(per_channel=False, reduce_range=True, head=False),
    Quantisation(per_channel=True, reduce_range=False, head=False),
)
"""Portable ones first: the first that loses little enough is shipped."""


class Calibrated(nn.Module):
    """A classifier whose logits are divided by a temperature and made probabilities."""

    def __init__(self, classifier: nn.Module, temperature: float) -> None:
        super().__init__()
        self.classifier = classifier
        self.temperature = temperature

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return (batch, 7) probabilities; arguments as in `TextClassifier`."""
        logits: torch.Tensor = self.classifier(input_ids, attention_mask) / self.temperature
        return logits.softmax(-1)


def load_classifier(run: Path) -> tuple[TextClassifier, TextTraining]:
    """Return the best weights of a run and its recipe."""
    state = torch.load(run / BEST, weights_only=True)
    config = TextTraining(**state['config'])
    classifier = TextClassifier(config)
    classifier.load_state_dict(state['model'])
    return classifier.eval(), config


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the temperature with the least negative log-likelihood.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Args:
        logits: (n, 7).
        labels: (n,) true labels.
    """
    found = minimize_scalar(
        lambda t: nn.functional.cross_entropy(logits / t, labels).item(),
        bounds=(0.2, 5.0),
        method='bounded',
    )
    return float(found.x)


def export_float(model: nn.Module, tokenizer: Tokenizer, path: Path) -> None:
    """Write a float ONNX model with dynamic batch and length."""
    batch = {0: 'batch', 1: 'length'}
    with warnings.catch_warnings():
        # The newer exporter's graphs hide MatMul weights from dynamic quantisation.
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(
            model.eval(),
            encode(tokenizer, ['Hello there.', 'How could you do this to me?']),
            str(path),
            input_names=['input_ids', 'attention_mask'],
            output_names=['scores'],
            dynamic_axes={'input_ids': batch, 'attention_mask': batch, 'scores': {0: 'batch'}},
            opset_version=OPSET,
            dynamo=False,
        )


def quantise(source: Path, target: Path, way: Quantisation) -> None:
    """Write `source` with weights in int8 to `target`."""
    nodes = onnx.load(source).graph.node
    quantize_dynamic(
        source,
        target,
        per_channel=way.per_channel,
        reduce_range=way.reduce_range,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[] if way.head else [n.name for n in nodes if '/head/' in n.name],
    )


def onnx_scores(path: Path, tokenizer: Tokenizer, texts: Sequence[str]) -> Scores:
    """Return (n, 7) probabilities, one call per text as at run time.

    Activations share one scale per call, so a batch would give other numbers.
    """
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    scores = []
    for text in tqdm(texts, desc=path.name, mininterval=2):
        ids, mask = encode(tokenizer, [text])
        inputs = {'input_ids': ids.numpy(), 'attention_mask': mask.numpy()}
        scores.append(session.run(None, inputs)[0][0])
    return np.array(scores, dtype=np.float64)


def export(run: Path, out: Path, golden: Path | None = None) -> dict[str, Any]:
    """Export the best weights of `run` into the folder `out` and return what was measured.

    Args:
        run: folder of the training run.
        out: folder to fill.
        golden: JSON object by text, whose values are replaced by torch's probabilities.

    Raises:
        RuntimeError: float ONNX differs from torch, or no quantisation loses little enough.
    """
    classifier, config = load_classifier(run)
    tokenizer = build_tokenizer(config)
    dev = read_meld('dev', config.data_folder)
    texts = [utterance.text for utterance in dev]
    truth = _labels(dev)

    logits = predict_logits(classifier, tokenizer, texts)
    temperature = fit_temperature(logits, torch.from_numpy(truth))
    model = Calibrated(classifier, temperature)
    expected: Scores = (logits / temperature).softmax(-1).double().numpy()
    measured: dict[str, Any] = {
        'temperature': round(temperature, 4),
        'dev_weighted_f1_float': _weighted_f1(expected, truth),
        'dev_ece_uncalibrated': expected_calibration_error(
            logits.softmax(-1).double().numpy(), truth
        ),
        'dev_ece': expected_calibration_error(expected, truth),
    }

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / 'float.onnx'
        export_float(model, tokenizer, plain)
        difference = float(np.abs(onnx_scores(plain, tokenizer, texts) - expected).max())
        measured['float_onnx_max_difference'] = difference
        if difference > FLOAT_TOLERANCE:
            raise RuntimeError(
                f'float ONNX differs from torch by {difference:.2e}, more than '
                f'{FLOAT_TOLERANCE:.0e}: the export is wrong'
            )
        measured |= _quantise_best(plain, out / 'model.onnx', tokenizer, texts, truth, expected)
    tokenizer.save(str(out / 'tokenizer.json'))
    if golden is not None:
        texts = list(json.loads(golden.read_text(encoding='utf-8')))
        rows = (predict_logits(classifier, tokenizer, texts) / temperature).softmax(-1)
        scores = [[round(score, 5) for score in row] for row in rows.tolist()]
        table = json.dumps(dict(zip(texts, scores, strict=True)), indent=2, ensure_ascii=False)
        golden.write_text(table + '\n', encoding='utf-8')
    return measured


def _quantise_best(
    plain: Path,
    target: Path,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    truth: npt.NDArray[np.int64],
    expected: Scores,
) -> dict[str, Any]:
    tried = []
    for way in CANDIDATES:
        quantise(plain, target, way)
        scores = onnx_scores(target, tokenizer, texts)
        reached = _weighted_f1(scores, truth)
        figures = {
            'quantisation': str(way),
            'dev_weighted_f1': reached,
            'dev_agreement': float(np.mean(scores.argmax(1) == expected.argmax(1))),
            'dev_mean_difference': float(np.abs(scores - expected).mean()),
        }
        print(json.dumps(figures), file=sys.stderr)
        if _weighted_f1(expected, truth) - reached <= MAX_LOSS:
            return figures
        tried.append(figures)
    raise RuntimeError(f'every quantisation costs more than {MAX_LOSS} weighted F1: {tried}')


def _weighted_f1(scores: Scores, truth: npt.NDArray[np.int64]) -> float:
    return weighted_f1(confusion(truth, scores.argmax(axis=1)))


def _labels(utterances: Sequence[MeldUtterance]) -> npt.NDArray[np.int64]:
    return np.array([utterance.label for utterance in utterances], dtype=np.int64)


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
    """Export and print what goes into the manifest."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_node.training.export',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--run', type=Path, default=Path('runs/text'), help='folder of the run')
    parser.add_argument('--out', type=Path, default=Path('models/text'), help='folder to fill')
    parser.add_argument(
        '--golden', type=Path, help="JSON file whose texts' scores are rewritten by the new ones"
    )
    given = parser.parse_args(args)
    print(json.dumps(export(given.run, given.out, given.golden), indent=2))
    print(manifest_files(given.out, given.out.name))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
