"""Draw the timeline of a report, by a script in an environment that has matplotlib."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from emotion_node.cli.processes import ProcessError

_SCRIPT: Final = Path(__file__).resolve().parents[2] / 'docs' / 'draw_timeline.py'


def check_drawing(draw_env: Path | None) -> None:
    """Check before anything is measured that the result can be drawn.

    Args:
        draw_env: virtual environment with matplotlib; the current one when None.

    Raises:
        ProcessError: it cannot.
    """
    python = _python(draw_env)
    if not _SCRIPT.exists():
        raise ProcessError(f'{_SCRIPT} is missing: --plot works only in a checkout')
    if not python.exists():
        raise ProcessError(f'{python} is missing; "make bench" makes it')
    tried = subprocess.run([python, '-c', 'import matplotlib'], capture_output=True, check=False)
    if tried.returncode:
        raise ProcessError(
            f'{python} has no matplotlib; name an environment that has it with --draw-env'
        )


def draw(report: Mapping[str, Any], file: Path, draw_env: Path | None) -> None:
    """Draw the timeline of a report as PNG; nothing where it has none.

    Args:
        report: of `comparison.compare`.
        file: to write.
        draw_env: as in `check_drawing`.

    Raises:
        ProcessError: the script failed.
    """
    if report['timeline'] is None:
        return
    with tempfile.TemporaryDirectory(prefix='emotion_node_bench_') as folder:
        figures = Path(folder) / 'bench.json'
        figures.write_text(json.dumps(report), encoding='utf-8')
        command = [_python(draw_env), _SCRIPT, figures, file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ['']
        raise ProcessError(f'{_SCRIPT} failed: {lines[-1]}')


def _python(draw_env: Path | None) -> Path:
    return Path(sys.executable) if draw_env is None else draw_env / 'bin' / 'python'
