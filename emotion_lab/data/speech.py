"""Acted emotional speech whose emotion and speaker are known: RAVDESS and EMO-DB.

Needs no torch. Both are 16 kHz mono files in the data's root, see `datasets.data_root`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np

from emotion_lab.data.datasets import ENVIRONMENT_VARIABLE, DatasetError, data_root
from emotion_lab.data.sounds import scaled
from emotion_node.datatypes import SAMPLE_RATE, FloatArray
from emotion_node.labels import LABELS

SPEECH_RANGE_DB: Final = 25.0
BREATH_DB: Final = 12.0
BABBLE_DB: Final = -40.0
"""Level of each voice of the babble, in dB of full scale."""
MIN_SOUND: Final = 0.05

FOLDS: Final = 5
"""Parts into which the speakers are divided; each is held out once."""

RAVDESS: Final = 'ravdess'
EMODB: Final = 'emodb'

RAVDESS_LABELS: Final[Mapping[str, str]] = {
    '01': 'neutral',
    '02': 'neutral',  # calm
    '03': 'joy',
    '04': 'sadness',
    '05': 'anger',
    '06': 'fear',
    '07': 'disgust',
    '08': 'surprise',
}
EMODB_LABELS: Final[Mapping[str, str]] = {
    'N': 'neutral',
    'F': 'joy',
    'T': 'sadness',
    'W': 'anger',
    'A': 'fear',
    'E': 'disgust',
}
"""EMO-DB has no surprise; its boredom ("L") is left out."""

RAVDESS_FOLDS: Final = (
    (2, 5, 14, 15, 16),
    (3, 6, 7, 13, 18),
    (10, 11, 12, 19, 20),
    (8, 17, 21, 23, 24),
    (1, 4, 9, 22),
)
"""Actors of each fold, those of Luna-Jimenez et al., "Multimodal Emotion Recognition on RAVDESS
Dataset Using Transfer Learning", Sensors 21(22), 2021, so that figures can be compared."""

EMODB_FOLDS: Final = (('03', '08'), ('10', '09'), ('11', '13'), ('12', '14'), ('15', '16'))
"""Speakers of each fold, a man and a woman."""

_EMODB_WOMEN: Final = frozenset(('08', '09', '13', '14', '16'))
_RAVDESS_NAME = re.compile(r'03-01-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])')
_EMODB_NAME = re.compile(r'(\d\d)([ab]\d\d)([WLEAFTN])([a-z])')
_SUFFIXES: Final = ('.flac', '.wav')
_FRAME: Final = SAMPLE_RATE // 100


@dataclass(frozen=True, slots=True)
class SpeechClip:
    """One labelled recording.

    Attributes:
        corpus: `RAVDESS` or `EMODB`.
        path: the file.
        label: index into `labels.LABELS`.
        speaker: unique within both corpora, e.g. "ravdess 07".
        female: sex of the speaker, as published.
        text: code of the sentence in the corpus.
        fold: 0 to `FOLDS` - 1, that of its speaker.
    """

    corpus: str
    path: Path
    label: int
    speaker: str
    female: bool
    text: str
    fold: int

    @property
    def name(self) -> str:
        """Key of stored predictions, e.g. "emodb/03a01Fa"."""
        return f'{self.corpus}/{self.path.stem}'


def read_ravdess(root: Path | None = None) -> list[SpeechClip]:
    """Return RAVDESS speech; "calm" counts as neutral.

    Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS
    ONE 13(5), 2018: 24 actors say two sentences in eight ways, at two strengths.

    Raises:
        DatasetError: there is none.
    """
    folds = {actor: fold for fold, actors in enumerate(RAVDESS_FOLDS) for actor in actors}
    clips = []
    for path in _files(RAVDESS, root):
        match = _RAVDESS_NAME.fullmatch(path.stem)
        if match is None:
            raise DatasetError(f'{path}: RAVDESS speech is named like 03-01-06-01-02-01-12')
        emotion, _, text, _, actor = match.groups()
        label = LABELS.index(RAVDESS_LABELS[emotion])
        female = int(actor) % 2 == 0
        fold = folds[int(actor)]
        clips.append(SpeechClip(RAVDESS, path, label, f'{RAVDESS} {actor}', female, text, fold))
    return clips


