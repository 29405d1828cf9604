"""Frames and speech events together: whose face speaks."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable

import numpy as np
import pytest
from support.scripted import SECOND, events
from support.talking_faces import FRAME_NS, TalkingFaces, frame, live, spoken

from emotion_node.core.vision.stream import FaceVision
from emotion_node.datatypes import (
    NS_PER_MS,
    FacesReport,
    FloatArray,
    ModalityEmotion,
    ModelInfo,
    Reason,
    SpeechStarted,
    VideoFrame,
)
from emotion_node.faces import FaceMesh, FaceSequence, Image, KeptFace
from emotion_node.labels import LABELS, Modality


def scores(reports: Iterable[FacesReport], name: str) -> list[float]:
    return [face.speaking_score for one in reports for face in one.faces if face.face_id == name]


def test_the_face_whose_mouth_moves_with_the_voice_spoke() -> None:
    reports, estimate = live(FaceVision(TalkingFaces(2, 1, None)), spoken(1))
    assert estimate.face_id == 'f2'
    assert estimate.speaker_confidence > 0.9
    # Facial cues are reported without an expression model.
    assert estimate.emotion.reason is Reason.MODEL_OFF
    assert estimate.emotion.samples_used in (75, 76)
    moving = {cue.action_unit for cue in estimate.emotion.facial_cues if cue.intensity > 0.1}
    assert moving & {25, 26}
    assert [one.frame_id for one in reports] == ['camera'] * len(reports)


def test_each_face_has_a_speaking_score_only_while_somebody_speaks() -> None:
    said = spoken(1)
    reports, _ = live(FaceVision(TalkingFaces(2, 1)), said)
    during = [one for one in reports if said.start_ns + SECOND <= one.stamp_ns < said.end_ns]
    assert min(scores(during, 'f2')) > 0.8
    assert max(scores(during, 'f1')) < 0.2
    others = [one for one in reports if one.stamp_ns <= said.start_ns]
    others += [one for one in reports if one.stamp_ns > said.decided_ns]
    assert set(scores(others, 'f1') + scores(others, 'f2')) == {0.0}


def test_a_speaker_off_screen_is_not_visible() -> None:
    _, estimate = live(FaceVision(TalkingFaces(None, None)), spoken(1))
    assert estimate.face_id == ''
    assert estimate.speaker_confidence == 0.0
    assert estimate.emotion.reason is Reason.SPEAKER_NOT_VISIBLE
    assert estimate.emotion.facial_cues == ()


def test_without_faces_there_is_no_estimate() -> None:
    _, estimate = live(FaceVision(TalkingFaces()), spoken(1))
    assert estimate.emotion.reason is Reason.NO_FACE


def test_an_utterance_without_speech_events_is_matched_by_its_samples() -> None:
    vision = FaceVision(TalkingFaces(2, 1))
    for stamp_ns in range(0, 5 * SECOND, FRAME_NS):
        vision.update(frame(stamp_ns))
    heard = live(FaceVision(TalkingFaces(2, 1)), spoken(1))[1]
    estimate = vision.estimate(spoken(1))
    assert estimate.face_id == heard.face_id == 'f2'
    assert estimate.speaker_confidence == pytest.approx(heard.speaker_confidence, abs=1e-6)


@pytest.mark.parametrize('shift', [0, 1_750_000_000 * SECOND + 7])
def test_stamps_shifted_by_a_constant_change_nothing(shift: int) -> None:
    faces = TalkingFaces(2, 1)
    faces.origin_ns = shift
    said = spoken(1)
    moved = dataclasses.replace(
        said,
        start_ns=said.start_ns + shift,
        end_ns=said.end_ns + shift,
        decided_ns=said.decided_ns + shift,
        samples_start_ns=said.samples_start_ns + shift,
    )
    reports, estimate = live(FaceVision(faces), moved, shift)
    before, at_zero = live(FaceVision(TalkingFaces(2, 1)), said)
    peaks = tuple(
        dataclasses.replace(peak, stamp_ns=peak.stamp_ns - shift) for peak in estimate.peaks
    )
    assert len(peaks) == len(LABELS)
    assert dataclasses.replace(estimate, peaks=peaks) == at_zero
    assert scores(reports, 'f2') == scores(before, 'f2')


def test_a_late_frame_is_left_out_and_not_decoded() -> None:
    vision = FaceVision(TalkingFaces(1))
    vision.update(frame(SECOND))

    def never() -> Image:
        raise AssertionError('decoded')

    assert vision.update(VideoFrame(SECOND - FRAME_NS, never)) is None
    assert vision.update(VideoFrame(SECOND, never)) is None
    assert vision.update(frame(SECOND + FRAME_NS)) is not None


def test_a_clock_that_is_set_back_forgets_all_faces() -> None:
    faces = TalkingFaces(2, 1)
    vision = FaceVision(faces)
    faces.origin_ns = 1000 * SECOND
    vision.update(frame(1000 * SECOND))
    faces.origin_ns = 0
    assert live(vision, spoken(1))[1].face_id == 'f2'
    assert faces.resets == 1


def test_after_a_reset_no_face_is_known() -> None:
    faces = TalkingFaces(1)
    vision = FaceVision(faces)
    live(vision, spoken(1))
    vision.reset()
    assert vision.estimate(spoken(1)).emotion.reason is Reason.NO_IMAGE
    vision.update(frame(6 * SECOND))
    assert faces.resets == 1


def test_without_images_the_reason_is_not_the_face() -> None:
    vision = FaceVision(TalkingFaces(1))
    never = vision.estimate(spoken(1)).emotion
    assert (never.reason, never.detail) == (Reason.NO_IMAGE, 'no image has come')
    vision.update(frame(SECOND // 2))
    early = vision.estimate(spoken(1)).emotion
    assert early.reason is Reason.NO_IMAGE
    assert early.detail == 'the latest image is 0.5 s older than the speech'


def test_images_that_cannot_be_decoded_are_an_error_of_the_face() -> None:
    vision = FaceVision(TalkingFaces(1))

    def broken() -> Image:
        raise ValueError('expected JPEG or PNG')

    for stamp_ns in range(0, 5 * SECOND, FRAME_NS):
        with pytest.raises(ValueError, match='JPEG'):
            vision.update(VideoFrame(stamp_ns, broken))
    emotion = vision.estimate(spoken(1)).emotion
    assert (emotion.reason, emotion.detail) == (Reason.ERROR, 'expected JPEG or PNG')
    assert list(vision.health.problems()) == [
        'the last 125 images could not be decoded: expected JPEG or PNG'
    ]
    # One that can be decoded is enough to look for a face.
    vision.update(frame(5 * SECOND))
    assert vision.estimate(spoken(1, length_s=4.5)).emotion.reason is Reason.SPEAKER_NOT_VISIBLE
    assert list(vision.health.problems()) == []
    assert list(vision.health.past_problems()) == [
        '125 of 126 images could not be decoded: expected JPEG or PNG'
    ]


def test_a_camera_that_freezes_shows_nobody() -> None:
    faces = TalkingFaces(1)
    vision = FaceVision(faces)
    image = frame(0).decode()
    reports = [
        vision.update(VideoFrame(stamp_ns, lambda: image))
        for stamp_ns in range(0, 5 * SECOND, FRAME_NS)
    ]
    assert [one.reason for one in reports[:50] if one] == [Reason.NONE] * 50
    assert reports[-1] is not None
    assert reports[-1].reason is Reason.NO_IMAGE
    emotion = vision.estimate(spoken(1)).emotion
    assert emotion.reason is Reason.NO_IMAGE
    assert emotion.detail == 'the camera delivered the same image for 5.0 s'
    (problem,) = vision.health.problems()
    assert 'the same image for 5.0 s' in problem
    # It works again.
    faces.origin_ns = 10 * SECOND
    said = dataclasses.replace(
        spoken(1),
        start_ns=11 * SECOND,
        end_ns=14 * SECOND,
        samples_start_ns=spoken(1).samples_start_ns + 10 * SECOND,
    )
    for stamp_ns in range(10 * SECOND, 15 * SECOND, FRAME_NS):
        vision.update(frame(stamp_ns))
    assert vision.estimate(said).face_id == 'f1'
    assert list(vision.health.problems()) == []
    assert list(vision.health.past_problems()) == [
        'the camera delivered the same image for up to 5.0 s'
    ]


def test_speech_before_the_camera_freezes_is_still_seen() -> None:
    vision = FaceVision(TalkingFaces(1))
    image = frame(0).decode()
    for stamp_ns in range(0, 7 * SECOND, FRAME_NS):
        vision.update(
            frame(stamp_ns) if stamp_ns < 4 * SECOND else VideoFrame(stamp_ns, lambda: image)
        )
    assert vision.estimate(spoken(1)).face_id == 'f1'


def test_frames_may_be_processed_in_another_thread() -> None:
    vision = FaceVision(TalkingFaces(2, 1))
    said = spoken(1)
    stop = threading.Event()
    failed: list[Exception] = []

    def process_frames() -> None:
        stamp_ns = 0
        try:
            while not stop.is_set():
                vision.update(frame(stamp_ns))
                stamp_ns += FRAME_NS
        except Exception as error:  # noqa: BLE001  asserted on below
            failed.append(error)

    thread = threading.Thread(target=process_frames)
    thread.start()
    for _ in range(20):
        for event in events(said):
            vision.update_speech(event)
            if isinstance(event, SpeechStarted):
                vision.estimate(said)
        vision.estimate(said)
    vision.reset()
    stop.set()
    thread.join()
    assert failed == []


class SlowModel:
    """An expression model that takes 2 ms per frame and 1 ms per utterance, on its own clock."""

    info = ModelInfo('slow', '1')
    width = 1
    period_ns = 2 * FRAME_NS

    def __init__(self) -> None:
        self.now_ns = 0
        self.observed: list[float] = []

    def clock(self) -> int:
        return self.now_ns

    def keep(self, mesh: FaceMesh) -> KeptFace:
        return mesh.landmarks[152, 1:2]

    def observe(self, kept: KeptFace) -> FloatArray:
        self.now_ns += 2 * NS_PER_MS
        self.observed.append(float(kept[0]))
        return np.zeros(1, np.float32)

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        self.now_ns += NS_PER_MS
        even = np.full(len(LABELS), 1 / len(LABELS), np.float32)
        return ModalityEmotion.from_scores(Modality.FACE, even, self.info, len(seen.rows))


def test_the_time_of_the_expression_model_includes_all_frames() -> None:
    model = SlowModel()
    vision = FaceVision(TalkingFaces(1), expression=model, clock=model.clock)
    emotion = live(vision, spoken(1))[1].emotion
    assert emotion.samples_used == pytest.approx(3 * SECOND / model.period_ns, abs=1)
    spent_ms = 2 * emotion.samples_used + 1
    assert emotion.inference_ns / 1e6 == pytest.approx(spent_ms, abs=0.01)


def test_only_expressions_of_the_speaker_are_read_and_each_of_them_once() -> None:
    model = SlowModel()
    faces = TalkingFaces(None, 1)
    vision = FaceVision(faces, expression=model, clock=model.clock)
    said = spoken(1)
    seen = live(vision, said)[1]
    assert seen.face_id == 'f2'
    assert faces.face('f1', None, 0.0).mesh.landmarks[152, 1] not in model.observed
    assert len(model.observed) == seen.emotion.samples_used
    again = vision.estimate(said)
    assert str(again.emotion.scores) == str(seen.emotion.scores)
    assert again.emotion.inference_ns == seen.emotion.inference_ns
    assert len(model.observed) == seen.emotion.samples_used


def test_a_few_identical_images_of_a_slow_camera_are_no_frozen_one() -> None:
    vision = FaceVision(TalkingFaces(None))
    image = frame(0).decode()
    for number in range(10):
        report = vision.update(VideoFrame(number * SECOND, lambda: image))
        assert report is not None
        assert report.reason is Reason.NONE
