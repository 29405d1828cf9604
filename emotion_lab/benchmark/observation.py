"""One play as it was observed, on the clock of the stamps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emotion_lab.benchmark.events import (
    ActivityReceived,
    ClockTick,
    DiagnosticsReceived,
    EmotionReceived,
    Event,
    StateChange,
    read_events,
)
from emotion_node.datatypes import Trigger

ACTIVE = 'active'

LATE_FRAMES: Final = 'late_frames'
INTERIM_DROPPED: Final = 'interim_dropped'
TRANSCRIPTS_DROPPED: Final = 'transcripts_dropped'
COUNTERS: Final = (LATE_FRAMES, INTERIM_DROPPED, TRANSCRIPTS_DROPPED)
"""Counters of the node's analysis that are read. One appears in the diagnostics once it has
counted something."""


@dataclass(frozen=True, slots=True)
class Losses:
    """What the node dropped or missed so far, from its diagnostics.

    Attributes:
        frames_received: messages on the image topic.
        frames_dropped: frames dropped because vision could not keep up.
        frames_late: frames that came too late for their utterance.
        audio_dropped_s: audio dropped because hearing could not keep up.
        audio_lost_s: audio missing in the stream.
        audio_gaps: gaps in the stream.
        speech_waiting_peak_s: most speech that waited for analysis at once.
        interims_dropped: interim estimates left out because analysis could not keep up.
        transcripts_dropped: transcripts left out for the same reason.
    """

    frames_received: int
    frames_dropped: int
    frames_late: int
    audio_dropped_s: float
    audio_lost_s: float
    audio_gaps: int
    speech_waiting_peak_s: float
    interims_dropped: int
    transcripts_dropped: int

    @classmethod
    def of_diagnostics(cls, values: Mapping[str, Mapping[str, str]]) -> Losses | None:
        """Read the values of a diagnostics message; None when a part is missing in it.

        Args:
            values: by key, by part of the node.
        """
        if not {'image', 'hearing', 'analysis'} <= set(values):
            return None
        image, hearing, analysis = values['image'], values['hearing'], values['analysis']
        return cls(
            frames_received=int(image['messages']),
            frames_dropped=int(analysis['frames_dropped']),
            frames_late=int(analysis.get(LATE_FRAMES, 0)),
            audio_dropped_s=float(hearing['dropped_s']),
            audio_lost_s=float(hearing['lost_s']),
            audio_gaps=int(hearing['gaps']),
            speech_waiting_peak_s=float(analysis['waiting_peak_s']),
            interims_dropped=int(analysis.get(INTERIM_DROPPED, 0)),
            transcripts_dropped=int(analysis.get(TRANSCRIPTS_DROPPED, 0)),
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """One play, as it was observed.

    Attributes:
        offset_ns: monotonic time minus the time of the stamps; None when nothing was played.
        active_ns: monotonic time at which the node became active; None when it did not.
        finals, interims: emotions in order; `at_ns` is on the clock of the stamps.
        activities: speech activity in order; `at_ns` likewise.
        losses: from the last diagnostics; None before a complete one.
    """

    offset_ns: int | None = None
    active_ns: int | None = None
    finals: Sequence[EmotionReceived] = ()
    interims: Sequence[EmotionReceived] = ()
    activities: Sequence[ActivityReceived] = ()
    losses: Losses | None = None


def read_observation(path: Path) -> Observation:
    """Read what an observer has written so far."""
    return observation_of(read_events(path))


def observation_of(events: Iterable[Event]) -> Observation:
    """Put the events of one play on the clock of the stamps."""
    events = list(events)
    # The offset with the smallest delay in it is the most accurate.
    offset_ns = min((one.offset_ns for one in events if isinstance(one, ClockTick)), default=None)
    emotions = [
        dataclasses.replace(one, at_ns=one.at_ns - (offset_ns or 0))
        for one in events
        if isinstance(one, EmotionReceived)
    ]
    values: dict[str, Mapping[str, str]] = {}
    for one in events:
        if isinstance(one, DiagnosticsReceived):
            values.update(one.values)
    return Observation(
        offset_ns,
        min((one.at_ns for one in events if _shows_active(one)), default=None),
        [one for one in emotions if one.trigger is Trigger.FINAL],
        [one for one in emotions if one.trigger is Trigger.INTERIM],
        [
            dataclasses.replace(one, at_ns=one.at_ns - (offset_ns or 0))
            for one in events
            if isinstance(one, ActivityReceived)
        ],
        Losses.of_diagnostics(values),
    )


def _shows_active(event: Event) -> bool:
    if isinstance(event, StateChange):
        return event.state == ACTIVE
    if isinstance(event, DiagnosticsReceived):
        return event.values.get('state', {}).get('state') == ACTIVE
    return False
