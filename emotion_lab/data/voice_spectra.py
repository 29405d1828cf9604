"""A store of log-mel spectra of voices, as `python -m emotion_lab train voice-store` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.metrics import IntArray
from emotion_lab.data.speech import CORPORA, EMODB, RAVDESS
from emotion_node.backends.voice_features import MELS
from emotion_node.datatypes import FloatArray

FRAMES: Final = 'frames.f16'
INDEX: Final = 'index.npz'
CONDITIONED: Final = (RAVDESS, EMODB)
"""Corpora that are stored under all of `CONDITIONS`; the others are only stored clean."""

Spectrum = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class VoiceStore:
    """The contents of a store, as written by `write_store`.

    Attributes:
        frames: spectra by corpus, each (total, `MELS`) float16, one after the other, on disk.
        names: (n,) of the clips.
        corpora: (n,) of the clips.
        speakers: (n,) of the clips.
        labels: (n,) of the clips.
        folds: (n,) of the clips.
        conditions: (n, conditions, 3) place of the corpus in `frames`, start and number of frames,
            in the order of `CONDITIONS`; no frames where a condition was not made.
        variants: (n, variants, 3) likewise, degraded at random.
        condition_means: (n, conditions, `MELS`) float32 means as `speech_mean` returns them.
        variant_means: (n, variants, `MELS`) likewise.
        families: (m,) indices into `FAMILIES`.
        outliers: (m, 3) as `conditions`.
    """

    frames: Sequence[npt.NDArray[np.float16]]
    names: npt.NDArray[np.str_]
    corpora: npt.NDArray[np.str_]
    speakers: npt.NDArray[np.str_]
    labels: IntArray
    folds: IntArray
    conditions: IntArray
    variants: IntArray
    condition_means: FloatArray
    variant_means: FloatArray
    families: IntArray
    outliers: IntArray

    def read(self, span: Sequence[int]) -> Spectrum:
        """Return the (frames, `MELS`) spectra of one entry."""
        return self.frames[span[0]][span[1] : span[1] + span[2]]


def read_store(folder: Path) -> VoiceStore:
    """Return a store.

    Raises:
        DatasetError: there is none.
    """
    found = [name for name in CORPORA if (folder / name / INDEX).is_file()]
    if not found:
        raise DatasetError(
            f'no spectra in {folder}; make them with python -m emotion_lab train voice-store'
        )
    parts: list[dict[str, Any]] = []
    for place, name in enumerate(found):
        with np.load(folder / name / INDEX) as index:
            parts.append(dict(index))
        for key in ('conditions', 'variants', 'outliers'):
            spans = parts[-1][key]
            filled = np.full((*spans.shape[:-1], 1), place)
            parts[-1][key] = np.concatenate([filled, spans], axis=-1)
    return VoiceStore(
        [np.memmap(folder / name / FRAMES, np.float16, 'r').reshape(-1, MELS) for name in found],
        **{key: np.concatenate([part[key] for part in parts]) for key in parts[0]},
    )
