"""Speaker-independent answers of the folds' voice models: computed and stored.

The models run as the node runs the shipped one. Their answers are stored in this folder, so that
the shipped model's recipe can be evaluated without the corpora and without the folds' models.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.data.speech import FOLDS, read_audio, read_corpora
from emotion_lab.data.voice_conditions import CONDITIONS, fold_voices
from emotion_node.backends.voice_onnx import OnnxVoiceEmotion
from emotion_node.errors import ModelError
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import ModelEntry, find_model

STORED: Final = Path(__file__).with_name('voice_held_out.npz')
"""The answers for the shipped model."""

_VALUES: Final = len(LABELS) + 3


@dataclass(frozen=True, slots=True)
class HeldOutAnswers:
    """Answers to clips of speakers that the models were not trained on.

    Attributes:
        names: (n,) of the clips.
        corpora: (n,) of the clips.
        speakers: (n,) of the clips.
        labels: (n,) true ones.
        folds: (n,) of the clips.
        answers: (conditions, n, 10) scores, valence, arousal and reliability, by the model of the
            clip's fold, in the order of `CONDITIONS`.
        crossed: (n, 10) likewise, clean, by the model that was trained on the other corpus.
        weights: sha256 of the shipped weights of the same recipe.
    """

    names: npt.NDArray[np.str_]
    corpora: npt.NDArray[np.str_]
    speakers: npt.NDArray[np.str_]
    labels: IntArray
    folds: IntArray
    answers: npt.NDArray[np.float16]
    crossed: npt.NDArray[np.float16]
    weights: npt.NDArray[np.str_]

    def under(self, condition: str) -> Array:
        """Return the (n, 10) answers under one condition."""
        return np.asarray(self.answers[list(CONDITIONS).index(condition)], np.float64)

    def save(self, path: Path) -> None:
        """Write the file that `load_answers` reads."""
        np.savez_compressed(path, **{name: getattr(self, name) for name in self.__slots__})


def load_answers(entry: ModelEntry, path: Path = STORED) -> HeldOutAnswers:
    """Load the answers of the folds' models of a shipped model.

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
            'it with "evaluate voice --folds RUNS --store FILE"'
        )
    return answers


def predict_folds(runs: Path, data: Path | None, threads: int, weights: str) -> HeldOutAnswers:
    """Compute the answers of the folds' models.

    Args:
        runs: folder of the models, as `training.voice_export` exports them.
        data: folder of the data sets, as in `datasets.data_root`.
        threads: threads of each model.
        weights: sha256 of the shipped weights of the same recipe.

    Raises:
        ModelError: a model is missing.
        DatasetError: a corpus is missing.
    """

    def load(key: str) -> OnnxVoiceEmotion:
        return OnnxVoiceEmotion(find_model(key, runs), threads)

    folds = [load(f'fold{fold}') for fold in range(FOLDS)]
    crossed = {'ravdess': load('emodb'), 'emodb': load('ravdess')}
    console = Console(stderr=True)
    clips = read_corpora(data)
    samples = [read_audio(clip.path) for clip in track(clips, 'reading', console=console)]
    voices = [fold_voices(clips, samples, fold) for fold in range(FOLDS)]
    answers = np.zeros((len(CONDITIONS), len(clips), _VALUES), np.float16)
    across = np.zeros((len(clips), _VALUES), np.float16)
    for n, clip in enumerate(track(clips, 'held-out speakers', console=console, transient=True)):
        for place, condition in enumerate(CONDITIONS.values()):
            sound = condition.apply(samples[n], clip.name, voices[clip.fold])
            scores, affect, reliability = folds[clip.fold].run(sound)
            answers[place, n] = [*scores, *affect, reliability]
            if place == 0:
                scores, affect, reliability = crossed[clip.corpus].run(sound)
                across[n] = [*scores, *affect, reliability]
    return HeldOutAnswers(
        np.array([clip.name for clip in clips]),
        np.array([clip.corpus for clip in clips]),
        np.array([clip.speaker for clip in clips]),
        np.array([clip.label for clip in clips]),
        np.array([clip.fold for clip in clips]),
        answers,
        across,
        np.array(weights),
    )
