"""The constants of messages in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emotion_node.datatypes import AudibleOrVisible, EmotionReport, ExpressionCheck, Reason

EXPRESSION_WORDS: Final[Mapping[ExpressionCheck, str]] = {
    ExpressionCheck.NOT_CHECKED: 'emotion unknown',
    ExpressionCheck.SHOWN: 'shown',
    ExpressionCheck.PARTLY_SHOWN: 'partly shown',
    ExpressionCheck.NEUTRAL_FACE: 'neutral face',
    ExpressionCheck.OTHER_EXPRESSION: 'another expression',
    ExpressionCheck.NOT_VISIBLE: 'not visible',
}
AUDIBLE_OR_VISIBLE_WORDS: Final[Mapping[AudibleOrVisible, str]] = {
    AudibleOrVisible.NONE: '',
    AudibleOrVisible.MORE_AUDIBLE: 'more audible than visible',
    AudibleOrVisible.MORE_VISIBLE: 'more visible than audible',
}
REASON_WORDS: Final[Mapping[Reason, str]] = {
    Reason.NO_IMAGE: 'no image',
    Reason.NO_FACE: 'no face in view',
    Reason.SPEAKER_NOT_VISIBLE: 'the speaker is not in view',
    Reason.TOO_SHORT: 'too short',
    Reason.NO_SPEECH_RECOGNISED: 'no words recognised',
    Reason.LOW_CONFIDENCE: 'confidence too low',
    Reason.LANGUAGE: 'in a language that the model does not know',
    Reason.MODEL_OFF: 'no model',
    Reason.TIMEOUT: 'timed out',
    Reason.ERROR: 'failed',
}


def no_words(report: EmotionReport) -> str:
    """Return why a report has no words to show."""
    text = report.fused.text
    # There were words that have an emotion, or whose emotion is not known.
    hidden = text.available or text.reason in (Reason.LOW_CONFIDENCE, Reason.LANGUAGE)
    return 'words hidden' if hidden else 'no words recognised'


def reason_words(reason: Reason) -> str:
    """Return in words why a modality is absent."""
    return REASON_WORDS.get(reason, str(reason))


def expression_words(expression_check: ExpressionCheck, shown_expression: str) -> str:
    """Return in words whether the face shows the fused label, e.g. "another expression (anger)".

    Args:
        expression_check: whether it does.
        shown_expression: the label that the face shows.
    """
    words = EXPRESSION_WORDS[expression_check]
    if expression_check is ExpressionCheck.OTHER_EXPRESSION:
        return f'{words} ({shown_expression})'
    return words
