"""How often an utterance is cut in two, by the evaluation of endpointing where there is one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import Final

EVALUATION: Final = 'emotion_node.evaluation.endpointing'
LIMIT_S: Final = 90.0


def evaluated_cut_off_rate() -> tuple[float | None, str]:
    """Return the share of utterances that are cut in two, and where it comes from.

    The rate is None where it could not be measured, and the text then says why.
    """
    if importlib.util.find_spec(EVALUATION) is None:
        return None, 'there is no evaluation of endpointing'
    command = [sys.executable, '-m', 'emotion_node', 'evaluate', 'endpointing', '--json']
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return None, f'the evaluation of endpointing takes longer than {LIMIT_S:g} s'
    if told.returncode:
        lines = told.stderr.strip().splitlines() or ['']
        return None, f'the evaluation of endpointing failed: {lines[-1]}'
    try:
        return float(json.loads(told.stdout)['cut_off_rate']), 'evaluate endpointing'
    except (KeyError, TypeError, ValueError) as error:
        return None, f'the evaluation of endpointing tells no cut_off_rate ({error})'
