"""The stream of one microphone: from audio as a driver delivers it to speech events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Final

import numpy as np

from emotion_node.config import AudioConfig, SegmenterConfig
from emotion_node.core.hearing.audio_buffer import AudioBuffer
from emotion_node.core.hearing.channels import ChannelMixer
from emotion_node.core.hearing.holes import Holes
from emotion_node.core.hearing.level_monitor import LevelMonitor
from emotion_node.core.hearing.lookahead import Lookahead
from emotion_node.core.hearing.muted_spans import MutedSpans
from emotion_node.core.hearing.quiet_speech import QuietSpeech
from emotion_node.core.hearing.reorder import ReorderBuffer
from emotion_node.core.hearing.segmenter import SpeechSegmenter, required_capacity
from emotion_node.core.hearing.stats import HearingStats, RecentLoss
from emotion_node.core.hearing.timeline import Timeline
from emotion_node.core.hearing.timeline_fit import Continuity, TimelineFit
from emotion_node.datatypes import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    NS_PER_S,
    NS_PER_SAMPLE,
    AudioChunk,
    ClockSetBack,
    EndReason,
    FloatArray,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
)
from emotion_node.interfaces import Resampler, Vad

SLICES_PER_S: Final = 4
"""Long chunks are processed in slices of 1/4 s, so that the buffer need not hold them."""
_NO_SAMPLES: Final[FloatArray] = np.zeros(0, np.float32)


class Hearing:
    """Processes one microphone: any rate, channels and chunk size in, speech events out.

    A stretch of audio without gaps is resampled and cut into frames for the detector as one; at
    its end the utterance under way ends too. How audio is cut into chunks changes nothing, and
    stamps shifted by a constant shift those of all events.

    Args:
        audio: what counts as gap, overlap and jump.
        segmenter: where utterances begin and end.
        mute_release: how long after `set_muted(..., False)` the microphone is still ignored, in s.
        vad: voice activity detector.
        resampler: makes a resampler for a rate in Hz.
        id_prefix: precedes the numbered ids of the utterances.

    Attributes:
        heard_ns: stamp up to which audio has been processed; None before the first.
        stats: counters.
        recent_loss: how much audio is missing.
        channels: makes mono of the channels.
        levels: whether the audio can be sound, by its level and format.
    """

    def __init__(
        self,
        audio: AudioConfig,
        segmenter: SegmenterConfig,
        mute_release: float,
        vad: Vad,
        resampler: Callable[[int], Resampler],
        id_prefix: str = '',
    ) -> None:
        self.heard_ns: int | None = None
        self.stats = HearingStats()
        self.recent_loss = RecentLoss()
        self._make_resampler = resampler
        self._resampler: Resampler | None = None
        self._vad = vad.stream()
        self._frame_ns = vad.frame_samples * NS_PER_SAMPLE
        self.channels = ChannelMixer(audio.channel)
        self.levels = LevelMonitor()
        self._activation = segmenter.activation_threshold
        self._quiet = QuietSpeech(vad, self._frame_ns, self._activation)
        self._reorder = ReorderBuffer()
        self._timeline = Timeline(audio, segmenter.min_silence_duration)
        self._lookahead = Lookahead(self._timeline)
        self._buffer = AudioBuffer(required_capacity(segmenter))
        self._muted_spans = MutedSpans(round(mute_release * NS_PER_S))
        self._muted = False
        self._position_ns = 0
        self._reported_ns = 0
        self._holes = Holes()
        self._max_bad_ns = round(segmenter.min_silence_duration * NS_PER_S)
        self._bad_ns = 0
        ids = (f'{id_prefix}u{number}' for number in count(1))
        self._segmenter = SpeechSegmenter(
            segmenter,
            self._buffer,
            self._frame_ns,
            vad.onset_delay_ns,
            vad.release_delay_ns,
            ids,
        )

    def push(self, chunk: AudioChunk) -> list[SpeechEvent]:
        """Process a chunk and return its speech events."""
        self.stats.chunks += 1
        if not len(chunk.samples):
            self.stats.empty_chunks += 1
            return []
        return [
            event
            for ordered in self._reorder.push(chunk)
            for one in self._lookahead.push(ordered)
            for event in self._process(one)
        ]

    def _process(self, chunk: AudioChunk) -> Iterator[SpeechEvent]:
        samples = self.channels.select(chunk.samples)
        known_rate = MIN_SAMPLE_RATE <= chunk.rate <= MAX_SAMPLE_RATE
        if samples is None or not known_rate:
            self.stats.bad_chunks += 1
            self._bad_ns += chunk.duration_ns if known_rate else self._max_bad_ns
            if self._resampler is None or self._bad_ns >= self._max_bad_ns:
                self._timeline.interrupt()
                yield from self._count(self._end_stretch(EndReason.GAP))
                return
        else:
            self._bad_ns = 0
        fit = self._timeline.place(chunk)
        self.stats.count(fit, chunk.rate, first=self._resampler is None)
        self.stats.lost_ns += self._timeline.take_late_loss()
        if fit.skip == len(chunk.samples):
            return
        if fit.continuity is Continuity.HOLE:
            self._holes.add(fit.start_ns, fit.start_ns + fit.missing_ns)
            silence = np.zeros(fit.missing_ns * chunk.rate // NS_PER_S, np.float32)
            yield from self._count(self._append(silence, chunk.rate))
        elif fit.continuity not in (Continuity.CONTIGUOUS, Continuity.OVERLAP):
            yield from self._count(self._end_stretch(EndReason.GAP))
            if fit.continuity is Continuity.JUMP_BACK:
                yield ClockSetBack(fit.start_ns)
            self._begin_stretch(fit, chunk)
        if samples is None:
            mono = self._replace(chunk, fit.skip)
        else:
            samples = samples[fit.skip :]
            if not self._muted:
                self.levels.add(samples, chunk.rate)
            mono = self.channels.process(samples, chunk.rate)
        yield from self._count(self._append(mono, chunk.rate))
        self.recent_loss.update(self._position_ns, self.stats.lost_ns)

    def _replace(self, chunk: AudioChunk, skip: int) -> FloatArray:
        """Return silence in place of samples that cannot be used, and count them as missing."""
        silence = np.zeros(len(chunk.samples) - skip, np.float32)
        missing_ns = len(silence) * NS_PER_S // chunk.rate
        end_ns = self._timeline.expected_ns
        assert end_ns is not None
        self._holes.add(end_ns - missing_ns, end_ns)
        self.stats.lost_ns += missing_ns
        return silence

    def _append(self, mono: FloatArray, rate: int) -> Iterator[SpeechEvent]:
        assert self._resampler is not None
        step = rate // SLICES_PER_S
        for start in range(0, len(mono), step):
            self._buffer.append(self._resampler.process(mono[start : start + step]))
            yield from self._process_frames()

    def set_mute_release(self, mute_release: float) -> None:
        """Change how long after `set_muted(..., False)` the microphone is still ignored, in s.

        May be called by another thread than the rest.
        """
        self._muted_spans.release_ns = round(mute_release * NS_PER_S)

    def set_muted(self, stamp_ns: int, muted: bool) -> list[SpeechEvent]:
        """Ignore the microphone from `stamp_ns` on, or use it again `mute_release` later.

        Audio after `stamp_ns` that has already been processed is removed from the utterance under
        way.
        """
        self._muted_spans.set(stamp_ns, muted)
        if not muted or self._resampler is None or stamp_ns >= self._position_ns:
            return []
        self._muted = True
        at_ns = self._buffer.align(stamp_ns)
        return list(self._count(self._segmenter.end(at_ns, self._position_ns, EndReason.MUTED)))

    def split(self, start_ns: int, end_ns: int) -> list[SpeechEvent]:
        """Split the utterance under way between two stamps, since another speaker took over."""
        if self._resampler is None:
            return []
        return list(self._count(self._segmenter.split(start_ns, end_ns, self._position_ns)))

    def flush(self) -> list[SpeechEvent]:
        """End the utterance under way, since the input has ended; audio may follow."""
        events = list(self._process_waiting())
        self._timeline.interrupt()
        return [*events, *self._count(self._end_stretch(EndReason.END))]

    def reset(self) -> list[SpeechEvent]:
        """End the utterance under way and forget all audio; what is muted stays muted."""
        events = [*self._process_waiting(), *self._count(self._end_stretch(EndReason.END))]
        self._timeline.reset()
        self._reorder.reset()
        self._lookahead.reset()
        self.channels.reset()
        self.levels.reset()
        self._forget_stamps()
        self.heard_ns = None
        return events

    def _process_waiting(self) -> Iterator[SpeechEvent]:
        """Process the chunks that are still held back."""
        for ordered in self._reorder.flush():
            for chunk in self._lookahead.push(ordered):
                yield from self._process(chunk)
        for chunk in self._lookahead.flush():
            yield from self._process(chunk)

    def _forget_stamps(self) -> None:
        self.recent_loss.reset()
        self._muted_spans.forget_stamps()
        self._reported_ns = 0
        self._holes.clear()

    def _begin_stretch(self, fit: TimelineFit, chunk: AudioChunk) -> None:
        start_ns = fit.start_ns
        if fit.continuity is Continuity.JUMP_BACK:
            self._forget_stamps()
        elif self.heard_ns is not None:
            # The previous stretch may have been rounded up to a whole sample.
            start_ns = max(start_ns, self.heard_ns)
        self._resampler = self._make_resampler(chunk.rate)
        self._quiet.reset()
        self._buffer.begin(start_ns, chunk.clock_source)
        self._vad.reset()
        self._segmenter.begin(start_ns)
        self._position_ns = start_ns
        self.heard_ns = start_ns

    def _end_stretch(self, end_reason: EndReason) -> list[SpeechEvent]:
        if self._resampler is None:
            return []
        self._buffer.append(self._resampler.process(_NO_SAMPLES, last=True))
        events = list(self._process_frames())
        self._resampler = None
        end_ns = self._buffer.end_ns
        self.stats.samples += (end_ns - self._position_ns) // NS_PER_SAMPLE
        events += self._segmenter.end(end_ns, end_ns, end_reason)
        self.heard_ns = self._position_ns = end_ns
        return events

    def _process_frames(self) -> Iterator[SpeechEvent]:
        """Process all whole frames that the buffer holds."""
        buffer, segmenter, frame_ns = self._buffer, self._segmenter, self._frame_ns
        if segmenter.idle:
            slew_ns = self._timeline.take_slew(self._reported_ns - self._position_ns)
            buffer.shift(slew_ns)
            self._position_ns += slew_ns
        while buffer.end_ns - self._position_ns >= frame_ns:
            start_ns = self._position_ns
            self._position_ns += frame_ns
            self.stats.samples += frame_ns // NS_PER_SAMPLE
            if self._muted_spans.covers(start_ns, self._position_ns):
                self.stats.muted_ns += frame_ns
                if not self._muted:
                    yield from segmenter.end(start_ns, start_ns, EndReason.MUTED)
                    self._muted = True
                continue
            if self._muted:
                self._muted = False
                self._vad.reset()
                segmenter.begin(start_ns)
            frame = buffer.read(start_ns, self._position_ns)
            probability = self._vad.probability(frame)
            if probability >= self._activation or self._quiet.is_speech(frame):
                self.levels.add_speech(frame, frame_ns / NS_PER_S)
            yield from segmenter.push_frame(start_ns, probability)
        self.heard_ns = self._position_ns

    def _count(self, events: Iterable[SpeechEvent]) -> Iterator[SpeechEvent]:
        for event in events:
            if isinstance(event, SpeechEnded | SpeechPaused):
                event = replace(event, utterance=self._holes.mark(event.utterance))
            if isinstance(event, SpeechEnded):
                self._reported_ns = event.utterance.end_ns
                self.stats.utterances += 1
                self.stats.end_reasons[event.utterance.end_reason] += 1
            elif isinstance(event, SpeechDropped):
                self._reported_ns = event.end_ns
                self.stats.dropped_utterances += 1
            yield event
