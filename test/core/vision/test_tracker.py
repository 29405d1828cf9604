"""Faces keep their ids from frame to frame."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.face_scenes import (
    FRAME_NS,
    SyntheticPerson,
    SyntheticScene,
    away,
    finder,
    recorded_frames,
    still,
    walk,
)

from emotion_node.config import FaceConfig
from emotion_node.core.vision.assignment import assign
from emotion_node.core.vision.scene_cuts import CutDetector
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.core.vision.views import SearchSchedule, search_views
from emotion_node.datatypes import NS_PER_S
from emotion_node.faces import Box, Image, TrackedFace


def watch(
    scene: SyntheticScene,
    seconds: float,
    start_ns: int = 0,
    dropped: Iterable[int] = (),
    config: FaceConfig | None = None,
) -> list[dict[str, tuple[int, int]]]:
    """Return, for each frame, the centre of each face by id."""
    tracker = FaceTracker(config or FaceConfig(), scene)
    seen = []
    for number in range(round(seconds * NS_PER_S / FRAME_NS)):
        if number in set(dropped):
            continue
        stamp_ns = start_ns + number * FRAME_NS
        image = scene.image(number * FRAME_NS / NS_PER_S)
        seen.append({face.face_id: centre(face) for face in tracker.update(stamp_ns, image)})
    return seen


def centre(face: TrackedFace) -> tuple[int, int]:
    x, y = face.box.centre
    return round(x), round(y)


def ids(seen: list[dict[str, tuple[int, int]]]) -> set[str]:
    return set().union(*seen)


def test_two_people_keep_their_ids() -> None:
    seen = watch(
        SyntheticScene([SyntheticPerson(still(200), 1), SyntheticPerson(still(450), 2)]), 4.0
    )
    assert all(faces == {'f1': (200, 240), 'f2': (450, 240)} for faces in seen)


def test_a_face_that_the_detector_misses_for_a_while_is_not_lost() -> None:
    scene = SyntheticScene(
        [SyntheticPerson(still(200), 1)], missed=lambda seconds: 0.2 < seconds < 1.6
    )
    assert all(faces == {'f1': (200, 240)} for faces in watch(scene, 3.0))


def test_the_detector_runs_only_at_intervals_while_all_faces_are_tracked() -> None:
    scene = SyntheticScene([SyntheticPerson(still(200), 1)])
    watch(scene, 4.0, config=FaceConfig(detection_period=0.5))
    assert scene.detections <= 10  # in 100 frames


def test_a_hand_before_the_face_does_not_change_its_id() -> None:
    scene = SyntheticScene(
        [SyntheticPerson(away(still(200), 1.0, 2.0), 1), SyntheticPerson(still(450), 2)]
    )
    seen = watch(scene, 4.0)
    assert ids(seen) == {'f1', 'f2'}
    assert 'f1' not in seen[40]
    assert seen[-1] == {'f1': (200, 240), 'f2': (450, 240)}


def test_a_face_that_was_away_for_long_gets_a_new_id() -> None:
    scene = SyntheticScene([SyntheticPerson(away(still(200), 1.0, 5.0), 1)])
    assert ids(watch(scene, 6.0, config=FaceConfig(keep_lost=2.0))) == {'f1', 'f2'}


def test_another_person_in_the_same_place_gets_a_new_id() -> None:
    first = SyntheticPerson(lambda seconds: (200, 240) if seconds < 1 else None, 1)
    second = SyntheticPerson(away(still(200), 0, 1.5), 2)
    assert ids(watch(SyntheticScene([first, second]), 3.0)) == {'f1', 'f2'}


def test_people_who_pass_each_other_keep_their_ids() -> None:
    scene = SyntheticScene([SyntheticPerson(walk(150, 80), 1), SyntheticPerson(walk(500, -80), 2)])
    seen = watch(scene, 4.0)
    assert ids(seen) == {'f1', 'f2'}
    left, right = seen[0], seen[-1]
    assert left['f1'][0] < left['f2'][0]
    assert right['f1'][0] > right['f2'][0]


def test_a_person_who_walks_out_of_the_frame_is_gone() -> None:
    seen = watch(SyntheticScene([SyntheticPerson(walk(500, 100), 1)]), 3.0)
    assert seen[0] == {'f1': (500, 240)}
    assert seen[-1] == {}


def test_a_false_detection_without_landmarks_is_ignored() -> None:
    scene = SyntheticScene(
        [SyntheticPerson(still(450), 1)], false_detections=(Box(100, 100, 90, 90),)
    )
    assert ids(watch(scene, 2.0)) == {'f1'}


def test_no_more_faces_are_tracked_than_configured() -> None:
    people = [SyntheticPerson(still(60 + 120 * k), k) for k in range(5)]
    seen = watch(SyntheticScene(people), 1.0, config=FaceConfig(max_faces=3))
    assert len(seen[-1]) == 3


@settings(max_examples=12)
@given(dropped=st.sets(st.integers(1, 74), max_size=25))
def test_dropped_frames_do_not_change_ids(dropped: set[int]) -> None:
    people = [SyntheticPerson(walk(150, 40), 1), SyntheticPerson(away(still(450), 1.0, 1.4), 2)]
    seen = watch(SyntheticScene(people), 3.0, dropped=dropped)
    assert ids(seen) == {'f1', 'f2'}
    assert seen[-1]['f2'] == (450, 240)


@settings(max_examples=12)
@given(shift=st.integers(-(10**18), 10**18))
def test_stamps_shifted_by_a_constant_change_nothing(shift: int) -> None:
    def story(start_ns: int) -> list[dict[str, tuple[int, int]]]:
        people = [
            SyntheticPerson(walk(150, 40), 1),
            SyntheticPerson(away(still(450), 1.0, 1.5), 2),
        ]
        return watch(SyntheticScene(people), 2.5, start_ns)

    assert story(shift) == story(0)


@settings(max_examples=12)
@given(order=st.permutations(range(3)))
def test_the_order_in_which_faces_are_found_does_not_matter(order: list[int]) -> None:
    people = [
        SyntheticPerson(away(still(120 + 200 * k), 0.5 * k, 0.5 * k + 0.4), k) for k in range(3)
    ]
    seen = watch(SyntheticScene([people[k] for k in order]), 3.0)
    names = {at: name for name, at in seen[-1].items()}
    assert len(names) == 3
    for faces in seen:
        assert all(names[at] == name for name, at in faces.items())


def test_real_faces_are_tracked_through_blinks_and_speech() -> None:
    tracker = FaceTracker(FaceConfig(), finder())
    seen: dict[str, list[float]] = {}
    for frame in recorded_frames(60):
        for face in tracker.update(frame.stamp_ns, frame.decode()):
            seen.setdefault(face.face_id, []).append(face.box.centre[0])
    assert {name: len(places) for name, places in seen.items()} == {'f1': 60, 'f2': 60}
    assert all(max(places) - min(places) < 30 for places in seen.values())


class TestCuts:
    """Cuts between scenes."""

    def image(self, seed: int = 1, shift: int = 0) -> Image:
        rng = np.random.default_rng(seed)
        tones = rng.integers(0, 255, 3)
        cells = np.clip(rng.normal(tones, 50, (12, 24, 3)), 0, 255).astype(np.uint8)
        wide = np.kron(cells, np.ones((30, 30, 1), np.uint8))
        return wide[:, shift : shift + 480]

    def test_another_scene_is_a_cut_and_the_same_one_is_not(self) -> None:
        cuts = CutDetector()
        found = [cuts.is_cut(self.image(seed)) for seed in (1, 1, 2, 2, 3)]
        assert found == [False, False, True, False, True]

    def test_a_camera_that_pans_is_not_a_cut(self) -> None:
        cuts = CutDetector()
        assert not any(cuts.is_cut(self.image(1, shift)) for shift in range(0, 240, 20))

    def test_after_a_cut_all_faces_get_new_ids(self) -> None:
        scene = SyntheticScene([SyntheticPerson(still(200), 1)])
        tracker = FaceTracker(FaceConfig(), scene)
        names = []
        for number in range(20):
            image = scene.image(number / 25)
            image[:] = 30 if number < 10 else 220
            image[:, ::2] = 90 if number < 10 else 120
            faces = tracker.update(number * FRAME_NS, image)
            names += [face.face_id for face in faces]
        assert names == ['f1'] * 10 + ['f2'] * 10


class TestViews:
    """Which parts of a frame are searched."""

    @given(
        width=st.integers(160, 4000),
        height=st.integers(120, 3000),
        size=st.integers(20, 300),
        place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    )
    def test_the_smallest_face_is_whole_and_large_enough_in_some_view(
        self, width: int, height: int, size: int, place: tuple[float, float]
    ) -> None:
        if size > min(width, height):
            return
        face = Box(place[0] * (width - size), place[1] * (height - size), size, size)
        assert any(
            view.intersection(face).area > 0.999 * face.area
            and size >= 0.11 * max(view.width, view.height)
            for view in search_views(width, height, size)
        )

    def test_a_frame_in_which_faces_are_large_is_searched_as_a_whole(self) -> None:
        whole, margin = search_views(640, 480, 80)
        assert whole == Box(0, 0, 640, 480)
        assert margin.intersection(whole) == whole
        assert len(search_views(1280, 720, 80)) == 4

    def test_all_views_are_searched_in_turn(self) -> None:
        schedule = SearchSchedule(FaceConfig(min_size=80, detection_period=0.5))
        found = [schedule.next_view(k * NS_PER_S // 2, 1280, 720, False) for k in range(8)]
        assert found[:4] == found[4:] == search_views(1280, 720, 80)
        assert schedule.next_view(7 * NS_PER_S // 2 + 1, 1280, 720, False) is None


@given(
    cost=st.integers(0, 4).flatmap(
        lambda rows: st.lists(
            st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=rows, max_size=rows
        )
    ),
    limit=st.floats(0.1, 1.2),
)
def test_pairs_have_the_least_total_cost(cost: list[list[float]], limit: float) -> None:
    table = np.array(cost).reshape(-1, 3)
    rows, columns = table.shape

    def total(pairs: Iterable[tuple[int, int]]) -> float:
        made = list(pairs)
        alone = rows + columns - 2 * len(made)
        return float(sum(table[pair] for pair in made)) + limit / 2 * alone

    possible = (
        list(zip(chosen, order, strict=True))
        for count in range(min(rows, columns) + 1)
        for chosen in itertools.combinations(range(rows), count)
        for order in itertools.permutations(range(columns), count)
    )
    best = min(total(pairs) for pairs in possible)
    assert total(assign(table, limit)) == pytest.approx(best)


def test_details_are_looked_at_in_their_own_time() -> None:
    scene = SyntheticScene([SyntheticPerson(still(300), 1)])
    tracker = FaceTracker(FaceConfig(), scene, 4 * FRAME_NS)
    seen = [
        tracker.update(number * FRAME_NS, scene.image(number * FRAME_NS / NS_PER_S))
        for number in range(41)
    ]
    assert sum(one.mesh.detail is not None for (one,) in seen) == 11


def test_what_hardly_looks_like_a_face_is_not_followed() -> None:
    pot = SyntheticPerson(still(300), 1, presence=4.0)
    tracker = FaceTracker(FaceConfig(), scene := SyntheticScene([pot]))
    for number in range(25):
        assert not tracker.update(number * FRAME_NS, scene.image(number * FRAME_NS / NS_PER_S))


def test_a_face_must_keep_looking_like_one() -> None:
    person = SyntheticPerson(still(300), 1)
    tracker = FaceTracker(FaceConfig(), scene := SyntheticScene([person]))
    seen = []
    for number in range(100):
        # Hidden for a moment, and from the middle on a picture of which nothing is left.
        person.presence = 1.0 if number in (20, 21) or number >= 50 else 20.0
        now = number * FRAME_NS
        seen.append(len(tracker.update(now, scene.image(now / NS_PER_S))))
    assert seen[:50] == [1] * 50
    assert seen[70:] == [0] * 30
