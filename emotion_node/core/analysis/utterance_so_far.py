"""The utterance under way, and when its interim estimates are due."""

from __future__ import annotations

import numpy as np

from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    EndReason,
    FloatArray,
    SpeechAudio,
    SpeechStarted,
    Utterance,
)


class UtteranceSoFar:
    """Collects the audio of an utterance while it lasts.

    Args:
        started: its start.
        interim_ns: period of interim estimates; 0 for none: audio is then not kept.
    """

    def __init__(self, started: SpeechStarted, interim_ns: int) -> None:
        self._started = started
        self._interim_ns = interim_ns
        self._next_ns = started.start_ns + interim_ns
        self._end_ns = started.start_ns
        self._audio: list[FloatArray] = []
        self._audio_start_ns = 0

    def append(self, audio: SpeechAudio) -> bool:
        """Add the next audio; return whether an interim estimate has become due.

        Raises:
            ValueError: the audio belongs to another utterance.
        """
        if audio.utterance_id != self._started.utterance_id:
            raise ValueError(f'audio of {audio.utterance_id} outside of its utterance')
        self._end_ns = audio.stamp_ns + len(audio.samples) * NS_PER_SAMPLE
        if not self._interim_ns:
            return False
        if not self._audio:
            self._audio_start_ns = audio.stamp_ns
        self._audio.append(audio.samples)
        if self._end_ns < self._next_ns:
            return False
        while self._next_ns <= self._end_ns:
            self._next_ns += self._interim_ns
        return True

    def hasten(self) -> None:
        """Make the next interim estimate due with the next audio: the first words have come."""
        self._next_ns = min(self._next_ns, self._end_ns)

    def as_utterance(self) -> Utterance:
        """Return what there is of the utterance, as if it ended here."""
        return Utterance(
            self._started.utterance_id,
            self._started.start_ns,
            self._end_ns,
            self._end_ns,
            np.concatenate(self._audio) if self._audio else np.zeros(0, np.float32),
            self._audio_start_ns,
            EndReason.SILENCE,
            self._started.clock_source,
        )
