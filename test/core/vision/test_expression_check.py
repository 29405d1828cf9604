"""What was understood, and what the speaker's face shows of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import (
    SECOND,
    ScriptedText,
    ScriptedTranscriber,
    ScriptedVoice,
    events,
    scores,
    scripted_analysis,
    utterance,
)

from emotion_node.config import Config
from emotion_node.core.vision.expression_check import (
    MIN_FRAMES,
    PROTOTYPES,
    Check,
    audible_or_visible,
    belongs,
    check,
    find_peaks,
    strengths,
)
from emotion_node.core.vision.facial_cues import UNITS
from emotion_node.datatypes import (
    EmotionReport,
    ExpressionCheck,
    FaceEstimate,
    FacesReport,
    FacialCue,
    FloatArray,
    ModalityEmotion,
    ModelInfo,
    Reason,
    SpeechEvent,
    Utterance,
    VideoFrame,
    VisionHealth,
)
from emotion_node.faces import Box, FacePeak
from emotion_node.labels import LABELS, Modality

EXPRESSIVE = [label for label in LABELS if label != 'neutral']


def cues(**moves: float) -> list[FacialCue]:
    """Return all cues of a face of which some units move, as in `cues(au12=0.8)`."""
    return [
        FacialCue(unit.name, unit.number, moves.get(f'au{unit.number}', 0.0)) for unit in UNITS
    ]


def rows(*frames: Sequence[FacialCue]) -> FloatArray:
    return np.array([[cue.intensity for cue in image] for image in frames], np.float32)


SMILE = cues(au12=0.8, au6=0.5)
FROWN = cues(au4=0.8, au7=0.6, au23=0.5)
STARTLE = cues(au1=0.8, au2=0.8, au5=0.7, au26=0.6)
STILL = cues()
TALK = cues(au25=1.0, au26=1.0, au10=0.12, au12=0.15, au20=0.18, au23=0.2, au43=0.2)


@pytest.mark.parametrize('label', EXPRESSIVE)
def test_a_face_that_shows_all_of_an_emotions_cues_shows_it(label: str) -> None:
    full = {f'au{units[0]}': 1.0 for units, _ in PROTOTYPES[label].cues}
    assert check(label, cues(**full)).result == 'shown'
    assert check(label, STILL) == Check(ExpressionCheck.NEUTRAL_FACE, 'neutral')
    assert check(label, ()) == Check(ExpressionCheck.NOT_VISIBLE)


@pytest.mark.parametrize(
    ('label', 'face', 'result', 'shown'),
    [
        ('joy', SMILE, 'shown', 'joy'),
        ('joy', cues(au12=0.8), 'partly_shown', 'joy'),  # a smile that does not reach the eyes
        ('joy', FROWN, 'other_expression', 'anger'),
        ('anger', SMILE, 'other_expression', 'joy'),
        ('anger', cues(au4=0.8), 'partly_shown', 'anger'),
        ('surprise', STARTLE, 'shown', 'surprise'),
        ('fear', STARTLE, 'partly_shown', 'fear'),  # wide eyes and raised brows belong to both
        ('fear', cues(au1=0.8, au2=0.8, au5=0.7, au20=0.6), 'shown', 'fear'),
        ('disgust', cues(au9=0.7, au7=0.5), 'shown', 'disgust'),
        ('sadness', cues(au1=0.7, au15=0.6), 'shown', 'sadness'),
        ('neutral', STILL, 'shown', 'neutral'),
        ('neutral', SMILE, 'other_expression', 'joy'),
    ],
)
def test_an_analyst_would_answer_the_same(
    label: str, face: Sequence[FacialCue], result: str, shown: str
) -> None:
    assert check(label, face) == Check(ExpressionCheck(result), shown)


@pytest.mark.parametrize('label', LABELS)
def test_talking_is_no_expression(label: str) -> None:
    assert check(label, TALK).result == ('shown' if label == 'neutral' else 'neutral_face')


def test_without_an_emotion_there_is_no_check() -> None:
    assert check('', SMILE) == Check(ExpressionCheck.NOT_CHECKED, '')


@given(st.lists(st.floats(0, 1), min_size=len(UNITS), max_size=len(UNITS)))
def test_every_face_gets_one_of_the_results(moved: list[float]) -> None:
    face = [FacialCue(u.name, u.number, m) for u, m in zip(UNITS, moved, strict=True)]
    strength = strengths(rows(face))
    assert strength.shape == (1, len(LABELS))
    assert strength.min() >= 0.0
    assert strength.max() <= 1.0
    answers = {label: check(label, face) for label in LABELS}
    for label, one in answers.items():
        match one.result:
            case ExpressionCheck.SHOWN | ExpressionCheck.PARTLY_SHOWN:
                assert one.shown_expression == label
            case ExpressionCheck.NEUTRAL_FACE:
                assert one.shown_expression == 'neutral' != label
            case ExpressionCheck.OTHER_EXPRESSION:
                assert one.shown_expression in set(EXPRESSIVE) - {label}
            case _:
                pytest.fail(f'{label} is {one.result}')


@given(st.sampled_from(EXPRESSIVE), st.floats(0, 1), st.floats(0, 1))
def test_a_stronger_cue_never_lowers_the_strength(label: str, one: float, other: float) -> None:
    weak, strong = sorted((one, other))
    for units, _ in PROTOTYPES[label].cues:
        for unit in units:
            less, more = strengths(
                rows(cues(**{f'au{unit}': weak}), cues(**{f'au{unit}': strong}))
            )
            assert less[LABELS.index(label)] <= more[LABELS.index(label)]


def test_each_emotion_has_its_peak() -> None:
    frames = [STILL] * 20 + [SMILE] * 7 + [STILL] * 20 + [FROWN] * 7 + [STILL] * 20
    at = dict(zip(LABELS, find_peaks(rows(*frames)), strict=True))
    assert 20 <= at['joy'] < 27
    assert 47 <= at['anger'] < 54
    assert find_peaks(rows(*[SMILE] * (MIN_FRAMES - 1))) == []


def test_a_peak_is_not_in_a_blink() -> None:
    blink = cues(au12=0.9, au6=0.9, au43=1.0)
    frames = [STILL] * 5 + [SMILE] * 3 + [blink] * 3 + [SMILE] * 3 + [STILL] * 5
    at = find_peaks(rows(*frames))[LABELS.index('joy')]
    assert at in {5, 6, 7, 11, 12, 13}


def test_only_its_own_cues_belong_to_an_emotion() -> None:
    assert belongs('joy', 12)
    assert not belongs('joy', 4)
    assert not belongs('surprise', 26)  # that is speech
    assert not any(belongs('neutral', unit.number) for unit in UNITS)


class TestAudibleOrVisible:
    def estimate(self, modality: Modality, **shares: float) -> ModalityEmotion:
        return ModalityEmotion.from_scores(modality, scores(**shares), ModelInfo())

    def test_the_one_that_clearly_expresses_it_more(self) -> None:
        voice = self.estimate(Modality.VOICE, anger=0.8)
        face = self.estimate(Modality.FACE, anger=0.2)
        assert audible_or_visible('anger', voice, face) == 'more_audible'
        assert audible_or_visible('anger', face, voice) == 'more_visible'

    def test_neither_where_they_agree_or_one_is_absent_or_nothing_is_expressed(self) -> None:
        voice = self.estimate(Modality.VOICE, anger=0.8)
        absent = ModalityEmotion.absent(Modality.FACE, Reason.NO_FACE)
        assert audible_or_visible('anger', voice, voice) == ''
        assert audible_or_visible('anger', voice, absent) == ''
        assert audible_or_visible('neutral', voice, self.estimate(Modality.FACE, joy=0.9)) == ''
        assert audible_or_visible('', voice, voice) == ''


class ConstantVision:
    """Always returns the same estimate of a face (an `interfaces.Vision`)."""

    info = ModelInfo('constant', '1')
    health = VisionHealth()
    peaks = tuple(FacePeak(k * SECOND, Box(0, 0, 9, 9)) for k in range(len(LABELS)))

    def __init__(self, face: Sequence[FacialCue], peaks: tuple[FacePeak, ...] = peaks) -> None:
        self._estimate = FaceEstimate(
            ModalityEmotion(Modality.FACE, scores(anger=0.1), facial_cues=tuple(face)),
            'f1',
            0.9,
            peaks,
        )

    def update(self, frame: VideoFrame) -> FacesReport | None:
        return None

    def update_speech(self, event: SpeechEvent) -> None:
        pass

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        return self._estimate

    def look(self, face_id: str, stamp_ns: int) -> ModalityEmotion:
        return self._estimate.emotion

    def reset(self) -> None:
        pass


def said(
    words: str, vision: ConstantVision | None, voice: ScriptedVoice | None = None
) -> EmotionReport:
    transcriber = ScriptedTranscriber([words])
    analysis = scripted_analysis(Config(), transcriber, ScriptedText(), voice, vision)
    reports = [one for event in events(utterance()) for one in analysis.handle(event)]
    emotions = [one for one in reports if isinstance(one, EmotionReport)]
    assert len(emotions) > 1  # interim ones before it
    for one in emotions:
        assert bool(one.fused.expression_check) == bool(one.fused.label)
    return emotions[-1]


def test_each_report_contains_whether_the_face_shows_the_emotion() -> None:
    happy = said('so happy', ConstantVision(SMILE))
    assert happy.fused.expression_check == 'shown'
    assert happy.fused.shown_expression == 'joy'
    assert happy.peak == ConstantVision.peaks[LABELS.index('joy')]
    cross = said('so happy', ConstantVision(FROWN))
    assert cross.fused.expression_check == 'other_expression'
    assert cross.fused.shown_expression == 'anger'
    assert cross.peak == ConstantVision.peaks[LABELS.index('anger')]


def test_a_face_seen_too_briefly_or_not_at_all_is_not_visible() -> None:
    for vision in (ConstantVision(SMILE, peaks=()), ConstantVision(()), None):
        report = said('so happy', vision)
        assert report.fused.expression_check == 'not_visible'
        assert report.fused.shown_expression == ''
    assert said('so happy', None).peak is None


def test_without_a_fused_label_nothing_is_checked() -> None:
    assert said('', None).fused.expression_check == ''


def test_anger_in_the_voice_alone_is_more_audible() -> None:
    report = said('', ConstantVision(STILL), ScriptedVoice())
    assert report.fused.label == 'anger'
    assert report.fused.expression_check == 'neutral_face'
    assert report.fused.shown_expression == 'neutral'
    assert report.fused.audible_or_visible == 'more_audible'
