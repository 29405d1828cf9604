"""Recordings of people, run through the whole node: what each modality says of each utterance.

They are clips of MELD with video, two of its dialogues with audio only, and talkers of GRID, who
read out commands and express nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.data.metrics import Array
from emotion_lab.data.speaker_clips import person_of
from emotion_lab.evaluation.clips import FOLDER, finals, read_clips
from emotion_lab.evaluation.interim import replay, replay_file
from emotion_lab.evaluation.meld_dialogues import MeldDialogue, read_dialogues
from emotion_node.config import Config
from emotion_node.datatypes import EmotionReport, Report
from emotion_node.factory import Models
from emotion_node.labels import LABELS, MODALITIES, Modality

TALKERS: Final = ('grid', 'grid_more')
NEUTRAL: Final = LABELS.index('neutral')
CORPORA: Final = ('MELD clips', 'MELD dialogues', 'GRID')


@dataclass(frozen=True, slots=True)
class Heard:
    """One true utterance and what the node found in its place.

    Attributes:
        corpus: one of `CORPORA`.
        recording: what is left out together: a clip, a dialogue, or a person of GRID.
        label: index of its emotion.
        found: the longest utterance in its place; None where there is none.
    """

    corpus: str
    recording: str
    label: int
    found: EmotionReport | None


@dataclass(frozen=True, slots=True)
class Answers:
    """What the modalities say of utterances.

    Attributes:
        corpora, recordings: as in `Heard`.
        truth: (n,) indices of the labels.
        scores: (3, n, 7) probabilities, in the order of `labels.MODALITIES`; uniform where absent.
        reliability: (3, n) 0..1; 0 where absent.
        fused: (n, 7) as the node fuses them; NaN where it heard nothing, or knows nothing.
    """

    corpora: tuple[str, ...]
    recordings: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    scores: Array
    reliability: Array
    fused: Array

    @classmethod
    def collect(cls, heard: Sequence[Heard]) -> Answers:
        """Return the answers to all utterances."""
        scores = np.full((len(MODALITIES), len(heard), len(LABELS)), 1 / len(LABELS))
        reliability = np.zeros((len(MODALITIES), len(heard)))
        fused = np.full((len(heard), len(LABELS)), np.nan)
        for n, one in enumerate(heard):
            if one.found is None:
                continue
            for place, modality in enumerate(one.found.fused.modalities):
                if modality.scores is not None:
                    scores[place, n] = modality.scores
                    reliability[place, n] = modality.reliability
            if one.found.fused.scores is not None:
                fused[n] = one.found.fused.scores
        return cls(
            tuple(one.corpus for one in heard),
            tuple(one.recording for one in heard),
            np.array([one.label for one in heard], np.int64),
            scores,
            reliability,
            fused,
        )

    def alone(self, modality: Modality) -> Array:
        """Return (n, 7) scores of one modality; NaN where it is absent."""
        place = MODALITIES.index(modality)
        present = self.reliability[place] > 0
        return np.where(present[:, None], self.scores[place], np.nan)


def _longest(reports: Sequence[Report], start_ns: int, end_ns: int) -> EmotionReport | None:
    """Return the longest final emotion most of which lies in a stretch of time."""
    inside = [
        one for one in finals(reports) if start_ns <= (one.start_ns + one.end_ns) // 2 <= end_ns
    ]
    return max(inside, key=lambda one: one.end_ns - one.start_ns, default=None)


def _clips(folder: Path, run: Callable[[Path], list[Report]]) -> Iterator[Heard]:
    for row in read_clips(folder):
        found = _longest(run(folder / row['file']), 0, 1 << 62)
        yield Heard(CORPORA[0], row['file'], LABELS.index(row['emotion']), found)


def _dialogue(dialogue: MeldDialogue, reports: Sequence[Report]) -> Iterator[Heard]:
    for true in dialogue.utterances:
        found = _longest(reports, true.start_ns, true.end_ns)
        yield Heard(CORPORA[1], f'dialogue {dialogue.number}', true.label, found)


def _talkers(folders: Sequence[Path], run: Callable[[Path], list[Report]]) -> Iterator[Heard]:
    paths = [path for folder in folders for path in sorted(folder.glob('*.mpg'))]
    if not paths:
        raise DatasetError(f'no recordings of the GRID corpus in {folders[0]}')
    for path in paths:
        found = _longest(run(path), 0, 1 << 62)
        yield Heard(CORPORA[2], person_of(path.stem), NEUTRAL, found)


def hear_people(
    config: Config,
    models: Models,
    data: Path | None = None,
    on_utterance: Callable[[], None] = lambda: None,
) -> tuple[list[Heard], list[str]]:
    """Run all recordings of people that are here through the node.

    Args:
        config: parameters.
        models: the loaded models.
        data: folder of the data sets, as in `datasets.data_root`.
        on_utterance: called after each utterance.

    Returns:
        The utterances, and why some recordings are missing.
    """

    def run(path: Path) -> list[Report]:
        return replay_file(path, config, models, time.perf_counter_ns)

    def dialogues() -> Iterator[Heard]:
        for dialogue in read_dialogues(data):
            reports = replay(dialogue.chunks(), config, models, time.perf_counter_ns)
            yield from _dialogue(dialogue, reports)

    root = data_root(data)
    heard: list[Heard] = []
    skipped = []
    for of_corpus in (
        _clips(root / FOLDER, run),
        dialogues(),
        _talkers([root / name for name in TALKERS], run),
    ):
        try:
            for one in of_corpus:
                heard.append(one)
                on_utterance()
        except DatasetError as error:
            skipped.append(str(error))
    return heard, skipped
