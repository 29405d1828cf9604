"""Transcripts of the robot's own recogniser mean the same live and in a recording."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from emotion_node.datatypes import Reason, Transcript, TranscriptReport
from emotion_node.messages.transcript import decode_transcript

RECEIPT = 50_000_000_000


def message(**changes: Any) -> SimpleNamespace:
    stamp = SimpleNamespace(sec=changes.pop('sec', 10), nanosec=5)
    fields = {
        'header': SimpleNamespace(stamp=stamp, frame_id=''),
        'utterance_id': 'u3',
        'text': ' so happy ',
        'confidence': 0.75,
        'locale': 'en',
        'translation': ' glad ',
        'final': True,
        'reason': '',
    }
    return SimpleNamespace(**{**fields, **changes})


def decoded(**changes: Any) -> Transcript:
    return decode_transcript(message(**changes), RECEIPT).transcript


def test_a_transcript_is_read_with_its_stamp_and_utterance() -> None:
    assert decode_transcript(message(), RECEIPT) == TranscriptReport(
        'u3', 10_000_000_005, Transcript('so happy', 0.75, 'en', True, Reason.NONE, '', 'glad')
    )


def test_without_a_stamp_it_is_stamped_at_receipt() -> None:
    unstamped = message()
    unstamped.header.stamp = SimpleNamespace(sec=0, nanosec=0)
    assert decode_transcript(unstamped, RECEIPT).stamp_ns == RECEIPT


def test_empty_text_means_that_nothing_was_recognised() -> None:
    for text in ('', '  '):
        transcript = decoded(text=text, confidence=0.0)
        assert (transcript.text, transcript.reason) == ('', Reason.NO_SPEECH_RECOGNISED)


@pytest.mark.parametrize('reason', [reason for reason in Reason if reason])
def test_a_reason_is_why_the_words_cannot_be_used(reason: Reason) -> None:
    for text in ('so happy', ''):
        transcript = decoded(text=text, reason=str(reason))
        assert (transcript.text, transcript.reason, transcript.detail) == (text, reason, '')


def test_an_unknown_reason_is_an_error_that_names_it() -> None:
    transcript = decoded(reason='background_noise')
    assert transcript.reason is Reason.ERROR
    assert "unknown reason 'background_noise', not one of" in transcript.detail
    assert 'low_confidence' in transcript.detail


@pytest.mark.parametrize(
    ('given', 'used'), [(-0.5, 0.0), (0.0, 0.0), (1.5, 1.0), (float('nan'), 0.0)]
)
def test_a_confidence_that_is_no_probability_becomes_one(given: float, used: float) -> None:
    assert decoded(confidence=given).confidence == used
