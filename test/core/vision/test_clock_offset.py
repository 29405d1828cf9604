"""Images and audio on two clocks, and images that are stamped too late."""

from __future__ import annotations

import dataclasses

import pytest
from support.scripted import SECOND
from support.talking_faces import FRAME_NS, TalkingFaces, frame, spoken

from emotion_node.config import ImageConfig
from emotion_node.core.vision.clock_offset import (
    MIN_UTTERANCES,
    TOLERANCE_NS,
    UTTERANCES,
    Alignment,
    ClockOffset,
)
from emotion_node.core.vision.stream import FaceVision
from emotion_node.datatypes import NS_PER_MS, NS_PER_SAMPLE, FaceEstimate, Reason, Utterance

MS = NS_PER_MS
TAI_NS = 37 * SECOND
UPTIME_NS = -1_750_000_000 * SECOND
CHUNK_NS = 100 * MS


def arrivals(clocks: ClockOffset, ahead_ns: int, count: int = 60, start_ns: int = 0) -> None:
    """Let frames arrive at 25 Hz, and audio in chunks of 100 ms."""
    for number in range(count):
        now_ns = start_ns + number * FRAME_NS
        audio_ns = now_ns - now_ns % CHUNK_NS
        clocks.add_arrival(now_ns + ahead_ns, audio_ns)


def agree(clocks: ClockOffset, *offsets_ms: int, first: int = 1) -> None:
    for number, offset_ms in enumerate(offsets_ms, first):
        clocks.add_speech(f'u{number}', Alignment(offset_ms * MS, 9.0, True))


class TestTwoClocks:
    """Frames and audio that arrive together, with stamps that do not fit."""

    @pytest.mark.parametrize('ahead_ns', [TAI_NS, UPTIME_NS, 2 * SECOND, -3600 * SECOND])
    def test_another_clock_is_noticed_by_the_order_of_arrival(self, ahead_ns: int) -> None:
        clocks = ClockOffset(ImageConfig())
        arrivals(clocks, ahead_ns)
        assert abs(clocks.offset_ns - ahead_ns) < CHUNK_NS

    @pytest.mark.parametrize('ahead_ms', [-4000, -700, -150, 0, 300, 900])
    def test_images_that_only_arrive_late_are_on_the_same_clock(self, ahead_ms: int) -> None:
        clocks = ClockOffset(ImageConfig())
        arrivals(clocks, ahead_ms * MS)
        assert clocks.offset_ns == 0

    def test_the_difference_stays_as_it_is_while_arrivals_jitter(self) -> None:
        clocks = ClockOffset(ImageConfig())
        arrivals(clocks, TAI_NS)
        found_ns = clocks.offset_ns
        arrivals(clocks, TAI_NS + 200 * MS, start_ns=4 * SECOND)
        assert clocks.offset_ns == found_ns

    def test_a_clock_that_is_corrected_is_no_other_clock_any_more(self) -> None:
        clocks = ClockOffset(ImageConfig())
        arrivals(clocks, UPTIME_NS)
        arrivals(clocks, 0, start_ns=10 * SECOND)
        assert clocks.offset_ns == 0

    def test_a_microphone_that_falls_silent_is_no_other_clock(self) -> None:
        clocks = ClockOffset(ImageConfig())
        arrivals(clocks, 0)
        for number in range(1000):
            clocks.add_arrival(3 * SECOND + number * FRAME_NS, 2 * SECOND)
        assert clocks.offset_ns == 0

    def test_audio_that_waits_in_a_queue_is_no_other_clock(self) -> None:
        clocks = ClockOffset(ImageConfig())
        for number in range(200):
            clocks.add_arrival(4 * number * FRAME_NS, number * FRAME_NS)
        assert clocks.offset_ns == 0

    def test_nothing_is_changed_unless_it_is_allowed(self) -> None:
        clocks = ClockOffset(ImageConfig(delay=0.1, delay_auto=False))
        arrivals(clocks, TAI_NS)
        agree(clocks, *[200] * UTTERANCES)
        assert clocks.offset_ns == 100 * MS


