"""The report: what it shows, what it hides, and that images are stored nowhere else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.emotions import changed_fusion, emotion
from support.recordings import CONVERSATION, audio_rows, noise, write_bag, write_media

from emotion_node.annotate.annotation import Annotation
from emotion_node.annotate.frames import SIZE, FrameRequest, extract_frames, read_frames
from emotion_node.annotate.report import Row, html_report
from emotion_node.cli.main import main
from emotion_node.datatypes import (
    NS_PER_S,
    AudibleOrVisible,
    EmotionReport,
    ExpressionCheck,
    ModalityEmotion,
    Reason,
    VideoFrame,
)
from emotion_node.faces import Box
from emotion_node.labels import Modality
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import TopicNames

JPEG = b'\xff\xd8 an image'


def found(report: EmotionReport, source: str = 'talk.mp4') -> Annotation:
    """Return an emotion at 1:01 in a recording."""
    return Annotation(Path(source), report.start_ns - 61 * NS_PER_S, report)


class Reader(HTMLParser):
    """Reads a page as a browser would: its text, tags and addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or '' for name, value in attrs if name in ('src', 'href')]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return ' '.join(' '.join(self.words).split())


def test_a_row_holds_the_emotion_and_its_evidence() -> None:
    page = Reader(html_report([Row(found(emotion()), JPEG, 'face f1 at 61.4 s')]))
    for part in (
        'talk.mp4',
        '1:01.0 2.0 s',
        'face f1 (93% sure)',
        '“I am so happy”',
        'joy 60%',
        'lip corner puller AU 12, 0.75',
        'partly shown',
        'more audible than visible',
        'too short',
        'face f1 at 61.4 s',
    ):
        assert part in page.text
    assert 'brow lowerer' not in page.text  # it does not move
    image = f'data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}'
    assert page.addresses == [image]
    assert 'script' not in page.tags


def test_markup_in_words_and_names_stays_text() -> None:
    nasty = '<script>alert("&")</script>'
    report = emotion(
        text=nasty, check=ExpressionCheck.OTHER_EXPRESSION, shown=nasty, speaker_id=nasty
    )
    page = Reader(html_report([Row(found(report, f'/a/{nasty}.mp4'))], [nasty]))
    assert 'script' not in page.tags
    assert page.text.count('alert("&")') >= 5


def test_without_a_camera_there_is_a_table_all_the_same() -> None:
    report = changed_fusion(
        emotion(check=ExpressionCheck.NOT_VISIBLE, face_id=''),
        face=ModalityEmotion.absent(Modality.FACE, Reason.NO_FACE),
        audible_or_visible=AudibleOrVisible.NONE,
    )
    page = Reader(html_report([Row(found(report))]))
    assert 'img' not in page.tags
    assert 'not visible' in page.text
    assert 'speaker unknown' in page.text


def test_an_unknown_emotion_is_called_so() -> None:
    report = emotion(label='', text='', check=ExpressionCheck.NOT_CHECKED)
    page = Reader(html_report([Row(found(report))]))
    assert 'emotion unknown' in page.text
    assert 'no words recognised' in page.text


def test_a_recording_without_speech_makes_an_empty_page() -> None:
    page = Reader(html_report([]))
    assert '0 utterances' in page.text
    assert 'table' not in page.tags


def test_results_of_the_expression_check_are_counted() -> None:
    checks = [ExpressionCheck.SHOWN] * 2 + [ExpressionCheck.OTHER_EXPRESSION]
    rows = [Row(found(emotion(check=one))) for one in checks]
    assert re.search(r'shown 2 another expression 1 ', Reader(html_report(rows)).text)


class TestFrames:
    """Frames whose grey level is four times their number."""

    decoded: list[int]

    def frames(self, count: int = 50, broken: int = -1) -> Iterator[VideoFrame]:
        self.decoded = []

        def decode(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
            self.decoded.append(number)
            if number == broken:
                raise ValueError('a damaged image')
            image = np.full((480, 640, 3), 4 * number, np.uint8)
            image[200:300, 500:600] = 255
            return image

        for number in range(count):
            yield VideoFrame(number * 40, lambda number=number: decode(number))  # type: ignore[misc]

    def number(self, jpeg: bytes | None) -> int:
        assert jpeg is not None
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert max(image.shape) <= SIZE
        return int(np.median(image)) // 4

    def test_only_requested_frames_are_decoded(self) -> None:
        requests = [FrameRequest(1000), FrameRequest(410), FrameRequest(1000)]
        images = extract_frames(self.frames(), requests)
        assert [self.number(one) for one in images] == [25, 11, 25]
        assert self.decoded == [11, 25]

    def test_a_face_at_the_edge_is_shown_with_its_surroundings(self) -> None:
        (jpeg,) = extract_frames(self.frames(), [FrameRequest(0, Box(500, 200, 100, 100))])
        image = cv2.imdecode(np.frombuffer(jpeg or b'', np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        height, width = image.shape[:2]
        assert height == width
        assert 0.15 < (image > 128).mean() < 0.3  # the face itself

    def test_a_damaged_frame_is_replaced_by_the_next(self) -> None:
        (jpeg,) = extract_frames(self.frames(broken=10), [FrameRequest(400)])
        assert self.number(jpeg) == 11

    def test_a_request_after_the_last_frame_gets_none(self) -> None:
        assert extract_frames(self.frames(), [FrameRequest(10_000)]) == [None]
        assert extract_frames(self.frames(0), [FrameRequest(0)]) == [None]
        assert extract_frames(self.frames(), []) == []


def test_the_frames_of_a_recording_can_be_read_again() -> None:
    frames = read_frames(CONVERSATION, TopicNames())
    stamps = [next(frames).stamp_ns for _ in range(3)]
    assert stamps == sorted(set(stamps))
    assert next(frames).decode().ndim == 3
    frames.close()  # type: ignore[attr-defined]


def test_a_sound_file_has_no_frames(tmp_path: Path) -> None:
    sound = write_media(tmp_path / 'sound.wav', noise(1.0))
    assert list(read_frames(sound, TopicNames())) == []


def annotate(*arguments: object) -> int:
    off = ('-q', '-p', 'transcriber.backend:=off', '-p', 'text.backend:=off')
    return main(['annotate', *off, *map(str, arguments)])


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """The first utterance of the recorded conversation, without its images."""
    with Bag(CONVERSATION) as bag:
        speech = np.concatenate([bag.decode(one).data for one in bag.messages({'/audio'})])
    return write_bag(tmp_path / 'talk', audio_rows(speech[: 4 * 16_000]))


def test_a_report_is_written_only_on_request_and_replaces_nothing(
    tmp_path: Path, talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / 'pages' / 'talk.html'
    assert annotate(talk, '-o', tmp_path / 'a.jsonl') == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.jsonl', 'talk']
    blind = ('-p', 'face.backend:=off', '-p', 'voice.backend:=off')
    assert annotate(talk, '-o', tmp_path / 'b.jsonl', '--report', page, *blind) == 0
    read = Reader(page.read_text(encoding='utf-8'))
    assert 'emotion unknown' in read.text
    assert 'Faces were not analysed' in read.text
    assert 'img' not in read.tags
    assert annotate(talk, '-o', tmp_path / 'c.jsonl', '--report', page) == 1
    assert 'already exists' in capsys.readouterr().err
    assert annotate(talk, '-o', tmp_path / 'd.jsonl', '--report', tmp_path) == 1
    assert 'is a folder' in capsys.readouterr().err
