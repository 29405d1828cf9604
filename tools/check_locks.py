"""Show on which machines every package of a lock has its wheel, and how large the wheels are.

For each Python and processor, uv resolves requirements/NAME.lock with its hashes, from wheels
alone and as that machine would; nothing is installed. Prints a table of the sizes of the wheels,
with "-" for a machine that cannot be served, and the reason below it.

    python -m tools.check_locks UV [NAME...]        (make lock-check)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

ROOT: Final = Path(__file__).resolve().parents[1]
PYTHONS: Final = ('3.11', '3.12', '3.13', '3.14')
MACHINES: Final = ('x86_64', 'aarch64')
GLIBC: Final = 28
"""The second number of the oldest glibc, 2.28; Ubuntu 20.04 has 2.31."""
EVERYWHERE: Final = ('robot', 'offline')
"""The locks that have to serve all of these machines."""


def resolve(uv: str, lock: Path, python: str, machine: str) -> str:
    """Return why a machine cannot install from a lock; empty if it can."""
    done = subprocess.run(
        [
            *(uv, 'pip', 'install', '--quiet', '--dry-run', '--no-deps', '--require-hashes'),
            *('--only-binary', ':all:', '--python-version', python),
            *('--python-platform', f'{machine}-manylinux_2_{GLIBC}'),
            *('--target', '/nonexistent', '--requirements', str(lock)),
        ],
        capture_output=True,
        text=True,
    )
    return done.stderr.strip() if done.returncode else ''


def files(uv: str, lock: Path) -> list[dict[str, Any]]:
    """Return the packages of a lock with their wheels, as a pylock.toml (PEP 751) has them."""
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / 'pylock.toml'
        subprocess.run(
            [
                *(uv, 'pip', 'compile', '--quiet', '--universal', '--python-version', PYTHONS[0]),
                *('--no-deps', '--output-file', str(listing), str(lock)),
            ],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        packages: list[dict[str, Any]] = tomllib.loads(listing.read_text())['packages']
        return packages


def megabytes(packages: Sequence[dict[str, Any]], python: str, machine: str) -> float:
    """Return the size of the wheels that a machine takes, in MB."""
    environment = {
        'python_version': python,
        'python_full_version': f'{python}.0',
        'implementation_name': 'cpython',
        'platform_python_implementation': 'CPython',
        'platform_machine': machine,
        'sys_platform': 'linux',
    }
    rank = {tag: place for place, tag in enumerate(_tags(python, machine))}
    total = 0
    for package in packages:
        if 'marker' in package and not Marker(package['marker']).evaluate(environment):
            continue
        fitting = [
            (min(places), wheel['size'])
            for wheel in package.get('wheels', ())
            if (places := [rank[tag] for tag in _wheel_tags(wheel['url']) if tag in rank])
        ]
        total += min(fitting)[1] if fitting else 0
    return total / 1e6


def _wheel_tags(url: str) -> frozenset[Tag]:
    return parse_wheel_filename(url.rpartition('/')[2].replace('%2B', '+'))[3]


def _tags(python: str, machine: str) -> Iterator[Tag]:
    version = tuple(map(int, python.split('.')))
    platforms = [f'manylinux_2_{minor}_{machine}' for minor in range(GLIBC, 4, -1)]
    platforms += [f'{name}_{machine}' for name in ('manylinux2014', 'manylinux2010', 'linux')]
    yield from cpython_tags(version, platforms=platforms)
    yield from compatible_tags(version, f'cp{version[0]}{version[1]}', platforms)


def main(argv: Sequence[str]) -> int:
    """Print the table of each lock; return 1 if a machine is not served."""
    uv, *names = argv
    failed = False
    for name in names or EVERYWHERE:
        lock = ROOT / 'requirements' / f'{name}.lock'
        packages = files(uv, lock)
        print(f'{lock.name}: MB of wheels\n\n| Python |', ' | '.join(MACHINES), '|')
        print('|---|' + '---|' * len(MACHINES))
        reasons = []
        for python in PYTHONS:
            cells = []
            for machine in MACHINES:
                reason = resolve(uv, lock, python, machine)
                reasons += [f'Python {python} on {machine}: {reason}'] if reason else []
                cells.append('-' if reason else f'{megabytes(packages, python, machine):.0f}')
            print(f'| {python} |', ' | '.join(cells), '|')
        print('', *reasons, sep='\n')
        failed = failed or bool(reasons)
    return int(failed)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