def read_emodb(root: Path | None = None) -> list[SpeechClip]:
    """Return EMO-DB without boredom.

    Burkhardt et al., "A Database of German Emotional Speech", Interspeech 2005: ten actors say
    ten sentences in up to seven ways.

    Raises:
        DatasetError: there is none.
    """
    folds = {speaker: fold for fold, pair in enumerate(EMODB_FOLDS) for speaker in pair}
    clips = []
    for path in _files(EMODB, root):
        match = _EMODB_NAME.fullmatch(path.stem)
        if match is None or match[1] not in folds:
            raise DatasetError(f'{path}: EMO-DB speech is named like 03a01Fa')
        speaker, text, emotion, _ = match.groups()
        if emotion in EMODB_LABELS:
            label = LABELS.index(EMODB_LABELS[emotion])
            female = speaker in _EMODB_WOMEN
            clips.append(
                SpeechClip(EMODB, path, label, f'{EMODB} {speaker}', female, text, folds[speaker])
            )
    return clips


def read_corpora(root: Path | None = None) -> list[SpeechClip]:
    """Return RAVDESS and EMO-DB.

    Raises:
        DatasetError: one of them is missing.
    """
    return [*read_ravdess(root), *read_emodb(root)]


def _files(corpus: str, root: Path | None) -> list[Path]:
    folder = data_root(root) / corpus
    paths = sorted(path for path in folder.glob('*.*') if path.suffix in _SUFFIXES)
    if not paths:
        raise DatasetError(
            f'expected speech in {folder}, found none; put it there, or set '
            f'{ENVIRONMENT_VARIABLE} to the folder that holds {corpus}/'
        )
    return paths


def read_audio(path: Path) -> FloatArray:
    """Return the (n,) float32 samples of a 16 kHz mono file.

    Raises:
        DatasetError: it has another rate or more channels.
    """
    with av.open(path) as container:
        stream = container.streams.audio[0]
        if stream.rate != SAMPLE_RATE or stream.channels != 1:
            raise DatasetError(
                f'{path}: expected {SAMPLE_RATE} Hz mono, found {stream.rate} Hz with '
                f'{stream.channels} channels'
            )
        resampler = av.AudioResampler('flt', 'mono', SAMPLE_RATE)
        frames = [
            part.to_ndarray()[0].astype(np.float32)
            for frame in container.decode(stream)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(frames)


def find_speech(samples: FloatArray) -> list[tuple[int, int]]:
    """Return (start, end) of each sound in a studio recording.

    10 ms frames, smoothed over 30 ms, count as sound when they are less than `SPEECH_RANGE_DB`
    below the clip's 95th percentile; sounds shorter than `MIN_SOUND` (clicks, lips) do not count,
    nor do first or last sounds (breath) that stay `BREATH_DB` below it.
    """
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.convolve(np.mean(np.square(frames), axis=1), np.full(3, 1 / 3), 'same')
    loud = power > np.percentile(power, 95) * 10 ** (-SPEECH_RANGE_DB / 10)
    spoken = power > np.percentile(power, 95) * 10 ** (-BREATH_DB / 10)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    sounds = [
        (int(start), int(end))
        for start, end in edges.reshape(-1, 2)
        if (end - start) * _FRAME >= MIN_SOUND * SAMPLE_RATE
    ]
    while sounds and not spoken[slice(*sounds[0])].any():
        del sounds[0]
    while sounds and not spoken[slice(*sounds[-1])].any():
        del sounds[-1]
    return [(start * _FRAME, end * _FRAME) for start, end in sounds]


def read_babble(emodb: Path, limit: int, rng: np.random.Generator) -> list[FloatArray]:
    """Return utterances of EMO-DB's ten speakers (German), at equal level.

    Raises:
        DatasetError: there are none.
    """
    paths = sorted(path for path in emodb.glob('*.*') if path.suffix in ('.flac', '.wav'))
    if not paths:
        raise DatasetError(f'expected EMO-DB speech in {emodb}, found none')
    voices = []
    for index in rng.permutation(len(paths))[:limit]:
        samples = read_audio(paths[index])
        sounds = find_speech(samples)
        voices.append(scaled(samples[sounds[0][0] : sounds[-1][1]], BABBLE_DB))
    return voices
