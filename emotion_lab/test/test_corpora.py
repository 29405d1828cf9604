"""Acted speech: labels and speakers, and that no speaker is in two folds."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.metrics import (
    arousal_accuracy,
    unweighted_average_recall,
    valence_accuracy,
)
from emotion_lab.data.speech import (
    EMODB,
    FOLDS,
    RAVDESS,
    SpeechClip,
    read_corpora,
    read_emodb,
    read_ravdess,
)
from emotion_node.labels import LABELS


@pytest.fixture
def clips() -> list[SpeechClip]:
    try:
        return read_corpora()
    except DatasetError as error:
        pytest.skip(str(error))


def put(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder.parent


def test_file_names_give_emotion_and_speaker(tmp_path: Path) -> None:
    root = put(tmp_path / 'ravdess', '03-01-02-01-02-01-04.flac', '03-01-06-02-01-02-11.wav')
    put(tmp_path / 'emodb', '03a01Fa.wav', '08b09Lb.wav', '16a07Ec.flac')
    calm, afraid = read_ravdess(root)
    assert (LABELS[calm.label], calm.speaker, calm.female) == ('neutral', 'ravdess 04', True)
    assert (LABELS[afraid.label], afraid.speaker, afraid.female) == ('fear', 'ravdess 11', False)
    glad, disgusted = read_emodb(root)  # boredom is left out
    assert (LABELS[glad.label], glad.speaker, glad.text) == ('joy', 'emodb 03', 'a01')
    assert (LABELS[disgusted.label], disgusted.female) == ('disgust', True)
    assert (glad.name, calm.name) == ('emodb/03a01Fa', 'ravdess/03-01-02-01-02-01-04')


def test_every_speaker_is_in_one_fold(clips: list[SpeechClip]) -> None:
    folds = defaultdict(set)
    for clip in clips:
        folds[clip.speaker].add(clip.fold)
    assert all(len(one) == 1 for one in folds.values())
    assert len(folds) == 34
    for corpus in (RAVDESS, EMODB):
        there = {clip.fold for clip in clips if clip.corpus == corpus}
        assert there == set(range(FOLDS))


def test_the_corpora_are_complete(clips: list[SpeechClip]) -> None:
    counts = Counter((clip.corpus, LABELS[clip.label]) for clip in clips)
    assert counts[RAVDESS, 'neutral'] == 288
    assert {counts[RAVDESS, label] for label in LABELS[1:]} == {192}
    assert [counts[EMODB, label] for label in LABELS] == [79, 71, 62, 127, 0, 69, 46]


def test_missing_and_misnamed_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r'expected speech in .*ravdess, found none'):
        read_ravdess(tmp_path)
    root = put(tmp_path / 'ravdess', '03-02-02-01-02-01-04.flac')  # a song
    with pytest.raises(DatasetError, match='RAVDESS speech is named like'):
        read_ravdess(root)
    put(tmp_path / 'emodb', '01a01Fa.wav')
    with pytest.raises(DatasetError, match='EMO-DB speech is named like'):
        read_emodb(root)


def test_the_average_recall_does_not_depend_on_class_frequency() -> None:
    counts = np.zeros((7, 7), np.int64)
    counts[0, 0], counts[1, 0], counts[1, 1] = 900, 5, 5
    assert unweighted_average_recall(counts) == pytest.approx(0.75)


def test_arousal_and_valence_are_right_on_the_right_side_of_the_threshold() -> None:
    truth = np.array([LABELS.index(label) for label in ('neutral', 'sadness', 'anger', 'joy')])
    assert arousal_accuracy(np.array([0.1, -0.5, 0.3, 0.1]), truth) == 0.75
    assert valence_accuracy(np.array([0.9, -0.1, -0.2, -0.1]), truth) == pytest.approx(2 / 3)
