"""A fast sample of the fuzz targets, always the same; `make fuzz` runs more."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_lab.commands import main
from emotion_lab.fuzz.target import Target, run_cases
from emotion_lab.fuzz.targets import TARGETS


@pytest.mark.parametrize('name', TARGETS)
def test_no_input_raises_what_it_must_not(name: str) -> None:
    target = TARGETS[name]
    *_, tally = run_cases(target, seed=1, first=0, count=target.sample)
    assert not tally.failures
    assert sum(tally.outcomes.values()) == target.sample
    assert len(tally.outcomes) > 1, 'all of one kind: the inputs are not varied'


def test_a_failure_is_counted_and_can_be_repeated() -> None:
    def fragile(rng: np.random.Generator) -> str:
        if rng.random() < 0.1:
            raise OverflowError
        return 'fine'

    target = Target('fragile', 'numbers into a function', lambda: fragile)
    *_, tally = run_cases(target, seed=3, first=0, count=100)
    assert tally.outcomes['fine'] + len(tally.failures) == 100
    number, _ = tally.failures[0]
    (again,) = run_cases(target, seed=3, first=number, count=1)
    assert isinstance(again.failures[0][1], OverflowError)


def test_the_command_prints_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['fuzz', '--only', 'transcript', '--cases', '50']) == 0
    assert 'transcript (transcripts into their decoder): ' in capsys.readouterr().out
