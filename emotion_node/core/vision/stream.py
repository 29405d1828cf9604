"""The stream of one camera: faces, the active speaker, and the speaker's expression."""

from __future__ import annotations

import dataclasses
from threading import Lock
from typing import Final, Protocol

import numpy as np

from emotion_node.config import ImageConfig
from emotion_node.core.timings import Clock
from emotion_node.core.vision.clock_offset import ClockOffset
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
    is_measured,
)
from emotion_node.core.vision.facial_cues import intensities, read_cues
from emotion_node.core.vision.frame_log import FrameLog
from emotion_node.core.vision.live_speaker import LiveSpeaker, SpeechView
from emotion_node.core.vision.speaker_continuity import LatestSpeakers
from emotion_node.core.vision.speaker_evidence import SpeakerEvidence, SpeechSoFar, measure_level
from emotion_node.core.vision.talking_faces import TalkingDetector, TalkingFaces
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
from emotion_node.faces import (
    Box,
    FacePeak,
    FaceSequence,
    Image,
    SeenFace,
    TrackedFace,
)
from emotion_node.interfaces import FaceEmotion
from emotion_node.labels import Modality

LOOK_NS: Final = NS_PER_S
"""Expressions last for half a second and longer (Ekman, 2003), and cameras may be slow."""
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


