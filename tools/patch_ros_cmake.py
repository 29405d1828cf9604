"""Point the ROS wheels' CMake files at this interpreter.

The wheels carry the paths of the machine that built them: of Python's headers and of NumPy's.
Message generation finds neither on any other machine. This rewrites them under the virtual
environment's share folder; a second run changes nothing.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

BUILD_PYTHON = r'/opt/python/cp\d+-cp\d+'
NUMPY_INCLUDE = re.compile(
    BUILD_PYTHON + r'/lib/python3\.\d+/site-packages/numpy/(?:_core|core)/include'
)
PYTHON_INCLUDE = re.compile(BUILD_PYTHON + r'/include/python3\.\d+')


def patch(share: Path, python_include: str, numpy_include: str) -> int:
    """Rewrite the two paths in every CMake file below a folder.

    Args:
        share: the folder to search.
        python_include: where this interpreter's `Python.h` is.
        numpy_include: where this environment's `numpy/arrayobject.h` is.

    Returns:
        How many files were changed.
    """
    changed = 0
    for path in share.rglob('*.cmake'):
        old = path.read_text(encoding='utf-8')
        new = NUMPY_INCLUDE.sub(lambda _: numpy_include, old)
        new = PYTHON_INCLUDE.sub(lambda _: python_include, new)
        if new != old:
            path.write_text(new, encoding='utf-8')
            changed += 1
    return changed


def main() -> int:
    """Patch the environment that runs this."""
    python_include = sysconfig.get_path('include')
    if not (Path(python_include) / 'Python.h').is_file():
        sys.stderr.write(
            f'No Python.h in {python_include}, which building the messages needs.\n'
            "Install Python's headers (Debian: the package python3-dev or python3.12-dev).\n"
        )
        return 1
    changed = patch(Path(sys.prefix) / 'share', python_include, np.get_include())
    print(f'CMake files pointed at this interpreter: {changed}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
