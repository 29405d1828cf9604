"""The words of the utterance under way, as the recogniser hears them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from emotion_node.core.timings import Timings
from emotion_node.datatypes import EndReason, FloatArray, Reason, Transcript, Utterance
from emotion_node.interfaces import Transcriber


def no_words(reason: Reason, final: bool = True) -> Transcript:
    """Return the transcript of words that are absent."""
    return Transcript('', 0.0, '', final, reason)


class Words:
    """Transcribes one utterance after the other; what goes wrong leaves their words absent.

    Args:
        transcriber: speech recogniser, or None for none (`model_off`).
        timings: where its times go.
        counters: where transcripts that were given up are counted.
        on_fault: told what the recogniser raised.
    """

    def __init__(
        self,
        transcriber: Transcriber | None,
        timings: Timings,
        counters: Counter[str],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._stream = transcriber.stream() if transcriber else None
        self._timings = timings
        self._counters = counters
        self._on_fault = on_fault
        self._absent = Reason.NONE

    def accept(self, samples: FloatArray, give_up: bool) -> None:
        """Take the next samples of the utterance, or give its words up."""
        if self._stream is None or self._absent is not Reason.NONE:
            return
        if give_up:
            self._absent = Reason.TIMEOUT
            return
        try:
            with self._timings.measure('transcription (while speaking)'):
                self._stream.accept(samples)
        except Exception as error:  # noqa: BLE001  counted, reported, marked absent
            self._fail(error)

    def partial(self) -> Transcript:
        """Return what has been understood so far."""
        if self._stream is None:
            return no_words(Reason.MODEL_OFF, final=False)
        if self._absent is Reason.NONE:
            try:
                return self._stream.partial()
            except Exception as error:  # noqa: BLE001  counted, reported, marked absent
                self._fail(error)
        return no_words(self._absent, final=False)

    def peek_final(self) -> Transcript | None:
        """Return the words as they would be if nothing more came, as far as can be told."""
        if self._stream is None or self._absent is not Reason.NONE:
            return None
        try:
            with self._timings.measure('transcription (in pauses)'):
                return self._stream.peek_final()
        except Exception as error:  # noqa: BLE001  counted, reported, marked absent
            self._fail(error)
            return None

    def finish(self, utterance: Utterance, give_up: bool) -> Transcript:
        """Return what was said in the utterance, which has ended, or give its words up."""
        if self._stream is None:
            return no_words(Reason.MODEL_OFF)
        if give_up and self._absent is Reason.NONE:
            self._absent = Reason.TIMEOUT
        if self._absent is Reason.NONE:
            try:
                if utterance.end_reason is EndReason.MAX_LENGTH:
                    # The recogniser has already heard what comes after the cut.
                    self._stream.reset()
                    self._stream.accept(utterance.samples)
                return self._stream.finish()
            except Exception as error:  # noqa: BLE001  counted, reported, marked absent
                self._fail(error)
        reason = self._absent
        if reason is Reason.TIMEOUT:
            self._counters['transcripts_given_up'] += 1
        self.drop()
        return no_words(reason)

    def drop(self) -> None:
        """Forget the utterance under way."""
        self._absent = Reason.NONE
        if self._stream is None:
            return
        try:
            self._stream.reset()
        except Exception as error:  # noqa: BLE001  counted and reported
            self._on_fault(error)

    def _fail(self, error: Exception) -> None:
        self._absent = Reason.ERROR
        self._on_fault(error)
