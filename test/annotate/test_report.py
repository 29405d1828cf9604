"""The analysts' table: what it shows, what it hides, and that images go nowhere else."""

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
from support.recordings import CONVERSATION, audio_rows, noise, write_bag, write_media

from emotion_node.annotate.report import Row, html_report
from emotion_node.annotate.stills import SIZE, Wanted, read_images, take_stills
from emotion_node.cli.main import main
from emotion_node.datatypes import (
    AudibleOrVisible,
    ClockSource,
    EmotionReport,
    EndReason,
    ExpressionCheck,
    FacialCue,
    FusedScores,
    ModalityEmotion,
    ModelInfo,
    Reason,
    Transcript,
    Trigger,
    VideoFrame,
)
from emotion_node.faces import Box
from emotion_node.labels import Modality
from emotion_node.messages.json_records import Record, as_record
from emotion_node.messages.reports import Encoder, plain
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.inputs import TopicNames

JPEG = b'\xff\xd8 an image'


def record(
    text: str = 'I am so happy',
    verdict: ExpressionCheck = ExpressionCheck.PARTLY_SHOWN,
    source: str = 'talk.mp4',
    **changes: Any,
) -> Record:
    """Return an utterance of joy as `annotate` writes it."""
    joyful = np.array([0.1, 0.6, 0.06, 0.06, 0.06, 0.06, 0.06], np.float32)
    words = ModalityEmotion.from_scores(Modality.TEXT, joyful, ModelInfo('words', '1'))
    voice = ModalityEmotion.absent(Modality.VOICE, Reason.TOO_SHORT)
    face = ModalityEmotion(
        Modality.FACE,
        reason=Reason.MODEL_OFF,
        facial_cues=(FacialCue('lip corner puller', 12, 0.75), FacialCue('brow lowerer', 4, 0.0)),
    )
    fused = FusedScores(
        joyful,
        0.4,
        0.3,
        words,
        voice,
        face,
        expression_check=verdict,
        shown_expression='anger',
        audible_or_visible=AudibleOrVisible.MORE_AUDIBLE,
    )
    report = EmotionReport(
        'u1',
        Trigger.FINAL,
        1_000_000_000,
        2_500_000_000,
        Transcript(text, 0.9, 'en'),
        fused,
        EndReason.SILENCE,
        ClockSource.FILE,
        face_id='f1',
        speaker_confidence=0.93,
    )
    message = as_record(dict(Encoder(plain).encode(report))['emotion'])
    return {'source': source, 'start_s': 61.0, 'end_s': 62.5, **message, **changes}


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


def test_a_row_tells_what_an_analyst_wants_to_know() -> None:
    page = Reader(html_report([Row(record(), JPEG, 'face f1 at 61.4 s')]))
    for said in (
        'talk.mp4',
        '1:01.0',
        'face f1 (93% sure)',
        '“I am so happy”',
        'joy 60%',
        'lip corner puller AU 12, 0.75',
        'partly shown',
        'more audible than visible',
        'too short',
        'face f1 at 61.4 s',
    ):
        assert said in page.text
    assert 'brow lowerer' not in page.text  # it does not move
    image = f'data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}'
    assert page.addresses == [image]
    assert 'script' not in page.tags


def test_whatever_was_said_stays_text() -> None:
    nasty = '<script>alert("&")</script>'
    rows = [
        Row(
            record(
                nasty,
                ExpressionCheck.OTHER_EXPRESSION,
                source=f'/a/{nasty}.mp4',
                speaker_id=nasty,
                shown_expression=nasty,
            )
        )
    ]
    page = Reader(html_report(rows, [nasty]))
    assert 'script' not in page.tags
    assert page.text.count('alert("&")') >= 4


def test_without_a_camera_there_is_a_table_all_the_same() -> None:
    blind = record(verdict=ExpressionCheck.NOT_VISIBLE, face_id='', audible_or_visible='')
    blind['modalities'][2]['facial_cues'] = []
    page = Reader(html_report([Row(blind)]))
    assert 'img' not in page.tags
    assert 'not visible' in page.text
    assert 'speaker unknown' in page.text


