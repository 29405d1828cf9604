"""What the node's hearing makes of the voices in scenes whose speaker is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from emotion_lab.data.speaker_clips import Talker
from emotion_node.config import Config
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_S,
    SAMPLE_RATE,
    AudioChunk,
    ClockSource,
    SpeechEnded,
    SpeechEvent,
)
from emotion_node.factory import Models, build_hearing
from emotion_node.interfaces import Vad

CHUNK: Final = SAMPLE_RATE // 50

Timed = tuple[int, SpeechEvent]
"""An event, and the stamp of the end of the audio that had been processed by then."""


def hear_talker(talker: Talker, shift_ms: int, vad: Vad) -> list[Timed]:
    """Return the events of hearing for a voice that comes `shift_ms` late."""
    hearing = build_hearing(Config(), Models(vad, None, None))
    shift_ns = shift_ms * NS_PER_MS
    events: list[Timed] = []
    for first in range(0, len(talker.samples), CHUNK):
        stamp_ns = shift_ns + first * NS_PER_S // SAMPLE_RATE
        samples = talker.samples[first : first + CHUNK, None]
        chunk = AudioChunk(stamp_ns, samples, SAMPLE_RATE, ClockSource.FILE)
        end_ns = stamp_ns + chunk.duration_ns
        events += [(end_ns, event) for event in hearing.push(chunk)]
    return events + [(events[-1][0], event) for event in hearing.flush()]


def as_heard(talker: Talker, vad: Vad) -> Talker:
    """Return a talker whose speech is the first utterance that hearing finds."""
    events = hear_talker(talker, 0, vad)
    heard = next(one.utterance for _, one in events if isinstance(one, SpeechEnded))
    return replace(talker, speech=(heard.start_ns, heard.end_ns))
