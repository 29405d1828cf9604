"""Make the table that separates voices: `core/voice/speaker_embedding.npz`.

Linear discriminant analysis over the speakers of RAVDESS and EMO-DB, all emotions: the directions
in which the variance between speakers is largest relative to that within them (Fisher, 1936; Rao,
1948). Prints how well speaker-independent tables, five folds, verify pairs of utterances.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.data.speech import FOLDS, find_speech, read_audio, read_corpora
from emotion_node.core.dialogue.speakers import similarity
from emotion_node.core.voice.speaker_embedding import FILE, voice_statistics

DIMENSIONS: Final = 10
SHRINKAGE: Final = 0.1
"""Share of the mean variance that is added to each variance within speakers."""
PAIRS: Final = 20_000


OUT: Final = Path(__file__).parents[2] / 'emotion_node' / 'core' / 'voice' / FILE


@dataclass(frozen=True, slots=True)
class Voices:
    """Features of many utterances.

    Attributes:
        features: (n, `FEATURES`), NaN where unknown.
        speakers: (n,) who spoke.
        folds: (n,) of the speakers.
    """

    features: Array
    speakers: npt.NDArray[np.str_]
    folds: IntArray


def read_voices(data: Path | None) -> Voices:
    """Return the voices of RAVDESS and EMO-DB.

    Raises:
        DatasetError: one of them is missing.
    """
    found: list[tuple[Array, str, int]] = []
    for clip in track(read_corpora(data), 'reading', console=Console(stderr=True)):
        samples = read_audio(clip.path)
        sounds = find_speech(samples)
        features = voice_statistics(samples[sounds[0][0] : sounds[-1][1]]) if sounds else None
        if features is not None:
            found.append((features, clip.speaker, clip.fold))
    return Voices(
        np.array([one[0] for one in found]),
        np.array([one[1] for one in found]),
        np.array([one[2] for one in found]),
    )


def fit(voices: Voices, dimensions: int = DIMENSIONS) -> tuple[Array, Array]:
    """Return the mean (`FEATURES`,) and the projection (`FEATURES`, `dimensions`).

    Projected, the variance within speakers is 1 in each dimension.
    """
    mean = np.nanmean(voices.features, axis=0)
    centred = np.where(np.isnan(voices.features), 0.0, voices.features - mean)
    scale = centred.std(axis=0)
    centred /= scale
    names, member = np.unique(voices.speakers, return_inverse=True)
    means = np.stack([centred[member == k].mean(axis=0) for k in range(len(names))])
    inside = centred - means[member]
    within = inside.T @ inside / len(inside)
    within += SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    between = np.cov(means @ whiten, rowvar=False)
    _, turns = np.linalg.eigh(between)
    projection = whiten @ turns[:, ::-1][:, :dimensions]
    spread = (inside @ projection).std(axis=0)
    return mean, projection / spread / scale[:, None]


def pair_similarity(voices: Voices, mean: Array, projection: Array) -> tuple[Array, Array]:
    """Return similarities of pairs of one speaker, and of pairs of two of the same corpus."""
    rng = np.random.default_rng(0)
    embedded = np.where(np.isnan(voices.features), 0.0, voices.features - mean) @ projection
    first, second = rng.integers(0, len(embedded), (2, PAIRS))
    corpus = np.array([name.split()[0] for name in voices.speakers])
    fair = (first != second) & (corpus[first] == corpus[second])
    first, second = first[fair], second[fair]
    alike = np.array(
        [similarity(embedded[a], embedded[b]) for a, b in zip(first, second, strict=True)]
    )
    same = voices.speakers[first] == voices.speakers[second]
    return alike[same], alike[~same]


def check(voices: Voices, thresholds: Sequence[float]) -> dict[str, Any]:
    """Return how well speakers are verified, speaker-independent, five folds."""
    pairs = []
    for fold in range(FOLDS):
        out = voices.folds == fold
        known = Voices(voices.features[~out], voices.speakers[~out], voices.folds[~out])
        unknown = Voices(voices.features[out], voices.speakers[out], voices.folds[out])
        pairs.append(pair_similarity(unknown, *fit(known)))
    same, different = (np.concatenate(part) for part in zip(*pairs, strict=True))
    levels = np.sort(np.concatenate([same, different]))
    missed = np.searchsorted(np.sort(same), levels) / len(same)
    passed = 1 - np.searchsorted(np.sort(different), levels) / len(different)
    place = int(np.argmin(np.abs(missed - passed)))
    return {
        'utterances': len(voices.features),
        'equal_error_rate': float((missed[place] + passed[place]) / 2),
        'at_threshold': {
            f'{threshold:g}': {
                'same_speaker': float(np.mean(same >= threshold)),
                'other_speaker': float(np.mean(different >= threshold)),
            }
            for threshold in thresholds
        },
    }


def main(args: Sequence[str] | None = None) -> int:
    """Make the table, and print the figures on held-out speakers."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train speaker-embedding',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--out', type=Path, default=OUT)
    given = parser.parse_args(args)
    voices = read_voices(given.data)
    mean, projection = fit(voices)
    np.savez(given.out, mean=mean.astype(np.float32), projection=projection.astype(np.float32))
    print(json.dumps(check(voices, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)), indent=2))
    return 0
