"""The observer's records: one line of JSON for each message that it receives."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emotion_node.datatypes import EmotionReport, EndReason, Trigger


@dataclass(frozen=True, slots=True)
class Ready:
    """All topics are subscribed to.

    Attributes:
        at_ns: monotonic time, which all processes of a machine share.
    """

    at_ns: int


@dataclass(frozen=True, slots=True)
class ClockTick:
    """A message on /clock with a smaller delay than all before, or the first of a new round.

    Attributes:
        at_ns: monotonic time of receipt.
        stamp_ns: time on the clock of the stamps.
    """

    at_ns: int
    stamp_ns: int

    @property
    def offset_ns(self) -> int:
        """Monotonic time minus the time of the stamps, the delay included."""
        return self.at_ns - self.stamp_ns


@dataclass(frozen=True, slots=True)
class StateChange:
    """A transition of the node's life cycle.

    Attributes:
        at_ns: monotonic time of receipt.
        state: the state that was reached, such as "active".
    """

    at_ns: int
    state: str


@dataclass(frozen=True, slots=True)
class EmotionReceived:
    """A final emotion or an interim estimate.

    Attributes:
        at_ns: monotonic time of receipt.
        utterance_id: of the utterance.
        trigger: final or interim.
        end_reason: why the utterance ended; of no meaning for an interim estimate.
        label: most likely emotion; empty when unknown.
        start_ns, end_ns: stamps of the utterance.
        endpointing_ns: from the end of speech until the end was decided.
        words: whether words were recognised by then.
    """

    at_ns: int
    utterance_id: str
    trigger: Trigger
    end_reason: EndReason
    label: str
    start_ns: int
    end_ns: int
    endpointing_ns: int
    words: bool

    @classmethod
    def of_report(cls, report: EmotionReport, at_ns: int) -> EmotionReceived:
        """Return the record of a report that was received."""
        return cls(
            at_ns,
            report.utterance_id,
            report.trigger,
            report.end_reason,
            report.fused.label,
            report.start_ns,
            report.end_ns,
            report.endpointing_ns,
            bool(report.transcript.text),
        )

    @property
    def decided_ns(self) -> int:
        """Stamp of the last audio that was needed to decide the end of the utterance."""
        return self.end_ns + self.endpointing_ns


@dataclass(frozen=True, slots=True)
class ActivityReceived:
    """A message on speech_activity.

    Attributes:
        at_ns: monotonic time of receipt.
        utterance_id: of the utterance.
        started: whether speech started; otherwise it ended or was dropped.
    """

    at_ns: int
    utterance_id: str
    started: bool


@dataclass(frozen=True, slots=True)
class DiagnosticsReceived:
    """A message on /diagnostics.

    Attributes:
        at_ns: monotonic time of receipt.
        values: values by key, by part of the node.
    """

    at_ns: int
    values: Mapping[str, Mapping[str, str]]


Event = Ready | ClockTick | StateChange | EmotionReceived | ActivityReceived | DiagnosticsReceived

_KINDS: Final[Mapping[str, type[Event]]] = {
    'ready': Ready,
    'clock': ClockTick,
    'state': StateChange,
    'emotion': EmotionReceived,
    'activity': ActivityReceived,
    'diagnostics': DiagnosticsReceived,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def write_event(event: Event) -> str:
    """Return the line for an event, without its end."""
    line = {'kind': _NAMES[type(event)], **dataclasses.asdict(event)}
    return json.dumps(line, ensure_ascii=False)


def read_event(line: str) -> Event:
    """Return the event of a line that `write_event` made."""
    fields: dict[str, Any] = json.loads(line)
    kind = _KINDS[fields.pop('kind')]
    if kind is EmotionReceived:
        fields['trigger'] = Trigger(fields['trigger'])
        fields['end_reason'] = EndReason(fields['end_reason'])
    return kind(**fields)


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of the complete lines of a file that may still be written to.

    Nothing where there is no such file.
    """
    if not path.exists():
        return
    with path.open(encoding='utf-8') as file:
        for line in file:
            if line.endswith('\n'):
                yield read_event(line)
