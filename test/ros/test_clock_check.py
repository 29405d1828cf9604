"""Simulated time that stands still is recognised."""

from __future__ import annotations

import pytest

from emotion_node.datatypes import NS_PER_S
from emotion_node.ros.clock_check import ClockCheck


def checked(speed: float, seconds: float, start_s: float = 100.0) -> str:
    check = ClockCheck()
    for tick in range(round(4 * seconds) + 1):
        check.add(tick / 4, round((start_s + speed * tick / 4) * NS_PER_S))
    return check.problem(publishers=1)


@pytest.mark.parametrize('speed', [0.1, 1.0, 20.0, -1.0])
def test_a_clock_that_runs_at_any_speed_is_no_problem(speed: float) -> None:
    assert not checked(speed, 10.0)


def test_a_clock_that_stands_still_is_named_with_the_remedy() -> None:
    assert not checked(0.0, 1.5), 'too soon to tell'
    text = checked(0.0, 3.0)
    assert text.startswith('use_sim_time is set, but /clock stands still at 100.0 s')
    assert 'resume the simulation or the playback' in text


def test_a_clock_that_nobody_publishes_has_another_remedy() -> None:
    check = ClockCheck()
    for tick in range(10):
        check.add(float(tick), 0)
    assert 'nobody publishes it' in check.problem(publishers=0)


def test_a_clock_that_goes_on_after_a_while_is_no_problem_any_more() -> None:
    check = ClockCheck()
    for tick in range(10):
        check.add(float(tick), max(0, tick - 5) * NS_PER_S)
    assert not check.problem(publishers=1)
