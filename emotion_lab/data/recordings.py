"""Recordings of any rate and number of channels, as samples at the pipeline's rate."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.datatypes import AudioChunk, FloatArray
from emotion_node.labels import LABELS
from emotion_node.recordings.media import read_audio

MELD_FOLDERS = ('meld_wav', 'meld_clips')


@dataclass(frozen=True, slots=True)
class MeldRecording:
    """An utterance of MELD whose sound is available.

    Attributes:
        text: what is said.
        label: index into `labels.LABELS`.
        samples: (n,) float32 at `SAMPLE_RATE`.
    """

    text: str
    label: int
    samples: FloatArray


def read_samples(path: Path) -> FloatArray:
    """Return the (n,) samples of a file at `SAMPLE_RATE`, mono.

    Raises:
        MediaError: it is no audio or video file.
    """
    return join(list(read_audio(path)))


def join(chunks: Sequence[AudioChunk]) -> FloatArray:
    """Return the (n,) samples at `SAMPLE_RATE` of consecutive int16 mono chunks."""
    samples = np.concatenate([chunk.samples[:, 0] for chunk in chunks]) / np.float32(32768)
    return SoxrResampler(chunks[0].rate).process(samples, last=True)


def read_meld_recordings(root: Path | None = None) -> Iterator[MeldRecording]:
    """Yield the recordings of MELD utterances that come with their text.

    Raises:
        DatasetError: there are none.
    """
    for name in MELD_FOLDERS:
        folder = data_root(root) / name
        if not (folder / 'manifest.csv').is_file():
            raise DatasetError(f'no recordings of MELD with a manifest.csv in {folder}')
        with (folder / 'manifest.csv').open(encoding='utf-8') as file:
            for row in csv.DictReader(file):
                text = row['text'].replace('\N{RIGHT SINGLE QUOTATION MARK}', "'")
                label = LABELS.index(row['emotion'])
                yield MeldRecording(text, label, read_samples(folder / row['file']))
