"""MELD dialogues with audio, each as one recording."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.data.recordings import read_samples
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    AudioChunk,
    ClockSource,
    FloatArray,
)
from emotion_node.labels import LABELS

FOLDER: Final = 'meld_wav'
PAUSE_S: Final = 0.8
"""Silence between utterances, in s, because MELD has each utterance as a separate file."""
CHUNK_S: Final = 0.1
HISS: Final = 1e-4
"""Amplitude of the noise in pauses; no microphone gives digital silence."""


@dataclass(frozen=True, slots=True)
class TrueUtterance:
    """One utterance as MELD has it.

    Attributes:
        speaker: name of the speaker.
        label: index into `labels.LABELS`.
        text: the words.
        start_ns, end_ns: where its file lies in the recording.
    """

    speaker: str
    label: int
    text: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class MeldDialogue:
    """One dialogue.

    Attributes:
        number: of the dialogue in MELD train.
        utterances: in order.
        samples: (n,) float32 at `SAMPLE_RATE`.
    """

    number: int
    utterances: tuple[TrueUtterance, ...]
    samples: FloatArray

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield the recording in chunks, as a microphone does; its first sample has stamp 0."""
        step = round(CHUNK_S * SAMPLE_RATE)
        for begin in range(0, len(self.samples), step):
            part = self.samples[begin : begin + step, None]
            yield AudioChunk(begin * NS_PER_SAMPLE, part, SAMPLE_RATE, ClockSource.FILE)


def read_dialogues(root: Path | None = None) -> list[MeldDialogue]:
    """Return the dialogues.

    Raises:
        DatasetError: there are none.
    """
    folder = data_root(root) / FOLDER
    table = folder / 'manifest.csv'
    if not table.is_file():
        raise DatasetError(f'no recordings of MELD dialogues with a manifest.csv in {folder}')
    with table.open(encoding='utf-8') as file:
        rows = sorted(
            csv.DictReader(file), key=lambda row: (int(row['dialogue']), int(row['utterance']))
        )
    rng = np.random.default_rng(0)
    dialogues = []
    for number, of_one in itertools.groupby(rows, key=lambda row: int(row['dialogue'])):
        parts = [_pause(rng)]
        utterances = []
        for row in of_one:
            samples = read_samples(folder / row['file'])
            start_ns = sum(len(part) for part in parts) * NS_PER_SAMPLE
            utterances.append(
                TrueUtterance(
                    row['speaker'],
                    LABELS.index(row['emotion']),
                    row['text'],
                    start_ns,
                    start_ns + len(samples) * NS_PER_SAMPLE,
                )
            )
            parts += [samples, _pause(rng)]
        dialogues.append(MeldDialogue(number, tuple(utterances), np.concatenate(parts)))
    return dialogues


def _pause(rng: np.random.Generator) -> FloatArray:
    return rng.normal(0, HISS, round(PAUSE_S * SAMPLE_RATE)).astype(np.float32)
