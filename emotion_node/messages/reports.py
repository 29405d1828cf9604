"""Reports as messages, by topic.

The same code makes messages of rclpy, messages of `rosbags` and plain dictionaries for JSON:
`Encoder` takes a function that makes a message of a named type from its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from emotion_node.datatypes import (
    NS_PER_S,
    EmotionReport,
    FacesReport,
    FloatArray,
    ModalityEmotion,
    Report,
    SpeechDropped,
    SpeechEnded,
    SpeechStarted,
    SpeechState,
    TranscriptReport,
    Trigger,
)
from emotion_node.faces import SeenFace
from emotion_node.labels import LABELS
from emotion_node.messages.context import Contexts
from emotion_node.messages.stamps import ns_to_stamp

OUTPUT_TOPICS: Final[Mapping[str, str]] = {
    'emotion': 'emotion_msgs/msg/Emotion',
    'emotion/interim': 'emotion_msgs/msg/Emotion',
    'emotion/text': 'emotion_msgs/msg/ModalityEmotion',
    'emotion/voice': 'emotion_msgs/msg/ModalityEmotion',
    'emotion/face': 'emotion_msgs/msg/ModalityEmotion',
    'emotion/context': 'std_msgs/msg/String',
    'transcript': 'emotion_msgs/msg/Transcript',
    'speech_activity': 'emotion_msgs/msg/SpeechActivity',
    'faces': 'emotion_msgs/msg/FaceArray',
}
"""Topics that carry reports, and their types."""


class MessageMaker(Protocol):
    """Makes messages."""

    def __call__(self, typename: str, **fields: Any) -> Any:
        """Return a message of the type, e.g. "emotion_msgs/msg/Emotion", with all its fields."""
        ...


def plain(typename: str, **fields: Any) -> dict[str, Any]:
    """Make a message as a dictionary (a `MessageMaker`)."""
    return fields


class Encoder:
    """Turns reports into messages.

    Args:
        make: makes the messages.
        frame_id: of the microphone, for the headers.
    """

    def __init__(self, make: MessageMaker, frame_id: str = '') -> None:
        self._make = make
        self._contexts = Contexts()
        self.frame_id = frame_id

    def encode(self, report: Report, total_latency_ns: int | None = None) -> list[tuple[str, Any]]:
        """Return the topics, relative to the node's namespace, and messages of a report.

        Args:
            report: what to encode.
            total_latency_ns: from the end of speech until now; None where no clock can measure
                it: the durations of endpointing and processing are then added up.
        """
        match report:
            case SpeechStarted():
                return [self._activity(report.utterance_id, report.start_ns, SpeechState.STARTED)]
            case SpeechEnded(utterance):
                return [
                    self._activity(utterance.utterance_id, utterance.end_ns, SpeechState.ENDED)
                ]
            case SpeechDropped():
                return [self._activity(report.utterance_id, report.end_ns, SpeechState.DROPPED)]
            case TranscriptReport():
                return [('transcript', self._transcript(report))]
            case EmotionReport():
                return self._emotions(report, total_latency_ns)
            case FacesReport():
                return [('faces', self._faces(report))]

    def modality(self, utterance_id: str, stamp_ns: int, estimate: ModalityEmotion) -> Any:
        """Return the ModalityEmotion message of one estimate."""
        return self._make(
            'emotion_msgs/msg/ModalityEmotion',
            header=self._header(stamp_ns),
            utterance_id=utterance_id,
            modality=str(estimate.modality),
            available=estimate.available,
            reason=str(estimate.reason),
            detail=estimate.detail,
            label=estimate.label,
            confidence=estimate.confidence,
            valence=estimate.valence,
            arousal=estimate.arousal,
            reliability=estimate.reliability,
            weight=estimate.weight,
            scores=self._scores(estimate.scores),
            vocal_cues=[
                self._make(
                    'emotion_msgs/msg/VocalCue',
                    name=cue.name,
                    value=cue.value,
                    unit=cue.unit,
                    deviation=cue.deviation,
                    deviation_unit=cue.deviation_unit,
                    normal_utterances=cue.normal_utterances,
                )
                for cue in estimate.vocal_cues
            ],
            facial_cues=[
                self._make(
                    'emotion_msgs/msg/FacialCue',
                    name=cue.name,
                    action_unit=cue.action_unit,
                    intensity=cue.intensity,
                )
                for cue in estimate.facial_cues
            ],
            model_name=estimate.model.name,
            model_version=estimate.model.version,
            inference_latency=estimate.inference_ns / NS_PER_S,
            samples_used=estimate.samples_used,
        )

    def _emotions(
        self, report: EmotionReport, total_latency_ns: int | None
    ) -> list[tuple[str, Any]]:
        stamp_ns = report.end_ns
        parts = [
            self.modality(report.utterance_id, stamp_ns, one) for one in report.fused.modalities
        ]
        final = report.trigger is Trigger.FINAL
        if total_latency_ns is None:
            total_latency_ns = report.total_latency_ns
        fused = report.fused
        emotion = self._make(
            'emotion_msgs/msg/Emotion',
            header=self._header(stamp_ns),
            utterance_id=report.utterance_id,
            speaker_id=report.speaker_id,
            face_id=report.face_id,
            person_id=report.person_id,
            trigger=str(report.trigger),
            label=fused.label,
            confidence=fused.confidence,
            valence=fused.valence,
            arousal=fused.arousal,
            text=report.transcript.text,
            locale=report.transcript.locale,
            translation=report.transcript.translation,
            speaker_confidence=report.speaker_confidence,
            start=self._time(report.start_ns),
            end=self._time(report.end_ns),
            end_reason=str(report.end_reason) if final else '',
            expression_check=str(fused.expression_check),
            shown_expression=fused.shown_expression,
            audible_or_visible=str(fused.audible_or_visible),
            scores=self._scores(fused.scores),
            modalities=parts,
            endpointing_latency=report.endpointing_ns / NS_PER_S,
            transcription_latency=report.transcription_ns / NS_PER_S,
            total_latency=total_latency_ns / NS_PER_S,
            clock_source=str(report.clock_source),
            missing_audio=report.missing_audio,
        )
        if not final:
            return [('emotion/interim', emotion)]
        topics = [
            (f'emotion/{one.modality}', part)
            for one, part in zip(fused.modalities, parts, strict=True)
        ]
        context = self._make('std_msgs/msg/String', data=self._contexts.line(report))
        return [*topics, ('emotion/context', context), ('emotion', emotion)]

    def _transcript(self, report: TranscriptReport) -> Any:
        transcript = report.transcript
        return self._make(
            'emotion_msgs/msg/Transcript',
            header=self._header(report.stamp_ns),
            utterance_id=report.utterance_id,
            text=transcript.text,
            confidence=transcript.confidence,
            locale=transcript.locale,
            translation=transcript.translation,
            final=transcript.final,
            reason=str(transcript.reason),
        )

    def _faces(self, report: FacesReport) -> Any:
        return self._make(
            'emotion_msgs/msg/FaceArray',
            header=self._make(
                'std_msgs/msg/Header', stamp=self._time(report.stamp_ns), frame_id=report.frame_id
            ),
            available=not report.reason,
            reason=str(report.reason),
            faces=[self._face(face) for face in report.faces],
        )

    def _face(self, face: SeenFace) -> Any:
        left, top = max(round(face.box.left), 0), max(round(face.box.top), 0)
        region = self._make(
            'sensor_msgs/msg/RegionOfInterest',
            x_offset=left,
            y_offset=top,
            height=max(round(face.box.top + face.box.height) - top, 0),
            width=max(round(face.box.left + face.box.width) - left, 0),
            do_rectify=False,
        )
        return self._make(
            'emotion_msgs/msg/Face',
            face_id=face.face_id,
            roi=region,
            confidence=face.confidence,
            speaking_score=face.speaking_score,
        )

    def _activity(self, utterance_id: str, stamp_ns: int, state: SpeechState) -> tuple[str, Any]:
        message = self._make(
            'emotion_msgs/msg/SpeechActivity',
            header=self._header(stamp_ns),
            utterance_id=utterance_id,
            state=int(state),
        )
        return 'speech_activity', message

    def _scores(self, scores: FloatArray | None) -> list[Any]:
        if scores is None:
            return []
        return [
            self._make('emotion_msgs/msg/EmotionScore', label=label, score=float(score))
            for label, score in zip(LABELS, scores, strict=True)
        ]

    def _header(self, stamp_ns: int) -> Any:
        return self._make(
            'std_msgs/msg/Header', stamp=self._time(stamp_ns), frame_id=self.frame_id
        )

    def _time(self, stamp_ns: int) -> Any:
        sec, nanosec = ns_to_stamp(stamp_ns)
        return self._make('builtin_interfaces/msg/Time', sec=sec, nanosec=nanosec)
