"""Stored answers of voice models to speech that they were not trained on.

The models are of the shipped model's recipe. `python -m emotion_lab train voice-export` writes
their answers, so that the recipe can be evaluated without the corpora and without these models.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_node.errors import ModelError
from emotion_node.model_store.manifest import ModelEntry

STORED: Final = Path(__file__).with_name('voice_held_out.npz')
"""The answers for the shipped model."""


@dataclass(frozen=True, slots=True)
class HeldOutAnswers:
    """Answers to clips that the models were not trained on.

    An answer is (10,): scores, valence, arousal and reliability. Each speaker says all clips in
    random order, and the models know what was heard of him before, unless `cold`. The dialogues
    are those of `heard_voices.simulate_dialogues`.

    Attributes:
        names: (n,) of the clips.
        corpora: (n,) of the clips.
        speakers: (n,) of the clips.
        labels: (n,) true ones.
        folds: (n,) of the clips of RAVDESS and EMO-DB; -1 for others.
        heard: (n,) number of clips heard of the speaker before.
        answers: (conditions, n, 10) by the model of the clip's fold, in the order of `CONDITIONS`;
            0 for corpora other than `CONDITIONED`.
        left_out: (n, 10) by the model without the clip's corpus, clean.
        alone: (n, 10) likewise, if answers are not compared with what is usual.
        cold: (n, 10) as `left_out`, with nothing heard before.
        dialogues: (m,) "CORPUS KIND NUMBER" of what is said in dialogues, in its order.
        dialogue_rows: (m,) clips in them.
        dialogue_answers: (m, 10) by the models without the clip's corpus.
        dialogue_alone: (m, 10) likewise, if answers are not compared with what is usual.
        weights: sha256 of the shipped weights of the same recipe.
    """

    names: npt.NDArray[np.str_]
    corpora: npt.NDArray[np.str_]
    speakers: npt.NDArray[np.str_]
    labels: IntArray
    folds: IntArray
    heard: IntArray
    answers: npt.NDArray[np.float16]
    left_out: npt.NDArray[np.float16]
    alone: npt.NDArray[np.float16]
    cold: npt.NDArray[np.float16]
    dialogues: npt.NDArray[np.str_]
    dialogue_rows: IntArray
    dialogue_answers: npt.NDArray[np.float16]
    dialogue_alone: npt.NDArray[np.float16]
    weights: npt.NDArray[np.str_]

    def under(self, condition: str) -> Array:
        """Return the (n, 10) answers under one condition, of models without the speaker."""
        return np.asarray(self.answers[list(CONDITIONS).index(condition)], np.float64)

    def save(self, path: Path) -> None:
        """Write the file that `load_answers` reads."""
        np.savez_compressed(path, **{name: getattr(self, name) for name in self.__slots__})


def load_answers(entry: ModelEntry, path: Path = STORED) -> HeldOutAnswers:
    """Load the answers that belong to a shipped model.

    Raises:
        ModelError: the file is missing, damaged, or belongs to other weights.
    """
    try:
        with np.load(path) as stored:
            answers = HeldOutAnswers(**stored)
    except (ValueError, OSError, TypeError) as error:
        raise ModelError(f'{path} holds no held-out answers of voice models: {error}') from error
    if str(answers.weights) != entry.file('weights').sha256:
        raise ModelError(
            f'{path} belongs to other weights than {entry.info.name} {entry.info.version}; make '
            'it with "train voice-export --store FILE"'
        )
    return answers
