"""A part that fails is reported and replaced, and costs nobody else an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from support.scripted import ScriptedTranscriber, Ticker, scores, utterance

from emotion_node.config import Config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.load import Load
from emotion_node.core.analysis.recognised_transcripts import RecognisedTranscripts
from emotion_node.core.analysis.recogniser import Recogniser
from emotion_node.core.timings import Timings
from emotion_node.datatypes import (
    EndReason,
    ModalityEmotion,
    ModelInfo,
    Reason,
    SpeechAudio,
    Transcript,
)
from emotion_node.interfaces import always
from emotion_node.labels import Modality


def breaks() -> int:
    raise RuntimeError('it broke')


def test_a_call_is_timed_and_its_result_comes_back() -> None:
    guard = Guard(Timings(Ticker(1_000_000)))
    assert guard.attempt('speaker', lambda: 's1', lambda error: '') == 's1'
    assert guard.timings.summary()['speaker'].total_s == pytest.approx(0.001)
    assert not guard.counters


def test_a_fault_is_timed_counted_reported_and_replaced() -> None:
    faults: list[tuple[str, str]] = []
    guard = Guard(Timings(Ticker()), lambda part, error: faults.append((part, str(error))))
    assert guard.attempt('vocal cues', breaks, lambda error: len(str(error))) == len('it broke')
    assert guard.attempt('vocal cues (again)', breaks, lambda error: 0) == 0
    assert faults == [('vocal cues', 'it broke')] * 2
    assert guard.counters == {'faults_vocal_cues': 2}
    assert list(guard.timings.summary()) == ['vocal cues', 'vocal cues (again)']


def test_an_answer_tells_how_long_the_model_took() -> None:
    guard = Guard(Timings(Ticker(1_000_000)))
    answer = ModalityEmotion.from_scores(Modality.TEXT, scores(joy=0.8), ModelInfo('words', '1'))
    found = guard.ask(Modality.TEXT, lambda: answer)
    assert found.inference_ns == 3_000_000  # readings of the clock around it, and its own two
    assert found.model == answer.model
    silent = ModalityEmotion.absent(Modality.TEXT, Reason.TOO_SHORT)
    assert guard.ask(Modality.TEXT, lambda: silent) is silent


def test_a_model_that_fails_is_absent_with_what_went_wrong() -> None:
    def fails() -> ModalityEmotion:
        raise ValueError('wrong shape')

    guard = Guard(Timings(Ticker()))
    found = guard.ask(Modality.VOICE, fails)
    assert (found.available, found.reason, found.detail) == (False, Reason.ERROR, 'wrong shape')
    assert guard.counters == {'faults_voice_emotion': 1}


def test_no_count_is_lost_between_threads() -> None:
    guard = Guard(Timings(Ticker()))

    def count() -> None:
        for _ in range(10_000):
            guard.count('frames')

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert guard.counters == {'frames': 40_000}


class Breaking(ScriptedTranscriber):
    """Breaks in one of its methods."""

    def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
        self._break_at('partial')
        return super().partial()

    def finish(self) -> Transcript:
        self._break_at('finish')
        return super().finish()

    def reset(self) -> None:
        self._break_at('reset')

    def _break_at(self, method: str) -> None:
        if self.fail_at == method:
            raise RuntimeError('the recogniser broke')


@pytest.mark.parametrize('method', ['accept', 'partial', 'finish', 'reset'])
def test_a_recogniser_that_breaks_anywhere_is_back_for_the_next_utterance(method: str) -> None:
    recogniser = Breaking(['one', 'two'], fail_at=method)
    guard = Guard(Timings(Ticker()))
    transcripts = RecognisedTranscripts(Config(), Recogniser(recogniser, guard), guard)
    spoken = utterance(end_reason=EndReason.MAX_LENGTH)
    audio = SpeechAudio('u1', spoken.start_ns, spoken.samples)
    transcripts.drop()
    transcripts.accept(audio, Load.NORMAL)
    transcripts.partial('u1', spoken.start_ns)
    transcripts.finish(spoken, Load.NORMAL)
    assert [words.reason for _, words in transcripts.ready()] == [Reason.ERROR]
    assert guard.counters['faults_transcription'] >= 1
    recogniser.fail_at = ''
    transcripts.drop()
    transcripts.accept(audio, Load.NORMAL)
    transcripts.finish(utterance(2), Load.NORMAL)
    assert [words.reason for _, words in transcripts.ready()] == [Reason.NONE]
