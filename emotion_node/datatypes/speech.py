"""Utterances, and the events that hearing reports of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from emotion_node.datatypes.inputs import ClockSource
from emotion_node.datatypes.units import NS_PER_SAMPLE, FloatArray


class EndReason(enum.StrEnum):
    """Why an utterance ended where it did."""

    SILENCE = 'silence'
    """The speaker fell silent: the usual end."""
    MAX_LENGTH = 'max_length'
    """It became too long and was cut at its quietest point; the rest is the next utterance."""
    SPEAKER_CHANGE = 'speaker_change'
    """Another face took over: it was cut at a quiet point; the rest is the next utterance."""
    GAP = 'gap'
    """Audio went missing."""
    MUTED = 'muted'
    """The robot began to speak, or the node was disabled."""
    END = 'end'
    """The input ended."""

    @property
    def is_cut(self) -> bool:
        """Whether speech goes on after it, in the next utterance."""
        return self in (EndReason.MAX_LENGTH, EndReason.SPEAKER_CHANGE)


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech, from first to last sound.

    Attributes:
        utterance_id: unique within one run, counted from 1: "u1", "u2", ...; in a node after a
            prefix of the run, such as "k7pq-u1".
        start_ns: start of speech, without padding.
        end_ns: end of speech, without padding.
        decided_ns: stamp up to which audio had been received when the end was decided;
            `decided_ns - end_ns` is the endpointing latency.
        samples: (n,) float32 at `SAMPLE_RATE`, speech with its padding.
        samples_start_ns: stamp of `samples[0]`.
        end_reason: why it ended.
        clock_source: who stamped the audio.
        missing_ns: how much of the audio never came; silence stands in for it.
    """

    utterance_id: str
    start_ns: int
    end_ns: int
    decided_ns: int
    samples: FloatArray
    samples_start_ns: int
    end_reason: EndReason
    clock_source: ClockSource
    missing_ns: int = 0

    @property
    def missing_share(self) -> float:
        """Share of the audio that never came, 0..1."""
        if not len(self.samples):
            return 0.0
        return min(self.missing_ns / (len(self.samples) * NS_PER_SAMPLE), 1.0)

    @property
    def samples_end_ns(self) -> int:
        """Stamp at which the samples end."""
        return self.samples_start_ns + len(self.samples) * NS_PER_SAMPLE

    @property
    def speech_slice(self) -> slice:
        """Where in `samples` the speech lies, without padding."""
        begin = max(0, (self.start_ns - self.samples_start_ns) // NS_PER_SAMPLE)
        return slice(begin, max(begin, (self.end_ns - self.samples_start_ns) // NS_PER_SAMPLE))

    @property
    def speech(self) -> FloatArray:
        """The samples from start to end of speech, without padding; not a copy."""
        return self.samples[self.speech_slice]

    def holds_the_same(self, other: Utterance) -> bool:
        """Return whether another is the same stretch of the same speech, whatever ended it."""
        return (
            self.utterance_id == other.utterance_id
            and (self.start_ns, self.end_ns) == (other.start_ns, other.end_ns)
            and self.samples_start_ns == other.samples_start_ns
            and len(self.samples) == len(other.samples)
        )


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak.

    Attributes:
        utterance_id: of the utterance that has begun.
        start_ns: start of speech, without padding.
        decided_ns: stamp up to which audio had been received when this was decided.
        clock_source: who stamped the audio.
    """

    utterance_id: str
    start_ns: int
    decided_ns: int
    clock_source: ClockSource = ClockSource.HEADER


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """Audio of the utterance under way, padding and pauses included, without holes or overlaps.

    Audio after the padding of a pause is reported only if speech resumes.

    Attributes:
        utterance_id: of the utterance it belongs to.
        stamp_ns: stamp of the first sample.
        samples: (n,) float32 at `SAMPLE_RATE`.
        paused: whether there is no speech at its end.
    """

    utterance_id: str
    stamp_ns: int
    samples: FloatArray
    paused: bool = False


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Speech has paused for long enough that, if it ends here, the utterance's audio is complete.

    Attributes:
        utterance: as it is if it ends here, apart from `decided_ns` and `end_reason`.
    """

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """An utterance is complete."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class SpeechDropped:
    """What had begun as an utterance turned out too short to be one.

    Attributes:
        utterance_id: as in its `SpeechStarted`; it will not be used again.
        end_ns: end of the sound.
        decided_ns: stamp up to which audio had been received when this was decided.
    """

    utterance_id: str
    end_ns: int
    decided_ns: int


@dataclass(frozen=True, slots=True)
class ClockSetBack:
    """The clock that stamps the audio was set back: earlier stamps have no meaning any more.

    Attributes:
        stamp_ns: the first stamp on the new clock.
    """

    stamp_ns: int


SpeechEvent = (
    SpeechStarted | SpeechAudio | SpeechPaused | SpeechEnded | SpeechDropped | ClockSetBack
)
"""What hearing reports, in order: STARTED, then AUDIO and PAUSED, then ENDED or DROPPED, per
utterance; between utterances, that the clock was set back."""


class SpeechState(enum.IntEnum):
    """What a speech activity message reports."""

    STARTED = 0
    ENDED = 1
    DROPPED = 2
    """The sound was too short to be an utterance."""
