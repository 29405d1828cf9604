"""Faces and voices in the messages of REP-155 (ROS4HRI), and what others say in them.

REP-155, "Conventions, Topics, Interfaces for Perception in Human-Robot Interaction", names the
topics; their types are those of the package `hri_msgs`.
"""

from __future__ import annotations

import locale
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from emotion_node.datatypes import FacialCue, ModalityEmotion, Transcript, TranscriptReport
from emotion_node.faces import Box
from emotion_node.messages.reports import MessageMaker
from emotion_node.messages.stamps import ns_to_stamp, stamp_or_receipt_ns

FACES: Final = '/humans/faces'
VOICES: Final = '/humans/voices'
PERSONS: Final = '/humans/persons'
MATCHES: Final = '/humans/candidate_matches'

IDS_LIST: Final = 'hri_msgs/msg/IdsList'
IDS_MATCH: Final = 'hri_msgs/msg/IdsMatch'
LIVE_SPEECH: Final = 'hri_msgs/msg/LiveSpeech'
BOOL: Final = 'std_msgs/msg/Bool'

FACE_TOPICS: Final[Mapping[str, str]] = {
    'roi': 'hri_msgs/msg/NormalizedRegionOfInterest2D',
    'cropped': 'sensor_msgs/msg/Image',
    'facs': 'hri_msgs/msg/FacialActionUnits',
    'expression': 'hri_msgs/msg/Expression',
}
"""Topics of one face below its id, and their types."""

VOICE_TOPICS: Final[Mapping[str, str]] = {'is_speaking': BOOL, 'speech': LIVE_SPEECH}
"""Topics of one voice below its id, and their types."""

ANONYMOUS: Final = 'anonymous_speaker'
"""The id of a voice whose speaker is not known."""

EXPRESSIONS: Final[Mapping[str, str]] = {
    'neutral': 'neutral',
    'joy': 'happy',
    'sadness': 'sad',
    'anger': 'angry',
    'surprise': 'surprised',
    'fear': 'scared',
    'disgust': 'disgusted',
}
"""The constants of `hri_msgs/Expression` for the labels of this package."""

PERSON_TYPE, FACE_TYPE, VOICE_TYPE = 1, 2, 4
"""The constants of `hri_msgs/IdsMatch` for what an id names."""

ACTION_UNITS: Final = 99
"""Length of the arrays of `hri_msgs/FacialActionUnits`: codes 0 to 98 of FACS."""


class HumansEncoder:
    """Makes the messages.

    Args:
        make: makes a message of a named type.
        speech_fields: the fields of `hri_msgs/LiveSpeech` as it is installed: up to version 2.0
            it has `language`, from 2.2.1 on `locale`, in between both.
        frame_id: of the microphone, for the headers of voices.
    """

    def __init__(
        self, make: MessageMaker, speech_fields: Collection[str], frame_id: str = ''
    ) -> None:
        self._make = make
        self._speech_fields = speech_fields
        self.frame_id = frame_id

    def header(self, stamp_ns: int, frame_id: str | None = None) -> Any:
        """Return a header; by default in the coordinate frame of the microphone."""
        sec, nanosec = ns_to_stamp(stamp_ns)
        return self._make(
            'std_msgs/msg/Header',
            stamp=self._make('builtin_interfaces/msg/Time', sec=sec, nanosec=nanosec),
            frame_id=self.frame_id if frame_id is None else frame_id,
        )

    def ids(self, header: Any, ids: Iterable[str]) -> Any:
        """Return the list of those that are tracked."""
        return self._make(IDS_LIST, header=header, ids=list(ids))

    def truth(self, value: bool) -> Any:
        """Return a truth value."""
        return self._make(BOOL, data=value)

    def speech(self, stamp_ns: int, transcript: Transcript) -> Any:
        """Return words: `final` where the transcript is, otherwise `incremental`.

        The confidence of incremental words is 0, as the message gives that of final ones only.
        """
        tag = transcript.locale
        languages = {'locale': locale_name(tag), 'language': tag}
        return self._make(
            LIVE_SPEECH,
            header=self.header(stamp_ns),
            incremental='' if transcript.final else transcript.text,
            final=transcript.text if transcript.final else '',
            confidence=transcript.confidence if transcript.final else 0.0,
            **{name: languages[name] for name in languages if name in self._speech_fields},
        )

    def match(self, face_id: str, voice_id: str, confidence: float) -> Any:
        """Return that a face and a voice are of one person; confidence 0 revokes that."""
        return self._make(
            IDS_MATCH,
            id1=face_id,
            id1_type=FACE_TYPE,
            id2=voice_id,
            id2_type=VOICE_TYPE,
            confidence=confidence,
        )

    def region(self, header: Any, box: Box, size: tuple[int, int], confidence: float) -> Any:
        """Return the region of a face.

        Args:
            header: of the image.
            box: in pixels.
            size: height and width of the image.
            confidence: 0..1, of the detection.
        """
        height, width = size
        return self._make(
            FACE_TOPICS['roi'],
            header=header,
            xmin=_share(box.left, width),
            ymin=_share(box.top, height),
            xmax=_share(box.left + box.width, width),
            ymax=_share(box.top + box.height, height),
            c=confidence,
        )

    def action_units(self, header: Any, cues: Iterable[FacialCue], confidence: float) -> Any:
        """Return facial movements by their FACS codes; those not measured have confidence 0."""
        intensity, confidences = [0.0] * ACTION_UNITS, [0.0] * ACTION_UNITS
        for cue in cues:
            intensity[cue.action_unit] = cue.intensity
            confidences[cue.action_unit] = confidence
        return self._make(
            FACE_TOPICS['facs'], header=header, intensity=intensity, confidence=confidences
        )

    def expression(self, header: Any, emotion: ModalityEmotion) -> Any:
        """Return the expression of a face whose emotion is available."""
        return self._make(
            FACE_TOPICS['expression'],
            header=header,
            expression=EXPRESSIONS[emotion.label],
            valence=emotion.valence,
            arousal=emotion.arousal,
            confidence=emotion.confidence,
        )


def locale_name(tag: str) -> str:
    """Return the locale of a BCP 47 tag as "en_US": where it names no region, the usual one."""
    name = locale.normalize(tag.replace('-', '_')).partition('.')[0]
    return name if '_' in name or not tag else tag.replace('-', '_')


def decode_live_speech(message: Any, receipt_ns: int) -> TranscriptReport | None:
    """Return the words in an `hri_msgs/LiveSpeech`; None where it has none.

    Args:
        message: the message, of any version.
        receipt_ns: when it arrived; replaces a stamp of zero.
    """
    final = message.final.strip()
    text = final or message.incremental.strip()
    if not text:
        return None
    confidence = float(message.confidence)
    spoken = getattr(message, 'locale', '') or getattr(message, 'language', '')
    transcript = Transcript(
        text,
        min(confidence, 1.0) if confidence > 0.0 else 0.0,
        spoken.replace('_', '-'),
        bool(final),
    )
    return TranscriptReport('', stamp_or_receipt_ns(message.header, receipt_ns), transcript)


def _share(pixels: float, size: int) -> float:
    return min(max(pixels / size, 0.0), 1.0)
