"""Answers of the text model to MELD, computed once and stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.data.noise import CONDITIONS as ALL_CONDITIONS
from emotion_lab.data.samples import Speakers, meld_samples
from emotion_lab.evaluation.text import read_all
from emotion_node.backends.text_onnx import OnnxTextEmotion
from emotion_node.model_store.manifest import find_model

CONDITIONS = ('gold', 'wer15', 'wer35')
"""Conditions of `data.noise` under which fusion is measured."""


@dataclass(frozen=True, slots=True)
class TextAnswers:
    """Answers to a split, in the order of its utterances.

    Attributes:
        scores: (n, 7) by condition.
        truth: (n,) true labels.
        dialogues: (n,) number of the dialogue.
        speakers: (n,) name of the speaker.
    """

    scores: dict[str, Array]
    truth: IntArray
    dialogues: IntArray
    speakers: npt.NDArray[np.str_]


def text_answers(
    split: str,
    data: Path | None = None,
    model: str = 'text',
    models: str = '',
    cache: Path | None = None,
) -> TextAnswers:
    """Return the answers of the text model, with letters in place of speakers' names.

    Args:
        split: train, dev or test.
        data: folder of the data sets, as in `datasets.data_root`.
        model: the model's key in the manifest.
        models: folder of the manifest.
        cache: folder where they are stored, by the model's checksum; None to compute them.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: MELD is missing.
    """
    entry = find_model(model, models)
    place = None
    if cache is not None:
        place = cache / f'text-{split}-{entry.file("weights").sha256[:12]}.npz'
        if place.is_file():
            with np.load(place) as stored:
                return TextAnswers(
                    {name: stored[name] for name in CONDITIONS},
                    stored['truth'],
                    stored['dialogues'],
                    stored['speakers'],
                )
    backend = OnnxTextEmotion(entry)
    scores = {}
    for name in CONDITIONS:
        samples = meld_samples(split, ALL_CONDITIONS[name], data)
        scores[name] = read_all(backend, samples, Speakers.LETTERS, f'text, {name}').scores
    answers = TextAnswers(
        scores,
        np.array([sample.label for sample in samples], np.int64),
        np.array([sample.group for sample in samples], np.int64),
        np.array([sample.speaker_id for sample in samples]),
    )
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            place,
            truth=answers.truth,
            dialogues=answers.dialogues,
            speakers=answers.speakers,
            **scores,
        )
    return answers
