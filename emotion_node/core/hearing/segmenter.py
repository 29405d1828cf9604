"""Where utterances begin and end: hysteresis over any voice activity detector."""

from __future__ import annotations

from collections.abc import Iterator

from emotion_node.config import SegmenterConfig
from emotion_node.core.hearing.audio_buffer import AudioBuffer
from emotion_node.core.hearing.open_utterance import OpenUtterance, SegmenterDurations
from emotion_node.datatypes import (
    EndReason,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
)


class SpeechSegmenter:
    """Turns probabilities of speech, frame by frame, into speech events.

    Speech begins when the probability reaches `activation_threshold` and does not fall below
    `deactivation_threshold` for `min_speech_duration`. It pauses when the probability falls below
    `deactivation_threshold`, until it reaches `activation_threshold` again. A pause of
    `min_silence_duration` ends the utterance. A pause that outlasts `trailing_padding` is
    reported, with the utterance as it is if it ends there.

    An utterance that reaches `max_utterance_duration` is cut where its last third is quietest, and
    one in which the speaker changes where it is quietest around the change; what comes after the
    cut is the next utterance, whatever its length.

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
        self._durations = SegmenterDurations.from_config(
            config, frame_ns, onset_delay_ns, release_delay_ns
        )
        self._buffer = buffer
        self._ids = ids
        self._speech: OpenUtterance | None = None
        self._onset_ns: int | None = None
        self._earliest_ns = buffer.start_ns

    @property
    def idle(self) -> bool:
        """Whether no utterance is under way and none may have begun."""
        return self._speech is None and self._onset_ns is None

    def begin(self, stamp_ns: int) -> None:
        """Start afresh; audio before `stamp_ns` belongs to no later utterance."""
        self._speech = None
        self._onset_ns = None
        self._earliest_ns = stamp_ns

    def push_frame(self, start_ns: int, probability: float) -> list[SpeechEvent]:
        """Take the next frame.

        Args:
            start_ns: stamp of its first sample, where the frame before it ended.
            probability: of speech in it, 0..1.
        """
        if self._speech is None:
            return self._wait_for_speech(start_ns, probability)
        end_ns = start_ns + self._durations.frame_ns
        return self._continue_speech(self._speech, end_ns, probability)

    def end(self, at_ns: int, decided_ns: int, end_reason: EndReason) -> list[SpeechEvent]:
        """End the utterance under way, if any, at `at_ns` and start afresh from there.

        Args:
            at_ns: stamp of a sample; the audio up to it belongs to the utterance. It may lie
                before frames already taken (they are dropped), or a part of a frame after them.
            decided_ns: stamp up to which audio has been heard.
            end_reason: why.
        """
        speech = self._speech
        events: list[SpeechEvent] = []
        if speech is not None:
            events += speech.new_audio(at_ns)
            events.append(speech.close(at_ns, decided_ns, end_reason))
        self.begin(at_ns)
        return events

    def split(self, start_ns: int, end_ns: int, decided_ns: int) -> list[SpeechEvent]:
        """Split the utterance under way, if any, where it is quietest in a stretch of time.

        Args:
            start_ns: start of the stretch.
            end_ns: its end; nothing is split where too little would lie before or after it.
            decided_ns: stamp of the end of the last frame.
        """
        if self._speech is None:
            return []
        first, last = self._speech.frames_within(start_ns, end_ns)
        if first >= last:
            return []
        frame = self._speech.quietest_frame(first, last)
        return self._cut(self._speech, frame, decided_ns, EndReason.SPEAKER_CHANGE)

    def _wait_for_speech(self, start_ns: int, probability: float) -> list[SpeechEvent]:
        durations = self._durations
        threshold = self._activation if self._onset_ns is None else self._deactivation
        if probability < threshold:
            self._onset_ns = None
            return []
        if self._onset_ns is None:
            self._onset_ns = start_ns
        first_ns, end_ns = self._onset_ns, start_ns + durations.frame_ns
        if end_ns - first_ns < durations.min_speech_ns:
            return []
        self._onset_ns = None
        earliest_ns = max(self._earliest_ns, self._buffer.start_ns)
        speech_ns = self._buffer.align(max(first_ns - durations.onset_delay_ns, earliest_ns))
        samples_ns = self._buffer.align(max(speech_ns - durations.padding_ns, earliest_ns))
        frames = (end_ns - first_ns) // durations.frame_ns
        speech = OpenUtterance(
            self._buffer,
            durations,
            next(self._ids),
            first_ns,
            speech_ns,
            samples_ns,
            [True] * frames,
        )
        return self._start(speech, end_ns)

    def _start(self, speech: OpenUtterance, decided_ns: int) -> list[SpeechEvent]:
        self._speech = speech
        started = SpeechStarted(
            speech.utterance_id, speech.start_ns, decided_ns, self._buffer.clock_source
        )
        return [started, *speech.new_audio(decided_ns)]

    def _continue_speech(
        self, speech: OpenUtterance, end_ns: int, probability: float
    ) -> list[SpeechEvent]:
        threshold = self._activation if speech.paused else self._deactivation
        speech.append(probability >= threshold)
        events: list[SpeechEvent] = [*speech.new_audio(end_ns)]
        if speech.paused and end_ns - speech.speech_end(end_ns) >= self._durations.min_silence_ns:
            events.append(speech.close(end_ns, end_ns, EndReason.SILENCE))
            self.begin(speech.samples_end(end_ns))
        elif end_ns - speech.start_ns >= self._durations.max_utterance_ns:
            frame = speech.quietest_frame(*speech.latest_third())
            events += self._cut(speech, frame, end_ns, EndReason.MAX_LENGTH)
        elif speech.paused and speech.provisional is None:
            events += self._report_pause(speech, end_ns)
        return events

    def _report_pause(self, speech: OpenUtterance, end_ns: int) -> list[SpeechEvent]:
        """Report the pause once no more audio can join an utterance that ends with it."""
        if speech.samples_end(end_ns) == end_ns:
            return []
        closed = speech.close(end_ns, end_ns, EndReason.SILENCE)
        if not isinstance(closed, SpeechEnded):
            return []
        speech.provisional = closed.utterance
        return [SpeechPaused(closed.utterance)]

    def _cut(
        self, speech: OpenUtterance, frame: int, end_ns: int, end_reason: EndReason
    ) -> list[SpeechEvent]:
        """Split an utterance before a frame."""
        durations = self._durations
        cut_ns = speech.first_ns + frame * durations.frame_ns
        events: list[SpeechEvent] = [speech.close(cut_ns, end_ns, end_reason)]
        self.begin(cut_ns)
        rest = speech.voiced_from(frame)
        if True in rest:
            silent = rest.index(True)
            start_ns = cut_ns + silent * durations.frame_ns
            if silent:
                start_ns = max(start_ns - durations.onset_delay_ns, cut_ns)
            remainder = OpenUtterance(
                self._buffer,
                durations,
                next(self._ids),
                cut_ns,
                start_ns,
                cut_ns,
                rest,
                paused=speech.paused,
                continued=True,
            )
            events += self._start(remainder, end_ns)
        return events


def required_capacity(config: SegmenterConfig) -> float:
    """Return how many of the latest seconds of audio the segmenter may read."""
    return config.max_utterance_duration + config.padding + config.trailing_padding + 1.0
