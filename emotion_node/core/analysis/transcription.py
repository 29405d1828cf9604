"""Where the transcripts of utterances come from."""

from __future__ import annotations

from typing import Protocol

from emotion_node.core.analysis.load import Load
from emotion_node.core.analysis.recogniser import Recognised
from emotion_node.datatypes import Reason, SpeechAudio, Transcript, TranscriptReport, Utterance


class TranscriptSource(Protocol):
    """Transcripts of one utterance after the other."""

    def accept(self, audio: SpeechAudio, load: Load) -> None:
        """Take the next audio of the utterance under way.

        Args:
            audio: it.
            load: what to leave out: partial transcripts, or the utterance's transcript.
        """
        ...

    def partial(self, utterance_id: str, start_ns: int) -> Transcript:
        """Return the words so far of the utterance under way (`final` is False)."""
        ...

    def pause(self, utterance: Utterance) -> None:
        """Begin with the words of an utterance that may have ended; `peek` knows them later."""
        ...

    def peek(self, utterance: Utterance) -> Transcript | None:
        """Return the words of an utterance that may have ended; None while they are to come."""
        ...

    def finish(self, utterance: Utterance, load: Load) -> None:
        """End an utterance; `ready` returns its words when they have come.

        Args:
            utterance: it.
            load: what to leave out: its transcript.
        """
        ...

    def ready(self) -> list[tuple[str, Transcript]]:
        """Return ids and words of the ended utterances whose words have come; each once."""
        ...

    def take(self, report: TranscriptReport) -> None:
        """Take a transcript from outside."""
        ...

    def take_recognised(self, found: Recognised) -> None:
        """Take what a pass of the node's own recogniser has found."""
        ...

    def time_out(self, stamp_ns: int | None = None) -> None:
        """End the waiting of utterances whose words have not come in time.

        Args:
            stamp_ns: the time up to which audio has been heard; None ends all waiting.
        """
        ...

    def drop(self) -> None:
        """Forget the utterance under way."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...


def no_words(reason: Reason, final: bool = True, detail: str = '') -> Transcript:
    """Return the transcript of words that are absent."""
    return Transcript('', 0.0, '', final, reason, detail)
