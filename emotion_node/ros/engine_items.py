"""What waits in the queues between the threads of the engine."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from emotion_node.core.analysis.recogniser import RecogniserTask, TakeAudio
from emotion_node.datatypes import (
    NS_PER_S,
    SAMPLE_RATE,
    AudioChunk,
    ClockSetBack,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    TranscriptReport,
)


@dataclass(frozen=True, slots=True)
class Mute:
    """Audio is to be ignored from a stamp on, or used again."""

    stamp_ns: int
    muted: bool


@dataclass(frozen=True, slots=True)
class Flush:
    """The input has ended, for now.

    Attributes:
        words_by: when waiting for words ends, by the steady clock in seconds; None for never.
        done: set when all that was queued before has been processed and published.
    """

    words_by: float | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Split:
    """Another speaker took over between two stamps."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Reset:
    """Everything is to be forgotten."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Audio up to this stamp has been processed."""

    stamp_ns: int


@dataclass(frozen=True, slots=True)
class Found:
    """The recogniser has found something; the engine has it."""


HearingItem = AudioChunk | Mute | Split | Flush | Reset
AnalysisItem = (
    SpeechStarted
    | SpeechAudio
    | SpeechPaused
    | SpeechEnded
    | SpeechDropped
    | ClockSetBack
    | TranscriptReport
    | Flush
    | Reset
    | Tick
    | Found
)


def audio_seconds(item: HearingItem) -> float:
    """Return the seconds of audio in an item for hearing."""
    return item.duration_ns / NS_PER_S if isinstance(item, AudioChunk) else 0.0


def speech_seconds(item: AnalysisItem) -> float:
    """Return the seconds of speech in an item for analysis."""
    return len(item.samples) / SAMPLE_RATE if isinstance(item, SpeechAudio) else 0.0


def task_seconds(task: RecogniserTask) -> float:
    """Return the seconds of speech in a task of the recogniser."""
    return len(task.samples) / SAMPLE_RATE if isinstance(task, TakeAudio) else 0.0
