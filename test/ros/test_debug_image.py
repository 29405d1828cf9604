"""The debug image is legible wherever faces are."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from support.scripted import scores

from emotion_node.datatypes import (
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
)
from emotion_node.faces import Box, Image, SeenFace
from emotion_node.labels import Modality
from emotion_node.ros.debug_image import draw

WORDS = 'and so I said that I would never ever do again what she had asked of me at dinner'
CUES = (FacialCue('lip corner puller', 12, 0.8), FacialCue('cheek raiser', 6, 0.6))


def report(
    text: str = WORDS,
    verdict: ExpressionCheck = ExpressionCheck.SHOWN,
    seen: bool = True,
) -> EmotionReport:
    words = ModalityEmotion.from_scores(Modality.TEXT, scores(joy=0.7), ModelInfo())
    voice = ModalityEmotion.absent(Modality.VOICE, Reason.MODEL_OFF)
    face = ModalityEmotion.absent(Modality.FACE, Reason.MODEL_OFF)
    if seen:
        face = ModalityEmotion.from_scores(Modality.FACE, scores(sadness=0.8), ModelInfo())
    face = dataclasses.replace(face, facial_cues=CUES)
    fused = FusedScores(
        scores(joy=0.7),
        0.5,
        0.5,
        words,
        voice,
        face,
        expression_check=verdict,
        shown_expression='anger',
    )
    return EmotionReport(
        'u1',
        Trigger.FINAL,
        0,
        10**9,
        Transcript(text, 0.9, 'en'),
        fused,
        EndReason.SILENCE,
        ClockSource.HEADER,
        face_id='f1',
        speaker_confidence=0.9,
    )


def drawn(width: int, height: int, final: EmotionReport | None, *faces: SeenFace) -> Image:
    image = np.full((height, width, 3), 90, np.uint8)
    result = draw(image, faces, 'listening', False, final, None)
    assert (image == 90).all()
    return result


@pytest.mark.parametrize(('width', 'height'), [(640, 480), (1280, 720)])
def test_nothing_is_written_beyond_the_edges(width: int, height: int) -> None:
    image = drawn(width, height, report())
    assert image.shape[1] == width
    assert image.shape[0] > height
    panel = image[height:].astype(int)
    margin = width // 64
    # Left and right of the text, and below the last line, there is nothing.
    for edge in (panel[:, :margin], panel[:, -margin:], panel[-3:]):
        assert (edge == panel[0, 0]).all()


def test_a_small_image_is_enlarged_so_that_the_text_can_be_read() -> None:
    assert drawn(160, 120, report()).shape[1] == 480


def test_the_verdict_and_the_expression_of_the_face_are_seen() -> None:
    faces = [drawn(640, 480, report(seen=seen)) for seen in (True, False)]
    assert (faces[0] != faces[1]).any()
    images = [drawn(640, 480, report(verdict=one)) for one in ExpressionCheck]
    for one, other in pairwise(images):
        assert (one != other).any()


@pytest.mark.parametrize(
    'box',
    [
        Box(240, 200, 120, 150),
        Box(-40, -60, 120, 150),
        Box(580, 400, 120, 150),
        Box(0, 0, 640, 480),
        Box(300, 470, 5, 5),
    ],
)
def test_a_face_anywhere_is_marked(box: Box) -> None:
    plain = drawn(640, 480, report())
    image = drawn(640, 480, report(), SeenFace('f1', box, 0.9, 0.7), SeenFace('f2', box, 0.9))
    assert image.shape == plain.shape
    assert (image[:480] != plain[:480]).any()
    assert (image[480:] == plain[480:]).all()  # the panel is left alone


def test_long_words_without_a_gap_and_strange_letters_are_drawn() -> None:
    for text in ('x' * 500, 'Ünïcödé ’quoted’ 你好', ''):
        drawn(640, 480, report(text))


def test_before_the_first_utterance_there_is_the_plain_frame() -> None:
    image = drawn(640, 480, None)
    assert (image[100:480] == 90).all()
