"""What the pipeline reports."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from emotion_node.datatypes.emotion import FusedScores, Reason, Transcript
from emotion_node.datatypes.inputs import ClockSource
from emotion_node.datatypes.speech import EndReason, SpeechDropped, SpeechEnded, SpeechStarted
from emotion_node.faces import FacePeak, SeenFace


class Trigger(enum.StrEnum):
    """What triggered a report of an emotion: the end of the utterance, or a fixed period."""

    FINAL = 'final'
    INTERIM = 'interim'


@dataclass(frozen=True, slots=True)
class EmotionReport:
    """One utterance's fused emotion with its evidence.

    Attributes:
        utterance_id: as in the speech events.
        trigger: final, or interim while the speaker still speaks.
        start_ns, end_ns: speech without padding; for an interim report, `end_ns` is the end of
            the audio so far.
        transcript: what was said.
        fused: the fused emotion and its evidence.
        end_reason: why the utterance ended (`EndReason.SILENCE` for an interim report).
        clock_source: who stamped the audio.
        endpointing_ns: from the end of speech until the end was decided.
        transcription_ns: from that decision until the transcript was there.
        processing_ns: from that decision until this report, transcription included.
        speaker_id, face_id, person_id: empty when unknown.
        speaker_confidence: 0..1, that `face_id` is the speaker's.
        peak: the frame in which the speaker's face shows the fused label most, or the expression
            that it shows instead; None when there is none. Not published.
        missing_audio: 0..1, share of the audio that never came; silence replaces it.
    """

    utterance_id: str
    trigger: Trigger
    start_ns: int
    end_ns: int
    transcript: Transcript
    fused: FusedScores
    end_reason: EndReason
    clock_source: ClockSource
    endpointing_ns: int = 0
    transcription_ns: int = 0
    processing_ns: int = 0
    speaker_id: str = ''
    face_id: str = ''
    speaker_confidence: float = 0.0
    peak: FacePeak | None = None
    person_id: str = ''
    missing_audio: float = 0.0

    @property
    def total_latency_ns(self) -> int:
        """From the end of speech until this report."""
        return self.endpointing_ns + self.processing_ns


@dataclass(frozen=True, slots=True)
class TranscriptReport:
    """A transcript and the utterance it belongs to; `stamp_ns` is the end of what it covers."""

    utterance_id: str
    stamp_ns: int
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class FacesReport:
    """The faces in one frame, or why faces are not detected.

    Attributes:
        stamp_ns: of the frame.
        frame_id: the coordinate frame of the camera.
        faces: those that are tracked in it.
        reason: why there can be none; `Reason.NONE` when faces are tracked.
        image_size: height and width of its image, turned by `image.rotation`; zeros if unknown.
        speaker_change: a stretch of time, by the stamps of the audio, within which another face
            took over the speech under way; None where that has not just been noticed.
    """

    stamp_ns: int
    frame_id: str = ''
    faces: tuple[SeenFace, ...] = ()
    reason: Reason = Reason.NONE
    image_size: tuple[int, int] = (0, 0)
    speaker_change: tuple[int, int] | None = None


Report = (
    SpeechStarted | SpeechEnded | SpeechDropped | TranscriptReport | EmotionReport | FacesReport
)
"""What the pipeline reports."""
