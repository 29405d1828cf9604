"""Who of the faces in view speaks, frame by frame, while somebody does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emotion_node.core.vision.active_speaker import (
    MOVING,
    Candidate,
    SpeakerDecision,
    TalkingScores,
    find_speaker,
)
from emotion_node.core.vision.face_memory import FaceMemory
from emotion_node.core.vision.jaw_sync import MAX_WINDOW_NS, Jaw, measure_motion
from emotion_node.core.vision.speaker_change import SpeakerChange
from emotion_node.core.vision.speaker_continuity import PreviousSpeaker
from emotion_node.core.vision.speaker_evidence import BEFORE_NS, MARGIN_NS, SpeechSoFar
from emotion_node.core.vision.speech_sound import SpeechSound
from emotion_node.core.vision.talking_faces import TalkingFaces
from emotion_node.core.voice.level import VoiceLevel
from emotion_node.faces import Box, Image


@dataclass(frozen=True, slots=True)
class SpeechView:
    """What was heard and seen of the speech under way, up to a frame.

    Attributes:
        level, sound: of the voice.
        start_ns: start of the part of the speech to use, by the stamps of the audio.
        now_ns: of the frame, likewise.
        offset_ns: image stamp minus audio stamp of the same moment.
        jaws: of the faces in the frame.
        visibility: how well they show, 0..1.
        previous: who spoke the utterance before; None where that is not known.
    """

    level: VoiceLevel
    sound: SpeechSound
    start_ns: int
    now_ns: int
    offset_ns: int
    jaws: Mapping[str, Jaw]
    visibility: Mapping[str, float]
    previous: PreviousSpeaker | None

    @classmethod
    def collect(
        cls,
        memory: FaceMemory,
        speech: SpeechSoFar | None,
        stamp_ns: int,
        offset_ns: int,
        boxes: Mapping[str, Box],
    ) -> SpeechView | None:
        """Return what was heard and seen; None while nobody speaks."""
        now_ns = stamp_ns - offset_ns
        if speech is None or not speech.under_way or now_ns <= speech.start_ns:
            return None
        level = speech.level()
        if level is None or speech.sound is None:
            return None
        start_ns = max(speech.start_ns, now_ns - MAX_WINDOW_NS)
        first_ns = start_ns + offset_ns
        jaws = memory.jaws(first_ns - BEFORE_NS, stamp_ns, boxes)
        return cls(
            level,
            speech.sound.copy(),
            start_ns,
            now_ns,
            offset_ns,
            {face_id: jaw.earlier(offset_ns) for face_id, jaw in jaws.items()},
            {face_id: memory.visibility(face_id, first_ns, stamp_ns) for face_id in jaws},
            speech.previous,
        )


class LiveSpeaker:
    """Decides who speaks, and runs the learned detector while that is in doubt.

    Args:
        talking: the learned detector with its faces, or None for none.
    """

    def __init__(self, talking: TalkingFaces | None) -> None:
        self._talking = talking
        self._latest = SpeakerDecision()
        self._changes = SpeakerChange()
        self._change: tuple[int, int] | None = None

    def decide(
        self, stamp_ns: int, image: Image, boxes: Mapping[str, Box], view: SpeechView | None
    ) -> SpeakerDecision:
        """Return who speaks in the next frame.

        Args:
            stamp_ns: of the frame.
            image: of the frame.
            boxes: of the faces in it.
            view: of the speech under way; None while nobody speaks.
        """
        if self._talking is not None:
            self._talking.add(stamp_ns, image, boxes)
        if view is None:
            self._latest = SpeakerDecision()
            return self._latest
        scores = {} if self._talking is None else self._score(self._talking, view)
        candidates = {
            face_id: Candidate(jaw, view.visibility[face_id], scores.get(face_id, TalkingScores()))
            for face_id, jaw in view.jaws.items()
        }
        begin_ns = view.start_ns - MARGIN_NS
        self._latest = find_speaker(view.level, candidates, begin_ns, view.now_ns)
        if view.previous is not None:
            self._latest = view.previous.carry(self._latest)
        self._change = self._changes.find(view.level, candidates, view.start_ns, view.now_ns)
        return self._latest

    def take_change(self) -> tuple[int, int] | None:
        """Return a change of speaker that the latest frame has shown, as `SpeakerChange.find`."""
        change, self._change = self._change, None
        return change

    def _score(self, talking: TalkingFaces, view: SpeechView) -> dict[str, TalkingScores]:
        if not self._is_settled(talking, view):
            moving = [
                face_id
                for face_id, jaw in view.jaws.items()
                if measure_motion(jaw, view.start_ns, view.now_ns) > MOVING
            ]
            talking.run(moving, view.sound, view.offset_ns)
        return talking.scores(view.start_ns, view.now_ns, view.offset_ns)

    def _is_settled(self, talking: TalkingFaces, view: SpeechView) -> bool:
        """Return whether nobody is in doubt: the speaker is known, and moves the mouth still."""
        if not talking.is_settled(self._latest, view.start_ns + view.offset_ns):
            return False
        jaw = view.jaws.get(self._latest.face_id)
        return jaw is not None and measure_motion(jaw, view.now_ns, view.now_ns) > MOVING
