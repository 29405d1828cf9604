"""Voices: labels and speakers, and that no speaker is in two folds."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.metrics import (
    area_under_roc,
    arousal_accuracy,
    interval_over_groups,
    unweighted_average_recall,
    valence_accuracy,
)
from emotion_lab.data.speech import (
    ASED,
    CORPORA,
    EMODB,
    EMOGATOR,
    FOLDS,
    NEMO,
    RAVDESS,
    SpeechClip,
    read_ased,
    read_corpora,
    read_emodb,
    read_emogator,
    read_nemo,
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
    put(tmp_path / 'nemo', 'SM0_surprised_77.opus')
    put(tmp_path / 'ased', 'h3-04-01-02-51.opus', 'S4-01-02-02-07.opus')
    put(tmp_path / 'emogator', '000351-22-1.opus', '000351-02-1.opus')
    (startled,) = read_nemo(root)
    assert (LABELS[startled.label], startled.speaker) == ('surprise', 'nemo SM0')
    sad, happy = read_ased(root)
    assert (LABELS[sad.label], sad.speaker) == ('sadness', 'ased 07')
    assert (LABELS[happy.label], happy.speaker) == ('joy', 'ased 51')
    (amused,) = read_emogator(root)  # relief is left out
    assert (LABELS[amused.label], amused.speaker) == ('joy', 'emogator 000351')
    assert (glad.name, calm.name) == ('emodb/03a01Fa', 'ravdess/03-01-02-01-02-01-04')


def test_every_speaker_is_in_one_fold(clips: list[SpeechClip]) -> None:
    folds = defaultdict(set)
    for clip in clips:
        folds[clip.speaker].add(clip.fold)
    assert all(len(one) == 1 for one in folds.values())
    assert len(folds) == 24 + 10 + 9 + 65 + 179
    for corpus in CORPORA:
        there = {clip.fold for clip in clips if clip.corpus == corpus}
        assert there == set(range(FOLDS))


def test_the_corpora_are_complete(clips: list[SpeechClip]) -> None:
    counts = Counter((clip.corpus, LABELS[clip.label]) for clip in clips)
    assert counts[RAVDESS, 'neutral'] == 288
    assert {counts[RAVDESS, label] for label in LABELS[1:]} == {192}
    assert [counts[EMODB, label] for label in LABELS] == [79, 71, 62, 127, 0, 69, 46]
    assert [counts[NEMO, label] for label in LABELS] == [809, 749, 769, 749, 669, 736, 0]
    assert [counts[ASED, label] for label in LABELS] == [522, 486, 470, 486, 0, 510, 0]
    assert [counts[EMOGATOR, label] for label in LABELS] == [179, 358, 179, 179, 358, 179, 179]


def test_missing_and_misnamed_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r'expected speech in .*ravdess, found none'):
        read_ravdess(tmp_path)
    root = put(tmp_path / 'ravdess', '03-02-02-01-02-01-04.flac')  # a song
    with pytest.raises(DatasetError, match='RAVDESS speech is named like'):
        read_ravdess(root)
    put(tmp_path / 'nemo', 'SM0_disgust_1.opus')
    with pytest.raises(DatasetError, match='nEMO speech is named like'):
        read_nemo(root)
    put(tmp_path / 'emodb', '01a01Fa.wav')
    with pytest.raises(DatasetError, match='EMO-DB speech is named like'):
        read_emodb(root)


def test_the_area_under_the_curve_is_the_chance_that_a_positive_is_above_a_negative() -> None:
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(8, size=90).astype(np.float64), rng.random(90) < 0.4
    above = scores[positive][:, None] - scores[~positive][None]
    assert area_under_roc(scores, positive) == pytest.approx(
        np.mean((above > 0) + 0.5 * (above == 0))
    )


def test_an_interval_over_people_is_wider_than_their_clips_are_many() -> None:
    """Ten people who are always right or always wrong know no more than ten answers."""
    people = np.repeat([f'p{n}' for n in range(10)], 100)
    right = np.repeat(np.arange(10) % 2, 100)
    low, high = interval_over_groups(people, lambda rows: float(right[rows].mean()))
    assert low < 0.3
    assert high > 0.7


def test_the_average_recall_does_not_depend_on_class_frequency() -> None:
    counts = np.zeros((7, 7), np.int64)
    counts[0, 0], counts[1, 0], counts[1, 1] = 900, 5, 5
    assert unweighted_average_recall(counts) == pytest.approx(0.75)


def test_arousal_and_valence_are_right_on_the_right_side_of_the_threshold() -> None:
    truth = np.array([LABELS.index(label) for label in ('neutral', 'sadness', 'anger', 'joy')])
    assert arousal_accuracy(np.array([0.1, -0.5, 0.3, 0.1]), truth) == 0.75
    assert valence_accuracy(np.array([0.9, -0.1, -0.2, -0.1]), truth) == pytest.approx(2 / 3)
