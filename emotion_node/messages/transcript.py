"""Transcripts of the robot's own recogniser, as records.

Works on anything with the right attributes, so the same code reads messages of rclpy and of
`rosbags`: a transcript means the same to the live node and in a recording.
"""

from __future__ import annotations

from typing import Any

from emotion_node.datatypes import Reason, Transcript, TranscriptReport
from emotion_node.messages.stamps import stamp_or_receipt_ns


def decode_transcript(message: Any, receipt_ns: int) -> TranscriptReport:
    """Return the transcript of an `emotion_msgs/msg/Transcript`.

    A `reason` means that the words cannot be used: text is then absent with that reason. Without
    one, empty text means that no speech was recognised. An unknown reason makes text absent with
    reason error. A confidence beyond 0..1 is clipped, and one that is not a number counts as 0.

    Args:
        message: the message.
        receipt_ns: when it arrived; replaces a stamp of zero.
    """
    text = message.text.strip()
    reason, detail = _reason(message.reason)
    if not text and reason is Reason.NONE:
        reason = Reason.NO_SPEECH_RECOGNISED
    confidence = float(message.confidence)
    transcript = Transcript(
        text,
        min(confidence, 1.0) if confidence > 0.0 else 0.0,
        message.locale,
        bool(message.final),
        reason,
        detail,
        message.translation.strip(),
    )
    stamp_ns = stamp_or_receipt_ns(message.header, receipt_ns)
    return TranscriptReport(message.utterance_id, stamp_ns, transcript)


def _reason(text: str) -> tuple[Reason, str]:
    """Return a reason, and what is wrong with it where it is not known."""
    try:
        return Reason(text), ''
    except ValueError:
        known = ', '.join(reason for reason in Reason if reason)
        return Reason.ERROR, f'the transcript has the unknown reason {text!r}, not one of {known}'
