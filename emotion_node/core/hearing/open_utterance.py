"""The utterance under way: its frames so far, and the audio that belongs to it."""

from __future__ import annotations

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
    Utterance,
)

QUIET_WINDOW: Final = 0.06
"""Seconds before and after a point over which its power is averaged: about a pause between words,
longer than the closure of a plosive."""


@dataclass(frozen=True, slots=True)
class SegmenterDurations:
    """Durations in nanoseconds that decide where utterances begin and end.

    Attributes:
        frame_ns: length of a frame of the detector.
        onset_delay_ns: how late the detector notices that speech has begun.
        release_delay_ns: how late the detector notices that speech has ended.
        min_speech_ns: shorter sounds do not begin an utterance.
        min_silence_ns: a pause of this length ends the utterance.
        padding_ns: audio added before speech.
        trailing_padding_ns: audio added after speech.
        min_utterance_ns: utterances with less speech are dropped.
        max_utterance_ns: longer utterances are cut.
    """

    frame_ns: int
    onset_delay_ns: int
    release_delay_ns: int
    min_speech_ns: int
    min_silence_ns: int
    padding_ns: int
    trailing_padding_ns: int
    min_utterance_ns: int
    max_utterance_ns: int

    @classmethod
    def from_config(
        cls, config: SegmenterConfig, frame_ns: int, onset_delay_ns: int, release_delay_ns: int
    ) -> SegmenterDurations:
        """Return the durations of the parameters and of the detector."""
        return cls(
            frame_ns,
            onset_delay_ns,
            release_delay_ns,
            min_speech_ns=round(config.min_speech_duration * NS_PER_S),
            min_silence_ns=round(config.min_silence_duration * NS_PER_S),
            padding_ns=round(config.padding * NS_PER_S),
            trailing_padding_ns=round(config.trailing_padding * NS_PER_S),
            min_utterance_ns=round(config.min_utterance_duration * NS_PER_S),
            max_utterance_ns=round(config.max_utterance_duration * NS_PER_S),
        )


