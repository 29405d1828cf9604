"""The stream of one camera: faces, the active speaker, and the speaker's expression."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol

import numpy as np

from emotion_node.core.timings import Clock
from emotion_node.core.vision.active_speaker import (
    MAX_WINDOW_NS,
    Jaw,
    SpeakerDecision,
    find_speaker,
)
from emotion_node.core.vision.expression_check import find_peaks
from emotion_node.core.vision.face_measurer import FaceMeasurer
from emotion_node.core.vision.face_memory import (
    EXPRESSION,
    MEASURES,
    SPENT,
    VISIBILITY,
    FaceHistory,
    FaceMemory,
    is_frontal,
)
from emotion_node.core.vision.facial_cues import intensities, read_cues
from emotion_node.core.vision.frame_log import FrameLog
from emotion_node.core.voice.level import LevelMeter, VoiceLevel
from emotion_node.datatypes import (
    NS_PER_S,
    FaceEstimate,
    FacesReport,
    ModalityEmotion,
    ModelInfo,
    Reason,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    Utterance,
    VideoFrame,
    VisionHealth,
)
from emotion_node.faces import Box, FacePeak, FaceSequence, Image, SeenFace, TrackedFace
from emotion_node.interfaces import FaceEmotion
from emotion_node.labels import Modality

BEFORE_NS: Final = NS_PER_S
AFTER_NS: Final = NS_PER_S // 10
"""Frames this much before and after speech are used to find its speaker."""
JUMP_BACK_NS: Final = NS_PER_S
"""Stamps that fall back by more mean that the clock was set back: everything is forgotten."""


class Tracker(Protocol):
    """Finds the faces in each frame and recognises them from frame to frame."""

    @property
    def info(self) -> ModelInfo:
        """Name and version of the face detector and landmark model."""
        ...

    def update(self, stamp_ns: int, image: Image) -> list[TrackedFace]:
        """Return the faces in the next frame."""
        ...

    def reset(self) -> None:
        """Forget all faces."""
        ...


@dataclass(slots=True)
class _Speech:
    """The latest utterance, with the level of its voice so far."""

    utterance_id: str
    start_ns: int
    under_way: bool = True
    meter: LevelMeter | None = None

    def level(self) -> VoiceLevel | None:
        return None if self.meter is None else self.meter.level()


class FaceVision:
    """Tracks faces and finds the one that speaks (an `interfaces.Vision`).

    Frames are processed in the thread that calls `update`; its measurements are shared with the
    other threads under a lock.

    Args:
        tracker: finds the faces; used by `update` only.
        expression: expression model, or None for none.
        clock: measures how long `expression` takes; None to report no time.
    """

    def __init__(
        self,
        tracker: Tracker,
        expression: FaceEmotion | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.info = tracker.info
        self._tracker = tracker
        self._expression = expression
        self._clock: Clock = clock or (lambda: 0)
        self._measurer = FaceMeasurer(expression, self._clock)
        self._memory = FaceMemory(self._measurer.width)
        self._frames = FrameLog()
        self._last_ns: int | None = None
        self._lock = Lock()
        self._speech: _Speech | None = None
        self._resets = 0
        self._applied_resets = 0

    @property
    def health(self) -> VisionHealth:
        """How far the frames can be used."""
        return self._frames.health

    def update(self, frame: VideoFrame) -> FacesReport | None:
        """Process the next frame and return the faces in it; None when it comes too late.

        Raises:
            ValueError: it cannot be decoded.
        """
        stamp_ns = frame.stamp_ns
        if self._last_ns is not None and stamp_ns <= self._last_ns - JUMP_BACK_NS:
            self.reset()
        resets = self._resets
        if resets != self._applied_resets:
            self._tracker.reset()
            self._measurer.reset()
            self._last_ns = None
            self._applied_resets = resets
        if self._last_ns is not None and stamp_ns <= self._last_ns:
            return None
        self._last_ns = stamp_ns
        image = self._decode(frame)
        with self._lock:
            frozen = self._frames.add(stamp_ns, image)
        if frozen:
            return FacesReport(stamp_ns, frame.frame_id, reason=Reason.NO_IMAGE)
        faces = self._tracker.update(stamp_ns, image)
        rows = self._measurer.measure(stamp_ns, faces)
        boxes = {face.face_id: face.box for face in faces}
        with self._lock:
            if resets == self._resets:
                self._memory.add(stamp_ns, rows, boxes)
            speech, level, start_ns = self._speech, None, 0
            if speech is not None and speech.under_way and stamp_ns > speech.start_ns:
                start_ns, level = max(speech.start_ns, stamp_ns - MAX_WINDOW_NS), speech.level()
            jaws = {}
            if level is not None:
                jaws = self._memory.jaws(start_ns - BEFORE_NS, stamp_ns, boxes)
        decision = SpeakerDecision()
        if level is not None:
            decision = find_speaker(level, jaws, start_ns, stamp_ns)
        seen = (
            SeenFace(
                face.face_id, face.box, face.confidence, decision.scores.get(face.face_id, 0.0)
            )
            for face in faces
        )
        return FacesReport(stamp_ns, frame.frame_id, tuple(seen))

    def update_speech(self, event: SpeechEvent) -> None:
        """Take the next speech event, to know the level of the voice."""
        with self._lock:
            speech = self._speech
            match event:
                case SpeechStarted():
                    self._speech = _Speech(event.utterance_id, event.start_ns)
                case SpeechAudio() if speech and speech.utterance_id == event.utterance_id:
                    if speech.meter is None:
                        speech.meter = LevelMeter(event.stamp_ns)
                    speech.meter.append(event.samples)
                case SpeechEnded() | SpeechDropped() if speech:
                    speech.under_way = False

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        """Return whose face spoke the utterance, and the expression on it."""
        start_ns, end_ns = utterance.start_ns, utterance.end_ns
        with self._lock:
            level = None
            if self._speech and self._speech.utterance_id == utterance.utterance_id:
                level = self._speech.level()
            jaws = self._memory.jaws(start_ns - BEFORE_NS, end_ns + AFTER_NS)
            present = {
                face_id: shown
                for face_id, jaw in jaws.items()
                if _is_seen(shown := self._without_frozen(jaw), start_ns, end_ns)
            }
            reason, detail = self._frames.why_absent(start_ns, end_ns)
        if level is None:
            meter = LevelMeter(utterance.samples_start_ns)
            meter.append(utterance.samples)
            level = meter.level()
        if not present:
            return FaceEstimate(_absent(reason, detail))
        decision = find_speaker(level, present, start_ns, end_ns)
        if not decision.face_id:
            return FaceEstimate(_absent(Reason.SPEAKER_NOT_VISIBLE))
        with self._lock:
            history = self._memory.history(decision.face_id, start_ns, end_ns)
        if history is None:
            return FaceEstimate(_absent(Reason.NO_FACE), decision.face_id, decision.confidence)
        emotion, peaks = self._read_face(history)
        return FaceEstimate(emotion, decision.face_id, decision.confidence, peaks)

    def reset(self) -> None:
        """Forget all faces; a frame that is being processed still belongs to those before."""
        with self._lock:
            self._memory.clear()
            self._frames.clear()
            self._speech = None
            self._resets += 1

    def _decode(self, frame: VideoFrame) -> Image:
        try:
            return frame.decode()
        except ValueError as error:
            with self._lock:
                self._frames.add_undecodable(frame.stamp_ns, str(error))
            raise

    def _without_frozen(self, jaw: Jaw) -> Jaw:
        kept = self._frames.is_new(jaw.stamps)
        return Jaw(jaw.stamps[kept], jaw.drop[kept])

    def _read_face(self, history: FaceHistory) -> tuple[ModalityEmotion, tuple[FacePeak, ...]]:
        """Return what a face expresses, and in which frame it shows each emotion most."""
        stamps, rows = history.stamps, history.rows
        shown = np.flatnonzero(is_frontal(rows))
        measures = rows[shown][:, MEASURES]
        found = shown[find_peaks(intensities(measures, history.neutral))]
        peaks = tuple(FacePeak(int(stamps[k]), Box(*map(float, history.boxes[k]))) for k in found)
        if self._expression is None:
            emotion = dataclasses.replace(_absent(Reason.MODEL_OFF), samples_used=len(shown))
        else:
            observed = np.isfinite(rows[:, EXPRESSION]).all(axis=1)
            begin = self._clock()
            emotion = self._expression.estimate(
                FaceSequence(
                    stamps[observed], rows[observed, EXPRESSION], rows[observed, VISIBILITY]
                )
            )
            if emotion.available:
                spent_ns = round(float(rows[observed, SPENT].sum()) * NS_PER_S)
                emotion = dataclasses.replace(
                    emotion, inference_ns=spent_ns + self._clock() - begin
                )
        return dataclasses.replace(
            emotion, facial_cues=read_cues(measures, history.neutral)
        ), peaks


def _is_seen(jaw: Jaw, start_ns: int, end_ns: int) -> bool:
    return bool(np.any((jaw.stamps >= start_ns) & (jaw.stamps <= end_ns)))


def _absent(reason: Reason, detail: str = '') -> ModalityEmotion:
    return ModalityEmotion.absent(Modality.FACE, reason, detail)