class FaceVision:
    """Tracks faces and finds the one that speaks (an `interfaces.Vision`).

    Frames are processed in the thread that calls `update`; its measurements are shared with the
    other threads under a lock.

    Args:
        tracker: finds the faces; used by `update` only.
        expression: expression model, or None for none.
        clock: measures how long `expression` takes; None to report no time.
        config: how late images are.
        talking: learned detector of talking faces, or None for none.
    """

    def __init__(
        self,
        tracker: Tracker,
        expression: FaceEmotion | None = None,
        clock: Clock | None = None,
        config: ImageConfig | None = None,
        talking: TalkingDetector | None = None,
    ) -> None:
        self.info = tracker.info
        self._tracker = tracker
        self._expression = expression
        self._clock: Clock = clock or (lambda: 0)
        self._measurer = FaceMeasurer(expression)
        self._memory = FaceMemory(self._measurer.width)
        self._talking = None if talking is None else TalkingFaces(talking)
        self._live = LiveSpeaker(self._talking)
        self._frames = FrameLog()
        self._clocks = ClockOffset(config or ImageConfig())
        self._speakers = LatestSpeakers()
        self._last_ns: int | None = None
        self._lock = Lock()
        self._speech: SpeechSoFar | None = None
        self._resets = 0
        self._applied_resets = 0

    @property
    def health(self) -> VisionHealth:
        """How far the frames can be used."""
        with self._lock:
            return self._clocks.describe(self._frames.health, self._speakers.count_silent())

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
            if self._talking is not None:
                self._talking.reset()
            self._last_ns = None
            self._applied_resets = resets
        if self._last_ns is not None and stamp_ns <= self._last_ns:
            return None
        self._last_ns = stamp_ns
        image = self._decode(frame)
        with self._lock:
            self._clocks.add_arrival(stamp_ns, frame.audio_ns)
            frozen = self._frames.add(stamp_ns, image)
        if frozen:
            return FacesReport(stamp_ns, frame.frame_id, reason=Reason.NO_IMAGE)
        faces = self._tracker.update(stamp_ns, image)
        rows, kept = self._measurer.measure(stamp_ns, faces)
        boxes = {face.face_id: face.box for face in faces}
        with self._lock:
            if resets == self._resets:
                self._memory.add(stamp_ns, rows, boxes, kept)
            offset_ns = self._clocks.offset_ns
            view = SpeechView.collect(self._memory, self._speech, stamp_ns, offset_ns, boxes)
        decision = self._live.decide(stamp_ns, image, boxes, view)
        seen = (
            SeenFace(
                face.face_id, face.box, face.confidence, decision.scores.get(face.face_id, 0.0)
            )
            for face in faces
        )
        size = image.shape[0], image.shape[1]
        change = self._live.take_change()
        return FacesReport(stamp_ns, frame.frame_id, tuple(seen), Reason.NONE, size, change)

    def update_speech(self, event: SpeechEvent) -> None:
        """Take the next speech event, to know the level of the voice."""
        with self._lock:
            speech = self._speech
            match event:
                case SpeechStarted():
                    previous = self._speakers.before(event.utterance_id, event.start_ns)
                    self._speech = SpeechSoFar(event.utterance_id, event.start_ns, previous)
                case SpeechAudio() if speech and speech.utterance_id == event.utterance_id:
                    speech.append(event)
                case SpeechEnded() | SpeechDropped() if speech:
                    speech.under_way = False

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        """Return whose face spoke the utterance, and the expression on it."""
        with self._lock:
            speech, level = self._speech, None
            if speech and speech.utterance_id == utterance.utterance_id:
                level = speech.level()
            collected = [self._collect(utterance, one) for one in self._clocks.assumptions]
        if level is None:
            level = measure_level(utterance)
        alignments = [alignment for one in collected if (alignment := one.align(level))]
        best = max(alignments, key=lambda one: one.log_odds, default=None)
        evidence = collected[0]
        decision = evidence.decide(level)
        with self._lock:
            self._clocks.add_speech(utterance.utterance_id, best)
            offset_ns = self._clocks.offset_ns
            if best is not None and best.sure and not self._clocks.learnt:
                offset_ns = best.offset_ns
            if not decision.face_id and offset_ns != evidence.offset_ns:
                evidence = self._collect(utterance, offset_ns)
                decision = evidence.decide(level)
            decision = self._speakers.add(utterance, decision, bool(evidence.during))
            history = None
            if decision.face_id:
                first_ns = utterance.start_ns + evidence.offset_ns
                last_ns = utterance.end_ns + evidence.offset_ns
                history = self._memory.history(decision.face_id, first_ns, last_ns)
        if not evidence.during:
            return FaceEstimate(_absent(evidence.reason, evidence.detail))
        if not decision.face_id:
            return FaceEstimate(_absent(Reason.SPEAKER_NOT_VISIBLE))
        if history is None:
            return FaceEstimate(_absent(Reason.NO_FACE), decision.face_id, decision.confidence)
        emotion, peaks = self._read_face(decision.face_id, history)
        return FaceEstimate(emotion, decision.face_id, decision.confidence, peaks)

    def look(self, face_id: str, stamp_ns: int) -> ModalityEmotion:
        """Return what a face expresses at a stamp: in the `LOOK_NS` before it."""
        with self._lock:
            history = self._memory.history(face_id, stamp_ns - LOOK_NS, stamp_ns)
        return _absent(Reason.NO_FACE) if history is None else self._read_face(face_id, history)[0]

    def reset(self) -> None:
        """Forget all faces; a frame that is being processed still belongs to those before."""
        with self._lock:
            self._memory.clear()
            self._frames.clear()
            self._clocks.reset()
            self._speakers.clear()
            self._speech = None
            self._resets += 1

    def _decode(self, frame: VideoFrame) -> Image:
        try:
            return frame.decode()
        except ValueError as error:
            with self._lock:
                self._frames.add_undecodable(frame.stamp_ns, str(error))
            raise

    def _collect(self, utterance: Utterance, offset_ns: int) -> SpeakerEvidence:
        return SpeakerEvidence.collect(
            self._memory, self._frames, self._talking, utterance, offset_ns
        )

    def _read_face(
        self, face_id: str, history: FaceHistory
    ) -> tuple[ModalityEmotion, tuple[FacePeak, ...]]:
        """Return what a face expresses, and in which frame it shows each emotion most."""
        stamps, rows = history.stamps, history.rows
        shown = np.flatnonzero(is_frontal(rows) & is_measured(rows))
        measures = rows[shown][:, MEASURES]
        found = shown[find_peaks(intensities(measures, history.neutral))]
        peaks = tuple(FacePeak(int(stamps[k]), Box(*map(float, history.boxes[k]))) for k in found)
        if self._expression is not None:
            self._read_expressions(self._expression, face_id, history)
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

    def _read_expressions(
        self, expression: FaceEmotion, face_id: str, history: FaceHistory
    ) -> None:
        """Read the expressions that were only kept so far, into the history and the memory."""
        for stamp_ns, kept in history.kept:
            begin = self._clock()
            row = expression.observe(kept)
            spent_s = (self._clock() - begin) / NS_PER_S
            k = int(np.searchsorted(history.stamps, stamp_ns))
            history.rows[k, SPENT] = spent_s
            history.rows[k, EXPRESSION] = row
            with self._lock:
                self._memory.add_expression(face_id, stamp_ns, row, spent_s)


def _absent(reason: Reason, detail: str = '') -> ModalityEmotion:
    return ModalityEmotion.absent(Modality.FACE, reason, detail)
