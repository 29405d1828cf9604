"""How fast `annotate` is, in line and without DDS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from emotion_node.cli.processes import ProcessError, ProcessGroup

_SPEED: Final = re.compile(r'in ([\d.]+) s of audio took ([\d.]+) s')


def annotate_speed(bag: Path, parameters: Mapping[str, object], folder: Path) -> float:
    """Return how many times faster than real time `annotate` is, without loading the models.

    Args:
        bag: the recording, which is annotated whole.
        parameters: of the node, by name.
        folder: for files on the way; empty.

    Raises:
        ProcessError: it failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    group = ProcessGroup(folder)
    command = [
        *('-m', 'emotion_node', 'annotate', str(bag), '-o', str(folder / 'emotions.jsonl')),
        '--timings',
        *(part for name in parameters for part in ('-p', f'{name}:={parameters[name]}')),
    ]
    with group.process('annotate', command) as annotate:
        group.wait(annotate, ())
    return read_speed(annotate.log.read_text(encoding='utf-8'))


def read_speed(said: str) -> float:
    """Return the speed that `annotate --timings` tells.

    Raises:
        ProcessError: it tells none.
    """
    found = _SPEED.search(said)
    if found is None or not float(found[2]):
        raise ProcessError(f'annotate has not told how long it took: {said.strip()[-500:]}')
    return float(found[1]) / float(found[2])
