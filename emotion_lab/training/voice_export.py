"""Join two voice networks in the shipped file, and store what they answer to what was held out.

    python -m emotion_lab train voice-export --first runs/voice/first.onnx \
        --first-answers runs/voice/first.npz --runs runs/voice --out models/voice

The first network is the file of version 1.0.0, with its held-out answers. Reads the runs all,
whose network is shipped, without-ravdess, without-emodb, without-nemo and without-ased, which lack
a corpus, and fold0 to fold4, which lack the speakers of a fold of RAVDESS and EMO-DB. The usual
answer, temperature and reliability are fitted on corpora that both networks did not know; for the
answers to one of these, on the other ones only, so that its figures are unbiased. Writes the
shipped `model.onnx` and the held-out answers, and prints the table of `models/manifest.toml`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx import compose

from emotion_lab.data.heard_voices import heard_before, nothing_heard
from emotion_lab.data.speech import SPOKEN
from emotion_lab.data.voice_spectra import CONDITIONED
from emotion_lab.training.text_export import OPSET
from emotion_lab.training.voice_calibration import JoinedVoice, reliability_area
from emotion_lab.training.voice_left_out import (
    FIRST_OUTPUTS,
    FOLD_RUNS,
    RUNS,
    SHIPPED_RUN,
    WIDTH,
    Fitted,
    Networks,
    against,
    joint_answers,
)
from emotion_node.backends.voice_features import MELS
from emotion_node.backends.voice_onnx import ANSWER, COUNT, FEATURES, HEARD, INPUT, OUTPUTS
from emotion_node.labels import LABELS

TOLERANCE: Final = 5e-4
"""Outputs of ONNX and torch may differ by this much."""
CHECKED_CLIPS: Final = 6
"""Number of clips about which they are compared."""
_FIRST: Final = 'first_'


def export_onnx(
    first: onnx.ModelProto,
    model: JoinedVoice,
    path: Path,
    clips: Sequence[npt.NDArray[np.floating[Any]]],
) -> float:
    """Write both networks as one, with dynamic batch and length.

    Args:
        first: the first network.
        model: the second one and what joins both.
        path: file to write.
        clips: (frames, `MELS`) spectra of speech about which ONNX and torch are compared.

    Returns:
        The largest difference from torch.

    Raises:
        RuntimeError: it is more than `TOLERANCE`.
    """
    given = [_FIRST + name for name in FIRST_OUTPUTS]
    inputs = [INPUT, HEARD, COUNT, *given]
    axes = {INPUT: {0: 'batch', 1: 'frames'}}
    axes |= {name: {0: 'batch'} for name in (*inputs[1:], *OUTPUTS)}
    example = (
        torch.randn(2, 100, MELS),
        torch.zeros(2, FEATURES),
        torch.zeros(2, 1),
        torch.full((2, len(LABELS)), 1 / len(LABELS)),
        torch.zeros(2, 2),
        torch.ones(2),
    )
    second = path.with_suffix('.second.onnx')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(
            model.eval(),
            example,
            str(second),
            input_names=inputs,
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    loaded = onnx.load(second)
    second.unlink()
    onnx.save(put_before(first, loaded), path)
    before = ort.InferenceSession(first.SerializeToString(), providers=['CPUExecutionProvider'])
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    generator = torch.Generator().manual_seed(0)
    difference = 0.0
    for clip in clips:
        spectra = torch.from_numpy(np.stack([clip, clip]).astype(np.float32))
        heard = torch.randn(2, FEATURES, generator=generator)
        count = torch.tensor([[0.0], [3.0]])
        fed_first = {INPUT: spectra.numpy()}
        answers = map(torch.from_numpy, before.run(list(FIRST_OUTPUTS), fed_first))
        with torch.inference_mode():
            expected = model(spectra, heard, count, *answers)
        fed = {INPUT: spectra.numpy(), HEARD: heard.numpy(), COUNT: count.numpy()}
        for one, other in zip(expected, session.run(list(OUTPUTS), fed), strict=True):
            difference = max(difference, float(np.abs(one.numpy() - other).max()))
    if difference > TOLERANCE:
        raise RuntimeError(
            f'ONNX differs from torch by {difference:.2e}, more than {TOLERANCE:.0e}: the export '
            'is wrong'
        )
    return difference


def put_before(first: onnx.ModelProto, second: onnx.ModelProto) -> onnx.ModelProto:
    """Return the second network, whose inputs `first_...` are the outputs of the first one."""
    prefixed = compose.add_prefix(first, _FIRST)
    graph = second.graph
    nodes = [*prefixed.graph.node, *graph.node]
    for node in nodes:
        for place, name in enumerate(node.input):
            if name == _FIRST + INPUT:
                node.input[place] = INPUT
    kept = [value for value in graph.input if not value.name.startswith(_FIRST)]
    joined = onnx.helper.make_graph(
        nodes,
        'voice',
        kept,
        list(graph.output),
        [*prefixed.graph.initializer, *graph.initializer],
    )
    model = onnx.helper.make_model(joined, opset_imports=second.opset_import)
    model.ir_version = second.ir_version
    onnx.checker.check_model(model)
    return model


def export(
    first_file: Path, first_stored: Path, runs: Path, out: Path, stored: Path, spectra: Path
) -> dict[str, Any]:
    """Export the joined model and its held-out answers; return figures of the fit.

    Args:
        first_file: ONNX model of the first network.
        first_stored: its held-out answers.
        runs: folder of the runs.
        out: folder of the shipped file.
        stored: file of the held-out answers to write.
        spectra: folder of the store.

    Raises:
        FileNotFoundError: a run is not finished.
        RuntimeError: ONNX differs from torch.
    """
    names = (SHIPPED_RUN, *RUNS.values(), *FOLD_RUNS)
    networks = Networks.load(first_file, first_stored, runs, spectra, names)
    store, rows = networks.store, networks.rows
    corpora, speakers = store.corpora[rows], store.speakers[rows]
    asked = networks.ask_left_out()
    whole = Fitted.fit(list(asked.values()))
    parts: dict[str, list[Any]] = defaultdict(list)
    left_out = np.zeros((len(rows), WIDTH), np.float16)
    alone, cold = np.zeros_like(left_out), np.zeros_like(left_out)
    areas = {}
    for corpus, one in asked.items():
        own = np.flatnonzero(corpora == corpus)
        fitted = Fitted.fit([asked[other] for other in SPOKEN if other != corpus])
        compared = against(one.warm, one.heard, fitted.known)
        areas[corpus] = round(reliability_area(compared, one.labels, fitted.calibration), 3)
        left_out[own] = fitted.publish(one.warm, one.heard)
        alone[own] = fitted.publish(one.warm)
        cold[own] = fitted.publish(one.cold, nothing_heard(len(own), ANSWER))
        parts['dialogue_rows'].append(own[one.dialogues.rows])
        parts['dialogues'].append(np.char.add(f'{corpus} ', one.dialogues.names))
        parts['dialogue_answers'].append(fitted.publish(one.said, one.before))
        parts['dialogue_alone'].append(fitted.publish(one.said))
    answers = np.zeros(networks.held_out.shape, np.float16)
    for place, given in enumerate(networks.held_out):
        for fold, name in enumerate(FOLD_RUNS):
            conditioned = np.isin(corpora, CONDITIONED) & (store.folds[rows] == fold)
            own = np.flatnonzero(conditioned)
            means = heard_before(store.condition_means[rows[own], place], speakers[own])
            net = networks.seconds[name]
            joint = joint_answers(net, store, rows[own], given[own], means, place)
            heard = heard_before(joint.answer.numpy(), speakers[own])
            answers[place, own] = whole.publish(joint, heard)
    out.mkdir(parents=True, exist_ok=True)
    checked = [
        store.read(store.conditions[row, 0]) for row in rows[:: -(-len(rows) // CHECKED_CLIPS)]
    ]
    shipped = networks.seconds[SHIPPED_RUN]
    model = JoinedVoice(shipped, whole.calibration, whole.known)
    difference = export_onnx(networks.first, model, out / 'model.onnx', checked)
    np.savez_compressed(
        stored,
        names=store.names[rows],
        corpora=corpora,
        speakers=speakers,
        labels=store.labels[rows],
        folds=np.where(np.isin(corpora, CONDITIONED), store.folds[rows], -1),
        heard=heard_before(np.zeros((len(rows), 1), np.float32), speakers).counts,
        answers=answers,
        left_out=left_out,
        alone=alone,
        cold=cold,
        weights=_digest(out / 'model.onnx'),
        **{name: np.concatenate(part) for name, part in parts.items()},
    )
    fit = whole.calibration
    return {
        'parameters': sum(weight.numel() for weight in shipped.parameters()),
        'onnx_max_difference': difference,
        'right_auc': areas,
        'temperature': round(fit.temperature, 4),
        'slope': round(fit.slope, 3),
        'bias': round(fit.bias, 3),
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def manifest_table(path: Path, key: str, place: str) -> str:
    """Return a model's table of a manifest, without its figures.

    Args:
        path: its file.
        key: its key.
        place: path of its file relative to the manifest.
    """
    return f"""[{key}]
