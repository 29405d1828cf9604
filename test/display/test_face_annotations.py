"""Faces on an image in Foxglove: who they are, who speaks, and what they expressed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.emotions import emotion

from emotion_node.datatypes import FacesReport, Trigger, VideoFrame
from emotion_node.display.face_annotations import SILENT, SPEAKS, FaceAnnotations
from emotion_node.display.palette import COLOURS
from emotion_node.faces import Box, SeenFace
from emotion_node.labels import LABELS
from emotion_node.messages.reports import plain

BOX = Box(100.0, 50.0, 60.0, 80.0)
SPEAKING = SeenFace('f1', BOX, 0.9, 0.8)
LISTENING = SeenFace('f2', Box(-10.0, -20.0, 60.0, 80.0), 0.9, 0.1)


def drawn(annotations: FaceAnnotations, *faces: SeenFace) -> Any:
    return annotations.message(FacesReport(3_000_000_001, 'camera', faces))


def colour(text: str) -> tuple[float, ...]:
    return tuple(part / 255 for part in bytes.fromhex(text[1:]))


def rgb(part: dict[str, float]) -> tuple[float, ...]:
    return part['r'], part['g'], part['b']


def test_the_box_of_whoever_speaks_stands_out() -> None:
    message = drawn(FaceAnnotations(plain, ()), SPEAKING, LISTENING)
    assert set(message) == {'circles', 'points', 'texts'}
    first, second = message['points']
    assert [(one['x'], one['y']) for one in first['points']] == [
        (100.5, 50.5), (160.5, 50.5), (160.5, 130.5), (100.5, 130.5)
    ]  # fmt: skip
    assert (rgb(first['outline_color']), rgb(second['outline_color'])) == (
        colour(SPEAKS),
        colour(SILENT),
    )
    assert first['thickness'] > second['thickness']
    assert [one['text'] for one in message['texts']] == ['f1 speaks', 'f2']
    for one in (*message['points'], *message['texts']):
        assert one['timestamp'] == {'sec': 3, 'nanosec': 1}, "the image's"


@pytest.mark.parametrize('label', LABELS)
def test_a_face_keeps_the_emotion_of_what_it_said_last(label: str) -> None:
    annotations = FaceAnnotations(plain, ())
    annotations.take(emotion(1, 'joy', trigger=Trigger.INTERIM))
    annotations.take(emotion(1, label, "words that are nobody else's business", speaker_id='s1'))
    annotations.take(emotion(2, 'anger', face_id=''))  # of somebody who is not seen
    texts = {one['text']: one for one in drawn(annotations, SPEAKING, LISTENING)['texts']}
    assert set(texts) == {'f1 (s1) speaks', f'{label} 60%', 'f2'}
    assert rgb(texts[f'{label} 60%']['text_color']) == colour(COLOURS[label])
    assert texts[f'{label} 60%']['position']['y'] > BOX.top + BOX.height


def test_an_unknown_emotion_is_not_written() -> None:
    annotations = FaceAnnotations(plain, ())
    annotations.take(emotion(1, 'joy'))
    annotations.take(emotion(2, ''))
    assert [one['text'] for one in drawn(annotations, SPEAKING)['texts']] == ['f1 speaks']


def test_a_frame_without_faces_clears_the_image() -> None:
    assert drawn(FaceAnnotations(plain, ())) == {'circles': [], 'points': [], 'texts': []}


@pytest.mark.parametrize('rotation', [0, 90, 180, 270])
def test_boxes_fit_the_image_of_a_camera_that_hangs_turned(rotation: int) -> None:
    """Pixels marked in the camera's image are found where the frame is turned, and drawn back."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[10:21, 5:31] = 255
    frame = VideoFrame(1, lambda: image).turned(rotation)
    height, width, _ = frame.decode().shape
    rows, columns = np.nonzero(frame.decode()[:, :, 0])
    left, top = float(columns.min()), float(rows.min())
    box = Box(left, top, float(columns.max()) - left, float(rows.max()) - top)
    annotations = FaceAnnotations(plain, (), rotation)
    report = FacesReport(1, 'camera', (SeenFace('f1', box, 0.9),), image_size=(height, width))
    (drawn_box,) = annotations.message(report)['points']
    assert [(one['x'], one['y']) for one in drawn_box['points']] == [
        (5.5, 10.5), (30.5, 10.5), (30.5, 20.5), (5.5, 20.5)
    ]  # fmt: skip


def test_newer_messages_have_a_stamp_of_their_own() -> None:
    message = drawn(FaceAnnotations(plain, ('circles', 'timestamp')))
    assert message['timestamp'] == {'sec': 3, 'nanosec': 1}
