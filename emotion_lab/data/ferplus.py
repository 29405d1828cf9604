"""FER+: small grey faces, each labelled by ten people.

Needs no torch. Barsoum, Zhang, Canton Ferrer and Zhang, "Training Deep Networks for Facial
Expression Recognition with Crowd-Sourced Label Distribution", ICMI 2016, over the images of
FER2013 (Goodfellow et al., ICONIP 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.datasets import ENVIRONMENT_VARIABLE, DatasetError, data_root

FILE: Final = 'ferplus.npz'
VOTE_NAMES: Final = (
    'neutral',
    'happiness',
    'sadness',
    'anger',
    'surprise',
    'fear',
    'disgust',
    'contempt',
)
"""`EXPRESSIONS` by the names of FER+; its other columns are "unknown" and "NF" (no face)."""
SPLITS: Final = ('train', 'dev', 'test')


@dataclass(frozen=True, slots=True)
class FerPlus:
    """Faces and what people saw in them.

    Attributes:
        images: (n, `SIDE`, `SIDE`) uint8.
        votes: (n, 8) number of people, in the order of `EXPRESSIONS`.
        others: (n, 2) number of people who saw none of them, and no face.
    """

    images: npt.NDArray[np.uint8]
    votes: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def targets(self) -> npt.NDArray[np.float32]:
        """(n, 8) shares of the votes.

        Single votes are mistakes more often than not and do not count where others agree, as
        Barsoum et al. propose.
        """
        kept = _seconded(self.votes)
        kept = np.where(kept.sum(1, keepdims=True) > 0, kept, self.votes)
        return np.asarray(kept / kept.sum(1, keepdims=True), np.float32)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(n,) indices of the most votes."""
        return np.asarray(self.votes.argmax(1), np.int64)

    @property
    def agreed(self) -> npt.NDArray[np.bool_]:
        """(n,) whether one expression has more than half of all votes, single votes excluded.

        These are the faces on which Barsoum et al. and later work report accuracy.
        """
        kept, others = _seconded(self.votes), _seconded(self.others)
        return np.asarray(2 * kept.max(1) > kept.sum(1) + others.sum(1))

    def choose(self, rows: npt.NDArray[np.bool_]) -> FerPlus:
        """Return some of the faces."""
        return FerPlus(self.images[rows], self.votes[rows], self.others[rows])


def _seconded(votes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.asarray(np.where(votes > 1, votes, 0))


def read_ferplus(split: str, root: Path | None = None) -> FerPlus:
    """Return a split without the images in which most people saw no face or no expression.

    Args:
        split: one of `SPLITS`.
        root: folder of the data sets, or None for the default.

    Raises:
        DatasetError: the file is missing or is not FER+.
    """
    path = data_root(root) / FILE
    if not path.is_file():
        raise DatasetError(
            f'{path} is missing; put FER+ there, or set {ENVIRONMENT_VARIABLE} to the folder that '
            f'holds {FILE}'
        )
    with np.load(path) as file:
        names = file['vote_names'].tolist()
        missing = set(VOTE_NAMES) - set(names)
        if missing:
            raise DatasetError(f'{path}: expected votes on {", ".join(sorted(missing))}')
        rows = file['split'] == SPLITS.index(split)
        images, votes = file['images'][rows], file['votes'][rows].astype(np.int64)
    chosen = votes[:, [names.index(name) for name in VOTE_NAMES]]
    others = np.delete(votes, [names.index(name) for name in VOTE_NAMES], axis=1)
    return FerPlus(images, chosen, others).choose(chosen.max(1) > others.max(1))