name = 'voicenet'
version = '2.1.0'
modality = 'voice'
labels = {list(LABELS)}
input = 'speech of 0.5 to 15 s, 16 kHz mono, as log-mel spectra of {MELS} bands'
licence = 'CC-BY-NC-SA-4.0'
commercial = false
training_data = [
  'RAVDESS speech (CC BY-NC-SA 4.0)',
  'EMO-DB (research use)',
  'nEMO (CC BY-NC-SA 4.0)',
  'ASED (research use)',
  'EmoGator (Apache-2.0)',
]

[{key}.files]
weights = {{ path = '{place}', sha256 = '{_digest(path)}', size = {path.stat().st_size} }}

[{key}.figures]
"""


def main(args: Sequence[str] | None = None) -> int:
    """Export, and print the table of the manifest."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train voice-export',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--first', type=Path, default=Path('runs/voice/first.onnx'))
    parser.add_argument('--first-answers', type=Path, default=Path('runs/voice/first.npz'))
    parser.add_argument('--runs', type=Path, default=Path('runs/voice'))
    parser.add_argument('--spectra', type=Path, default=Path('runs/voice-store'))
    parser.add_argument('--out', type=Path, default=Path('models/voice'))
    parser.add_argument('--store', type=Path, default=Path('runs/voice/held_out.npz'))
    given = parser.parse_args(args)
    figures = export(
        given.first, given.first_answers, given.runs, given.out, given.store, given.spectra
    )
    print(json.dumps(figures, indent=2))
    print(manifest_table(given.out / 'model.onnx', given.out.name, f'{given.out.name}/model.onnx'))
    return 0
