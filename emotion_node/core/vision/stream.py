"""What one camera sees: faces, whose mouth goes with the voice, and what the face shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Protocol

import numpy as np

from emotion_node.core.timings import Clock
from emotion_node.core.trace import Trace
from emotion_node.core.vision.active_speaker import (
    MAX_WINDOW_NS,
    Jaw,
    SpeakerDecision,
    Voice,
    find_speaker,
)
from emotion_node.core.vision.expression_check import strongest
from emotion_node.core.vision.facial_cues import (
    MAX_PITCH,
    MAX_YAW,
    UNITS,
    NeutralFace,
    intensities,
    measure,
    read_cues,
)
from emotion_node.core.vision.geometry import find_head, jaw_drop, visibility
from emotion_node.core.voice.level import LevelMeter
from emotion_node.datatypes import (
    NS_PER_S,
    FaceEstimate,
    FacesReport,
    FloatArray,
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
)
from emotion_node.faces import Box, FacePeak, FaceSequence, Image, SeenFace, TrackedFace
from emotion_node.interfaces import FaceEmotion
from emotion_node.labels import Modality

CAPACITY: Final = 2048
"""Images of each face that are remembered: 30 s, the longest utterance, at 60 per second."""
FORGET_NS: Final = 60 * NS_PER_S
"""A face that has not been seen for longer is forgotten."""
BEFORE_NS: Final = NS_PER_S
AFTER_NS: Final = NS_PER_S // 10
"""Images this much before and after speech are looked at to judge it."""
JUMP_BACK_NS: Final = NS_PER_S
"""Stamps that fall back by more mean that the clock was set back: everything is forgotten."""

_JAW, _YAW, _PITCH, _VISIBILITY, _SPENT = 0, 1, 2, 3, 4
_MEASURES: Final = slice(5, 5 + len(UNITS))
_EXPRESSION: Final = slice(5 + len(UNITS), None)


class Tracker(Protocol):
    """Finds the faces in each image and knows them again."""

    @property
    def info(self) -> ModelInfo:
        """Name and version of what finds faces."""
        ...

    def update(self, stamp_ns: int, image: Image) -> list[TrackedFace]:
        """Return the faces in the next image."""
        ...

    def reset(self) -> None:
        """Forget all faces."""
        ...


@dataclass(slots=True)
class _Person:
    """What was measured of one face.

    Rows are jaw (cm), yaw and pitch (degrees), visibility (0..1), the time the expression model
    took (s), `UNITS`, then what that model keeps: not finite where it was not asked.
    """

    trace: Trace
    boxes: Trace = field(default_factory=lambda: Trace(4, CAPACITY))
    neutral: NeutralFace = field(default_factory=NeutralFace)


@dataclass(slots=True)
class _Speech:
    """The utterance that was heard last."""

    utterance_id: str
    start_ns: int
    under_way: bool = True
    voice: LevelMeter | None = None

    def levels(self) -> Voice | None:
        return None if self.voice is None else Voice(self.voice.first_ns, self.voice.levels)


class FaceVision:
    """Follows faces and tells whose mouth goes with the voice (an `interfaces.Vision`).

    Images are looked at in the thread that calls `update`; what they leave behind is shared with
    the others.

    Args:
        tracker: finds the faces; used by `update` alone.
        expression: tells what a face expresses, or None for nobody.
        clock: measures how long `expression` takes; None where nobody asks that.
    """

    def __init__(
        self,
        tracker: Tracker,
        expression: FaceEmotion | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.info = tracker.info
        self._clock: Clock = clock or (lambda: 0)
        self._expression = expression
        self._width = _EXPRESSION.start + (0 if expression is None else expression.width)
        self._observed_ns: dict[str, int] = {}
        self._tracker = tracker
        self._last_ns: int | None = None
        self._lock = Lock()
        self._people: dict[str, _Person] = {}
        self._speech: _Speech | None = None
        self._resets = 0
        self._seen_resets = 0

    def update(self, frame: VideoFrame) -> FacesReport | None:
        """Take the next frame and return the faces in it; None when it comes too late.

        Raises:
            ValueError: it cannot be decoded.
        """
        stamp_ns = frame.stamp_ns
        if self._last_ns is not None and stamp_ns <= self._last_ns - JUMP_BACK_NS:
            self.reset()
        resets = self._resets
        if resets != self._seen_resets:
            self._tracker.reset()
            self._observed_ns.clear()
            self._last_ns = None
            self._seen_resets = resets
        if self._last_ns is not None and stamp_ns <= self._last_ns:
            return None
        self._last_ns = stamp_ns
        faces = self._tracker.update(stamp_ns, frame.decode())
        rows = {face.face_id: self._measure(stamp_ns, face) for face in faces}
        with self._lock:
            if resets == self._resets:
                self._remember(stamp_ns, rows, {face.face_id: face.box for face in faces})
            speech = self._speech
            start_ns, voice = 0, None
            if speech is not None and speech.under_way and stamp_ns > speech.start_ns:
                start_ns, voice = max(speech.start_ns, stamp_ns - MAX_WINDOW_NS), speech.levels()
            jaws = self._jaws(start_ns, stamp_ns, rows) if voice is not None else {}
        decision = SpeakerDecision()
        if voice is not None:
            decision = find_speaker(voice, jaws, start_ns, stamp_ns)
        return FacesReport(
            stamp_ns,
            frame.frame_id,
            tuple(
                SeenFace(
                    face.face_id,
                    face.box,
                    face.confidence,
                    decision.scores.get(face.face_id, 0.0),
                )
                for face in faces
            ),
        )

    def update_speech(self, event: SpeechEvent) -> None:
        """Take what hearing reports."""
        with self._lock:
            speech = self._speech
            match event:
                case SpeechStarted():
                    self._speech = _Speech(event.utterance_id, event.start_ns)
                case SpeechAudio() if speech and speech.utterance_id == event.utterance_id:
                    if speech.voice is None:
                        speech.voice = LevelMeter(event.stamp_ns)
                    speech.voice.append(event.samples)
                case SpeechEnded() | SpeechDropped() if speech:
                    speech.under_way = False

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        """Return whose face spoke the utterance, and what moved in it."""
        start_ns, end_ns = utterance.start_ns, utterance.end_ns
        with self._lock:
            voice = None
            if self._speech and self._speech.utterance_id == utterance.utterance_id:
                voice = self._speech.levels()
            jaws = self._jaws(start_ns, end_ns + AFTER_NS, self._people)
        if voice is None:
            heard = LevelMeter(utterance.samples_start_ns)
            heard.append(utterance.samples)
            voice = Voice(heard.first_ns, heard.levels)
        present = {
            face_id: jaw
            for face_id, jaw in jaws.items()
            if np.any((jaw.stamps >= start_ns) & (jaw.stamps <= end_ns))
        }
        if not present:
            return FaceEstimate(self._absent(Reason.NO_FACE))
        decision = find_speaker(voice, present, start_ns, end_ns)
        if not decision.face_id:
            return FaceEstimate(self._absent(Reason.SPEAKER_NOT_VISIBLE))
        emotion, peaks = self._look(decision.face_id, start_ns, end_ns)
        return FaceEstimate(emotion, decision.face_id, decision.confidence, peaks)

    def reset(self) -> None:
        """Forget all faces; the frame that is being looked at is the last of before."""
        with self._lock:
            self._people.clear()
            self._speech = None
            self._resets += 1

    def _remember(
        self, stamp_ns: int, rows: Mapping[str, FloatArray | None], boxes: Mapping[str, Box]
    ) -> None:
        for face_id, row in rows.items():
            if row is None:
                continue
            if face_id not in self._people:
                self._people[face_id] = _Person(Trace(self._width, CAPACITY))
            person = self._people[face_id]
            person.trace.append(stamp_ns, row)
            person.boxes.append(stamp_ns, np.array(boxes[face_id], np.float32))
            if _shows(row[None])[0]:
                person.neutral.follow(stamp_ns, row[_MEASURES])
        for face_id, person in list(self._people.items()):
            if stamp_ns - (person.trace.last_ns or stamp_ns) > FORGET_NS:
                del self._people[face_id]
                self._observed_ns.pop(face_id, None)

    def _jaws(self, start_ns: int, end_ns: int, face_ids: Mapping[str, object]) -> dict[str, Jaw]:
        jaws = {}
        for face_id in face_ids:
            if face_id in self._people:
                stamps, rows = self._people[face_id].trace.between(start_ns - BEFORE_NS, end_ns)
                jaws[face_id] = Jaw(stamps, rows[:, _JAW])
        return jaws

    def _look(
        self, face_id: str, start_ns: int, end_ns: int
    ) -> tuple[ModalityEmotion, tuple[FacePeak, ...]]:
        """Return what a face expresses, and in which image it shows each emotion most."""
        with self._lock:
            person = self._people.get(face_id)
            if person is None:
                return self._absent(Reason.NO_FACE), ()
            stamps, rows = person.trace.between(start_ns, end_ns)
            _, boxes = person.boxes.between(start_ns, end_ns)
            neutral = person.neutral.measures
        shown = np.flatnonzero(_shows(rows))
        measures = rows[shown][:, _MEASURES]
        found = shown[strongest(intensities(measures, neutral))]
        peaks = tuple(FacePeak(int(stamps[k]), Box(*map(float, boxes[k]))) for k in found)
        if self._expression is None:
            emotion = dataclasses.replace(self._absent(Reason.MODEL_OFF), samples_used=len(shown))
        else:
            asked = np.isfinite(rows[:, _EXPRESSION]).all(axis=1)
            begin = self._clock()
            emotion = self._expression.estimate(
                FaceSequence(stamps[asked], rows[asked, _EXPRESSION], rows[asked, _VISIBILITY])
            )
            if emotion.available:
                spent_ns = round(float(rows[asked, _SPENT].sum()) * NS_PER_S)
                emotion = dataclasses.replace(
                    emotion, inference_ns=spent_ns + self._clock() - begin
                )
        return dataclasses.replace(emotion, facial_cues=read_cues(measures, neutral)), peaks

    def _measure(self, stamp_ns: int, face: TrackedFace) -> FloatArray | None:
        """Return a row of measurements of one face; None when its landmarks are no face."""
        head = find_head(face.mesh.landmarks)
        if head is None:
            return None
        row = np.full(self._width, np.nan, np.float32)
        row[_JAW] = jaw_drop(head)
        row[_YAW], row[_PITCH] = head.yaw, head.pitch
        row[_VISIBILITY] = visibility(head)
        row[_SPENT] = 0.0
        row[_MEASURES] = measure(head.landmarks, face.mesh.blendshapes)
        model, last_ns = self._expression, self._observed_ns.get(face.face_id)
        if model is not None and (last_ns is None or stamp_ns - last_ns >= model.period_ns):
            self._observed_ns[face.face_id] = stamp_ns
            begun = self._clock()
            row[_EXPRESSION] = model.observe(face.mesh)
            row[_SPENT] = (self._clock() - begun) / NS_PER_S
        return row

    def _absent(self, reason: Reason) -> ModalityEmotion:
        return ModalityEmotion.absent(Modality.FACE, reason)


def _shows(rows: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each row whether the face is turned towards the camera."""
    shows = (np.abs(rows[:, _YAW]) <= MAX_YAW) & (np.abs(rows[:, _PITCH]) <= MAX_PITCH)
    return np.asarray(shows)
