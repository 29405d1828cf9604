"""`emotion_msgs/Emotion` messages as `EmotionReport` records: the inverse of `reports.Encoder`."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from emotion_node.datatypes import (
    NS_PER_S,
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
from emotion_node.labels import LABELS, MODALITIES, Modality
from emotion_node.messages.audio import MessageError
from emotion_node.messages.json_records import Record, as_record

Constant = TypeVar('Constant', bound=enum.StrEnum)


def decode_emotion(message: Any) -> EmotionReport:
    """Return the report in an `Emotion` message.

    A message does not hold the whole report. In the result, the confidence of the transcript is
    NaN; the reason of a transcript without words is that of the text modality; `processing_ns` is
    the total latency minus that of endpointing, so it includes the publication; `peak` is None.

    Args:
        message: an `emotion_msgs/Emotion` of rclpy or rosbags, or its record as `as_record`
            returns it and JSON stores it.

    Raises:
        MessageError: a field is missing, or has a value that is not known.
    """
    record: Record = as_record(message)
    try:
        return _report(record)
    except KeyError as error:
        raise MessageError(
            f'emotion has no field {error}; was it written by another version of emotion_node?'
        ) from error


def _report(record: Record) -> EmotionReport:
    endpointing_ns = _ns(record['endpointing_latency'])
    text, voice, face = _modalities(record['modalities'])
    return EmotionReport(
        utterance_id=record['utterance_id'],
        trigger=_constant(Trigger, record['trigger'], 'trigger'),
        start_ns=record['start'],
        end_ns=record['end'],
        transcript=Transcript(
            record['text'],
            math.nan,
            record['locale'],
            final=record['trigger'] == Trigger.FINAL,
            reason=Reason.NONE if record['text'] else text.reason,
            translation=record['translation'],
        ),
        fused=FusedScores(
            _scores(record['scores']),
            record['valence'],
            record['arousal'],
            text,
            voice,
            face,
            # Scores without a label were below the threshold, which the message does not hold.
            min_confidence=1.0 if record['scores'] and not record['label'] else 0.0,
            expression_check=_constant(
                ExpressionCheck, record['expression_check'], 'expression_check'
            ),
            shown_expression=record['shown_expression'],
            audible_or_visible=_constant(
                AudibleOrVisible, record['audible_or_visible'], 'audible_or_visible'
            ),
        ),
        end_reason=_constant(
            EndReason, record['end_reason'] or str(EndReason.SILENCE), 'end_reason'
        ),
        clock_source=_constant(ClockSource, record['clock_source'], 'clock_source'),
        endpointing_ns=endpointing_ns,
        transcription_ns=_ns(record['transcription_latency']),
        processing_ns=_ns(record['total_latency']) - endpointing_ns,
        speaker_id=record['speaker_id'],
        face_id=record['face_id'],
        speaker_confidence=record['speaker_confidence'],
        person_id=record['person_id'],
        missing_audio=record['missing_audio'],
    )


def _modalities(
    records: Sequence[Record],
) -> tuple[ModalityEmotion, ModalityEmotion, ModalityEmotion]:
    names = [record['modality'] for record in records]
    if names != list(MODALITIES):
        raise MessageError(
            f'emotion has the modalities {", ".join(names) or "none"}, expected '
            + ', '.join(MODALITIES)
        )
    text, voice, face = map(_modality, records)
    return text, voice, face


def _modality(record: Record) -> ModalityEmotion:
    return ModalityEmotion(
        _constant(Modality, record['modality'], 'modality'),
        _scores(record['scores']),
        _constant(Reason, record['reason'], 'reason'),
        valence=record['valence'],
        arousal=record['arousal'],
        reliability=record['reliability'],
        weight=record['weight'],
        model=ModelInfo(record['model_name'], record['model_version']),
        inference_ns=_ns(record['inference_latency']),
        samples_used=record['samples_used'],
        vocal_cues=tuple(map(_vocal_cue, record['vocal_cues'])),
        facial_cues=tuple(
            FacialCue(cue['name'], cue['action_unit'], cue['intensity'])
            for cue in record['facial_cues']
        ),
        detail=record['detail'],
    )


def _vocal_cue(record: Record) -> VocalCue:
    return VocalCue(
        record['name'],
        record['value'],
        record['unit'],
        record['deviation'],
        record['deviation_unit'],
        record['normal_utterances'],
    )


def _scores(records: Sequence[Record]) -> FloatArray | None:
    if not records:
        return None
    labels = [record['label'] for record in records]
    if labels != list(LABELS):
        raise MessageError(
            f'emotion has scores of {", ".join(labels)}, expected {", ".join(LABELS)}'
        )
    return np.array([record['score'] for record in records], np.float32)


def _constant(kind: type[Constant], value: str, field: str) -> Constant:
    try:
        return kind(value)
    except ValueError:
        raise MessageError(
            f'emotion has {field} {value!r}, expected one of '
            + ', '.join(repr(str(one)) for one in kind)
        ) from None


def _ns(seconds: float) -> int:
    if not math.isfinite(seconds):
        raise MessageError(f'emotion has a time of {seconds} s')
    return round(seconds * NS_PER_S)
