"""What decides who spoke an utterance: the level of the voice, and what was seen of the faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emotion_node.core.vision.active_speaker import (
    Candidate,
    SpeakerDecision,
    TalkingScores,
    find_speaker,
)
from emotion_node.core.vision.clock_offset import SEARCH_NS, Alignment, align
from emotion_node.core.vision.face_memory import FaceMemory
from emotion_node.core.vision.frame_log import FrameLog
from emotion_node.core.vision.jaw_sync import Jaw
from emotion_node.core.vision.speaker_continuity import PreviousSpeaker
from emotion_node.core.vision.speech_sound import SpeechSound
from emotion_node.core.vision.talking_faces import TalkingFaces
from emotion_node.core.voice.level import LevelMeter, VoiceLevel
from emotion_node.datatypes import NS_PER_S, Reason, SpeechAudio, Utterance

BEFORE_NS: Final = NS_PER_S
AFTER_NS: Final = NS_PER_S // 10
"""Frames this much before and after speech are used to find its speaker."""
MARGIN_NS: Final = NS_PER_S // 10
"""Voice and jaws are compared from this much before the speech to this much after it: a mouth
opens before it is heard and closes after, and the times of speech are those of the detector's
frames."""


@dataclass(slots=True)
class SpeechSoFar:
    """The latest utterance, with the level of its voice so far.

    Attributes:
        utterance_id: of the utterance.
        start_ns: start of speech.
        previous: who spoke the utterance before; None where that is not known.
        under_way: whether it still goes on.
        meter: of its audio; None before there is any.
        sound: the last seconds of its audio, likewise.
    """

    utterance_id: str
    start_ns: int
    previous: PreviousSpeaker | None = None
    under_way: bool = True
    meter: LevelMeter | None = None
    sound: SpeechSound | None = None

    def append(self, audio: SpeechAudio) -> None:
        """Take the next audio."""
        if self.meter is None or self.sound is None:
            self.meter, self.sound = LevelMeter(audio.stamp_ns), SpeechSound(audio.stamp_ns)
        self.meter.append(audio.samples)
        self.sound.append(audio.samples)

    def level(self) -> VoiceLevel | None:
        """Return the level so far; None before there is any audio."""
        return None if self.meter is None else self.meter.level()


def measure_level(utterance: Utterance) -> VoiceLevel:
    """Return the level of the voice of an utterance."""
    meter = LevelMeter(utterance.samples_start_ns)
    meter.append(utterance.samples)
    return meter.level()


@dataclass(frozen=True, slots=True)
class SpeakerEvidence:
    """What was seen of an utterance, by the stamps of the audio.

    Attributes:
        utterance: it.
        offset_ns: image stamp minus audio stamp of the same moment, as assumed.
        around: jaws by face, with enough before and after the speech to find the true offset.
        during: what is known of the faces that were seen during the speech.
        reason: why there are none.
        detail: the same, in words.
    """

    utterance: Utterance
    offset_ns: int
    around: dict[str, Jaw]
    during: dict[str, Candidate]
    reason: Reason
    detail: str

    @classmethod
    def collect(
        cls,
        memory: FaceMemory,
        frames: FrameLog,
        talking: TalkingFaces | None,
        utterance: Utterance,
        offset_ns: int,
    ) -> SpeakerEvidence:
        """Return what was seen, apart from the images of a frozen camera."""
        start_ns, end_ns = utterance.start_ns + offset_ns, utterance.end_ns + offset_ns
        first_ns, last_ns = start_ns - BEFORE_NS - SEARCH_NS, end_ns + AFTER_NS + SEARCH_NS
        around = {}
        for face_id, jaw in memory.jaws(first_ns, last_ns).items():
            kept = frames.is_new(jaw.stamps)
            around[face_id] = Jaw(jaw.stamps[kept], jaw.drop[kept]).earlier(offset_ns)
        scores: dict[str, TalkingScores] = {}
        if talking is not None:
            scores = talking.scores(utterance.start_ns, utterance.end_ns, offset_ns)
        during = {
            face_id: Candidate(
                jaw.between(utterance.start_ns - BEFORE_NS, utterance.end_ns + AFTER_NS),
                memory.visibility(face_id, start_ns, end_ns),
                scores.get(face_id, TalkingScores()),
            )
            for face_id, jaw in around.items()
            if len(jaw.between(utterance.start_ns, utterance.end_ns).stamps)
        }
        reason, detail = frames.why_absent(start_ns, end_ns)
        return cls(utterance, offset_ns, around, during, reason, detail)

    def decide(self, level: VoiceLevel) -> SpeakerDecision:
        """Return whose mouth talks with a voice of this level."""
        start_ns, end_ns = self.utterance.start_ns - MARGIN_NS, self.utterance.end_ns + MARGIN_NS
        return find_speaker(level, self.during, start_ns, end_ns)

    def align(self, level: VoiceLevel) -> Alignment | None:
        """Return the offset at which a jaw clearly moves with the voice; None when none does."""
        start_ns, end_ns = self.utterance.start_ns, self.utterance.end_ns
        return align(level, self.around, start_ns, end_ns, self.offset_ns)
