"""The readers accept the data sets as published and report clearly what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotion_lab.data.datasets import (
    DatasetError,
    clean_text,
    data_root,
    read_goemotions,
    read_meld,
)
from emotion_lab.data.metrics import (
    bootstrap_interval,
    confusion,
    expected_calibration_error,
    f1_per_class,
    macro_f1,
    weighted_f1,
)
from emotion_lab.data.noise import CONDITIONS, plain_text
from emotion_lab.data.samples import meld_samples
from emotion_node.backends.text_input import MAX_TURNS
from emotion_node.labels import LABELS

HEADER = (
    'Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,'
    'StartTime,EndTime\n'
)
ROW = '{n},"{text}",Ross,{emotion},neutral,{dialogue},{n},1,1,"{start}","{end}"\n'


def write_meld(folder: Path, *rows: bytes) -> Path:
    (folder / 'meld').mkdir()
    (folder / 'meld' / 'dev_sent_emo.csv').write_bytes(HEADER.encode() + b''.join(rows))
    return folder


def row(
    text: bytes,
    n: int = 0,
    dialogue: int = 0,
    emotion: str = 'joy',
    start: str = '00:00:01,500',
    end: str = '0:00:03,0',
) -> bytes:
    line = ROW.format(n=n, text='@', emotion=emotion, dialogue=dialogue, start=start, end=end)
    return line.encode().replace(b'@', text)


@pytest.fixture
def meld() -> Path:
    try:
        root = data_root()
        read_meld('dev', root)
    except DatasetError as error:
        pytest.skip(str(error))
    return root


@pytest.mark.parametrize(
    'text',
    [
        pytest.param('\x91Number 27?\x92 \x93Oh\x94\x85 no \x97 really', id='control characters'),
        pytest.param(
            b'\x91Number 27?\x92 \x93Oh\x94\x85 no \x97 really'.decode(errors='surrogateescape'),
            id='bytes',
        ),
    ],
)
def test_windows_punctuation_is_corrected(text: str) -> None:
    assert clean_text(text) == '‘Number 27?’ “Oh”… no — really'


def test_meaningless_characters_vanish_and_white_space_is_collapsed() -> None:
    assert clean_text(' What\x81?!\n  Oh\xa0my ') == 'What?! Oh my'


def test_a_file_that_mixes_encodings_keeps_both_kinds_of_apostrophe(tmp_path: Path) -> None:
    root = write_meld(tmp_path, row(b'he\x92s', 0), row('she’s'.encode(), 1))
    assert [utterance.text for utterance in read_meld('dev', root)] == ['he’s', 'she’s']


def test_rows_come_dialogue_by_dialogue_in_the_order_of_speaking(tmp_path: Path) -> None:
    root = write_meld(tmp_path, row(b'c', 0, 1), row(b'b', 7, 0), row(b'a', 2, 0))
    utterances = read_meld('dev', root)
    assert [(u.text, u.dialogue_id, u.utterance_id) for u in utterances] == [
        ('a', 0, 2),
        ('b', 0, 7),
        ('c', 1, 0),
    ]


@pytest.mark.parametrize(
    ('start', 'end'),
    [
        ('0:12:32,632', '0:12:32,632'),
        ('00:00:03,000', '00:00:01,000'),
        ('00:00:03,000', '00:09:01,000'),
        ('', '00:00:01,000'),
    ],
)
def test_wrong_times_are_dropped(tmp_path: Path, start: str, end: str) -> None:
    root = write_meld(tmp_path, row(b'What?', start=start, end=end))
    assert read_meld('dev', root)[0].span_s is None


def test_right_times_become_seconds(tmp_path: Path) -> None:
    root = write_meld(tmp_path, row(b'What?', start='01:00:01,500', end='1:00:03,0'))
    assert read_meld('dev', root)[0].span_s == (3601.5, 3603.0)


def test_missing_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r'dev_sent_emo\.csv.*EMOTION_DATA'):
        read_meld('dev', tmp_path)
    with pytest.raises(DatasetError, match=r'no data folder at .*nowhere.*EMOTION_DATA'):
        read_meld('dev', tmp_path / 'nowhere')
    with pytest.raises(DatasetError, match="no split 'validation'"):
        read_meld('validation', tmp_path)


def test_the_environment_names_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('EMOTION_DATA', str(tmp_path))
    assert data_root() == tmp_path


def test_another_file_is_not_taken_for_meld(tmp_path: Path) -> None:
    root = write_meld(tmp_path, row(b'Oh', emotion='boredom'))
    with pytest.raises(DatasetError, match=r"row 2: emotion 'boredom' is none of neutral, joy"):
        read_meld('dev', root)
    (root / 'meld' / 'dev_sent_emo.csv').write_text('text,label\nOh,joy\n')
    with pytest.raises(DatasetError, match='is not MELD: it has no column Dialogue_ID, Emotion'):
        read_meld('dev', root)


def test_meld_as_published_is_read_completely(meld: Path) -> None:
    sizes = {split: len(read_meld(split, meld)) for split in ('train', 'dev', 'test')}
    assert sizes == {'train': 9989, 'dev': 1109, 'test': 2610}
    test = read_meld('test', meld)
    counts = np.bincount([utterance.label for utterance in test], minlength=len(LABELS))
    assert counts.tolist() == [1256, 402, 208, 345, 281, 50, 68]
    assert sum(utterance.span_s is None for utterance in test) <= 3
    assert not any('\x80' <= c <= '\x9f' for utterance in test for c in utterance.text)


def test_goemotions_gives_the_texts_with_one_label(tmp_path: Path) -> None:
    folder = tmp_path / 'goemotions_ekman'
    folder.mkdir()
    with pytest.raises(DatasetError, match=r'labels\.txt.*EMOTION_DATA'):
        read_goemotions('train', tmp_path)
    (folder / 'labels.txt').write_text('anger\ndisgust\nfear\njoy\nneutral\nsadness\nsurprise\n')
    (folder / 'train.tsv').write_text(
        'Thanks [NAME]!\t3\ta\nWhat\t0,6\tb\nIt is\x92 five.\t4\tc\n'
    )
    found = read_goemotions('train', tmp_path)
    assert [(one.text, LABELS[one.label]) for one in found] == [
        ('Thanks Alex!', 'joy'),
        ('It is’ five.', 'neutral'),
    ]
    (folder / 'train.tsv').write_text('Thanks\t3\n')
    with pytest.raises(DatasetError, match=r'row 1: 2 fields, expected 3'):
        read_goemotions('train', tmp_path)
    (folder / 'labels.txt').write_text('anger\njoy\n')
    with pytest.raises(DatasetError, match='has the labels anger, joy; expected neutral'):
        read_goemotions('train', tmp_path)


def test_a_sample_has_the_turns_before_it_in_its_dialogue(meld: Path) -> None:
    samples = meld_samples('dev', CONDITIONS['plain'], meld)
    rows = read_meld('dev', meld)
    assert [sample.group for sample in samples] == [row.dialogue_id for row in rows]
    for place, (sample, row) in enumerate(zip(samples, rows, strict=True)):
        before = [one for one in rows[:place] if one.dialogue_id == row.dialogue_id]
        before = before[-MAX_TURNS:]
        assert [turn.speaker_id for turn in sample.history] == [one.speaker for one in before]
        assert [turn.text for turn in sample.history] == [plain_text(one.text) for one in before]


def test_metrics_agree_with_a_worked_example() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 2, 2])
    counts = confusion(truth, predicted)
    assert f1_per_class(counts)[:3] == pytest.approx([0.8, 0.5, 2 / 3])
    assert f1_per_class(counts)[3:].tolist() == [0, 0, 0, 0]
    assert weighted_f1(counts) == pytest.approx((3 * 0.8 + 2 * 0.5 + 2 / 3) / 6)
    assert macro_f1(counts) == pytest.approx((0.8 + 0.5 + 2 / 3) / 7)


def test_confidence_equal_to_accuracy_is_calibrated() -> None:
    scores = np.full((10, 7), 0.2 / 6)
    scores[:, 1] = 0.8
    truth = np.array([1] * 8 + [0] * 2)
    assert expected_calibration_error(scores, truth) == pytest.approx(0)
    assert expected_calibration_error(scores, np.ones(10, dtype=np.int64)) == pytest.approx(0.2)


def test_the_bootstrap_draws_whole_dialogues() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 7, 700)
    predicted = np.where(rng.random(700) < 0.6, truth, rng.integers(0, 7, 700))
    centre = weighted_f1(confusion(truth, predicted))
    alone = bootstrap_interval(list(range(700)), truth, predicted, resamples=500)
    assert alone[0] < centre < alone[1]
    # One dialogue only: every draw is the same.
    together = bootstrap_interval([0] * 700, truth, predicted, resamples=50)
    assert together == pytest.approx((centre, centre))