class TestDelay:
    """A constant delay is learnt from several utterances that agree."""

    def test_several_utterances_have_to_agree(self) -> None:
        clocks = ClockOffset(ImageConfig())
        agree(clocks, *[100] * (MIN_UTTERANCES - 1))
        assert clocks.offset_ns == 0
        agree(clocks, 110, first=MIN_UTTERANCES)
        assert clocks.offset_ns == 100 * MS
        assert clocks.learnt

    def test_utterances_that_contradict_each_other_teach_nothing(self) -> None:
        clocks = ClockOffset(ImageConfig())
        agree(clocks, -300, 0, 300, -150, 150, 250)
        assert (clocks.offset_ns, clocks.learnt) == (0, False)

    def test_one_wrong_face_among_many_changes_nothing(self) -> None:
        clocks = ClockOffset(ImageConfig())
        agree(clocks, 100, 110, -250, 90, 100)
        assert clocks.offset_ns == 100 * MS

    def test_what_is_found_again_in_the_same_utterance_counts_once(self) -> None:
        clocks = ClockOffset(ImageConfig())
        for _ in range(5):
            agree(clocks, 100)
        assert not clocks.learnt

    def test_a_small_delay_is_left_to_the_search(self) -> None:
        clocks = ClockOffset(ImageConfig())
        agree(clocks, *[TOLERANCE_NS // MS] * 4)
        assert (clocks.offset_ns, clocks.learnt) == (0, True)

    def test_another_camera_is_learnt_anew(self) -> None:
        clocks = ClockOffset(ImageConfig())
        agree(clocks, *[100] * 4)
        agree(clocks, *[-200] * UTTERANCES, first=5)
        assert clocks.offset_ns == -200 * MS

    def test_a_known_delay_is_the_beginning(self) -> None:
        clocks = ClockOffset(ImageConfig(delay=0.15))
        assert clocks.offset_ns == 150 * MS
        agree(clocks, 120, 130, 120)
        assert clocks.offset_ns == 150 * MS, 'near enough'

    def test_after_a_reset_nothing_is_known(self) -> None:
        clocks = ClockOffset(ImageConfig())
        arrivals(clocks, TAI_NS)
        agree(clocks, *[100] * 4)
        clocks.reset()
        assert (clocks.offset_ns, clocks.learnt) == (0, False)


def later(said: Utterance, number: int, by_ns: int) -> Utterance:
    return dataclasses.replace(
        said,
        utterance_id=f'u{number}',
        start_ns=said.start_ns + by_ns,
        end_ns=said.end_ns + by_ns,
        decided_ns=said.decided_ns + by_ns,
        samples_start_ns=said.samples_start_ns + by_ns,
    )


def converse(
    vision: FaceVision, faces: TalkingFaces, offset_ns: int, utterances: int
) -> list[FaceEstimate]:
    """Let the second of two people say the same several times; images are ahead by `offset_ns`."""
    estimates = []
    for number in range(1, utterances + 1):
        begin_ns = number * 10 * SECOND
        faces.origin_ns = begin_ns + offset_ns
        said = later(spoken(1), number, begin_ns)
        for now_ns in range(begin_ns, begin_ns + 5 * SECOND, FRAME_NS):
            audio_ns = now_ns - now_ns % (1600 * NS_PER_SAMPLE)
            vision.update(dataclasses.replace(frame(now_ns + offset_ns), audio_ns=audio_ns))
        estimates.append(vision.estimate(said))
    return estimates


@pytest.mark.parametrize('offset_ns', [0, 100 * MS, 250 * MS, -250 * MS, TAI_NS, UPTIME_NS])
def test_the_speaker_is_found_whatever_the_offset(offset_ns: int) -> None:
    faces = TalkingFaces(2, 1)
    vision = FaceVision(faces)
    estimates = converse(vision, faces, offset_ns, 4)
    assert [one.face_id for one in estimates] == ['f2'] * 4
    # Peaks are named by the stamps of their images.
    assert all(
        41 * SECOND <= peak.stamp_ns - offset_ns <= 44 * SECOND for peak in estimates[-1].peaks
    )


def test_what_was_corrected_is_reported() -> None:
    faces = TalkingFaces(2, 1)
    vision = FaceVision(faces)
    converse(vision, faces, 200 * MS, 4)
    assert list(vision.health.problems()) == []
    (note,) = vision.health.notes()
    assert note.startswith('images are ')
    assert note.endswith(' ms late, corrected')
    assert vision.health.delay_s == pytest.approx(0.2, abs=0.05)


def test_two_clocks_are_reported() -> None:
    faces = TalkingFaces(2, 1)
    vision = FaceVision(faces)
    converse(vision, faces, TAI_NS, 1)
    (problem,) = vision.health.problems()
    assert problem.startswith('the stamps of images are 37.0 s ahead of those of the audio')
    vision = FaceVision(faces, config=ImageConfig(delay_auto=False))
    estimates = converse(vision, faces, TAI_NS, 1)
    assert estimates[0].emotion.reason is Reason.NO_IMAGE
    (problem,) = vision.health.problems()
    assert problem.endswith('synchronise the clocks, or set image.delay_auto')


def test_faces_of_which_none_ever_speaks_are_reported() -> None:
    faces = TalkingFaces(None, None)
    vision = FaceVision(faces)
    converse(vision, faces, 0, 4)
    assert list(vision.health.problems()) == []
    vision = FaceVision(faces)
    converse(vision, faces, 0, 5)
    (problem,) = vision.health.problems()
    assert problem.startswith('faces were seen during the last 5 utterances, and none of them')
    assert 'image.delay' in problem
