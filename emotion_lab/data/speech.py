"""Voices whose emotion and speaker are known: RAVDESS, EMO-DB, nEMO, ASED and EmoGator.

Needs no torch. All are mono files in the data's root, see `datasets.data_root`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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
NEMO: Final = 'nemo'
ASED: Final = 'ased'
EMOGATOR: Final = 'emogator'

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

NEMO_LABELS: Final[Mapping[str, str]] = {
    'neutral': 'neutral',
    'happiness': 'joy',
    'sadness': 'sadness',
    'anger': 'anger',
    'surprised': 'surprise',
    'fear': 'fear',
}
"""nEMO has no disgust."""
ASED_LABELS: Final[Mapping[str, str]] = {
    'n': 'neutral',
    'h': 'joy',
    's': 'sadness',
    'a': 'anger',
    'f': 'fear',
}
"""ASED has no surprise and no disgust."""
EMOGATOR_LABELS: Final[Mapping[str, str]] = {
    '02': 'joy',  # amusement
    '03': 'anger',
    '10': 'disgust',
    '13': 'joy',  # elation
    '15': 'fear',
    '18': 'neutral',
    '24': 'sadness',
    '27': 'surprise',  # negative
    '28': 'surprise',  # positive
}
"""Distress, pain and relief are left out."""

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
_NEMO_NAME = re.compile(r'([A-Z]+\d*)_([a-z]+)_\d+')
_ASED_NAME = re.compile(r'([nfhsa])\d-(\d+)-(\d+)-(\d+)-(\d+)', re.IGNORECASE)
_EMOGATOR_NAME = re.compile(r'(\d+)-(\d\d)-\d+')
_SUFFIXES: Final = ('.flac', '.wav', '.opus')
_FRAME: Final = SAMPLE_RATE // 100


@dataclass(frozen=True, slots=True)
class SpeechClip:
    """One labelled recording.

    Attributes:
        corpus: e.g. `RAVDESS`.
        path: the file.
        label: index into `labels.LABELS`.
        speaker: unique within all corpora, e.g. "ravdess 07".
        text: code of the sentence in the corpus; empty where it has none.
        fold: 0 to `FOLDS` - 1, that of its speaker.
        female: sex of the speaker; None where it is not published with the clip.
    """

    corpus: str
    path: Path
    label: int
    speaker: str
    text: str
    fold: int
    female: bool | None = None

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
        fold = folds[int(actor)]
        female = int(actor) % 2 == 0
        clips.append(SpeechClip(RAVDESS, path, label, f'{RAVDESS} {actor}', text, fold, female))
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
            fold, female = folds[speaker], speaker in _EMODB_WOMEN
            clips.append(SpeechClip(EMODB, path, label, f'{EMODB} {speaker}', text, fold, female))
    return clips


def read_nemo(root: Path | None = None) -> list[SpeechClip]:
    """Return nEMO.

    Christop, "nEMO: Dataset of Emotional Speech in Polish", LREC-COLING 2024: nine actors say 90
    sentences in six ways.

    Raises:
        DatasetError: there is none.
    """
    found = []
    for path in _files(NEMO, root):
        match = _NEMO_NAME.fullmatch(path.stem)
        if match is None or match[2] not in NEMO_LABELS:
            raise DatasetError(f'{path}: nEMO speech is named like SM0_anger_77')
        found.append((path, NEMO_LABELS[match[2]], match[1], ''))
    return _by_speaker(NEMO, found)


def read_ased(root: Path | None = None) -> list[SpeechClip]:
    """Return ASED.

    Retta et al., "A New Amharic Speech Emotion Dataset and Classification Benchmark", ACM TALLIP
    22(1), 2022: 65 speakers; only recordings in which five of eight judges heard the emotion.

    Raises:
        DatasetError: there is none.
    """
    found = []
    for path in _files(ASED, root):
        match = _ASED_NAME.fullmatch(path.stem)
        if match is None:
            raise DatasetError(f'{path}: ASED speech is named like h3-04-01-02-51')
        found.append((path, ASED_LABELS[match[1].lower()], match[5], match[2]))
    return _by_speaker(ASED, found)


def read_emogator(root: Path | None = None) -> list[SpeechClip]:
    """Return those bursts of EmoGator, such as laughs, sobs and gasps, that have a label here.

    Buhl, "EmoGator: A New Open Source Vocal Burst Dataset with Baseline Machine Learning
    Classification Methodologies", 2023. People recorded themselves on microphones of their own.

    Raises:
        DatasetError: there is none.
    """
    found = []
    for path in _files(EMOGATOR, root):
        match = _EMOGATOR_NAME.fullmatch(path.stem)
        if match is None:
            raise DatasetError(f'{path}: bursts of EmoGator are named like 000351-22-1')
        if match[2] in EMOGATOR_LABELS:
            found.append((path, EMOGATOR_LABELS[match[2]], match[1], ''))
    return _by_speaker(EMOGATOR, found)


def _by_speaker(corpus: str, found: Sequence[tuple[Path, str, str, str]]) -> list[SpeechClip]:
    """Return clips of (path, label, speaker, text), whose speakers are in the folds in turn."""
    speakers = sorted({speaker for _, _, speaker, _ in found})
    return [
        SpeechClip(
            corpus,
            path,
            LABELS.index(label),
            f'{corpus} {speaker}',
            text,
            speakers.index(speaker) % FOLDS,
        )
        for path, label, speaker, text in found
    ]


CORPORA: Final[Mapping[str, Callable[[Path | None], list[SpeechClip]]]] = {
    RAVDESS: read_ravdess,
    EMODB: read_emodb,
    NEMO: read_nemo,
    ASED: read_ased,
    EMOGATOR: read_emogator,
}
SPOKEN: Final = (RAVDESS, EMODB, NEMO, ASED)
"""Corpora of words, each of which is left out of training in turn."""


def read_corpora(
    root: Path | None = None, corpora: Sequence[str] = tuple(CORPORA)
) -> list[SpeechClip]:
    """Return the clips of corpora, one corpus after the other.

    Raises:
        DatasetError: one of them is missing.
    """
    return [clip for corpus in corpora for clip in CORPORA[corpus](root)]


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
    """Return the (n,) float32 samples of a mono file at `SAMPLE_RATE`.

    Raises:
        DatasetError: it has more channels.
    """
    with av.open(path) as container:
        stream = container.streams.audio[0]
        if stream.channels != 1:
            raise DatasetError(f'{path}: expected mono, found {stream.channels} channels')
        resampler = av.AudioResampler('flt', 'mono', SAMPLE_RATE)
        frames = [
            part.to_ndarray()[0].astype(np.float32)
            for frame in [*container.decode(stream), None]
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
