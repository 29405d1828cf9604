"""Where transcripts come from, and those of the node's own speech recogniser."""

from __future__ import annotations

from typing import Protocol

from emotion_node.core.analysis.guard import Guard
from emotion_node.datatypes import (
    EndReason,
    FloatArray,
    Reason,
    Transcript,
    TranscriptReport,
    Utterance,
)
from emotion_node.interfaces import Transcriber, TranscriberStream


class TranscriptSource(Protocol):
    """Transcripts of one utterance after the other."""

    def accept(self, samples: FloatArray, behind: bool) -> None:
        """Take the next samples of the utterance under way.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`.
            behind: no time for transcription: the utterance's transcript may be dropped.
        """
        ...

    def partial(self, utterance_id: str, start_ns: int) -> Transcript:
        """Return the words so far of the utterance under way (`final` is False)."""
        ...

    def peek_final(self, utterance: Utterance) -> Transcript:
        """Return the words of an utterance that may have ended, as far as they are known."""
        ...

    def finish(self, utterance: Utterance, behind: bool) -> Transcript | None:
        """Return the words of an utterance that has ended; None where they are still to come.

        Args:
            utterance: it.
            behind: no time for transcription: the transcript may be dropped.
        """
        ...

    def take(self, report: TranscriptReport) -> str | None:
        """Take a transcript from outside.

        Returns:
            The id of the utterance whose final transcript this is and that waited for it; None
            where no utterance did.
        """
        ...

    def time_out(self, stamp_ns: int | None = None) -> list[str]:
        """Return the ids of the utterances that wait no longer for their words.

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


class RecognisedTranscripts:
    """Transcripts of the node's own recogniser (a `TranscriptSource`).

    After a fault, the words of that utterance are absent with reason error. Where there was no
    time for them, they are absent with reason timeout and counted in `transcripts_dropped`.

    Args:
        transcriber: speech recogniser, or None for none: words are then absent with reason
            model_off.
        guard: calls the recogniser.
    """

    def __init__(self, transcriber: Transcriber | None, guard: Guard) -> None:
        self._stream = transcriber.stream() if transcriber else None
        self._guard = guard
        self._absent = Reason.NONE
        self._detail = ''

    def accept(self, samples: FloatArray, behind: bool) -> None:
        """Take the next samples of the utterance under way."""
        stream = self._stream_unless(behind)
        if stream is not None:
            self._guard.attempt(
                'transcription (while speaking)', lambda: stream.accept(samples), self._fail
            )

    def partial(self, utterance_id: str, start_ns: int) -> Transcript:
        """Return what has been recognised so far."""
        stream = self._stream_unless(behind=False)
        if stream is None:
            return self._no_words(final=False)
        return self._guard.catch(
            'transcription', stream.partial, lambda error: self._fail(error, final=False)
        )

    def peek_final(self, utterance: Utterance) -> Transcript:
        """Return the words as they would be if nothing more came, as far as they are known."""
        stream = self._stream_unless(behind=False)
        if stream is None:
            return self._no_words(final=False)
        return self._guard.attempt(
            'transcription (in pauses)',
            stream.peek_final,
            lambda error: self._fail(error, final=False),
        )

    def finish(self, utterance: Utterance, behind: bool) -> Transcript:
        """Return what was said in the utterance."""
        stream = self._stream_unless(behind)
        if stream is None:
            transcript = self._no_words()
        else:
            transcript = self._guard.attempt(
                'transcription (after speech)', lambda: _finish(stream, utterance), self._fail
            )
        if self._absent is Reason.TIMEOUT:
            self._guard.count('transcripts_dropped')
        if self._absent:
            self.drop()
        return transcript

    def take(self, report: TranscriptReport) -> None:
        """Ignore a transcript from outside; it is counted in `transcripts_ignored`."""
        self._guard.count('transcripts_ignored')

    def time_out(self, stamp_ns: int | None = None) -> list[str]:
        """Return nothing: no utterance waits for its words."""
        return []

    def drop(self) -> None:
        """Forget the utterance under way."""
        self._absent, self._detail = Reason.NONE, ''
        if self._stream is not None:
            self._guard.catch('transcription', self._stream.reset, lambda error: None)

    def reset(self) -> None:
        """Forget the utterance under way: nothing else is remembered."""
        self.drop()

    def _stream_unless(self, behind: bool) -> TranscriberStream | None:
        """Return the recogniser's stream; None where the utterance's words are absent."""
        if behind and self._stream is not None and not self._absent:
            self._absent = Reason.TIMEOUT
        return None if self._absent else self._stream

    def _no_words(self, final: bool = True) -> Transcript:
        return no_words(self._absent or Reason.MODEL_OFF, final, self._detail)

    def _fail(self, error: Exception, final: bool = True) -> Transcript:
        self._absent, self._detail = Reason.ERROR, str(error)
        return self._no_words(final)


def _finish(stream: TranscriberStream, utterance: Utterance) -> Transcript:
    if utterance.end_reason is EndReason.MAX_LENGTH:
        # The recogniser has already been given what follows the cut.
        stream.reset()
        stream.accept(utterance.samples)
    return stream.finish()
