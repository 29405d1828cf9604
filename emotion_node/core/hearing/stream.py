"""From audio as a driver delivers it to speech events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import numpy as np

from emotion_node.config import AudioConfig, SegmenterConfig
from emotion_node.core.hearing.audio_buffer import AudioBuffer, mix_down
from emotion_node.core.hearing.muted_spans import MutedSpans
from emotion_node.core.hearing.segmenter import SpeechSegmenter, required_capacity
from emotion_node.core.hearing.timeline import Continuity, Timeline, TimelineFit
from emotion_node.datatypes import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    NS_PER_S,
    NS_PER_SAMPLE,
    AudioChunk,
    EndReason,
    FloatArray,
    SilenceRequired,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
)
from emotion_node.interfaces import Resampler, Vad

SLICES_PER_S: Final = 4
"""Long chunks are taken in slices of 1/4 s, so that the buffer need not hold them."""
_NOTHING: Final[FloatArray] = np.zeros(0, np.float32)


@dataclass(slots=True)
class HearingStats:
    """What has been heard, and what was wrong with it, since the start.

    Attributes:
        chunks: taken, the unusable ones included.
        empty_chunks: without a sample; ignored.
        bad_chunks: with samples that are not finite numbers, or of a rate out of range; not
            heard, a gap remains.
        samples: given to voice activity detection or muted, at `SAMPLE_RATE`.
        gaps, lost_ns: places where audio was missing, and how much.
        overlaps, overlap_ns: chunks that came again in part or whole, and how much of them.
        jumps_back: how often the clock was set back.
        rate_changes: how often the sample rate changed without a gap.
        muted_ns: audio that was not listened to.
        utterances, dropped_utterances: complete, and too short to be one.
        cuts: utterances by why they ended.
    """

    chunks: int = 0
    empty_chunks: int = 0
    bad_chunks: int = 0
    samples: int = 0
    gaps: int = 0
    lost_ns: int = 0
    overlaps: int = 0
    overlap_ns: int = 0
    jumps_back: int = 0
    rate_changes: int = 0
    muted_ns: int = 0
    utterances: int = 0
    dropped_utterances: int = 0
    end_reasons: Counter[EndReason] = field(default_factory=Counter)


class Hearing:
    """Hears one microphone: any rate, channels and chunk size in, speech events out.

    A stretch of audio without gaps is resampled and cut into frames for the detector as one; at
    its end the utterance under way ends too. How it was cut into chunks changes nothing, and
    stamps shifted by a constant shift those of all events.

    Args:
        audio: what counts as gap, overlap and jump.
        segmenter: where utterances begin and end.
        mute_release: how long after `set_muted(..., False)` the microphone is still ignored, in s.
        vad: voice activity detector.
        resampler: makes a resampler for a rate in Hz.

    Attributes:
        heard_ns: stamp up to which audio has been heard; None before the first.
        stats: counters.
    """

    def __init__(
        self,
        audio: AudioConfig,
        segmenter: SegmenterConfig,
        mute_release: float,
        vad: Vad,
        resampler: Callable[[int], Resampler],
    ) -> None:
        self.heard_ns: int | None = None
        self.stats = HearingStats()
        self._make_resampler = resampler
        self._resampler: Resampler | None = None
        self._vad = vad.stream()
        self._frame_ns = vad.frame_samples * NS_PER_SAMPLE
        self._timeline = Timeline(audio)
        self._buffer = AudioBuffer(required_capacity(segmenter))
        self._mute = MutedSpans(round(mute_release * NS_PER_S))
        self._muted = False
        self._position_ns = 0
        ids = (f'u{number}' for number in count(1))
        self._segmenter = SpeechSegmenter(
            segmenter,
            self._buffer,
            self._frame_ns,
            vad.onset_delay_ns,
            vad.release_delay_ns,
            ids,
        )

    def push(self, chunk: AudioChunk) -> list[SpeechEvent]:
        """Hear a chunk; return what came of it."""
        return list(self.process(chunk))

    def process(self, chunk: AudioChunk) -> Iterator[SpeechEvent]:
        """Hear a chunk as its events are taken: none of it is heard beyond the last one taken.

        So `require_silence` in answer to a pause counts from the next frame on, however the
        audio was cut into chunks.
        """
        self.stats.chunks += 1
        if not len(chunk.samples):
            self.stats.empty_chunks += 1
            return
        mono = mix_down(chunk.samples)
        if mono is None or not MIN_SAMPLE_RATE <= chunk.rate <= MAX_SAMPLE_RATE:
            self.stats.bad_chunks += 1
            self._timeline.interrupt()
            yield from self._count(self._end_stretch(EndReason.GAP))
            return
        placed = self._timeline.place(chunk)
        self._note(placed, chunk.rate)
        if placed.skip == len(mono):
            return
        if placed.continuity not in (Continuity.CONTIGUOUS, Continuity.OVERLAP):
            yield from self._count(self._end_stretch(EndReason.GAP))
            self._begin_stretch(placed, chunk)
        assert self._resampler is not None
        step = chunk.rate // SLICES_PER_S
        for start in range(placed.skip, len(mono), step):
            self._buffer.append(self._resampler.process(mono[start : start + step]))
            yield from self._count(self._listen())

    def require_silence(self, answer: SilenceRequired) -> bool:
        """Let the pause of a `SpeechPaused` end its utterance after another silence than usual.

        Returns:
            Whether it counts: not when the utterance has ended or speech has resumed.
        """
        return self._segmenter.require_silence(answer.utterance_id, answer.silence_ns)

    def set_muted(self, stamp_ns: int, muted: bool) -> list[SpeechEvent]:
        """From `stamp_ns` on, ignore the microphone, or (after `mute_release`) listen again.

        What has already been heard after `stamp_ns` is taken back as far as it belongs to the
        utterance under way.
        """
        self._mute.set(stamp_ns, muted)
        if not muted or self._resampler is None or stamp_ns >= self._position_ns:
            return []
        self._muted = True
        at_ns = self._buffer.align(stamp_ns)
        return list(self._count(self._segmenter.end(at_ns, self._position_ns, EndReason.MUTED)))

    def flush(self) -> list[SpeechEvent]:
        """End the utterance under way: the input has ended. Audio may follow."""
        self._timeline.interrupt()
        return list(self._count(self._end_stretch(EndReason.END)))

    def reset(self) -> list[SpeechEvent]:
        """End the utterance under way and forget all audio; being muted is not forgotten."""
        events = self._end_stretch(EndReason.END)
        self._timeline.forget()
        self._mute.clock_changed()
        self.heard_ns = None
        return list(self._count(events))

    def _note(self, placed: TimelineFit, rate: int) -> None:
        stats = self.stats
        match placed.continuity:
            case Continuity.GAP:
                stats.gaps += 1
                stats.lost_ns += placed.missing_ns
            case Continuity.JUMP_BACK:
                stats.jumps_back += 1
            case Continuity.NEW if self._resampler is not None:
                stats.rate_changes += 1
        if placed.skip:
            stats.overlaps += 1
            stats.overlap_ns += placed.skip * NS_PER_S // rate

    def _begin_stretch(self, placed: TimelineFit, chunk: AudioChunk) -> None:
        start_ns = placed.start_ns
        if placed.continuity is Continuity.JUMP_BACK:
            self._mute.clock_changed()
        elif self.heard_ns is not None:
            # The stretch before may have been rounded up to a whole sample.
            start_ns = max(start_ns, self.heard_ns)
        self._resampler = self._make_resampler(chunk.rate)
        self._buffer.begin(start_ns, chunk.clock_source)
        self._vad.reset()
        self._segmenter.begin(start_ns)
        self._position_ns = start_ns
        self.heard_ns = start_ns

    def _end_stretch(self, end_reason: EndReason) -> list[SpeechEvent]:
        if self._resampler is None:
            return []
        self._buffer.append(self._resampler.process(_NOTHING, last=True))
        events = list(self._listen())
        self._resampler = None
        end_ns = self._buffer.end_ns
        self.stats.samples += (end_ns - self._position_ns) // NS_PER_SAMPLE
        events += self._segmenter.end(end_ns, end_ns, end_reason)
        self.heard_ns = self._position_ns = end_ns
        return events

    def _listen(self) -> Iterator[SpeechEvent]:
        """Take all whole frames that the buffer holds."""
        buffer, segmenter, frame_ns = self._buffer, self._segmenter, self._frame_ns
        if segmenter.idle:
            slew_ns = self._timeline.take_slew()
            buffer.shift(slew_ns)
            self._position_ns += slew_ns
        while buffer.end_ns - self._position_ns >= frame_ns:
            start_ns = self._position_ns
            self._position_ns += frame_ns
            self.stats.samples += frame_ns // NS_PER_SAMPLE
            if self._mute.covers(start_ns, self._position_ns):
                self.stats.muted_ns += frame_ns
                if not self._muted:
                    yield from segmenter.end(start_ns, start_ns, EndReason.MUTED)
                    self._muted = True
                continue
            if self._muted:
                self._muted = False
                self._vad.reset()
                segmenter.begin(start_ns)
            probability = self._vad.probability(buffer.read(start_ns, self._position_ns))
            yield from segmenter.frame(start_ns, probability)
        self.heard_ns = self._position_ns

    def _count(self, events: Iterable[SpeechEvent]) -> Iterator[SpeechEvent]:
        for event in events:
            if isinstance(event, SpeechEnded):
                self.stats.utterances += 1
                self.stats.end_reasons[event.utterance.end_reason] += 1
            elif isinstance(event, SpeechDropped):
                self.stats.dropped_utterances += 1
            yield event
