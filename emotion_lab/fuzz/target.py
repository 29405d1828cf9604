"""What a fuzz target is, and how its cases are run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

Case = Callable[[np.random.Generator], str]
"""Runs one case from its random numbers, and returns in a word what came of it. Whatever it raises
is a failure."""


@dataclass(frozen=True, slots=True)
class Target:
    """One part of the product that gets random inputs.

    Attributes:
        name: on the command line.
        description: what is put into what, in a line.
        prepare: makes what runs the cases; a state may last from case to case.
        sample: number of cases in the tests.
    """

    name: str
    description: str
    prepare: Callable[[], Case]
    sample: int = 300


@dataclass(slots=True)
class Tally:
    """What came of the cases of a target.

    Attributes:
        outcomes: how many cases had which outcome.
        failures: number of the case and what it raised.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, Exception]] = field(default_factory=list)


def run_cases(target: Target, seed: int, first: int, count: int) -> Iterator[Tally]:
    """Run cases, and yield the tally so far after each.

    Args:
        target: what to run.
        seed: of all random numbers.
        first: number of the first case.
        count: how many cases.
    """
    case = target.prepare()
    tally = Tally()
    for number in range(first, first + count):
        try:
            tally.outcomes[case(np.random.default_rng([seed, number]))] += 1
        except Exception as error:  # noqa: BLE001 - every one is a finding
            tally.failures.append((number, error))
        yield tally
