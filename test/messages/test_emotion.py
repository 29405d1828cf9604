"""An emotion comes back from its message as it was published, whoever carried the message."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.recordings import make

from emotion_node.datatypes import (
    AudibleOrVisible,
    ClockSource,
    EmotionReport,
    EndReason,
    ExpressionCheck,
    FacialCue,
    FloatArray,
    FusedScores,
    ModalityEmotion,
    ModelInfo,
    Reason,
    Transcript,
    Trigger,
    VocalCue,
)
from emotion_node.labels import LABELS, Modality
from emotion_node.messages.audio import MessageError
from emotion_node.messages.emotion import decode_emotion
from emotion_node.messages.json_records import Record, as_record
from emotion_node.messages.reports import Encoder, plain
from emotion_node.recordings.definitions import standard_types
from emotion_node.ros.outputs import make_message

EMOTION = 'emotion_msgs/msg/Emotion'


def through_json(report: EmotionReport) -> Any:
    record = as_record(dict(Encoder(plain).encode(report))[topic(report)])
    return json.loads(json.dumps(record))


def through_a_bag(report: EmotionReport) -> Any:
    types = standard_types()
    message = dict(Encoder(make).encode(report))[topic(report)]
    return types.deserialize_cdr(types.serialize_cdr(message, EMOTION), EMOTION)


def through_rclpy(report: EmotionReport) -> Any:
    return dict(Encoder(make_message).encode(report))[topic(report)]


def topic(report: EmotionReport) -> str:
    return 'emotion' if report.trigger is Trigger.FINAL else 'emotion/interim'


CARRIERS = [through_json, through_a_bag, through_rclpy]

# Messages hold neither surrogates nor null characters.
words = st.text(st.characters(exclude_categories=['Cs', 'Cc']), max_size=12)
shares = st.floats(0, 1, width=32)
levels = st.floats(-1, 1, width=32)
nanoseconds = st.integers(0, 3_000_000_000)


@st.composite
def scores(draw: st.DrawFn) -> FloatArray | None:
    """Return no scores, or scores of which no two are alike."""
    order = draw(st.none() | st.permutations(range(len(LABELS))))
    if order is None:
        return None
    values = 1.0 + np.array(order) + draw(st.floats(0, 5))
    return np.asarray(values / values.sum(), np.float32)


@st.composite
def modality(draw: st.DrawFn, name: Modality) -> ModalityEmotion:
    found = draw(scores())
    reasons = [one for one in Reason if one]
    vocal = st.builds(
        VocalCue, words, st.floats(-99, 99, width=32), words, levels, words, st.integers(0, 99)
    )
    facial = st.builds(FacialCue, words, st.integers(1, 60), shares)
    return ModalityEmotion(
        name,
        found,
        Reason.NONE if found is not None else draw(st.sampled_from(reasons)),
        valence=draw(levels),
        arousal=draw(levels),
        reliability=draw(shares),
        weight=draw(shares),
        model=ModelInfo(draw(words), draw(words)),
        inference_ns=draw(nanoseconds),
        samples_used=draw(st.integers(0, 1_000_000)),
        vocal_cues=tuple(draw(st.lists(vocal, max_size=2))),
        facial_cues=tuple(draw(st.lists(facial, max_size=2))),
        detail=draw(words),
    )


@st.composite
def reports(draw: st.DrawFn) -> EmotionReport:
    trigger = draw(st.sampled_from(Trigger))
    start_ns = draw(st.integers(0, 2_000_000_000_000_000_000))
    text = draw(words)
    return EmotionReport(
        draw(words),
        trigger,
        start_ns,
        start_ns + draw(nanoseconds),
        Transcript(text, 0.5, draw(words), final=trigger is Trigger.FINAL),
        FusedScores(
            draw(scores()),
            draw(levels),
            draw(levels),
            draw(modality(Modality.TEXT)),
            draw(modality(Modality.VOICE)),
            draw(modality(Modality.FACE)),
            min_confidence=draw(st.sampled_from([0.0, 0.2, 0.9])),
            expression_check=draw(st.sampled_from(ExpressionCheck)),
            shown_expression=draw(st.sampled_from(['', *LABELS])),
            audible_or_visible=draw(st.sampled_from(AudibleOrVisible)),
        ),
        draw(st.sampled_from(EndReason)) if trigger is Trigger.FINAL else EndReason.SILENCE,
        draw(st.sampled_from(ClockSource)),
        endpointing_ns=draw(nanoseconds),
        transcription_ns=draw(nanoseconds),
        processing_ns=draw(nanoseconds),
        speaker_id=draw(words),
        face_id=draw(words),
        speaker_confidence=draw(shares),
        person_id=draw(words),
        missing_audio=draw(shares),
    )


def essence(report: EmotionReport) -> Record:
    """Return what a message holds of a report, as far as its numbers go."""
    fields = dataclasses.asdict(report)
    del fields['transcript']['confidence'], fields['transcript']['reason']
    del fields['fused']['min_confidence']
    fields['label'] = report.fused.label
    fields['total_latency_ns'] = report.total_latency_ns
    return fields


def alike(one: Any, other: Any) -> bool:
    """Tell whether two nested records agree within the precision of a message."""
    if isinstance(one, dict):
        return set(one) == set(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list | np.ndarray):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float | np.floating):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(one, int) and not isinstance(one, bool):
        # Stamps are exact; a duration is a float32 of seconds, rounded in JSON.
        return one == other or (one < 10**10 and abs(one - other) <= 4_000)
    return bool(one == other and type(one) is type(other))


@pytest.mark.parametrize('carry', CARRIERS)
@given(report=reports())
@settings(max_examples=40, deadline=None)
def test_a_report_comes_back_from_its_message(
    carry: Callable[[EmotionReport], Any], report: EmotionReport
) -> None:
    found = decode_emotion(carry(report))
    assert alike(essence(found), essence(report)), (found, report)


@pytest.mark.parametrize('carry', CARRIERS)
@given(report=reports())
@settings(max_examples=20, deadline=None)
def test_a_decoded_report_makes_the_same_message_again(
    carry: Callable[[EmotionReport], Any], report: EmotionReport
) -> None:
    message = carry(report)
    again = dict(Encoder(plain).encode(decode_emotion(message)))[topic(report)]
    assert alike(as_record(again), as_record(message))


def example() -> EmotionReport:
    """Return an utterance of which nothing is known."""
    text, voice, face = (
        ModalityEmotion.absent(name, Reason.NO_SPEECH_RECOGNISED) for name in Modality
    )
    return EmotionReport(
        'u1',
        Trigger.FINAL,
        1,
        2,
        Transcript('', 0.0, 'en', reason=Reason.NO_SPEECH_RECOGNISED),
        FusedScores(None, 0.0, 0.0, text, voice, face),
        EndReason.SILENCE,
        ClockSource.FILE,
    )


def test_what_a_message_does_not_hold_is_not_made_up() -> None:
    found = decode_emotion(through_json(example()))
    assert math.isnan(found.transcript.confidence)
    assert found.transcript.reason is Reason.NO_SPEECH_RECOGNISED
    assert found.peak is None
    assert found.fused.label == ''


@pytest.mark.parametrize(
    ('change', 'complaint'),
    [
        ({'trigger': 'sometimes'}, "trigger 'sometimes', expected one of 'final', 'interim'"),
        ({'clock_source': 'sun'}, "clock_source 'sun'"),
        ({'modalities': []}, 'modalities none, expected text, voice, face'),
        ({'scores': [{'label': 'joy', 'score': 1.0}]}, 'scores of joy, expected neutral, joy'),
    ],
)
def test_an_unknown_value_is_named(change: Record, complaint: str) -> None:
    with pytest.raises(MessageError, match=complaint):
        decode_emotion({**through_json(example()), **change})


def test_a_line_of_another_version_is_named() -> None:
    record = through_json(example())
    del record['expression_check']
    with pytest.raises(MessageError, match=r"no field 'expression_check'; .* another version"):
        decode_emotion(record)
