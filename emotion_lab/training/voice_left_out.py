"""What two joint voice networks answer to corpora that they do not know, before publication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from tqdm import tqdm

from emotion_lab.data.heard_voices import (
    Dialogues,
    Heard,
    heard_before,
    heard_in_order,
    nothing_heard,
    simulate_dialogues,
)
from emotion_lab.data.metrics import IntArray
from emotion_lab.data.speech import EMODB, FOLDS, RAVDESS, SPOKEN
from emotion_lab.data.voice_spectra import VoiceStore, read_store
from emotion_lab.training.voice import load_voice
from emotion_lab.training.voice_calibration import (
    SHIPPED,
    Answers,
    Comparison,
    Joint,
    VoiceCalibration,
    compare,
    fit_calibration,
    join,
    known_mean,
)
from emotion_lab.training.voice_model import PacedVoice, predict_heard
from emotion_node.backends.voice_onnx import INPUT, OUTPUTS
from emotion_node.labels import LABELS

SHIPPED_RUN: Final = 'all'
RUNS: Final[Mapping[str, str]] = {corpus: f'without-{corpus}' for corpus in SPOKEN}
"""Run of the second network that does not know a corpus."""
FOLD_RUNS: Final = tuple(f'fold{fold}' for fold in range(FOLDS))
"""Runs that do not know the speakers of a fold of RAVDESS and EMO-DB."""

FIRST_CONDITIONS: Final = (0, 2, 4, 5)
"""Places of `CONDITIONS` among those of the first network's stored answers."""
FIRST_OUTPUTS: Final = OUTPUTS[:3]
"""Outputs of the first network."""
WIDTH: Final = len(LABELS) + 3
"""Of a published answer: scores, valence, arousal and reliability."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Both networks, and the clips that they answer.

    Attributes:
        first: the first network.
        store: all spectra.
        seconds: second networks by run.
        rows: (n,) clips of `SPOKEN`.
        left_out: (n, `WIDTH`) answers of first networks that do not know the clip's corpus.
        held_out: (conditions, n, `WIDTH`) of those that do not know its speaker; 0 for corpora
            that the first network does not know at all.
    """

    first: onnx.ModelProto
    store: VoiceStore
    seconds: Mapping[str, PacedVoice]
    rows: IntArray
    left_out: npt.NDArray[np.float32]
    held_out: npt.NDArray[np.float32]

    @classmethod
    def load(
        cls, first_file: Path, first_stored: Path, runs: Path, spectra: Path, names: Sequence[str]
    ) -> Networks:
        """Load networks, and ask the first one.

        Args:
            first_file: ONNX model of the first network.
            first_stored: its held-out answers.
            runs: folder of the runs.
            spectra: folder of the store.
            names: of the runs.

        Raises:
            FileNotFoundError: a run is not finished.
            DatasetError: there is no store.
        """
        first = onnx.load(first_file)
        store = read_store(spectra)
        seconds = {name: PacedVoice(load_voice(runs / name)[0]).eval() for name in names}
        rows = np.flatnonzero(np.isin(store.corpora, SPOKEN))
        known = np.isin(store.corpora[rows], (RAVDESS, EMODB))
        with np.load(first_stored) as past:
            order = {name: n for n, name in enumerate(past['names'])}
            places = [order[name] for name in store.names[rows[known]]]
            crossed = past['crossed'][places]
            answers = past['answers'][np.ix_(FIRST_CONDITIONS, places)]
        left_out = np.zeros((len(rows), WIDTH), np.float32)
        left_out[known] = crossed
        left_out[~known] = first_answers(first, store, rows[~known])
        held_out = np.zeros((len(FIRST_CONDITIONS), len(rows), WIDTH), np.float32)
        held_out[:, known] = answers
        return cls(first, store, seconds, rows, left_out, held_out)

    def ask_left_out(self) -> dict[str, LeftOut]:
        """Return the answers to each of `SPOKEN` by networks that do not know it."""
        found = {}
        for corpus in SPOKEN:
            own = self.store.corpora[self.rows] == corpus
            net = self.seconds[RUNS[corpus]]
            found[corpus] = LeftOut.ask(net, self.store, self.rows[own], self.left_out[own])
        return found


