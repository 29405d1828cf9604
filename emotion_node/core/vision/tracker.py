"""Follows faces from frame to frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import combinations, count
from typing import Final

import numpy as np

from emotion_node.config import FaceConfig
from emotion_node.core.vision.assignment import assign
from emotion_node.core.vision.geometry import box_of, region_of, region_of_detection
from emotion_node.core.vision.scene_cuts import CutDetector
from emotion_node.core.vision.views import Schedule
from emotion_node.datatypes import NS_PER_S, FloatArray
from emotion_node.faces import Box, FaceDetection, FaceMesh, FaceRegion, Image, TrackedFace
from emotion_node.interfaces import FaceFinder

SAME_FACE: Final = 0.5
"""Boxes that overlap by this much (intersection over union) are of one face."""
SAME_DETECTION: Final = 0.3
"""Likewise for a detection, whose box leaves out the forehead, and the box of a mesh."""
MIN_LIKENESS: Final = 0.3
"""A face that was lost does not come back looking less like itself: cosine of the appearances. It
only rules out what is plainly somebody else; light and turns change a face's looks as much."""
MIN_INSIDE: Final = 0.6
"""Of a face's box, this much has to lie in the image."""
MAX_SCALING: Final = 1.5
"""A face does not grow or shrink by more from one image to the next."""
MAX_UNCONFIRMED: Final = 4
"""A face that the detector has not found for as many looks at its place was none."""
SEARCH_NS: Final = 2 * NS_PER_S
"""How long to look more often for a face that was lost."""
LEARNING: Final = 0.1
"""By how much a face's remembered appearance and velocity follow the present ones."""
STRAY: Final = 0.5
"""How far from its expected place a face may turn up, in its own widths, plus as much per
second of its absence."""
APPEARANCE: Final = 8
"""Rows and columns of what is remembered of a face's looks."""


