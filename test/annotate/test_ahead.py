"""Threads that help: the same results in the same order, and errors where they belong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from emotion_node.annotate.ahead import AHEAD, Helpers
from emotion_node.datatypes import VideoFrame
from emotion_node.faces import Image
from emotion_node.recordings.recording import RobotSpeaking, Step


class Camera:
    """Frames that note which threads decode them, how often; some are broken."""

    def __init__(self) -> None:
        self.decoded: list[tuple[int, str]] = []
        self.read = 0

    def frame(self, number: int) -> VideoFrame:
        def decode() -> Image:
            self.decoded.append((number, threading.current_thread().name))
            if number % 5 == 4:
                raise ValueError(f'frame {number}')
            return np.full((2, 2, 3), number, np.uint8)

        return VideoFrame(number, decode)

    def steps(self, count: int) -> Iterator[Step]:
        for number in range(count):
            self.read += 1
            yield Step(number, self.frame(number))
            yield Step(number, RobotSpeaking(number, True) if number % 2 else None)


@pytest.mark.parametrize('threads', [1, 2])
def test_frames_are_decoded_ahead_in_their_order_and_broken_ones_fail_where_they_are_used(
    threads: int,
) -> None:
    camera, seen = Camera(), 0
    with Helpers(threads) as helpers:
        for place, step in enumerate(helpers.decoded(camera.steps(40))):
            assert step.time_ns == place // 2
            assert camera.read <= place // 2 + 1 + AHEAD // 2 + 1, 'no more than is needed'
            if not isinstance(step.value, VideoFrame):
                continue
            if seen % 5 == 4:
                with pytest.raises(ValueError, match=f'frame {seen}'):
                    step.value.decode()
            else:
                assert step.value.decode()[0, 0, 0] == seen
                assert step.value.decode() is step.value.decode() or threads == 1
            seen += 1
    assert seen == 40
    helped = {name for _, name in camera.decoded} - {threading.current_thread().name}
    assert bool(helped) == (threads > 1)


@pytest.mark.parametrize('threads', [1, 2])
def test_each_is_map(threads: int) -> None:
    with Helpers(threads) as helpers:
        for count in range(4):
            assert list(helpers.each(lambda one: 2 * one, range(count))) == [
                2 * one for one in range(count)
            ]
        with pytest.raises(ZeroDivisionError):
            list(helpers.each(lambda one: 1 // one, [1, 0]))
