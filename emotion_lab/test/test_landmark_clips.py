"""Folders of labelled clips, as clean or dirty as they come."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.training.landmark_clips import LabelledClip, read_clips
from emotion_lab.training.landmark_store import (
    MISSING,
    UNREADABLE,
    describe,
    fill_store,
    place_of,
    read_sighting,
)
from emotion_node.core.vision.face_points import WIDTH
from emotion_node.labels import LABELS

HEADER = (
    'Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,'
    'StartTime,EndTime\n'
)


def row(dialogue: object, utterance: object, emotion: str = 'joy', text: bytes = b'Hi') -> bytes:
    line = f'1,"@",Ross,{emotion},x,{dialogue},{utterance},1,1,"0:0:1,0","oops"\n'
    return line.encode().replace(b'@', text)


def lay_out(root: Path, split: str, folder: str, *rows: bytes) -> None:
    (root / f'{split}_sent_emo.csv').write_bytes(HEADER.encode() + b''.join(rows))
    (root / folder).mkdir()


def named(clips: list[LabelledClip], name: str) -> LabelledClip:
    (found,) = [clip for clip in clips if clip.name == name]
    return found


def test_melds_own_folders_are_read_despite_their_errors(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        'train',
        'train_splits',
        row(0, 0, 'anger', b'I\x92m \x85 here'),
        row(0, 0, 'joy'),  # named twice: the first counts
        row(0, 1, ' Sadness '),
        row(125, 3),  # without its clip
    )
    lay_out(tmp_path, 'test', 'output_repeated_splits_test', row(0, 0, 'fear'))
    for name in ('dia0_utt0.mp4', 'dia0_utt1.mp4', 'dia9_utt9.mp4', '._dia0_utt0.mp4'):
        (tmp_path / 'train_splits' / name).touch()
    for name in ('dia0_utt0.mp4', 'final_videos_testdia0_utt0.mp4'):
        (tmp_path / 'output_repeated_splits_test' / name).touch()
    (tmp_path / '._train_sent_emo.csv').write_bytes(b'\x00\x05\x16\x07')

    clips = read_clips(tmp_path)
    assert len(clips) == 4
    first = named(clips, 'train/dia0_utt0')
    assert first.path == tmp_path / 'train_splits' / 'dia0_utt0.mp4'
    assert LABELS[first.label] == 'anger'
    assert LABELS[named(clips, 'train/dia0_utt1').label] == 'sadness'
    assert not named(clips, 'train/dia125_utt3').path.exists()
    other = named(clips, 'test/dia0_utt0')
    assert other.path.parent.name == 'output_repeated_splits_test'
    assert other.dialogue != first.dialogue


def test_one_table_finds_its_clips_anywhere_below(tmp_path: Path) -> None:
    lay_out(tmp_path, 'my', 'clips', row(3, 1))
    (tmp_path / 'clips' / 'dia3_utt1.MKV').touch()
    (clip,) = read_clips(tmp_path)
    assert clip.path.name == 'dia3_utt1.MKV'
    assert clip.split == 'train'


def test_a_manifest_names_files_labels_and_splits(tmp_path: Path) -> None:
    (tmp_path / 'manifest.csv').write_text(
        'file,emotion,split_by_hand,dialogue\na/b.mp4,Joy,dev,7\nc.mp4,fear,,\n'
    )
    one, other = read_clips(tmp_path)
    assert (one.name, one.split, LABELS[one.label]) == ('a/b', 'dev', 'joy')
    assert one.path == tmp_path / 'a' / 'b.mp4'
    assert (other.name, other.split, LABELS[other.label]) == ('c', 'train', 'fear')


def test_whole_dialogues_are_drawn_for_dev_and_test(tmp_path: Path) -> None:
    rows = [row(dialogue, utterance) for dialogue in range(20) for utterance in range(3)]
    lay_out(tmp_path, 'my', 'clips', *rows)
    clips = read_clips(tmp_path, 'dialogue', seed=1)
    splits = {clip.dialogue: clip.split for clip in clips}
    assert all(splits[clip.dialogue] == clip.split for clip in clips)
    assert sorted(splits.values()).count('dev') == 2
    assert sorted(splits.values()).count('test') == 4
    assert clips == read_clips(tmp_path, 'dialogue', seed=1)
    assert clips != read_clips(tmp_path, 'dialogue', seed=2)
    assert {clip.split for clip in read_clips(tmp_path, 'none')} == {'train'}


@pytest.mark.parametrize(
    ('rows', 'complaint'),
    [
        (row(0, 0, 'boredom'), r"row 2: emotion 'boredom' is none of"),
        (row('', 0), r"row 2: dialogue '' and utterance '0' should be whole numbers"),
        (row(0, 0) + row(1, 'two'), r'row 3: .* should be whole numbers'),
        (b'1,"cut off\n', r"row 2: emotion '' is none of"),
        (b'', 'no clip is named in'),
    ],
)
def test_an_inconsistent_table_is_refused(tmp_path: Path, rows: bytes, complaint: str) -> None:
    lay_out(tmp_path, 'train', 'clips', rows)
    with pytest.raises(DatasetError, match=complaint):
        read_clips(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r'no folder of clips at .*nowhere'):
        read_clips(tmp_path / 'nowhere')
    with pytest.raises(DatasetError, match=r'no table in .*manifest\.csv, or train_sent_emo'):
        read_clips(tmp_path)
    with pytest.raises(DatasetError, match="split is 'random', expected one of given"):
        read_clips(tmp_path, 'random')
    for name in ('a.csv', 'b.csv'):
        (tmp_path / name).write_text(HEADER)
    with pytest.raises(DatasetError, match='are both of no split by their names; keep one'):
        read_clips(tmp_path)
    (tmp_path / 'manifest.csv').write_text('file,text\n')
    with pytest.raises(DatasetError, match='has no column emotion'):
        read_clips(tmp_path)
    (tmp_path / 'manifest.csv').write_text('file,emotion\na.mp4,bliss\n')
    with pytest.raises(DatasetError, match="row 2: emotion 'bliss'"):
        read_clips(tmp_path)


@pytest.fixture(scope='module')
def clips() -> list[LabelledClip]:
    try:
        return read_clips(data_root() / 'meld_clips')
    except DatasetError as error:
        pytest.skip(str(error))


def test_the_seven_clips_are_read(clips: list[LabelledClip]) -> None:
    assert len(clips) == 7
    assert all(clip.path.is_file() for clip in clips)
    assert [clip.split for clip in clips].count('test') == 3


def test_the_speakers_face_is_found_in_real_clips_and_kept(
    clips: list[LabelledClip], tmp_path: Path
) -> None:
    shown, hidden = named(clips, 'dia111_utt9'), named(clips, 'dia42_utt1')
    broken = dataclasses.replace(shown, name='broken', path=tmp_path / 'broken.mp4')
    broken.path.write_bytes(b'no film' * 100)
    lost = dataclasses.replace(shown, name='lost', path=tmp_path / 'lost.mp4')
    every = [shown, hidden, broken, lost]
    counts = fill_store(tmp_path / 'store', every)
    assert counts == {'': 1, 'speaker_not_visible': 1, UNREADABLE: 1, MISSING: 1}
    assert describe(counts).startswith('1 of 4 clips show their speaker; 3 skipped: ')
    seen = read_sighting(place_of(tmp_path / 'store', shown)).seen
    assert seen is not None
    assert seen.rows.shape == (len(seen.stamps_ns), WIDTH)
    assert len(seen.rows) >= 5  # eight a second
    assert np.isfinite(seen.rows).all()
    assert (seen.quality > 0.5).all()

    # What is in the store is not looked at again; what was not there may have come.
    lost.path.write_bytes(b'no film')
    moved = [dataclasses.replace(shown, path=tmp_path / 'gone.mp4'), *every[1:]]
    again = fill_store(tmp_path / 'store', moved)
    assert again == {'': 1, 'speaker_not_visible': 1, UNREADABLE: 2}
