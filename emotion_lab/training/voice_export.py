"""Join two voice networks in the shipped file, and store what they answer to what was held out.

    python -m emotion_lab train voice-export --first runs/voice/first.onnx \
        --first-answers runs/voice/first.npz --runs runs/voice --out models/voice

The first network is the file of version 1.0.0, with its held-out answers. Reads the runs new,
which was trained on neither RAVDESS nor EMO-DB, and without-nemo and without-ased, which lack one
corpus more. Temperature and reliability are fitted on corpora that both networks did not know; for
the answers to one of these, on the other ones only, so that its figures are unbiased. Writes the
shipped `model.onnx` and the held-out answers, and prints the table of `models/manifest.toml`.
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
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx import compose
from tqdm import tqdm

from emotion_lab.data.heard_voices import Heard, heard_before, nothing_heard
from emotion_lab.data.metrics import IntArray
from emotion_lab.data.speech import ASED, EMODB, NEMO, RAVDESS, SPOKEN
from emotion_lab.data.voice_spectra import VoiceStore, read_store
from emotion_lab.training.text_export import OPSET
from emotion_lab.training.voice import load_voice
from emotion_lab.training.voice_calibration import (
    Answers,
    JoinedVoice,
    Joint,
    VoiceCalibration,
    fit_calibration,
    join,
    reliability_area,
)
from emotion_lab.training.voice_model import PacedVoice, predict_heard
from emotion_node.backends.voice_features import MELS
from emotion_node.backends.voice_onnx import COUNT, HEARD, INPUT, OUTPUTS
from emotion_node.labels import LABELS

NEW_RUN: Final = 'new'
RUNS: Final[Mapping[str, str]] = {
    RAVDESS: NEW_RUN,
    EMODB: NEW_RUN,
    NEMO: 'without-nemo',
    ASED: 'without-ased',
}
"""Run of the second network that does not know a corpus."""

FIRST_CONDITIONS: Final = (0, 2, 4, 5)
"""Places of `CONDITIONS` among those of the first network's stored answers."""
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
    given = [_FIRST + name for name in OUTPUTS]
    inputs = [INPUT, HEARD, COUNT, *given]
    axes = {INPUT: {0: 'batch', 1: 'frames'}}
    axes |= {name: {0: 'batch'} for name in (*inputs[1:], *OUTPUTS)}
    example = (
        torch.randn(2, 100, MELS),
        torch.zeros(2, MELS),
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
        heard = torch.randn(2, MELS, generator=generator)
        count = torch.tensor([[0.0], [3.0]])
        answers = map(torch.from_numpy, before.run(list(OUTPUTS), {INPUT: spectra.numpy()}))
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


def first_answers(
    first: onnx.ModelProto, store: VoiceStore, rows: IntArray
) -> npt.NDArray[np.float32]:
    """Return (n, 10) what the first network answers to clips."""
    session = ort.InferenceSession(first.SerializeToString(), providers=['CPUExecutionProvider'])
    answers = np.zeros((len(rows), len(LABELS) + 3), np.float32)
    for n, row in enumerate(tqdm(rows, 'first network', leave=False)):
        spectrum = store.read(store.conditions[row, 0]).astype(np.float32)
        scores, affect, reliability = session.run(list(OUTPUTS), {INPUT: spectrum[None]})
        answers[n] = [*scores[0], *affect[0], *reliability]
    return answers


def second_answers(
    net: PacedVoice, store: VoiceStore, rows: IntArray, place: int, heard: Heard
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (n, 7) logits and (n, 2) affect of the second network, under a condition."""
    spectra = [store.read(span) for span in store.conditions[rows, place]]
    output = predict_heard(net, spectra, heard, net.net.prior)
    return output.logits, output.affect


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
    first = onnx.load(first_file)
    store = read_store(spectra)
    nets = {name: PacedVoice(load_voice(runs / name)[0]).eval() for name in {*RUNS.values()}}
    with np.load(first_stored) as loaded:
        past = dict(loaded)
    past['answers'] = past['answers'][list(FIRST_CONDITIONS)]
    rows = np.flatnonzero(np.isin(store.corpora, SPOKEN))
    corpora, labels = store.corpora[rows], store.labels[rows]
    known = np.isin(corpora, (RAVDESS, EMODB))
    order = {name: n for n, name in enumerate(past['names'])}
    of_past = np.array([order[name] for name in store.names[rows[known]]])
    before = np.zeros((len(rows), len(LABELS) + 3), np.float32)
    before[known] = past['crossed'][of_past]
    before[~known] = first_answers(first, store, rows[~known])
    heard = heard_before(store.condition_means[rows, 0], store.speakers[rows])
    none = nothing_heard(len(rows))
    joints: dict[tuple[str, str], Joint] = {}
    for corpus in SPOKEN:
        places = np.flatnonzero(corpora == corpus)
        for way, what in (('warm', heard), ('cold', none)):
            own = Heard(what.means[places], what.counts[places])
            second = second_answers(nets[RUNS[corpus]], store, rows[places], 0, own)
            joints[corpus, way] = join(Answers(torch.from_numpy(before[places]), *second))
    pairs = {corpus: (joints[corpus, 'warm'], labels[corpora == corpus]) for corpus in SPOKEN}
    whole = fit_calibration(list(pairs.values()))
    left_out = np.zeros((len(rows), len(LABELS) + 3), np.float16)
    cold = np.zeros_like(left_out)
    areas = {}
    for corpus in SPOKEN:
        calibration = fit_calibration([pairs[one] for one in SPOKEN if one != corpus])
        areas[corpus] = round(reliability_area(*pairs[corpus], calibration), 3)
        left_out[corpora == corpus] = _published(calibration, joints[corpus, 'warm'])
        cold[corpora == corpus] = _published(calibration, joints[corpus, 'cold'])
    conditions = past['answers'].shape[0]
    answers = np.zeros((conditions, len(rows), len(LABELS) + 3), np.float16)
    for place in range(conditions):
        means = store.condition_means[rows[known], place]
        own = heard_before(means, store.speakers[rows[known]])
        second = second_answers(nets[NEW_RUN], store, rows[known], place, own)
        past_answers = torch.from_numpy(past['answers'][place, of_past].astype(np.float32))
        answers[place, known] = _published(whole, join(Answers(past_answers, *second)))
    out.mkdir(parents=True, exist_ok=True)
    checked = [
        store.read(store.conditions[row, 0]) for row in rows[:: -(-len(rows) // CHECKED_CLIPS)]
    ]
    model = JoinedVoice(nets[NEW_RUN], whole)
    difference = export_onnx(first, model, out / 'model.onnx', checked)
    np.savez_compressed(
        stored,
        names=store.names[rows],
        corpora=corpora,
        speakers=store.speakers[rows],
        labels=labels,
        folds=np.where(known, store.folds[rows], -1),
        heard=heard.counts,
        answers=answers,
        left_out=left_out,
        cold=cold,
        weights=_digest(out / 'model.onnx'),
    )
    return {
        'parameters': sum(weight.numel() for weight in nets[NEW_RUN].parameters()),
        'onnx_max_difference': difference,
        'right_auc': areas,
        'temperature': round(whole.temperature, 4),
        'slope': round(whole.slope, 3),
        'bias': round(whole.bias, 3),
    }


def _published(calibration: VoiceCalibration, joint: Joint) -> npt.NDArray[np.float16]:
    scores, affect, reliability = calibration.publish(joint)
    values = torch.cat([scores, affect, reliability.unsqueeze(-1)], -1)
    return np.asarray(values.numpy(), np.float16)


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
version = '2.0.0'
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
