"""The state of a speaker as one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emotion_node.core.dialogue.speaker_state import SpeakerState, Trend
from emotion_node.datatypes import NS_PER_S

ADJECTIVES: Final[Mapping[str, str]] = {
    'neutral': 'neutral',
    'joy': 'happy',
    'sadness': 'sad',
    'anger': 'angry',
    'surprise': 'surprised',
    'fear': 'afraid',
    'disgust': 'disgusted',
}
_TRENDS: Final[Mapping[Trend, str]] = {
    Trend.UNKNOWN: '',
    Trend.MORE_POSITIVE: ', more positive than before',
    Trend.MORE_NEGATIVE: ', more negative than before',
    Trend.STEADY: ', much as before',
}
_NOW_S: Final = 3


def describe_state(state: SpeakerState) -> str:
    """Return the state of a speaker as a sentence in plain English.

    "s1 seemed happy 12 seconds ago (confidence 0.71), more positive than before."
    """
    who = state.speaker_id or 'An unknown speaker'
    if state.age_ns is None:
        return f'{who} has not been heard.' if state.speaker_id else 'Nobody has been heard yet.'
    seconds = round(state.age_ns / NS_PER_S)
    if not state.label:
        return f'How {who[0].lower() + who[1:]} feels is unknown; last heard {_ago(seconds)}.'
    seems = 'seems' if seconds <= _NOW_S else 'seemed'
    when = '' if seconds <= _NOW_S else f' {_ago(seconds)}'
    return (
        f'{who} {seems} {ADJECTIVES[state.label]}{when} '
        f'(confidence {state.confidence:.2f}){_TRENDS[state.trend]}.'
    )


def _ago(seconds: int) -> str:
    number, unit = (seconds, 'second') if seconds < 120 else (seconds // 60, 'minute')
    return f'{number} {unit}{"" if number == 1 else "s"} ago'
