"""What of a report may leave the node: with `privacy.words` set to "hide", no words."""

from __future__ import annotations

import dataclasses

from emotion_node.config import PrivacyConfig
from emotion_node.datatypes import EmotionReport, Reason, Report, TranscriptReport

_HIDDEN = 'hidden by privacy.words'


def outgoing(report: Report, privacy: PrivacyConfig) -> Report | None:
    """Return what of a report may be published, shown or written; None for nothing of it.

    With `privacy.words` set to "hide", transcripts stay inside, and an emotion has no words: not
    as text, nor in what is said about a fault of the text model. The emotion of the text remains.
    """
    if not privacy.hides_words:
        return report
    if isinstance(report, TranscriptReport):
        return None
    if isinstance(report, EmotionReport):
        text = report.fused.text
        if text.reason is Reason.ERROR:
            text = dataclasses.replace(text, detail=_HIDDEN)
        return dataclasses.replace(
            report,
            transcript=dataclasses.replace(report.transcript, text='', detail='', translation=''),
            fused=dataclasses.replace(report.fused, text=text),
        )
    return report


def describe_fault(error: Exception, privacy: PrivacyConfig) -> str:
    """Return what a fault is; without its text where that might quote words that are hidden."""
    name = type(error).__name__
    return f'{name} (its text is {_HIDDEN})' if privacy.hides_words else f'{name}: {error}'