@dataclass(frozen=True, slots=True)
class _Track:
    """What is known of one face.

    Attributes:
        region: where it was seen last.
        velocity: (x, y) in pixels per second.
        appearance: (n,) float32 of length 1.
        seen_ns: when it was seen last.
        confidence: of the last detection.
        unconfirmed: looks of the detector at its place since.
        mesh: in the present image; None while it is lost.
    """

    face_id: str
    region: FaceRegion
    velocity: tuple[float, float]
    appearance: FloatArray
    seen_ns: int
    confidence: float
    unconfirmed: int = 0
    mesh: FaceMesh | None = None

    @property
    def box(self) -> Box:
        """Where its landmarks are."""
        assert self.mesh is not None
        return box_of(self.mesh.landmarks)

    def expected(self, stamp_ns: int) -> FaceRegion:
        """Return where it should be at a time, if it goes on as it did for a little while."""
        ahead = min(stamp_ns - self.seen_ns, NS_PER_S // 5) / NS_PER_S
        x, y, side, angle = self.region
        return FaceRegion(x + self.velocity[0] * ahead, y + self.velocity[1] * ahead, side, angle)


class FaceTracker:
    """The faces of one camera, each under an id that stays while it is followed.

    A face is followed by fitting its mesh where the last one makes expect it, without looking for
    it. New faces are looked for now and then (`face_views`), and more often while one is missing.
    A face that is lost keeps its place, direction and looks for `keep_lost`, and its id when a
    face turns up that fits. At a cut everything is forgotten.

    Not for use by several threads.

    Args:
        config: parameters.
        finder: detector and landmarks.
    """

    def __init__(self, config: FaceConfig, finder: FaceFinder) -> None:
        self.info = finder.info
        self._finder = finder
        self._max_faces = config.max_faces
        self._keep_ns = round(config.keep_lost * NS_PER_S)
        self._schedule = Schedule(config)
        self._cuts = CutDetector()
        self._numbers = count(1)
        self._tracks: list[_Track] = []

    def update(self, stamp_ns: int, image: Image) -> list[TrackedFace]:
        """Return the faces in the next image, in the order in which they first came.

        Args:
            stamp_ns: of the image, later than that of the one before.
            image: (height, width, 3) uint8 BGR; neither changed nor kept.
        """
        height, width = image.shape[:2]
        if self._cuts.is_cut(image):
            self._tracks = []
            self._schedule.reset()
        self._tracks = [
            self._follow(track, stamp_ns, image)
            for track in self._tracks
            if stamp_ns - track.seen_ns <= self._keep_ns
        ]
        self._part(stamp_ns)
        view = self._schedule.next(stamp_ns, width, height, self._somebody_is_missing(stamp_ns))
        if view is not None:
            self._look(view, stamp_ns, image)
        return [
            TrackedFace(track.face_id, track.box, track.confidence, track.mesh)
            for track in self._tracks
            if track.mesh is not None
        ]

    def reset(self) -> None:
        """Forget all faces; ids go on counting."""
        self._tracks = []
        self._cuts.reset()
        self._schedule.reset()

    def _somebody_is_missing(self, stamp_ns: int) -> bool:
        return not self._tracks or any(
            track.mesh is None and stamp_ns - track.seen_ns <= SEARCH_NS for track in self._tracks
        )

    def _follow(self, track: _Track, stamp_ns: int, image: Image) -> _Track:
        """Return the track with its mesh in this image, or lost."""
        if track.mesh is None:
            return track
        expected = track.expected(stamp_ns)
        mesh = self._finder.fit(image, expected)
        lost = dataclasses.replace(track, mesh=None)
        if mesh is None or not _is_inside(box_of(mesh.landmarks), image):
            return lost
        region = region_of(mesh.landmarks)
        if max(region.side / expected.side, expected.side / region.side) > MAX_SCALING:
            return lost
        if np.hypot(region.x - expected.x, region.y - expected.y) > expected.side / 2:
            return lost
        return _moved(track, region, mesh, stamp_ns)

    def _part(self, stamp_ns: int) -> None:
        """Where two tracks have come to the same face, lose the one that looks less like it."""
        for i, j in combinations(range(len(self._tracks)), 2):
            one, other = self._tracks[i], self._tracks[j]
            if one.mesh is None or other.mesh is None:
                continue
            if one.box.overlap(other.box) > SAME_FACE:
                wrong = min(
                    (j, i),  # of two alike, the later one goes
                    key=lambda k: _likeness(
                        _appearance(self._mesh(k).crop), self._tracks[k].appearance
                    ),
                )
                self._tracks[wrong] = dataclasses.replace(self._tracks[wrong], mesh=None)

    def _mesh(self, index: int) -> FaceMesh:
        mesh = self._tracks[index].mesh
        assert mesh is not None
        return mesh

    def _look(self, view: Box, stamp_ns: int, image: Image) -> None:
        """Search a view: confirm what is followed, find what was lost, take in who is new."""
        detections = self._finder.detect(image, view)
        found = self._confirm(detections, view)
        newcomers = []
        for detection in found:
            mesh = self._finder.fit(image, region_of_detection(detection.box))
            if mesh is not None and self._is_apart(mesh, image):
                newcomers.append(self._introduce(mesh, detection, stamp_ns))
        self._recognise(newcomers, stamp_ns)

    def _confirm(self, detections: list[FaceDetection], view: Box) -> list[FaceDetection]:
        """Note which faces were detected; return the detections that are of none of them."""
        followed = [k for k, track in enumerate(self._tracks) if track.mesh is not None]
        cost = np.array(
            [
                [1 - self._tracks[k].box.overlap(detection.box) for detection in detections]
                for k in followed
            ]
        ).reshape(len(followed), len(detections))
        pairs = assign(cost, 1 - SAME_DETECTION)
        matched = {followed[row]: detections[column] for row, column in pairs}
        for k in followed:
            track = self._tracks[k]
            if k in matched:
                self._tracks[k] = dataclasses.replace(
                    track, confidence=matched[k].confidence, unconfirmed=0
                )
            elif view.intersection(track.box).area > MIN_INSIDE * track.box.area and (
                track.box.width > view.width / 9
            ):
                looks = track.unconfirmed + 1
                self._tracks[k] = dataclasses.replace(
                    track,
                    unconfirmed=looks,
                    mesh=track.mesh if looks <= MAX_UNCONFIRMED else None,
                )
        taken = {column for _, column in pairs}
        return [one for column, one in enumerate(detections) if column not in taken]

    def _is_apart(self, mesh: FaceMesh, image: Image) -> bool:
        box = box_of(mesh.landmarks)
        return _is_inside(box, image) and all(
            track.box.overlap(box) <= SAME_DETECTION
            for track in self._tracks
            if track.mesh is not None
        )

    def _introduce(self, mesh: FaceMesh, detection: FaceDetection, stamp_ns: int) -> _Track:
        region = region_of(mesh.landmarks)
        return _Track(
            '',
            region,
            (0.0, 0.0),
            _appearance(mesh.crop),
            stamp_ns,
            detection.confidence,
            mesh=mesh,
        )

    def _recognise(self, newcomers: list[_Track], stamp_ns: int) -> None:
        """Give newcomers the id of a lost face that they fit, or else a new one."""
        lost = [k for k, track in enumerate(self._tracks) if track.mesh is None]
        cost = np.array(
            [[_strangeness(self._tracks[k], one, stamp_ns) for one in newcomers] for k in lost]
        ).reshape(len(lost), len(newcomers))
        recognised = {column: lost[row] for row, column in assign(cost, 1.0)}
        for column, one in enumerate(newcomers):
            if column in recognised:
                known = self._tracks[recognised[column]]
                self._tracks[recognised[column]] = dataclasses.replace(
                    one, face_id=known.face_id, appearance=known.appearance
                )
            elif sum(track.mesh is not None for track in self._tracks) < self._max_faces:
                self._tracks.append(dataclasses.replace(one, face_id=f'f{next(self._numbers)}'))


def _moved(track: _Track, region: FaceRegion, mesh: FaceMesh, stamp_ns: int) -> _Track:
    """Return the track an image later."""
    seconds = max(stamp_ns - track.seen_ns, 1) / NS_PER_S
    vx, vy = track.velocity
    # Half of the present velocity: landmarks tremble.
    vx = 0.5 * vx + 0.5 * (region.x - track.region.x) / seconds
    vy = 0.5 * vy + 0.5 * (region.y - track.region.y) / seconds
    remembered = track.appearance + LEARNING * (_appearance(mesh.crop) - track.appearance)
    remembered /= np.linalg.norm(remembered)
    return dataclasses.replace(
        track,
        region=region,
        velocity=(vx, vy),
        appearance=remembered,
        seen_ns=stamp_ns,
        mesh=mesh,
    )


def _strangeness(lost: _Track, found: _Track, stamp_ns: int) -> float:
    """Return how badly a face fits one that was lost; 1 or more when it cannot be the same."""
    expected = lost.expected(stamp_ns)
    likeness = _likeness(lost.appearance, found.appearance)
    away = np.hypot(found.region.x - expected.x, found.region.y - expected.y) / expected.side
    absence = (stamp_ns - lost.seen_ns) / NS_PER_S
    scaling = abs(np.log(found.region.side / expected.side)) / np.log(2 * MAX_SCALING)
    stray = away / (STRAY * (1 + 2 * absence))
    if likeness < MIN_LIKENESS or scaling >= 1 or stray >= 1:
        return 1.0
    return float((1 - likeness) / (1 - MIN_LIKENESS) + stray + scaling) / 3


def _appearance(crop: Image) -> FloatArray:
    """Return the looks of an upright face: its colours, coarsely, without brightness."""
    inner = crop[len(crop) // 6 : -(len(crop) // 6) : 2, len(crop) // 6 : -(len(crop) // 6) : 2]
    step = len(inner) // APPEARANCE
    cells = inner[: step * APPEARANCE, : step * APPEARANCE].reshape(
        APPEARANCE, step, APPEARANCE, step, 3
    )
    means = cells.mean(axis=(1, 3), dtype=np.float32)
    means -= means.mean()
    length = float(np.linalg.norm(means))
    return np.ravel(means / np.float32(max(length, 1e-6)))


def _likeness(one: FloatArray, other: FloatArray) -> float:
    return float(one @ other)


def _is_inside(box: Box, image: Image) -> bool:
    height, width = image.shape[:2]
    return box.intersection(Box(0, 0, width, height)).area >= MIN_INSIDE * box.area
