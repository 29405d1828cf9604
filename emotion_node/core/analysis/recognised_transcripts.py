"""Transcripts of the node's own speech recogniser."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from emotion_node.config import Config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.load import Load
from emotion_node.core.analysis.partial_pace import PartialPace
from emotion_node.core.analysis.recogniser import (
    BeginUtterance,
    FinalPass,
    PartialPass,
    Recognised,
    Recogniser,
    RecogniserTask,
    TakeAudio,
)
from emotion_node.core.analysis.transcription import no_words
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    Reason,
    SpeechAudio,
    Transcript,
    TranscriptReport,
    Utterance,
)

Send = Callable[[RecogniserTask], None]
"""Hands a task to the thread of the recogniser; what it finds comes by `take_recognised`."""

_SPARE_SHARE: Final = 0.6
"""Share of the silence that ends an utterance during which a partial pass may still run: the final
pass, which takes most of that silence, then begins late."""


@dataclass(slots=True)
class _Waiting:
    """An utterance that has ended, and its words once they have come."""

    utterance: Utterance
    task: FinalPass | None = None
    transcript: Transcript | None = None


class RecognisedTranscripts:
    """Transcripts of the node's own recogniser (a `TranscriptSource`).

    Without `send`, every task runs at once, when its result is asked for: partial transcripts
    then cover all audio so far. With it, the recogniser works beside all else: partial
    transcripts are the newest that there are, made at a pace that their cost allows, and never
    in a pause. The final transcript of an utterance is the same either way.

    The words of ended utterances come in the order of the utterances. Where there was no time for
    them, they are absent with reason timeout, and counted in `transcripts_dropped`.

    Args:
        config: parameters; an ended utterance waits for its words for
            `queue.analysis_seconds`, while audio goes on.
        recogniser: does the work; None for none: words are then absent with reason model_off.
        guard: counts.

    Attributes:
        send: None where tasks run at once.
    """

    def __init__(self, config: Config, recogniser: Recogniser | None, guard: Guard) -> None:
        self.send: Send | None = None
        self._recogniser = recogniser
        self._guard = guard
        self._pace = PartialPace(
            config.transcriber.partial_share,
            config.transcriber.threads,
            round(_SPARE_SHARE * config.segmenter.min_silence_duration * NS_PER_S),
        )
        self._patience_ns = round(config.queue.analysis_seconds * NS_PER_S)
        self._absent: Transcript | None = None
        self._partial: Transcript | None = None
        self._pass: PartialPass | None = None
        self._paused: FinalPass | None = None
        self._peeked: tuple[Utterance, Transcript] | None = None
        self._waiting: deque[_Waiting] = deque()
        self._audio_ns = 0
        self._current = ''

    def accept(self, audio: SpeechAudio, load: Load) -> None:
        """Take the next audio of the utterance under way."""
        self._resume()
        if self._recogniser is None or self._give_up(load):
            return
        self._current = audio.utterance_id
        self._audio_ns += len(audio.samples) * NS_PER_SAMPLE
        self._do(TakeAudio(audio.utterance_id, audio.samples))
        if self.send is None or audio.paused or load > Load.NORMAL or self._busy:
            return
        if self._pace.allows(self._guard.timings.clock(), self._audio_ns):
            self._pass = PartialPass(audio.utterance_id)
            self._do(self._pass)

    def partial(self, utterance_id: str, start_ns: int) -> Transcript:
        """Return what has been recognised so far."""
        if self.send is None and self._absent is None and self._recogniser is not None:
            self._do(PartialPass(utterance_id))
        if self._absent is not None:
            return replace(self._absent, final=False)
        if self._recogniser is None:
            return no_words(Reason.MODEL_OFF, final=False)
        return self._partial or no_words(Reason.NO_SPEECH_RECOGNISED, final=False)

    def pause(self, utterance: Utterance) -> None:
        """Begin the final pass of an utterance that may have ended."""
        self._abandon_partial()
        if self._recogniser is None or self._absent is not None:
            return
        if self._paused is not None and self._paused.utterance.holds_the_same(utterance):
            return
        self._paused = FinalPass(utterance, ended=False)
        self._do(self._paused)

    def peek(self, utterance: Utterance) -> Transcript | None:
        """Return the words as they would be if nothing more came, as far as they are known."""
        if self._absent is not None:
            return self._absent
        if self._recogniser is None:
            return no_words(Reason.MODEL_OFF)
        return self._known(utterance)

    def finish(self, utterance: Utterance, load: Load) -> None:
        """End an utterance."""
        self._abandon_partial()
        waiting = _Waiting(utterance)
        self._waiting.append(waiting)
        if self._recogniser is None:
            waiting.transcript = no_words(Reason.MODEL_OFF)
        elif self._give_up(load):
            waiting.transcript = self._absent
            if self._absent is not None and self._absent.reason is Reason.TIMEOUT:
                self._guard.count('transcripts_dropped')
        else:
            known = self._known(utterance)
            if known is not None and known.final:
                waiting.transcript = known
            else:
                waiting.task = FinalPass(utterance, ended=True)
                self._do(waiting.task)
        self._forget()

    def ready(self) -> list[tuple[str, Transcript]]:
        """Return ids and words of the ended utterances whose words have come, in order."""
        found: list[tuple[str, Transcript]] = []
        while self._waiting and self._waiting[0].transcript is not None:
            first = self._waiting.popleft()
            assert first.transcript is not None
            found.append((first.utterance.utterance_id, first.transcript))
        return found

    def take(self, report: TranscriptReport) -> None:
        """Ignore a transcript from outside; it is counted in `transcripts_ignored`."""
        self._guard.count('transcripts_ignored')

    def take_recognised(self, found: Recognised) -> None:
        """Take what a task has found."""
        task, transcript = found.task, found.transcript
        if isinstance(task, PartialPass):
            if found.took_ns:
                self._pace.add(self._guard.timings.clock(), found.took_ns, found.step_ns)
            if transcript is None:
                self._guard.count('partial_passes_abandoned')
            if task is self._pass:
                self._pass = None
            if transcript is not None and found.utterance_id == self._current:
                self._take_partial(transcript)
        elif isinstance(task, FinalPass):
            self._take_final(task, transcript)
        if found.failed and found.utterance_id == self._current:
            self._absent = transcript

    def time_out(self, stamp_ns: int | None = None) -> None:
        """End the waiting of utterances for words that have not come in time."""
        for one in self._waiting:
            late = stamp_ns is None or one.utterance.decided_ns + self._patience_ns <= stamp_ns
            if late and one.transcript is None:
                one.transcript = no_words(Reason.TIMEOUT)
                self._guard.count('transcripts_dropped')
                if one.task is not None:
                    one.task.wanted = False

    def drop(self) -> None:
        """Forget the utterance under way."""
        self._abandon_partial()
        self._resume()
        self._forget()
        self._pace.begin()
        if self._recogniser is not None:
            self._do(BeginUtterance())

    def reset(self) -> None:
        """Forget everything."""
        for one in self._waiting:
            if one.task is not None:
                one.task.wanted = False
        self._waiting.clear()
        self.drop()

    @property
    def has_words(self) -> bool:
        """Whether words of the utterance under way have been found."""
        return self._partial is not None and bool(self._partial.text)

    @property
    def _busy(self) -> bool:
        """Whether a pass has been begun whose result has not come yet."""
        return (
            self._pass is not None
            or self._paused is not None
            or any(one.transcript is None for one in self._waiting)
        )

    def _do(self, task: RecogniserTask) -> None:
        if self.send is not None:
            self.send(task)
            return
        assert self._recogniser is not None
        found = self._recogniser.run(task)
        if found is not None:
            self.take_recognised(found)

    def _take_final(self, task: FinalPass, transcript: Transcript | None) -> None:
        if task is self._paused:
            if transcript is None:
                self._paused = None
            else:
                self._peeked = (task.utterance, transcript)
                # Should speech go on, these are the words so far.
                self._take_partial(replace(transcript, final=False))
        if transcript is None or not (transcript.final or task.ended):
            return
        for one in self._waiting:
            if one.transcript is None and one.utterance.holds_the_same(task.utterance):
                one.transcript = transcript

    def _take_partial(self, transcript: Transcript) -> None:
        self._partial = transcript
        if transcript.text:
            self._pace.found_words()

    def _known(self, utterance: Utterance) -> Transcript | None:
        if self._peeked is not None and self._peeked[0].holds_the_same(utterance):
            return self._peeked[1]
        return None

    def _give_up(self, load: Load) -> bool:
        """Return whether the words of the utterance under way are absent."""
        if load >= Load.NO_TRANSCRIPT and self._absent is None:
            self._absent = no_words(Reason.TIMEOUT)
        return self._absent is not None

    def _abandon_partial(self) -> None:
        if self._pass is not None:
            self._pass.wanted = False
            self._pass = None

    def _resume(self) -> None:
        """Speech goes on after a pause, if there was one."""
        if self._paused is not None:
            self._paused.wanted = False
        self._paused = self._peeked = None

    def _forget(self) -> None:
        self._absent = self._partial = self._peeked = self._paused = None
        self._audio_ns = 0
        self._current = ''
