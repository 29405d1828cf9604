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
def test_its_threads_are_one_unless_somebody_wants_more(wanted: str | None) -> None:
    environment = {k: v for k, v in os.environ.items() if k != 'OPENBLAS_NUM_THREADS'}
    if wanted is not None:
        environment['OPENBLAS_NUM_THREADS'] = wanted
    told = subprocess.run(
        [sys.executable, '-c', COUNT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout.split()
    assert told[1] == (wanted or '1')
    if wanted is None:
        assert told[0] == '1'
