"""Emotions without a pipeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

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
)
from emotion_node.labels import LABELS, Modality

JOY: Final[FloatArray] = np.array([0.1, 0.6, 0.06, 0.06, 0.06, 0.06, 0.06], np.float32)


def emotion(
    number: int = 1,
    label: str = 'joy',
    text: str = 'I am so happy',
    check: ExpressionCheck = ExpressionCheck.PARTLY_SHOWN,
    shown: str = 'joy',
    **changes: Any,
) -> EmotionReport:
    """Return the emotion of an utterance: of text and cues, without a voice or a face model.

    Args:
        number: of the utterance; each begins 5 s after the one before it and lasts 2 s.
        label: the emotion, at a confidence of 0.6; unknown when empty.
        text: the words.
        check: whether the face shows the emotion.
        shown: the label that the face shows.
        changes: other fields of the report.
    """
    scores = np.roll(JOY, LABELS.index(label) - 1) if label else None
    words = ModalityEmotion.absent(Modality.TEXT, Reason.NO_SPEECH_RECOGNISED)
    if scores is not None:
        model = ModelInfo('little-text', '3')
        words = ModalityEmotion.from_scores(Modality.TEXT, scores, model)
        words = replace(words, inference_ns=4_000_000, samples_used=9, weight=1.0)
    cues = (FacialCue('lip corner puller', 12, 0.75), FacialCue('brow lowerer', 4, 0.0))
    face = ModalityEmotion(Modality.FACE, reason=Reason.MODEL_OFF, facial_cues=cues)
    fused = FusedScores(
        scores,
        0.5,
        0.4,
        words,
        ModalityEmotion.absent(Modality.VOICE, Reason.TOO_SHORT),
        face,
        expression_check=check,
        shown_expression=shown,
        audible_or_visible=AudibleOrVisible.MORE_AUDIBLE,
    )
    start_ns = (1_750_000_000 + 5 * number) * NS_PER_S
    report = EmotionReport(
        f'u{number}',
        Trigger.FINAL,
        start_ns,
        start_ns + 2 * NS_PER_S,
        Transcript(text, 0.9, 'en'),
        fused,
        EndReason.SILENCE,
        ClockSource.HEADER,
        endpointing_ns=400_000_000,
        transcription_ns=50_000_000,
        processing_ns=60_000_000,
        face_id='f1',
        speaker_confidence=0.93,
    )
    return replace(report, **changes)


def changed_fusion(report: EmotionReport, **changes: Any) -> EmotionReport:
    """Return a report with other fields of its fused scores."""
    return replace(report, fused=replace(report.fused, **changes))
