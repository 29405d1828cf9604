"""Export trained voice models to the shipped file.

    python -m emotion_lab train voice-export --runs runs/voice --out models/voice

Reads the runs fold0 to fold4, ravdess, emodb and all in the folder of the runs. Temperature
and reliability are fitted on the speakers and sounds that the folds held out; for the file of a
fold itself, only on the other folds, so that its figures on its own speakers are unbiased. Writes
the shipped `model.onnx`, and one for each fold with a manifest below the folder of the runs, for
`python -m emotion_lab evaluate voice --folds`. Prints the entries of `models/manifest.toml`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import torch

from emotion_lab.data.speech import FOLDS
from emotion_lab.training.text_export import OPSET
from emotion_lab.training.voice import load_voice
from emotion_lab.training.voice_calibration import (
    CalibratedVoice,
    compare_signals,
    fit_calibration,
    hold_out,
    training_places,
)
from emotion_lab.training.voice_model import PacedVoice
from emotion_lab.training.voice_store import VoiceStore, read_store
from emotion_node.backends.voice_features import MELS
from emotion_node.backends.voice_onnx import INPUT, OUTPUTS
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import MANIFEST

FOLD_RUNS: Final = tuple(f'fold{fold}' for fold in range(FOLDS))
CROSS_RUNS: Final = ('ravdess', 'emodb')
"""Trained on one corpus only."""
WHOLE_RUN: Final = 'all'

TOLERANCE: Final = 1e-4
"""Outputs of ONNX and torch may differ by this much."""
CHECKED_FRAMES: Final = (8, 37, 80, 150, 399, 1199)
"""Lengths in frames at which they are compared: 0.1 to 15 s."""


def export_onnx(model: CalibratedVoice, path: Path) -> float:
    """Write a model with dynamic batch and length; return the largest difference from torch.

    Raises:
        RuntimeError: it is more than `TOLERANCE`.
    """
    axes = {INPUT: {0: 'batch', 1: 'frames'}} | {name: {0: 'batch'} for name in OUTPUTS}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(
            model.eval(),
            (torch.randn(2, 100, MELS),),
            str(path),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    generator = torch.Generator().manual_seed(0)
    difference = 0.0
    for frames in CHECKED_FRAMES:
        spectra = torch.randn(2, frames, MELS, generator=generator)
        with torch.inference_mode():
            expected = model(spectra)
        found = session.run(list(OUTPUTS), {INPUT: spectra.numpy()})
        for one, other in zip(expected, found, strict=True):
            difference = max(difference, float(np.abs(one.numpy() - other).max()))
    if difference > TOLERANCE:
        raise RuntimeError(
            f'ONNX differs from torch by {difference:.2e}, more than {TOLERANCE:.0e}: the export '
            'is wrong'
        )
    return difference


def export(runs: Path, out: Path, store: VoiceStore | None = None) -> dict[str, Any]:
    """Export all runs and return their figures.

    Args:
        runs: folder of the runs.
        out: folder to fill.
        store: their spectra, if they are open already.

    Raises:
        FileNotFoundError: a run is not finished.
        RuntimeError: ONNX differs from torch.
    """
    nets = {}
    for name in (*FOLD_RUNS, *CROSS_RUNS, WHOLE_RUN):
        net, config = load_voice(runs / name)
        nets[name] = PacedVoice(net).eval(), config
    store = store or read_store(Path(nets[WHOLE_RUN][1].store))
    places = {name: training_places(*_with(nets[name], store)) for name in nets}
    held_out = [hold_out(nets[name][0], store, nets[name][1], places[name]) for name in FOLD_RUNS]
    compared = compare_signals(held_out)
    chosen = max(compared, key=lambda names: (round(compared[names]['auroc'], 3), -len(names)))
    calibrations = {
        name: fit_calibration([*held_out[:place], *held_out[place + 1 :]], chosen)
        for place, name in enumerate(FOLD_RUNS)
    }
    whole = fit_calibration(held_out, chosen)
    tables = []
    for name in (*FOLD_RUNS, *CROSS_RUNS):
        model = CalibratedVoice(nets[name][0], calibrations.get(name, whole), places[name])
        path = runs / name / 'model.onnx'
        export_onnx(model, path)
        tables.append(manifest_table(path, name, f'{name}/model.onnx'))
    (runs / MANIFEST).write_text('\n'.join(tables), encoding='utf-8')
    out.mkdir(parents=True, exist_ok=True)
    shipped = CalibratedVoice(nets[WHOLE_RUN][0], whole, places[WHOLE_RUN])
    difference = export_onnx(shipped, out / 'model.onnx')
    return {
        'parameters': sum(weight.numel() for weight in nets[WHOLE_RUN][0].parameters()),
        'onnx_max_difference': difference,
        'signals': {'+'.join(names): figures for names, figures in compared.items()},
        'chosen_signals': '+'.join(chosen),
        'temperature': round(whole.temperature, 4),
        'fold_temperatures': [round(one.temperature, 4) for one in calibrations.values()],
        'reliability_weights': [round(float(weight), 4) for weight in whole.weights],
        'reliability_bias': round(whole.bias, 4),
    }


def _with(loaded: tuple[Any, Any], store: VoiceStore) -> tuple[Any, VoiceStore, Any]:
    net, config = loaded
    return net, store, config


def manifest_table(path: Path, key: str, place: str) -> str:
    """Return a model's table of a manifest, without its figures.

    Args:
        path: its file.
        key: its key.
        place: path of its file relative to the manifest.
    """
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return f"""[{key}]
name = 'voicenet'
version = '1.0.0'
modality = 'voice'
labels = {list(LABELS)}
input = 'speech of 0.5 to 15 s, 16 kHz mono, as log-mel spectra of {MELS} bands'
licence = 'CC-BY-NC-SA-4.0'
commercial = false
training_data = ['RAVDESS speech (CC BY-NC-SA 4.0)', 'EMO-DB (research use)']

[{key}.files]
weights = {{ path = '{place}', sha256 = '{digest}', size = {len(data)} }}

[{key}.figures]
"""


def main(args: Sequence[str] | None = None) -> int:
    """Export, and print the entries of the manifest."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train voice-export',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--runs', type=Path, default=Path('runs/voice'))
    parser.add_argument('--out', type=Path, default=Path('models/voice'))
    given = parser.parse_args(args)
    print(json.dumps(export(given.runs, given.out), indent=2))
    print(manifest_table(given.out / 'model.onnx', given.out.name, f'{given.out.name}/model.onnx'))
    return 0
