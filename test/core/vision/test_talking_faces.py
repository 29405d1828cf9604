"""The learned detector runs at its own pace, for the faces in doubt, on the sound there is."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_node.core.vision.active_speaker import SpeakerDecision
from emotion_node.core.vision.speech_sound import SpeechSound
from emotion_node.core.vision.talking_faces import SETTLED_PICTURES, WAITING, TalkingFaces
from emotion_node.datatypes import NS_PER_S, SAMPLE_RATE, FloatArray, ModelInfo
from emotion_node.faces import Box, Image

START = 100 * NS_PER_S
PERIOD = NS_PER_S // 25
BOX = Box(0, 0, 4, 4)


class Echo:
    """A detector whose score is the brightness of the picture minus the level of the sound."""

    info = ModelInfo('echo')
    period_ns = PERIOD
    delay = 9

    def __init__(self) -> None:
        self.pictures = 0

    def crop(self, image: Image, box: Box) -> Image:
        return image[:4, :4, 0]

    def stream(self) -> EchoStream:
        return EchoStream(self)

    def hear(self, samples: FloatArray) -> FloatArray:
        count = max(0, (len(samples) - 240) // 640)
        levels = samples[: count * 640].reshape(count, 640).mean(axis=1)
        return np.repeat(levels[:, None], 128, axis=1)

    def score(self, sound: FloatArray, sight: FloatArray) -> FloatArray:
        return np.asarray(sight[:, 0] - sound[:, 0], np.float32)


class EchoStream:
    def __init__(self, detector: Echo) -> None:
        self._detector = detector
        self._late = [np.zeros(128, np.float32)] * detector.delay

    def push(self, pictures: Image) -> FloatArray:
        self._detector.pictures += len(pictures)
        bright = pictures.mean(axis=(1, 2)).astype(np.float32)
        self._late += list(np.repeat(bright[:, None], 128, axis=1))
        out, self._late = self._late[: len(pictures)], self._late[len(pictures) :]
        return np.stack(out)


def frame(brightness: int) -> Image:
    return np.full((4, 4, 3), brightness, np.uint8)


def sound(seconds: float = 3.0, start_ns: int = START) -> SpeechSound:
    """Return a voice whose level is 10."""
    made = SpeechSound(start_ns)
    made.append(np.full(round(seconds * SAMPLE_RATE), 10, np.float32))
    return made


@pytest.mark.parametrize('rate', [10, 15, 25, 30, 60])
def test_pictures_are_scored_at_the_pace_of_the_detector_whatever_the_camera(rate: int) -> None:
    detector = Echo()
    faces = TalkingFaces(detector)
    for k in range(2 * rate):
        stamp_ns = START + k * NS_PER_S // rate
        faces.add(stamp_ns, frame(50 + k * 100 // rate), {'f1': BOX})
        faces.run(['f1'], sound(), 0)
    found = faces.scores(START, START + 2 * NS_PER_S, 0)['f1']
    assert np.all(np.diff(found.stamps) == PERIOD)
    assert 33 <= len(found.stamps) <= 41
    # Each score belongs to the picture at its time.
    expected = 40 + (found.stamps - START) / NS_PER_S * 100
    assert np.abs(found.values - expected).max() <= 100 / rate + 5


def test_the_latest_pictures_before_the_speech_are_used_when_it_starts() -> None:
    detector = Echo()
    faces = TalkingFaces(detector)
    for k in range(-100, 0):
        faces.add(START + k * PERIOD, frame(60), {'f1': BOX})
    assert detector.pictures == 0
    faces.run(['f1'], sound(), 0)
    assert detector.pictures == WAITING


def test_a_face_that_was_lost_starts_again() -> None:
    faces = TalkingFaces(Echo())
    stamps = [*range(40), *range(60, 100)]
    for k in stamps:
        faces.add(START + k * PERIOD, frame(60 if k < 50 else 90), {'f1': BOX})
        faces.run(['f1'], sound(6.0), 0)
    found = faces.scores(START, START + 5 * NS_PER_S, 0)['f1']
    places = (found.stamps - START) // PERIOD
    assert not ((places >= 40) & (places < 60)).any()
    assert set(found.values[places < 40]) == {50.0}
    assert set(found.values[places >= 60]) == {80.0}


def test_there_are_no_scores_where_there_is_no_sound() -> None:
    faces = TalkingFaces(Echo())
    for k in range(60):
        faces.add(START + k * PERIOD, frame(60), {'f1': BOX})
        faces.run(['f1'], sound(1.0, START + NS_PER_S // 2), 0)
    found = faces.scores(0, START + 5 * NS_PER_S, 0)['f1']
    assert found.stamps.min() >= START + NS_PER_S // 2 - PERIOD
    assert found.stamps.max() < START + 3 * NS_PER_S // 2


def test_scores_made_with_another_offset_between_the_clocks_are_dropped() -> None:
    faces = TalkingFaces(Echo())
    for k in range(50):
        faces.add(START + k * PERIOD, frame(60), {'f1': BOX})
        faces.run(['f1'], sound(), 0)
    span = (START, START + 3 * NS_PER_S)
    assert len(faces.scores(*span, 0)['f1'].stamps)
    assert faces.scores(*span, NS_PER_S // 2) == {}
    faces.run(['f1'], sound(), NS_PER_S // 2)
    assert not len(faces.scores(*span, NS_PER_S // 2)['f1'].stamps)


def test_nobody_is_in_doubt_once_a_face_was_watched_for_long_and_is_the_speaker() -> None:
    faces = TalkingFaces(Echo())
    sure = SpeakerDecision({'f1': 0.99}, 0.01)
    settled = []
    for k in range(60):
        faces.add(START + k * PERIOD, frame(60), {'f1': BOX})
        faces.run(['f1'], sound(), 0)
        settled.append(faces.is_settled(sure, START))
    assert settled.index(True) >= SETTLED_PICTURES
    assert not faces.is_settled(SpeakerDecision({'f1': 0.6}, 0.4), START)
    faces.reset()
    assert not faces.is_settled(sure, START)


def test_a_face_that_nobody_saw_for_a_minute_is_forgotten() -> None:
    faces = TalkingFaces(Echo())
    faces.add(START, frame(60), {'f1': BOX})
    faces.add(START + 61 * NS_PER_S, frame(60), {'f2': BOX})
    assert set(faces.scores(START, START, 0)) == {'f2'}
