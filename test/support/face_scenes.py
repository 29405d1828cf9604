"""People in front of a camera: synthetic scenes, and the recorded conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from emotion_node.backends.faces_onnx import OnnxFaces, open_faces
from emotion_node.config import AudioConfig
from emotion_node.core.vision.geometry import box_of
from emotion_node.datatypes import NS_PER_MS, FloatArray, ModelInfo, VideoFrame
from emotion_node.faces import Box, FaceDetection, FaceMesh, FaceRegion, Image
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from support.recordings import CONVERSATION

FRAME_NS = 40 * NS_PER_MS
WIDTH, HEIGHT = 640, 480
FACE = 100.0
"""Width of a synthetic face, in pixels."""

Place = Callable[[float], tuple[float, float] | None]
"""Centre of a face at a time in seconds; None while it is out of view."""


@cache
def finder() -> OnnxFaces:
    """Return the networks that find faces, loaded once."""
    return open_faces()


def recorded_frames(count: int | None = None) -> Iterator[VideoFrame]:
    """Yield the first frames of the demo conversation, undecoded."""
    with Bag(CONVERSATION) as bag:
        recording = BagRecording(bag, AudioConfig(), TopicNames(), True, False, False)
        frames = (step.value for step in recording.steps() if isinstance(step.value, VideoFrame))
        for number, frame in enumerate(frames):
            if number == count:
                return
            yield frame


@cache
def real_landmarks() -> FloatArray:
    """Return the landmarks of the left face in the first recorded image."""
    (frame,) = recorded_frames(1)
    image = frame.decode()
    mesh = finder().fit(image, FaceRegion(158, 183, 230, 0))
    assert mesh is not None
    return mesh.landmarks


@dataclass
class SyntheticPerson:
    """A person with a scripted path and a random appearance.

    Attributes:
        place: centre of the face.
        appearance: seed of the colours of the face.
        size: width of the face in pixels.
        presence: how much it looks like a face.
    """

    place: Place
    appearance: int
    size: float = FACE
    presence: float = 20.0

    def landmarks(self, seconds: float) -> FloatArray | None:
        at = self.place(seconds)
        if at is None:
            return None
        points = real_landmarks().copy()
        box = box_of(points)
        points -= np.array([*box.centre, 0], np.float32)
        points *= np.float32(self.size / box.width)
        points[:, :2] += np.array(at, np.float32)
        return points

    def crop(self) -> Image:
        cells = np.random.default_rng(self.appearance).integers(0, 255, (8, 8, 3), np.uint8)
        return np.kron(cells, np.ones((24, 24, 1), np.uint8))


@dataclass
class SyntheticScene:
    """A scene of synthetic people (an `interfaces.FaceFinder`); its images are blank.

    Attributes:
        people: those in the scene; earlier ones hide later ones.
        missed: times in seconds at which the detector misses all faces.
        false_detections: boxes that the detector mistakes for faces.
        detections: how often the detector has run.
        now: time of the latest image, in seconds.
    """

    people: list[SyntheticPerson]
    missed: Callable[[float], bool] = lambda seconds: False
    false_detections: tuple[Box, ...] = ()
    detections: int = 0
    now: float = 0.0
    info: ModelInfo = field(default_factory=lambda: ModelInfo('synthetic', '1'))

    def image(self, seconds: float) -> Image:
        """Return the image of a moment, always the same grey, and move the people there."""
        self.now = seconds
        return np.full((HEIGHT, WIDTH, 3), 128, np.uint8)

    def detect(self, image: Image, view: Box) -> list[FaceDetection]:
        self.detections += 1
        if self.missed(self.now):
            return []
        meshes = [one.landmarks(self.now) for one in self.people]
        boxes = [box_of(points) for points in meshes if points is not None] + list(
            self.false_detections
        )
        inside = [box for box in boxes if view.intersection(box).area > 0.9 * box.area]
        return [FaceDetection(box, 0.9) for box in inside]

    def fit(self, image: Image, region: FaceRegion, detailed: bool = True) -> FaceMesh | None:
        """Return the face nearest to the centre of the region; one in front hides those behind."""
        best: tuple[float, FaceMesh] | None = None
        for one in self.people:
            points = one.landmarks(self.now)
            if points is None:
                continue
            x, y = box_of(points).centre
            away = float(np.hypot(x - region.x, y - region.y))
            hidden = any(
                other is not one and self._covers(other, one)
                for other in self.people[: self.people.index(one)]
            )
            if away < region.side / 3 and not hidden and (best is None or away < best[0]):
                detail = points if detailed else None
                best = away, FaceMesh(points, one.crop(), region, {}, detail, one.presence)
        return best[1] if best else None

    def _covers(self, front: SyntheticPerson, back: SyntheticPerson) -> bool:
        one, other = front.landmarks(self.now), back.landmarks(self.now)
        return one is not None and other is not None and box_of(one).overlap(box_of(other)) > 0.4


def still(x: float, y: float = 240.0) -> Place:
    """Return a path that stays at a place."""
    return lambda seconds: (x, y)


def away(place: Place, start_s: float, end_s: float) -> Place:
    """Return a path that is out of view for a while."""
    return lambda seconds: None if start_s <= seconds < end_s else place(seconds)


def walk(start_x: float, speed: float, y: float = 240.0) -> Place:
    """Return a path at a speed in pixels per second."""
    return lambda seconds: (start_x + speed * seconds, y)
