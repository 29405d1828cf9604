"""Measure how fast `annotate` is: the pipeline offline, without DDS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from emotion_node.cli.processes import ProcessError, ProcessGroup


def annotate_speed(bag: Path, parameters: Mapping[str, object], folder: Path) -> float:
    """Return how many times faster than real time `annotate` is, without loading the models.

    Args:
        bag: the recording; all of it is annotated.
        parameters: of the node, by name.
        folder: for intermediate files; empty.

    Raises:
        ProcessError: `annotate` failed, or no audio could be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    group, timings = ProcessGroup(folder), folder / 'timings.json'
    command = [
        *('-m', 'emotion_node', 'annotate', str(bag), '-o', str(folder / 'emotions.jsonl')),
        *('--timings-json', str(timings)),
        *(part for name in parameters for part in ('-p', f'{name}:={parameters[name]}')),
    ]
    with group.process('annotate', command) as annotate:
        group.wait(annotate, ())
    return read_speed(timings)


def read_speed(timings: Path) -> float:
    """Return the speed in a file that `annotate --timings-json` wrote.

    Raises:
        ProcessError: no audio was annotated.
    """
    record = json.loads(timings.read_text(encoding='utf-8'))
    if not record['speed']:
        raise ProcessError(f'annotate found no audio to measure its speed on: {record}')
    return float(record['speed'])
