"""`python -m emotion_lab fuzz`: run the fuzz targets, and count what came of it."""

from __future__ import annotations

import argparse
import resource
import sys
import time
import traceback
from typing import Final

from emotion_lab.fuzz.target import Tally, Target, run_cases
from emotion_lab.fuzz.targets import TARGETS

DESCRIPTION = """\
Put random and damaged inputs into parts of the product. A case that raises anything but what it
may raise is a failure; its number is printed, and --seed and --first repeat it.
"""
EPILOG = """\
Examples:
  python -m emotion_lab fuzz
  python -m emotion_lab fuzz --only image --seconds 600 --seed 7
  python -m emotion_lab fuzz --only image --seed 7 --first 1234 --cases 1
"""
MAX_GROWTH_MB: Final = 500
"""Memory that a target may add to the most that the process had."""
_SHOWN: Final = 5
"""Failures of one target that are printed in full."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('--only', choices=sorted(TARGETS), help='one target')
    parser.add_argument('--seed', type=int, default=1, help='default: 1')
    parser.add_argument('--first', type=int, default=0, help='number of the first case')
    parser.add_argument('--cases', type=int, help='of each target; default: as many as fit')
    parser.add_argument('--seconds', type=float, default=60.0, help='for each target; default: 60')


def run(args: argparse.Namespace) -> int:
    """Run the targets, and print their counts.

    Returns:
        0; 1 when a case failed or memory grew.
    """
    failed = False
    for target in TARGETS.values():
        if args.only in (None, target.name):
            failed |= _run_target(target, args)
    return int(failed)


def _run_target(target: Target, args: argparse.Namespace) -> bool:
    before_mb, end = _peak_mb(), time.monotonic() + args.seconds
    tally = Tally()
    cases = run_cases(target, args.seed, args.first, args.cases or sys.maxsize)
    for tally in cases:  # noqa: B007 - the last one counts
        if args.cases is None and time.monotonic() > end:
            break
    growth_mb = _peak_mb() - before_mb
    counts = ', '.join(f'{count} {name}' for name, count in tally.outcomes.most_common())
    print(
        f'{target.name} ({target.description}): {counts}; {len(tally.failures)} failed, '
        f'memory +{growth_mb:.0f} MB',
        flush=True,
    )
    for number, error in tally.failures[:_SHOWN]:
        print(f'  --only {target.name} --seed {args.seed} --first {number} --cases 1')
        print(''.join(traceback.format_exception(error)))
    if growth_mb > MAX_GROWTH_MB:
        print(f'  memory grew by more than {MAX_GROWTH_MB} MB')
    return bool(tally.failures) or growth_mb > MAX_GROWTH_MB


def _peak_mb() -> float:
    """Return the most memory that the process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
