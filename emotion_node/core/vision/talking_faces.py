"""Runs the learned detector of talking faces for those that are in doubt.

Pictures of each face are taken at the pace of the detector, numbered by time, so that all faces
share the numbers and the sound. Where the detector does not run, only the latest few are kept;
when it starts, it begins with these.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Protocol

import numpy as np

from emotion_node.core.vision.active_speaker import MIN_SCORES, SpeakerDecision, TalkingScores
from emotion_node.core.vision.speech_sound import SpeechSound
from emotion_node.datatypes import NS_PER_S, FloatArray, ModelInfo
from emotion_node.faces import Box, Image

BATCH: Final = 5
"""Pictures that are processed together."""
WAITING: Final = 15
"""Pictures that are kept where the detector does not run."""
CONTEXT: Final = 25
"""Pictures that are scored together: 1 s. Each score takes the last second into account."""
MAX_GAP_NS: Final = NS_PER_S // 4
"""A face that was not seen for longer starts again."""
CAPACITY: Final = 30 * 25
"""Scores of each face that are kept: 30 s, the longest utterance."""
MAX_OFFSET_STEP_NS: Final = NS_PER_S // 10
"""Scores made under the assumption of another offset between the clocks of image and audio are
dropped; those of a smaller difference are not."""
SETTLED: Final = 0.97
SETTLED_PICTURES: Final = 30
"""Nobody is in doubt any more once a face is the speaker's with this probability, and so many of
its pictures were scored."""
FORGET_NS: Final = 60 * NS_PER_S
"""A face that has not been seen for longer is forgotten."""


class TalkingStream(Protocol):
    """The pictures of one face, turned into vectors as they come."""

    def push(self, pictures: Image) -> FloatArray:
        """Take the next (n, side, side) uint8 pictures and return as many vectors.

        Returns:
            (n, 128) float32. Each belongs to the picture `TalkingDetector.delay` before the one
            in its place; those that come first belong to none.
        """
        ...


class TalkingDetector(Protocol):
    """A network that sees and hears whether a face talks with a voice, picture by picture.

    It has no state; that of a face is in its `TalkingStream`.
    """

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        ...

    @property
    def period_ns(self) -> int:
        """Time from one picture to the next."""
        ...

    @property
    def delay(self) -> int:
        """Number of pictures after a picture that its vector needs."""
        ...

    def crop(self, image: Image, box: Box) -> Image:
        """Return the (side, side) uint8 picture of a face in an image, grey."""
        ...

    def stream(self) -> TalkingStream:
        """Return the state of a new face."""
        ...

    def hear(self, samples: FloatArray) -> FloatArray:
        """Return one (128,) float32 vector per period of a voice.

        Args:
            samples: (n,) at 16 kHz, the first at the time of the first picture.
        """
        ...

    def score(self, sound: FloatArray, sight: FloatArray) -> FloatArray:
        """Return (n,) log odds that the face talks with the voice, from (n, 128) of each."""
        ...


@dataclass(slots=True)
class _Face:
    seen: int = -1
    picture: Image | None = None
    waiting: deque[tuple[int, Image]] = field(default_factory=lambda: deque(maxlen=WAITING))
    stream: TalkingStream | None = None
    first: int = 0
    following: int = 0
    vectors: deque[FloatArray] = field(default_factory=lambda: deque(maxlen=CONTEXT))
    scores: dict[int, float] = field(default_factory=dict)


class TalkingFaces:
    """Scores by face and time, from one thread; they may be read from any.

    Args:
        detector: of talking faces.
    """

    def __init__(self, detector: TalkingDetector) -> None:
        self._detector = detector
        self._faces: dict[str, _Face] = {}
        self._heard: tuple[int, FloatArray] = (0, np.zeros((0, 0), np.float32))
        self._offset_ns = 0
        self._lock = Lock()

    def reset(self) -> None:
        """Forget all faces."""
        with self._lock:
            self._faces.clear()

    def add(self, stamp_ns: int, image: Image, boxes: Mapping[str, Box]) -> None:
        """Take the faces in the next frame."""
        period_ns = self._detector.period_ns
        number = (stamp_ns + period_ns // 2) // period_ns
        for face_id, box in boxes.items():
            if face_id not in self._faces:
                with self._lock:
                    self._faces[face_id] = _Face()
            face = self._faces[face_id]
            if number <= face.seen:
                continue
            picture = self._detector.crop(image, box)
            missing = number - face.seen - 1
            if face.picture is None or missing * period_ns > MAX_GAP_NS:
                missing = 0
                face.waiting.clear()
            for k in range(number - missing, number):  # a slower camera: the nearest picture
                nearest = face.picture if number - k > missing / 2 else picture
                assert nearest is not None
                face.waiting.append((k, nearest))
            face.waiting.append((number, picture))
            face.seen, face.picture = number, picture
        forget = number - FORGET_NS // period_ns
        if any(face.seen < forget for face in self._faces.values()):
            with self._lock:
                self._faces = {k: one for k, one in self._faces.items() if one.seen >= forget}

    def run(self, face_ids: Iterable[str], sound: SpeechSound, offset_ns: int) -> None:
        """Process the waiting pictures of faces, where there are enough, and score them.

        Args:
            face_ids: the faces.
            sound: of the speech so far.
            offset_ns: image stamp minus audio stamp of the same moment.
        """
        if abs(offset_ns - self._offset_ns) > MAX_OFFSET_STEP_NS:
            with self._lock:
                self._offset_ns = offset_ns
                for face in self._faces.values():
                    face.scores.clear()
        for face_id in face_ids:
            if face_id in self._faces and self._see(self._faces[face_id]):
                self._score(self._faces[face_id], sound, offset_ns)

    def scores(self, start_ns: int, end_ns: int, offset_ns: int) -> dict[str, TalkingScores]:
        """Return the scores in [start_ns, end_ns] by face, with their stamps.

        Args:
            start_ns: first stamp of the audio.
            end_ns: last stamp of the audio.
            offset_ns: image stamp minus audio stamp of the same moment.
        """
        period_ns = self._detector.period_ns
        first, last = -(-(start_ns + offset_ns) // period_ns), (end_ns + offset_ns) // period_ns
        found = {}
        with self._lock:
            if abs(offset_ns - self._offset_ns) > MAX_OFFSET_STEP_NS:
                return {}
            for face_id, face in self._faces.items():
                chosen = {k: one for k, one in face.scores.items() if first <= k <= last}
                numbers = np.array(list(chosen), np.int64)
                values = np.array(list(chosen.values()), np.float32)
                found[face_id] = TalkingScores(numbers * period_ns - offset_ns, values)
        return found

    def is_settled(self, decision: SpeakerDecision, start_ns: int) -> bool:
        """Return whether nobody is in doubt.

        Args:
            decision: the latest one about the speech.
            start_ns: first image stamp of the speech.
        """
        speaker = self._faces.get(decision.face_id)
        if speaker is None or decision.confidence < SETTLED:
            return False
        first = start_ns // self._detector.period_ns
        return sum(number >= first for number in speaker.scores) >= SETTLED_PICTURES

    def _see(self, face: _Face) -> bool:
        """Process the waiting pictures of a face; return whether there were enough."""
        delay = self._detector.delay
        some = False
        while len(face.waiting) >= BATCH:
            first = face.waiting[0][0]
            if face.stream is None or first != face.following:
                face.stream = self._detector.stream()
                face.first = first
                face.vectors.clear()
            batch = [face.waiting.popleft()[1] for _ in range(BATCH)]
            vectors = face.stream.push(np.stack(batch))
            face.following = first + BATCH
            unknown = max(0, face.first - (first - delay))
            face.vectors.extend(vectors[unknown:])
            some |= unknown < BATCH
        return some

    def _score(self, face: _Face, sound: SpeechSound, offset_ns: int) -> None:
        period_ns = self._detector.period_ns
        sight = np.stack(face.vectors)
        end = face.following - self._detector.delay
        start = end - len(sight)
        # Leave out the pictures before the first sound that there is.
        early = max(0, -(-(sound.start_ns + offset_ns) // period_ns) - start)
        start, sight = start + early, sight[early:]
        heard = self._hear(sound, start * period_ns - offset_ns, len(sight))
        count = min(len(sight), len(heard))
        if count < MIN_SCORES:
            return
        scores = self._detector.score(heard[:count], sight[:count])
        with self._lock:
            face.scores.update(zip(range(start, start + count), scores.tolist(), strict=True))
            while len(face.scores) > CAPACITY:
                del face.scores[next(iter(face.scores))]

    def _hear(self, sound: SpeechSound, start_ns: int, count: int) -> FloatArray:
        """Return the vectors of the sound, the same ones for all faces at the same time."""
        samples = sound.between(
            start_ns, start_ns + count * self._detector.period_ns + NS_PER_S // 50
        )
        key = hash((start_ns, len(samples)))
        if self._heard[0] != key:
            self._heard = key, self._detector.hear(samples)
        return self._heard[1]
