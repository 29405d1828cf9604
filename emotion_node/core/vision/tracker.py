"""Follows faces from frame to frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from itertools import combinations, count
from typing import Any, Final

import numpy as np

from emotion_node.config import FaceConfig
from emotion_node.core.vision.assignment import assign
from emotion_node.core.vision.face_track import FaceTrack, matching_cost, present_similarity
from emotion_node.core.vision.geometry import box_of, region_of, region_of_detection, steady
from emotion_node.core.vision.scene_cuts import CutDetector
from emotion_node.core.vision.views import MAX_DETECTABLE, MIN_DETECTABLE, SearchSchedule
from emotion_node.datatypes import NS_PER_S
from emotion_node.faces import Box, FaceDetection, FaceMesh, Image, TrackedFace
from emotion_node.interfaces import FaceFinder

Each = Callable[..., Iterable[Any]]
"""Applies a function to each of some items, as `map` does."""

SAME_FACE: Final = 0.5
"""Boxes that overlap by this much (intersection over union) are of one face."""
SAME_DETECTION: Final = 0.3
"""Likewise for the box of a detection, which leaves out the forehead, and the box of a mesh."""
MIN_INSIDE: Final = 0.6
"""At least this share of a face's box lies in the image."""
MAX_MISSED: Final = 4
"""After more missed detections at its place than this, the track is dropped."""
MIN_PRESENCE: Final = 8.0
"""What looks less like a face than this for a while is none. Chosen on the clips of MELD, where
it divides faces, in profile too, from most hands, ears and prints that are taken for one."""
DETAIL_NS: Final = NS_PER_S // 8
"""Expressions last for half a second and longer (Ekman, 2003)."""
SEARCH_NS: Final = 2 * NS_PER_S
"""How long to search more often for a lost face."""


