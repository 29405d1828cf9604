"""What the observer has written down of one play, read and put on the clock of the stamps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emotion_node.messages.json_records import Record


@dataclass(frozen=True, slots=True)
class Received:
    """An emotion and when it came.

    Attributes:
        at_ns: on the clock of the stamps.
        emotion: the message.
    """

    at_ns: int
    emotion: Record

    @property
    def decided_ns(self) -> int:
        """Stamp up to which audio had been heard when the end was decided."""
        return int(self.emotion['end'] + round(self.emotion['endpointing_latency'] * 1e9))


@dataclass(frozen=True, slots=True)
class Observation:
    """One play, as it was observed.

    Attributes:
        offset_ns: what the monotonic clock is ahead of that of the stamps; None when nothing was
            played.
        active_ns: monotonic time at which the node became active; None when it did not.
        finals, interims: emotions, in order.
        activities: speech activity, each with the time at which it came ("at_ns", on the clock of
            the stamps).
        diagnostics: the last ones, by part.
        began_ns: monotonic time of the first message on /clock.
    """

    offset_ns: int | None = None
    active_ns: int | None = None
    finals: Sequence[Received] = ()
    interims: Sequence[Received] = ()
    activities: Sequence[Record] = ()
    diagnostics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    began_ns: int | None = None


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the complete lines of a file that may still be written; none when there is no file."""
    if not path.exists():
        return
    with path.open(encoding='utf-8') as file:
        for line in file:
            if line.endswith('\n'):
                yield json.loads(line)


def read_observation(path: Path) -> Observation:
    """Read what an observer has written so far."""
    lines = list(read_lines(path))
    clocks = [line for line in lines if line['kind'] == 'clock']
    # The least delay is nearest to none.
    offset_ns = min((line['at'] - line['stamp'] for line in clocks), default=None)
    actives = [line['at'] for line in lines if _tells_active(line)]
    emotions = [
        Received(line['at'] - (offset_ns or 0), line['emotion'])
        for line in lines
        if line['kind'] == 'emotion'
    ]
    diagnostics: dict[str, Mapping[str, str]] = {}
    for line in lines:
        if line['kind'] == 'diagnostics':
            diagnostics.update(line['values'])
    return Observation(
        offset_ns,
        min(actives, default=None),
        [one for one in emotions if one.emotion['trigger'] == 'final'],
        [one for one in emotions if one.emotion['trigger'] == 'interim'],
        [
            {**line['activity'], 'at_ns': line['at'] - (offset_ns or 0)}
            for line in lines
            if line['kind'] == 'activity'
        ],
        diagnostics,
        min((line['at'] for line in clocks), default=None),
    )


def _tells_active(line: Mapping[str, Any]) -> bool:
    if line['kind'] == 'state':
        return bool(line['state'] == 'active')
    if line['kind'] == 'diagnostics':
        return bool(line['values'].get('state', {}).get('state') == 'active')
    return False
