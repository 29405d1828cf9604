"""The constants of messages in words, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emotion_node.datatypes import AudibleOrVisible, ExpressionCheck

EXPRESSION_WORDS: Final[Mapping[str, str]] = {
    ExpressionCheck.NOT_CHECKED: 'emotion unknown',
    ExpressionCheck.SHOWN: 'shown',
    ExpressionCheck.PARTLY_SHOWN: 'partly shown',
    ExpressionCheck.NEUTRAL_FACE: 'neutral face',
    ExpressionCheck.OTHER_EXPRESSION: 'another expression',
    ExpressionCheck.NOT_VISIBLE: 'not visible',
}
AUDIBLE_OR_VISIBLE_WORDS: Final[Mapping[str, str]] = {
    AudibleOrVisible.NONE: '',
    AudibleOrVisible.MORE_AUDIBLE: 'more audible than visible',
    AudibleOrVisible.MORE_VISIBLE: 'more visible than audible',
}


def expression_words(expression_check: str, shown_expression: str) -> str:
    """Return in words whether the face shows the fused label, e.g. "another expression (anger)".

    Args:
        expression_check: an `ExpressionCheck`, or its value.
        shown_expression: the label that the face shows.
    """
    words = EXPRESSION_WORDS[expression_check]
    if expression_check == ExpressionCheck.OTHER_EXPRESSION:
        return f'{words} ({shown_expression})'
    return words
