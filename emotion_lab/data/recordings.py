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

GRID_FOLDERS = ('grid', 'grid_more')
GRID_NAMES = {'bbaf2n': 's1', 'lrwp9a': 's23'}
"""Talkers of `grid/` of whom there are more clips in `grid_more/`."""
MELD_FOLDERS = ('meld_wav', 'meld_clips')


@dataclass(frozen=True, slots=True)
class MeldRecording:
    """An utterance of MELD whose sound is available.

    Attributes:
        speaker: name as published.
        text: what is said.
        label: index into `labels.LABELS`.
        samples: (n,) float32 at `SAMPLE_RATE`.
    """

    speaker: str
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
                samples = read_samples(folder / row['file'])
                yield MeldRecording(row['speaker'], text, label, samples)


def read_grid_voices(root: Path | None = None) -> Iterator[tuple[str, FloatArray]]:
    """Yield the talker and the (n,) samples of GRID's clips, all of which are neutral.

    Cooke et al., "An audio-visual corpus for speech perception and automatic speech recognition",
    JASA 120, 2006.

    Raises:
        DatasetError: there are none.
    """
    base = data_root(root)
    paths = [path for name in GRID_FOLDERS for path in sorted((base / name).glob('*.mpg'))]
    if not paths:
        raise DatasetError(f'no clips of GRID in {base / GRID_FOLDERS[0]}')
    for path in paths:
        talker = path.stem.split('_')[0]
        yield GRID_NAMES.get(talker, talker), read_samples(path)
