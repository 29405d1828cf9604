"""Where utterances begin and end: hysteresis over any voice activity detector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from emotion_node.config import SegmenterConfig
from emotion_node.core.hearing.audio_buffer import AudioBuffer
from emotion_node.datatypes import (
    NS_PER_S,
    EndReason,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
    Utterance,
)

QUIET_WINDOW: Final = 0.06
"""Seconds before and after a point whose power says how quiet it is: about a pause between words,
longer than the closure of a plosive."""


@dataclass(slots=True)
class _Speech:
    """The utterance under way. Frame i is [first_ns + i * frame, first_ns + (i + 1) * frame)."""

    utterance_id: str
    first_ns: int
    start_ns: int
    samples_start_ns: int
    given_ns: int
    voiced: list[bool]
    pausing: bool = False
    continued: bool = False
    candidate: Utterance | None = None
    """What the utterance is if the pause under way is its end, once that has been told."""
    required_ns: int | None = None
    """Silence after which this pause ends the utterance; None for the standing rule."""


class SpeechSegmenter:
    """Turns probabilities of speech, frame by frame, into speech events.

    Speech begins when the probability reaches `activation_threshold` and does not fall below
    `deactivation_threshold` for `min_speech_duration`. It pauses when the probability falls below
    `deactivation_threshold` until it reaches `activation_threshold` again; a pause of
    `min_silence_duration` ends the utterance, unless `require_silence` says otherwise of it. A
    pause that outlasts `padding` is told, with what the utterance is if it ends there.

    An utterance that reaches `max_utterance_duration` is cut where its last third is quietest;
    what comes after the cut is the next utterance, whatever its length.

    Args:
        config: thresholds and durations.
        buffer: holds the audio of the frames; its capacity must be `required_capacity`.
        frame_ns: length of a frame.
        onset_delay_ns: how late the detector notices that speech has begun.
        release_delay_ns: how late the detector notices that speech has ended.
        ids: names of the utterances to come.
    """

    def __init__(
        self,
        config: SegmenterConfig,
        buffer: AudioBuffer,
        frame_ns: int,
        onset_delay_ns: int,
        release_delay_ns: int,
        ids: Iterator[str],
    ) -> None:
        self._activation = config.activation_threshold
        self._deactivation = config.deactivation_threshold
        self._min_speech_ns = round(config.min_speech_duration * NS_PER_S)
        self._min_silence_ns = round(config.min_silence_duration * NS_PER_S)
        self._padding_ns = round(config.padding * NS_PER_S)
        self._min_utterance_ns = round(config.min_utterance_duration * NS_PER_S)
        self._max_utterance_ns = round(config.max_utterance_duration * NS_PER_S)
        self._buffer = buffer
        self._frame_ns = frame_ns
        self._onset_delay_ns = onset_delay_ns
        self._release_delay_ns = release_delay_ns
        self._ids = ids
        self._speech: _Speech | None = None
        self._candidate_ns: int | None = None
        self._floor_ns = buffer.start_ns

    @property
    def idle(self) -> bool:
        """Whether no speech is under way or suspected."""
        return self._speech is None and self._candidate_ns is None

    def begin(self, stamp_ns: int) -> None:
        """Listen anew; audio before `stamp_ns` belongs to no utterance to come."""
        self._speech = None
        self._candidate_ns = None
        self._floor_ns = stamp_ns

    def frame(self, start_ns: int, probability: float) -> list[SpeechEvent]:
        """Take the next frame.

        Args:
            start_ns: stamp of its first sample, where the frame before it ended.
            probability: of speech in it, 0..1.
        """
        if self._speech is None:
            return self._wait(start_ns, probability)
        return self._go_on(self._speech, start_ns + self._frame_ns, probability)

    def require_silence(self, utterance_id: str, silence_ns: int) -> bool:
        """Let the pause that was told last end its utterance after this much silence.

        Args:
            utterance_id: of the utterance.
            silence_ns: from the end of speech on.

        Returns:
            Whether it counts: not when the utterance has ended or speech has resumed.
        """
        speech = self._speech
        if speech is None or speech.utterance_id != utterance_id or speech.candidate is None:
            return False
        speech.required_ns = silence_ns
        return True

    def end(self, at_ns: int, decided_ns: int, end_reason: EndReason) -> list[SpeechEvent]:
        """End the utterance under way, if any, at `at_ns` and listen anew from there.

        Args:
            at_ns: stamp of a sample; the audio up to it belongs to the utterance. It may lie
                before frames already taken (they are given up), or a part of a frame after them.
            decided_ns: stamp up to which audio has been heard.
            end_reason: why.
        """
        speech = self._speech
        events: list[SpeechEvent] = []
        if speech is not None:
            events += self._give(speech, at_ns)
            events.append(self._close(speech, at_ns, decided_ns, end_reason))
        self.begin(at_ns)
        return events

    def _wait(self, start_ns: int, probability: float) -> list[SpeechEvent]:
        threshold = self._activation if self._candidate_ns is None else self._deactivation
        if probability < threshold:
            self._candidate_ns = None
            return []
        if self._candidate_ns is None:
            self._candidate_ns = start_ns
        first_ns, end_ns = self._candidate_ns, start_ns + self._frame_ns
        if end_ns - first_ns < self._min_speech_ns:
            return []
        self._candidate_ns = None
        floor_ns = max(self._floor_ns, self._buffer.start_ns)
        speech_ns = self._buffer.align(max(first_ns - self._onset_delay_ns, floor_ns))
        samples_ns = self._buffer.align(max(speech_ns - self._padding_ns, floor_ns))
        frames = (end_ns - first_ns) // self._frame_ns
        speech = _Speech(
            next(self._ids), first_ns, speech_ns, samples_ns, samples_ns, [True] * frames
        )
        return self._start(speech, end_ns)

    def _start(self, speech: _Speech, decided_ns: int) -> list[SpeechEvent]:
        self._speech = speech
        started = SpeechStarted(
            speech.utterance_id, speech.start_ns, decided_ns, self._buffer.clock_source
        )
        return [started, *self._give(speech, decided_ns)]

    def _go_on(self, speech: _Speech, end_ns: int, probability: float) -> list[SpeechEvent]:
        threshold = self._activation if speech.pausing else self._deactivation
        speech.pausing = probability < threshold
        speech.voiced.append(not speech.pausing)
        if not speech.pausing:
            speech.candidate = speech.required_ns = None
        events: list[SpeechEvent] = self._give(speech, end_ns)
        required_ns = self._min_silence_ns if speech.required_ns is None else speech.required_ns
        if speech.pausing and end_ns - self._speech_end(speech, end_ns) >= required_ns:
            ended = self._close(speech, end_ns, end_ns, EndReason.SILENCE)
            self.begin(self._samples_end(speech, end_ns))
            events.append(ended)
        elif end_ns - speech.start_ns >= self._max_utterance_ns:
            events += self._cut(speech, end_ns)
        elif speech.pausing and speech.candidate is None:
            events += self._pause(speech, end_ns)
        return events

    def _pause(self, speech: _Speech, end_ns: int) -> list[SpeechEvent]:
        """Tell of the pause as soon as no more audio can join an utterance that ends with it."""
        if self._samples_end(speech, end_ns) == end_ns:
            return []
        closed = self._close(speech, end_ns, end_ns, EndReason.SILENCE)
        if not isinstance(closed, SpeechEnded):
            return []
        speech.candidate = closed.utterance
        return [SpeechPaused(closed.utterance)]

    def _cut(self, speech: _Speech, end_ns: int) -> list[SpeechEvent]:
        """Split an utterance that has grown too long."""
        frame = self._quietest_frame(speech, end_ns)
        cut_ns = speech.first_ns + frame * self._frame_ns
        events: list[SpeechEvent] = [self._close(speech, cut_ns, end_ns, EndReason.MAX_LENGTH)]
        self.begin(cut_ns)
        rest = speech.voiced[frame:]
        if True in rest:
            silent = rest.index(True)
            start_ns = cut_ns + silent * self._frame_ns
            if silent:
                start_ns = max(start_ns - self._onset_delay_ns, cut_ns)
            events += self._start(
                _Speech(
                    next(self._ids),
                    cut_ns,
                    start_ns,
                    cut_ns,
                    cut_ns,
                    rest,
                    pausing=speech.pausing,
                    continued=True,
                ),
                end_ns,
            )
        return events

    def _quietest_frame(self, speech: _Speech, end_ns: int) -> int:
        """Return the frame before which the last third of an utterance is quietest."""
        last = len(speech.voiced)
        first = last - self._max_utterance_ns // 3 // self._frame_ns
        last = max(last - self._min_utterance_ns // self._frame_ns, first + 1)
        window = max(1, round(QUIET_WINDOW * NS_PER_S / self._frame_ns))
        start_ns = speech.first_ns + (first - window) * self._frame_ns
        samples = self._buffer.read(start_ns, end_ns)
        power = np.square(samples, dtype=np.float64).reshape(
            len(speech.voiced) - first + window, -1
        )
        total = np.cumsum(np.concatenate(([0.0], power.sum(axis=1))))
        nearby = total[2 * window :] - total[: -2 * window]
        return first + int(np.argmin(nearby[: last - first]))

    def _close(
        self, speech: _Speech, at_ns: int, decided_ns: int, end_reason: EndReason
    ) -> SpeechEvent:
        """Return what became of the audio before `at_ns`."""
        end_ns = self._speech_end(speech, at_ns)
        voiced_ns = sum(speech.voiced[: self._frames_before(speech, at_ns)]) * self._frame_ns
        voiced_ns = min(voiced_ns, end_ns - speech.start_ns)
        samples_end_ns = (
            at_ns if end_reason is EndReason.MAX_LENGTH else self._samples_end(speech, at_ns)
        )
        enough = (
            end_reason is EndReason.MAX_LENGTH
            or speech.continued
            or voiced_ns >= self._min_utterance_ns
        )
        if not enough or samples_end_ns <= speech.samples_start_ns:
            return SpeechDropped(speech.utterance_id, end_ns, decided_ns)
        told = speech.candidate
        if told is not None and told.samples_end_ns == samples_end_ns:
            return SpeechEnded(replace(told, decided_ns=decided_ns, end_reason=end_reason))
        return SpeechEnded(
            Utterance(
                speech.utterance_id,
                speech.start_ns,
                end_ns,
                decided_ns,
                self._buffer.read(speech.samples_start_ns, samples_end_ns).copy(),
                speech.samples_start_ns,
                end_reason,
                self._buffer.clock_source,
            )
        )

    def _samples_end(self, speech: _Speech, at_ns: int) -> int:
        return min(self._buffer.align(self._speech_end(speech, at_ns) + self._padding_ns), at_ns)

    def _speech_end(self, speech: _Speech, at_ns: int) -> int:
        """Return where the last speech before `at_ns` ended."""
        frames = self._frames_before(speech, at_ns)
        taken_ns = speech.first_ns + len(speech.voiced) * self._frame_ns
        if at_ns > taken_ns and not speech.pausing:
            return at_ns
        while frames and not speech.voiced[frames - 1]:
            frames -= 1
        end_ns = speech.first_ns + frames * self._frame_ns
        if frames < len(speech.voiced) and not speech.voiced[frames]:
            end_ns -= self._release_delay_ns
        return max(min(end_ns, at_ns), speech.start_ns)

    def _frames_before(self, speech: _Speech, at_ns: int) -> int:
        frames = -((speech.first_ns - at_ns) // self._frame_ns)
        return max(0, min(frames, len(speech.voiced)))

    def _give(self, speech: _Speech, until_ns: int) -> list[SpeechEvent]:
        """Return the audio that has not been given out yet, but for that of a pause."""
        if speech.pausing:
            until_ns = self._samples_end(speech, until_ns)
        start_ns = speech.given_ns
        if until_ns <= start_ns:
            return []
        speech.given_ns = until_ns
        samples = self._buffer.read(start_ns, until_ns).copy()
        return [SpeechAudio(speech.utterance_id, start_ns, samples)]


def required_capacity(config: SegmenterConfig) -> float:
    """Return how many seconds of audio the segmenter may look back upon."""
    return config.max_utterance_duration + config.padding + 1.0
