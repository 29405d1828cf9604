"""The audio of a recording, and when each part of it was played."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotion_node.config import AudioConfig
from emotion_node.core.hearing.channels import mix_down
from emotion_node.datatypes import NS_PER_S, FloatArray
from emotion_node.messages.audio import AUDIO_TYPES, decode_audio
from emotion_node.recordings.bag import Bag


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio of one topic, played at the pace of recording.

    Attributes:
        ends_ns: stamps at which its chunks end, in order.
        played_ns: time at which each chunk is played, on the clock of the stamps.
        samples: (n,) float32, -1..1.
        rate: samples per second.
        start_ns: stamp of the first sample.
    """

    ends_ns: Sequence[int]
    played_ns: Sequence[int]
    samples: FloatArray
    rate: int
    start_ns: int

    def played_at(self, stamp_ns: int) -> int | None:
        """Return when the chunk that contains a stamp is played; None after the end."""
        place = bisect.bisect_left(self.ends_ns, stamp_ns)
        return self.played_ns[place] if place < len(self.ends_ns) else None

    def loudness(self, start_ns: int, end_ns: int, step_ns: int) -> list[float]:
        """Return the peak amplitude, 0..1, of each step between two stamps."""
        edges = (np.arange(start_ns, end_ns + 1, step_ns) - self.start_ns) * self.rate / NS_PER_S
        places = np.clip(edges.round().astype(int), 0, len(self.samples))
        return [
            round(float(np.abs(self.samples[a:b]).max(initial=0.0)), 4)
            for a, b in itertools.pairwise(places)
        ]


def read_sound(path: Path, topic: str) -> Sound:
    """Read the audio of one topic of a recording.

    Raises:
        BagError: there is no such topic.
    """
    config = AudioConfig()
    ends, played = [], []
    parts: list[FloatArray] = []
    rate = start_ns = 0
    with Bag(path) as bag:
        chosen = bag.choose(topic, AUDIO_TYPES, 'audio', '--audio-topic')
        for message in bag.messages([chosen.name] if chosen else []):
            chunk = decode_audio(bag.decode(message), message.stamp_ns, config)
            if not parts:
                rate, start_ns = chunk.rate, chunk.stamp_ns
            ends.append(chunk.stamp_ns + chunk.duration_ns)
            played.append(message.stamp_ns)
            mono = mix_down(chunk.samples)
            parts.append(np.zeros(len(chunk.samples), np.float32) if mono is None else mono)
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return Sound(ends, played, samples, rate, start_ns)