class FaceTracker:
    """The faces of one camera, each with an id that is stable while the face is tracked.

    A face is followed by fitting its mesh at its expected place, without detection. New faces are
    searched for at intervals (`views`), and more often while a face is missing. A lost face keeps
    its place, velocity and appearance for `keep_lost`, and gets its id back when a face that fits
    is found. At a scene cut everything is forgotten.

    Not thread-safe.

    Args:
        config: parameters.
        finder: detector and landmarks; may be called by several threads if `each` has any.
        detail_ns: time between two frames in which a face is looked at in detail, in addition to
            where its lips and its head are.
        each: follows the faces, which do not depend on each other.
    """

    def __init__(
        self,
        config: FaceConfig,
        finder: FaceFinder,
        detail_ns: int = DETAIL_NS,
        each: Each = map,
    ) -> None:
        self.info = finder.info
        self._finder = finder
        self._detail_ns = detail_ns
        self._each = each
        self._max_faces = config.max_faces
        self._keep_ns = round(config.keep_lost * NS_PER_S)
        self._schedule = SearchSchedule(config)
        self._cuts = CutDetector()
        self._numbers = count(1)
        self._tracks: list[FaceTrack] = []

    def update(self, stamp_ns: int, image: Image) -> list[TrackedFace]:
        """Return the faces in the next frame, in the order in which they first appeared.

        Args:
            stamp_ns: of the frame, later than that of the one before.
            image: (height, width, 3) uint8 BGR; neither changed nor kept.
        """
        height, width = image.shape[:2]
        if self._cuts.is_cut(image):
            self._tracks = []
            self._schedule.reset()
        kept = [one for one in self._tracks if stamp_ns - one.seen_ns <= self._keep_ns]
        self._tracks = list(self._each(lambda one: self._follow(one, stamp_ns, image), kept))
        self._separate()
        view = self._schedule.next_view(stamp_ns, width, height, self._is_face_missing(stamp_ns))
        if view is not None:
            self._search(view, stamp_ns, image)
        return [
            TrackedFace(track.face_id, track.box, track.confidence, track.mesh)
            for track in self._tracks
            if track.mesh is not None
        ]

    def reset(self) -> None:
        """Forget all faces; the numbers of ids continue."""
        self._tracks = []
        self._cuts.reset()
        self._schedule.reset()

    def _is_face_missing(self, stamp_ns: int) -> bool:
        return not self._tracks or any(
            track.mesh is None and stamp_ns - track.seen_ns <= SEARCH_NS for track in self._tracks
        )

    def _follow(self, track: FaceTrack, stamp_ns: int, image: Image) -> FaceTrack:
        """Return the track with its mesh in this frame, or lost."""
        if track.mesh is None:
            return track
        expected = track.expected(stamp_ns)
        detailed = stamp_ns - track.detailed_ns >= self._detail_ns
        mesh = self._finder.fit(image, steady(track.mesh.region, expected), detailed)
        if mesh is None or not _is_inside(box := box_of(mesh.landmarks), image):
            return track.lost()
        region = region_of(mesh.landmarks)
        if not track.accepts(region, expected):
            return track.lost()
        moved = track.moved(region, mesh, box, stamp_ns)
        return moved if moved.presence >= MIN_PRESENCE else moved.lost()

    def _separate(self) -> None:
        """Where two tracks have reached the same face, drop the one that looks less like it."""
        for i, j in combinations(range(len(self._tracks)), 2):
            one, other = self._tracks[i], self._tracks[j]
            if one.mesh is None or other.mesh is None:
                continue
            if one.box.overlap(other.box) > SAME_FACE:
                # Of two that are equal, the later one is dropped.
                wrong = min((j, i), key=lambda k: present_similarity(self._tracks[k]))
                self._tracks[wrong] = self._tracks[wrong].lost()

    def _search(self, view: Box, stamp_ns: int, image: Image) -> None:
        """Search a view: confirm tracked faces, find lost ones again, add new ones."""
        detections = self._finder.detect(image, view)
        found = self._confirm(detections, view)
        newcomers = []
        for detection in found:
            mesh = self._finder.fit(image, region_of_detection(detection.box))
            if mesh is not None and mesh.presence >= MIN_PRESENCE and self._is_apart(mesh, image):
                newcomers.append(FaceTrack.begin(mesh, detection.confidence, stamp_ns))
        self._recognise(newcomers, stamp_ns)

    def _confirm(self, detections: list[FaceDetection], view: Box) -> list[FaceDetection]:
        """Note which tracked faces were detected; return the detections of other faces."""
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
                    track, confidence=matched[k].confidence, missed=0
                )
            elif _is_detectable(track.box, view):
                missed = track.missed + 1
                self._tracks[k] = dataclasses.replace(
                    track, missed=missed, mesh=track.mesh if missed <= MAX_MISSED else None
                )
        taken = {column for _, column in pairs}
        return [one for column, one in enumerate(detections) if column not in taken]

    def _is_apart(self, mesh: FaceMesh, image: Image) -> bool:
        """Return whether a mesh lies in the image and apart from all tracked faces."""
        box = box_of(mesh.landmarks)
        return _is_inside(box, image) and all(
            track.box.overlap(box) <= SAME_DETECTION
            for track in self._tracks
            if track.mesh is not None
        )

    def _recognise(self, newcomers: list[FaceTrack], stamp_ns: int) -> None:
        """Give each newcomer the id of the lost face that it fits, or a new one."""
        lost = [k for k, track in enumerate(self._tracks) if track.mesh is None]
        cost = np.array(
            [[matching_cost(self._tracks[k], one, stamp_ns) for one in newcomers] for k in lost]
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


def _is_inside(box: Box, image: Image) -> bool:
    height, width = image.shape[:2]
    return box.intersection(Box(0, 0, width, height)).area >= MIN_INSIDE * box.area


def _is_detectable(box: Box, view: Box) -> bool:
    """Return whether a detector should find a face in a view."""
    inside = view.intersection(box).area > MIN_INSIDE * box.area
    return inside and MIN_DETECTABLE < box.width / view.width < MAX_DETECTABLE
