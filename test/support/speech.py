"""Pieces of audio for tests, and checks of what is made of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    AudioChunk,
    FloatArray,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    Transcript,
    Utterance,
)
from emotion_node.interfaces import TranscriberStream

FRAME = 320
STAMP = 1_700_000_000_123_456_789
"""A time in 2023 that is not a round number."""


class LoudnessVad:
    """A detector for which loud frames are speech: probability 0 or 1, without delay."""

    name = 'loudness'
    frame_samples = FRAME
    onset_delay_ns = 0
    release_delay_ns = 0

    def stream(self) -> LoudnessVad:
        return self

    def probability(self, frame: FloatArray) -> float:
        assert frame.shape == (FRAME,)
        return float(np.sqrt(np.mean(np.square(frame))) > 0.02)

    def reset(self) -> None:
        pass


def sound(*pieces: tuple[float, float], seed: int = 0) -> FloatArray:
    """Return noise made of (seconds, level) pieces; level 0 is silence."""
    rng = np.random.default_rng(seed)
    parts = [
        level * rng.standard_normal(round(seconds * SAMPLE_RATE)) for seconds, level in pieces
    ]
    joined: FloatArray = np.concatenate(parts).clip(-1, 1).astype(np.float32)
    return joined


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    samples: FloatArray = rng.standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)
    samples *= level
    return samples


def tone(seconds: float) -> FloatArray:
    wave = 0.3 * np.sin(0.1 * np.arange(round(seconds * SAMPLE_RATE)))
    samples: FloatArray = wave.astype(np.float32)
    return samples


def silence(seconds: float) -> FloatArray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def feed(stream: TranscriberStream, samples: FloatArray, sizes: Iterable[int] = ()) -> Transcript:
    """Feed samples to a stream in chunks of the given sizes, the rest in one, and finish."""
    for size in sizes:
        stream.accept(samples[:size])
        samples = samples[size:]
    stream.accept(samples)
    return stream.finish()


def chunks(
    samples: npt.NDArray[np.int16] | FloatArray,
    sizes: Iterable[int] = (),
    start_ns: int = STAMP,
    rate: int = SAMPLE_RATE,
) -> list[AudioChunk]:
    """Return `samples`, (n,) or (n, channels), in chunks of these sizes, repeated."""
    sizes = list(sizes) or [rate // 50]
    result: list[AudioChunk] = []
    first = 0
    while first < len(samples):
        size = sizes[len(result) % len(sizes)]
        part = samples[first : first + size].reshape(len(samples[first : first + size]), -1)
        result.append(AudioChunk(start_ns + first * NS_PER_S // rate, part, rate))
        first += size
    return result


def utterances(events: Iterable[SpeechEvent]) -> list[Utterance]:
    """Return the complete utterances among the events."""
    return [event.utterance for event in events if isinstance(event, SpeechEnded)]


def seconds(stamp_ns: int, since_ns: int = STAMP) -> float:
    """Return a stamp as seconds since the start of the sound."""
    return (stamp_ns - since_ns) / NS_PER_S


def check_order(events: Iterable[SpeechEvent]) -> None:
    """Assert what holds for all events, whatever the input.

    Each utterance is STARTED, AUDIO without holes, then ENDED or DROPPED; none begins before the
    previous one has ended; ids are never used twice.
    """
    under_way = ''
    seen: set[str] = set()
    audio: list[SpeechAudio] = []
    for event in events:
        match event:
            case SpeechStarted():
                assert not under_way
                assert event.utterance_id not in seen
                assert event.start_ns <= event.decided_ns
                under_way = event.utterance_id
                seen.add(under_way)
                audio = []
            case SpeechAudio():
                assert event.utterance_id == under_way
                if audio:
                    last = audio[-1]
                    assert event.stamp_ns == last.stamp_ns + len(last.samples) * NS_PER_SAMPLE
                audio.append(event)
            case SpeechDropped():
                assert event.utterance_id == under_way
                under_way = ''
            case SpeechEnded(utterance):
                assert utterance.utterance_id == under_way
                under_way = ''
                _check_utterance(utterance, audio)
    assert not under_way


def _check_utterance(utterance: Utterance, audio: list[SpeechAudio]) -> None:
    samples_end_ns = utterance.samples_start_ns + len(utterance.samples) * NS_PER_SAMPLE
    assert utterance.samples_start_ns <= utterance.start_ns <= utterance.end_ns
    assert utterance.end_ns <= samples_end_ns <= utterance.decided_ns
    assert audio[0].stamp_ns == utterance.samples_start_ns
    reported = np.concatenate([block.samples for block in audio])
    np.testing.assert_array_equal(reported[: len(utterance.samples)], utterance.samples)
