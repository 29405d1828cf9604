"""The node's own recogniser: what it is asked to do, one task after the other, and what it finds.

The tasks may run at once, or on a thread of their own (`ros/engine.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from emotion_node.core.analysis.guard import Guard
from emotion_node.datatypes import FloatArray, Reason, Transcript, Utterance
from emotion_node.errors import PassAbandoned
from emotion_node.interfaces import Transcriber, TranscriberStream


@dataclass(frozen=True, slots=True)
class BeginUtterance:
    """Forget the utterance so far; another one begins."""


@dataclass(frozen=True, slots=True)
class TakeAudio:
    """Take the next audio of the utterance under way.

    Attributes:
        utterance_id: of the utterance.
        samples: (n,) float32 at `SAMPLE_RATE`.
    """

    utterance_id: str
    samples: FloatArray


@dataclass(slots=True)
class PartialPass:
    """Find the words so far.

    Attributes:
        utterance_id: of the utterance under way.
        wanted: whether the words are still of use; may be cleared at any time, by any thread.
    """

    utterance_id: str
    wanted: bool = True


@dataclass(slots=True)
class FinalPass:
    """Find the words of an utterance that has ended, or may have.

    Attributes:
        utterance: it.
        ended: whether it has ended.
        wanted: as for a partial pass.
    """

    utterance: Utterance
    ended: bool
    wanted: bool = True


RecogniserTask = BeginUtterance | TakeAudio | PartialPass | FinalPass


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a task has found; tasks that find nothing report only faults.

    Attributes:
        utterance_id: of the utterance.
        task: the task.
        transcript: the words; None where the task was abandoned.
        took_ns: how long it took.
        step_ns: the longest time in it without an opportunity to abandon it.
        failed: whether the recogniser failed: it is of no use before the next utterance.
    """

    utterance_id: str
    task: PartialPass | FinalPass | TakeAudio
    transcript: Transcript | None
    took_ns: int = 0
    step_ns: int = 0
    failed: bool = False


@dataclass(slots=True)
class _Steps:
    """Measures a pass between the moments at which it asks whether it is still wanted."""

    clock: Callable[[], int]
    begin_ns: int = field(init=False)
    last_ns: int = field(init=False)
    longest_ns: int = 0

    def __post_init__(self) -> None:
        self.begin_ns = self.last_ns = self.clock()

    def step(self) -> int:
        """End a step; return the time since the beginning."""
        now_ns = self.clock()
        self.longest_ns = max(self.longest_ns, now_ns - self.last_ns)
        self.last_ns = now_ns
        return now_ns - self.begin_ns


class Recogniser:
    """Does one task after the other with the stream of a speech recogniser.

    After a fault the utterance's words are absent with reason error, and its other tasks are not
    tried. All tasks must run on one thread at a time.

    Args:
        transcriber: speech recogniser.
        guard: calls it.
    """

    def __init__(self, transcriber: Transcriber, guard: Guard) -> None:
        self._stream = transcriber.stream()
        self._guard = guard
        self._error: str | None = None

    def run(self, task: RecogniserTask) -> Recognised | None:
        """Do a task, and return what it has found."""
        match task:
            case BeginUtterance():
                self._error = None
                self._guard.catch('transcription', self._stream.reset, lambda error: None)
                return None
            case TakeAudio():
                return self._accept(task)
            case PartialPass():
                return self._pass(task, 'transcription (while speaking)', self._stream.partial)
            case FinalPass(ended=False):
                return self._pass(task, 'transcription (in pauses)', self._stream.peek_final)
            case FinalPass():
                return self._pass(
                    task,
                    'transcription (after speech)',
                    lambda wanted: _finish(self._stream, task.utterance),
                )

    def _accept(self, task: TakeAudio) -> Recognised | None:
        if self._error is None:
            self._guard.attempt(
                'transcription (audio)', lambda: self._stream.accept(task.samples), self._fail
            )
            if self._error is not None:
                return Recognised(task.utterance_id, task, self._absent(), failed=True)
        return None

    def _pass(
        self,
        task: PartialPass | FinalPass,
        stage: str,
        call: Callable[[Callable[[], bool]], Transcript],
    ) -> Recognised:
        utterance_id = (
            task.utterance_id if isinstance(task, PartialPass) else task.utterance.utterance_id
        )
        if self._error is not None:
            return Recognised(utterance_id, task, self._absent(), failed=True)
        if not task.wanted:
            return Recognised(utterance_id, task, None)
        steps = _Steps(self._guard.timings.clock)

        def wanted() -> bool:
            steps.step()
            return task.wanted

        def attempt() -> Transcript | None:
            try:
                return call(wanted)
            except PassAbandoned:
                return None

        transcript = self._guard.attempt(stage, attempt, self._fail)
        took_ns = steps.step()
        failed = self._error is not None
        return Recognised(utterance_id, task, transcript, took_ns, steps.longest_ns, failed)

    def _fail(self, error: Exception) -> Transcript:
        self._error = str(error)
        return self._absent()

    def _absent(self) -> Transcript:
        return Transcript('', 0.0, '', True, Reason.ERROR, self._error or '')


def _finish(stream: TranscriberStream, utterance: Utterance) -> Transcript:
    if utterance.end_reason.is_cut:
        # The recogniser has already been given what follows the cut.
        stream.reset()
        stream.accept(utterance.samples)
    return stream.finish()