class OpenUtterance:
    """An utterance that has begun and has not ended yet.

    Frame i is [first_ns + i * frame_ns, first_ns + (i + 1) * frame_ns).

    Args:
        buffer: holds the audio of the frames.
        durations: of the segmenter.
        utterance_id: of the utterance.
        first_ns: stamp of the first frame.
        start_ns: start of speech.
        samples_start_ns: start of the audio that belongs to it.
        voiced: for each frame so far, whether it holds speech.
        paused: whether speech has paused.
        continued: whether it continues an utterance that was cut.

    Attributes:
        paused: whether speech has paused.
        provisional: the utterance as it is if the present pause is its end; None until the pause
            has been reported.
    """

    def __init__(
        self,
        buffer: AudioBuffer,
        durations: SegmenterDurations,
        utterance_id: str,
        first_ns: int,
        start_ns: int,
        samples_start_ns: int,
        voiced: list[bool],
        paused: bool = False,
        continued: bool = False,
    ) -> None:
        self.utterance_id = utterance_id
        self.first_ns = first_ns
        self.start_ns = start_ns
        self.paused = paused
        self.provisional: Utterance | None = None
        self._buffer = buffer
        self._durations = durations
        self._samples_start_ns = samples_start_ns
        self._reported_ns = samples_start_ns
        self._voiced = voiced
        self._continued = continued

    def append(self, voiced: bool) -> None:
        """Take the next frame.

        Args:
            voiced: whether it holds speech; if so, a pause is over.
        """
        self.paused = not voiced
        self._voiced.append(voiced)
        if voiced:
            self.provisional = None

    def voiced_from(self, frame: int) -> list[bool]:
        """Return for each frame from an index on whether it holds speech."""
        return self._voiced[frame:]

    def new_audio(self, until_ns: int) -> list[SpeechAudio]:
        """Return the audio before `until_ns` that was not returned before.

        In a pause, audio beyond the padding is held back until speech resumes.

        Returns:
            One event, or none when there is no new audio.
        """
        if self.paused:
            until_ns = self.samples_end(until_ns)
        start_ns = self._reported_ns
        if until_ns <= start_ns:
            return []
        self._reported_ns = until_ns
        samples = self._buffer.read(start_ns, until_ns).copy()
        return [SpeechAudio(self.utterance_id, start_ns, samples, self.paused)]

    def close(
        self, at_ns: int, decided_ns: int, end_reason: EndReason
    ) -> SpeechEnded | SpeechDropped:
        """Return the event that ends the utterance, as it is with the audio before `at_ns`.

        Args:
            at_ns: stamp of a sample.
            decided_ns: stamp up to which audio has been heard.
            end_reason: why it ends.
        """
        end_ns = self.speech_end(at_ns)
        cut = end_reason.is_cut
        samples_end_ns = at_ns if cut else self.samples_end(at_ns)
        enough = (
            cut
            or self._continued
            or self._voiced_ns(at_ns, end_ns) >= self._durations.min_utterance_ns
        )
        if not enough or samples_end_ns <= self._samples_start_ns:
            return SpeechDropped(self.utterance_id, end_ns, decided_ns)
        known = self.provisional
        if known is not None and known.samples_end_ns == samples_end_ns:
            return SpeechEnded(replace(known, decided_ns=decided_ns, end_reason=end_reason))
        return SpeechEnded(
            Utterance(
                self.utterance_id,
                self.start_ns,
                end_ns,
                decided_ns,
                self._buffer.read(self._samples_start_ns, samples_end_ns).copy(),
                self._samples_start_ns,
                end_reason,
                self._buffer.clock_source,
            )
        )

    def speech_end(self, at_ns: int) -> int:
        """Return where the last speech before `at_ns` ended."""
        durations = self._durations
        frames = self._frames_before(at_ns)
        taken_ns = self.first_ns + len(self._voiced) * durations.frame_ns
        if at_ns > taken_ns and not self.paused:
            return at_ns
        while frames and not self._voiced[frames - 1]:
            frames -= 1
        end_ns = self.first_ns + frames * durations.frame_ns
        if frames < len(self._voiced) and not self._voiced[frames]:
            end_ns -= durations.release_delay_ns
        return max(min(end_ns, at_ns), self.start_ns)

    def samples_end(self, at_ns: int) -> int:
        """Return where the audio ends, padding included, if the utterance ends before `at_ns`."""
        padded_ns = self.speech_end(at_ns) + self._durations.trailing_padding_ns
        return min(self._buffer.align(padded_ns), at_ns)

    def latest_third(self) -> tuple[int, int]:
        """Return the range of frames in which an utterance that is too long may be cut."""
        durations = self._durations
        frames = len(self._voiced)
        first = frames - durations.max_utterance_ns // 3 // durations.frame_ns
        return first, frames - durations.min_utterance_ns // durations.frame_ns

    def frames_within(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        """Return the range of frames in a stretch of time with an utterance on both sides."""
        durations = self._durations
        margin = max(1, -(-durations.min_utterance_ns // durations.frame_ns))
        first = -((self.first_ns - start_ns) // durations.frame_ns)
        last = (end_ns - self.first_ns) // durations.frame_ns
        return max(first, margin), min(last, len(self._voiced) - margin)

    def quietest_frame(self, first: int, last: int) -> int:
        """Return the index of the frame before which it is quietest, of those in [first, last)."""
        frame_ns = self._durations.frame_ns
        last = max(last, first + 1)
        window = max(1, round(QUIET_WINDOW * NS_PER_S / frame_ns))
        window = min(window, first, len(self._voiced) - last + 1)
        start_ns = self.first_ns + (first - window) * frame_ns
        end_ns = self.first_ns + (last - 1 + window) * frame_ns
        samples = self._buffer.read(start_ns, end_ns)
        power = np.square(samples, dtype=np.float64).reshape(last - first - 1 + 2 * window, -1)
        total = np.cumsum(np.concatenate(([0.0], power.sum(axis=1))))
        nearby = total[2 * window :] - total[: -2 * window]
        return first + int(np.argmin(nearby))

    def _voiced_ns(self, at_ns: int, end_ns: int) -> int:
        frames = self._voiced[: self._frames_before(at_ns)]
        return min(sum(frames) * self._durations.frame_ns, end_ns - self.start_ns)

    def _frames_before(self, at_ns: int) -> int:
        frames = -((self.first_ns - at_ns) // self._durations.frame_ns)
        return max(0, min(frames, len(self._voiced)))