def test_an_emotion_that_is_unknown_is_not_made_up() -> None:
    mute = record('', ExpressionCheck.NOT_CHECKED, label='', scores=[])
    page = Reader(html_report([Row(mute)]))
    assert 'emotion unknown' in page.text
    assert 'no words recognised' in page.text


def test_nothing_said_makes_an_empty_page() -> None:
    page = Reader(html_report([]))
    assert '0 utterances' in page.text
    assert 'table' not in page.tags


def test_verdicts_are_counted() -> None:
    verdicts = [ExpressionCheck.SHOWN] * 2 + [ExpressionCheck.OTHER_EXPRESSION]
    rows = [Row(record(verdict=one)) for one in verdicts]
    assert re.search(r'shown 2 another expression 1 ', Reader(html_report(rows)).text)


class TestStills:
    """Images whose shade tells their number."""

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

    def shade(self, still: bytes | None) -> int:
        assert still is not None
        image = cv2.imdecode(np.frombuffer(still, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert max(image.shape) <= SIZE
        return int(np.median(image)) // 4

    def test_only_those_that_are_wanted_are_decoded(self) -> None:
        stills = take_stills(self.frames(), [Wanted(1000), Wanted(410), Wanted(1000)])
        assert [round(self.shade(one)) for one in stills] == [25, 11, 25]
        assert self.decoded == [11, 25]

    def test_a_face_at_the_edge_is_shown_with_what_is_around_it(self) -> None:
        (still,) = take_stills(self.frames(), [Wanted(0, Box(500, 200, 100, 100))])
        image = cv2.imdecode(np.frombuffer(still or b'', np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        height, width = image.shape[:2]
        assert height == width
        assert 0.15 < (image > 128).mean() < 0.3  # the face itself

    def test_a_damaged_image_gives_way_to_the_next(self) -> None:
        (still,) = take_stills(self.frames(broken=10), [Wanted(400)])
        assert self.shade(still) == 11

    def test_where_there_is_no_image_there_is_none(self) -> None:
        assert take_stills(self.frames(), [Wanted(10_000)]) == [None]
        assert take_stills(self.frames(0), [Wanted(0)]) == [None]
        assert take_stills(self.frames(), []) == []


def test_the_images_of_a_recording_can_be_read_again() -> None:
    images = read_images(CONVERSATION, TopicNames())
    stamps = [next(images).stamp_ns for _ in range(3)]
    assert stamps == sorted(set(stamps))
    assert next(images).decode().ndim == 3
    images.close()  # type: ignore[attr-defined]


def test_a_sound_has_no_images(tmp_path: Path) -> None:
    sound = write_media(tmp_path / 'sound.wav', noise(1.0))
    assert list(read_images(sound, TopicNames())) == []


def annotate(*arguments: object) -> int:
    off = ('-q', '-p', 'transcriber.backend:=off', '-p', 'text.backend:=off')
    return main(['annotate', *off, *map(str, arguments)])


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """The first utterance of the recorded conversation, without its images."""
    with Bag(CONVERSATION) as bag:
        speech = np.concatenate([bag.decode(one).data for one in bag.messages({'/audio'})])
    return write_bag(tmp_path / 'talk', audio_rows(speech[: 4 * 16_000]))


def test_a_report_is_written_on_request_only_and_never_over_something(
    tmp_path: Path, talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / 'pages' / 'talk.html'
    assert annotate(talk, '-o', tmp_path / 'a.jsonl') == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.jsonl', 'talk']
    blind = ('-p', 'face.backend:=off', '-p', 'voice.backend:=off')
    assert annotate(talk, '-o', tmp_path / 'b.jsonl', '--report', page, *blind) == 0
    read = Reader(page.read_text(encoding='utf-8'))
    assert 'emotion unknown' in read.text
    assert 'Nobody looked at faces' in read.text
    assert 'img' not in read.tags
    assert annotate(talk, '-o', tmp_path / 'c.jsonl', '--report', page) == 1
    assert 'exists already' in capsys.readouterr().err
    assert annotate(talk, '-o', tmp_path / 'd.jsonl', '--report', tmp_path) == 1
    assert 'is a folder' in capsys.readouterr().err
