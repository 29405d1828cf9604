"""NumPy does not keep a second core busy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = """
import emotion_node.backends.voice_features, os
print(len(os.listdir('/proc/self/task')), os.environ['OPENBLAS_NUM_THREADS'])
"""


@pytest.mark.parametrize('wanted', [None, '2'])
def test_numpy_has_one_thread_unless_the_environment_sets_more(wanted: str | None) -> None:
    environment = {k: v for k, v in os.environ.items() if k != 'OPENBLAS_NUM_THREADS'}
    if wanted is not None:
        environment['OPENBLAS_NUM_THREADS'] = wanted
    printed = subprocess.run(
        [sys.executable, '-c', COUNT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout.split()
    assert printed[1] == (wanted or '1')
    if wanted is None:
        assert printed[0] == '1'