def first_answers(
    first: onnx.ModelProto, store: VoiceStore, rows: IntArray
) -> npt.NDArray[np.float32]:
    """Return (n, 10) what the first network answers to clips."""
    session = ort.InferenceSession(first.SerializeToString(), providers=['CPUExecutionProvider'])
    answers = np.zeros((len(rows), WIDTH), np.float32)
    for n, row in enumerate(tqdm(rows, 'first network', leave=False)):
        spectrum = store.read(store.conditions[row, 0]).astype(np.float32)
        scores, affect, reliability = session.run(list(FIRST_OUTPUTS), {INPUT: spectrum[None]})
        answers[n] = [*scores[0], *affect[0], *reliability]
    return answers


def joint_answers(
    net: PacedVoice,
    store: VoiceStore,
    rows: IntArray,
    first: npt.NDArray[np.floating[Any]],
    heard: Heard,
    place: int = 0,
) -> Joint:
    """Return the joint answer to clips, before it is compared with what is usual.

    Args:
        net: the second network.
        store: all spectra.
        rows: (n,) clips.
        first: (n, 10) answers of the first network.
        heard: mean spectra of what was heard before them.
        place: index of the condition.
    """
    spectra = [store.read(span) for span in store.conditions[rows, place]]
    output = predict_heard(net, spectra, heard, net.net.prior)
    given = torch.from_numpy(first.astype(np.float32))
    return join(Answers(given, output.logits, output.affect))


def against(joint: Joint, heard: Heard, known: torch.Tensor, how: Comparison = SHIPPED) -> Joint:
    """Return the joint answer relative to the answers to what was heard before."""
    counts = torch.from_numpy(heard.counts[:, None].astype(np.float32))
    return compare(joint, torch.from_numpy(heard.means), counts, known, how)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The joint answers to a corpus that both networks do not know.

    Attributes:
        labels: (n,) true ones.
        warm: to its clips, the speaker's other clips being heard before in random order.
        heard: the answers before each of them.
        cold: to its clips, nothing being heard before.
        dialogues: what is said in dialogues.
        said: to that.
        before: the answers before each of them.
    """

    labels: IntArray
    warm: Joint
    heard: Heard
    cold: Joint
    dialogues: Dialogues
    said: Joint
    before: Heard

    @classmethod
    def ask(
        cls,
        net: PacedVoice,
        store: VoiceStore,
        rows: IntArray,
        first: npt.NDArray[np.floating[Any]],
    ) -> LeftOut:
        """Return the answers to the clips of one corpus; arguments as of `joint_answers`."""
        labels, speakers = store.labels[rows], store.speakers[rows]
        means = store.condition_means[rows, 0]
        warm = joint_answers(net, store, rows, first, heard_before(means, speakers))
        cold = joint_answers(net, store, rows, first, nothing_heard(len(rows)))
        dialogues = simulate_dialogues(labels, speakers)
        chosen, names = dialogues.rows, dialogues.names
        before = heard_in_order(means[chosen], names)
        said = joint_answers(net, store, rows[chosen], first[chosen], before)
        return cls(
            labels,
            warm,
            heard_before(warm.answer.numpy(), speakers),
            cold,
            dialogues,
            said,
            heard_in_order(said.answer.numpy(), names),
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """How joint answers are compared and published, as fitted on corpora left out.

    Attributes:
        known: as `known_mean` returns it.
        calibration: of compared answers.
        alone: of answers that are not compared.
    """

    known: torch.Tensor
    calibration: VoiceCalibration
    alone: VoiceCalibration

    @classmethod
    def fit(cls, corpora: Sequence[LeftOut]) -> Fitted:
        """Return the fit to some corpora."""
        known = known_mean([(one.warm, one.labels) for one in corpora])
        compared = [(against(one.warm, one.heard, known), one.labels) for one in corpora]
        return cls(
            known,
            fit_calibration(compared),
            fit_calibration([(one.warm, one.labels) for one in corpora]),
        )

    def publish(self, joint: Joint, heard: Heard | None = None) -> npt.NDArray[np.float16]:
        """Return (n, 10) scores, affect and reliability; not compared if `heard` is None."""
        if heard is None:
            return published(self.alone, joint)
        return published(self.calibration, against(joint, heard, self.known))


def published(calibration: VoiceCalibration, joint: Joint) -> npt.NDArray[np.float16]:
    """Return (n, `WIDTH`) scores, affect and reliability."""
    scores, affect, reliability = calibration.publish(joint)
    values = torch.cat([scores, affect, reliability.unsqueeze(-1)], -1)
    return np.asarray(values.numpy(), np.float16)
