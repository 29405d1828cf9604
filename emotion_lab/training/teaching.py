"""Files of a teacher's probabilities for a corpus, for distillation. Needs no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotion_lab.data.samples import Sample
from emotion_node.labels import LABELS

Scores = npt.NDArray[np.float32]


def fingerprint(samples: Sequence[Sample]) -> str:
    """Return a digest of the samples' texts and labels."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f'{sample.text}\0{sample.label}\0'.encode())
    return digest.hexdigest()


def write_teaching(path: Path, scores: Scores, samples: Sequence[Sample]) -> None:
    """Write a teacher's (n, 7) probabilities for `samples`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, scores=scores.astype(np.float32), samples=fingerprint(samples))


def read_teaching(path: Path, samples: Sequence[Sample]) -> Scores:
    """Return a teacher's (n, 7) float32 probabilities for `samples`.

    Raises:
        ValueError: the file was made for other samples.
    """
    with np.load(path) as stored:
        scores: Scores = stored['scores']
        made_for = str(stored['samples'])
    if scores.shape != (len(samples), len(LABELS)) or made_for != fingerprint(samples):
        raise ValueError(
            f'{path} was made for other data than this run trains on; make it again with '
            'python -m emotion_lab train text-teach'
        )
    return scores
