"""The recogniser beside the other stages: when it does what, and that its words are the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted import (
    SECOND,
    ScriptedText,
    ScriptedTranscriber,
    ScriptedVoice,
    Ticker,
    events,
    scripted_analysis,
    utterance,
)
from support.speech import LoudnessVad, chunks, sound

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import Config, make_config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.load import Load
from emotion_node.core.analysis.partial_pace import (
    FIRST_AUDIO_S,
    SEARCH_GAP_S,
    SEARCH_S,
    PartialPace,
)
from emotion_node.core.analysis.recognised_transcripts import RecognisedTranscripts
from emotion_node.core.analysis.recogniser import (
    FinalPass,
    PartialPass,
    Recognised,
    Recogniser,
    RecogniserTask,
)
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.pipeline import Pipeline
from emotion_node.core.timings import Timings
from emotion_node.datatypes import (
    EmotionReport,
    FloatArray,
    ModelInfo,
    Reason,
    Report,
    SpeechAudio,
    Transcript,
    Trigger,
)
from emotion_node.errors import PassAbandoned
from emotion_node.interfaces import always

MS = 1_000_000


class Measuring:
    """A recogniser whose words are how much audio it was given."""

    def __init__(self) -> None:
        self.info = ModelInfo('measure', '1')
        self.samples = 0

    def stream(self) -> Measuring:
        return self

    def accept(self, samples: FloatArray) -> None:
        self.samples += len(samples)

    def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
        if not wanted():
            raise PassAbandoned
        return Transcript(f'so far {self.samples}', 0.5, 'en', final=False)

    def peek_final(self, wanted: Callable[[], bool] = always) -> Transcript:
        if not wanted():
            raise PassAbandoned
        return Transcript(f'happy {self.samples}', 0.9, 'en')

    def finish(self) -> Transcript:
        found = self.peek_final()
        self.reset()
        return found

    def reset(self) -> None:
        self.samples = 0


class Room:
    """A pipeline whose recogniser works at once, or when `work` is called."""

    def __init__(self, beside: bool) -> None:
        config = Config()
        self.analysis = scripted_analysis(config, Measuring(), ScriptedText(), ScriptedVoice())
        hearing = Hearing(config.audio, config.segmenter, 0.3, LoudnessVad(), SoxrResampler)
        self.pipeline = Pipeline(hearing, self.analysis)
        self.tasks: deque[RecogniserTask] = deque()
        self.reports: list[Report] = []
        if beside:
            self.analysis.transcribe_elsewhere(self.tasks.append)

    def work(self, most: int) -> None:
        """Do up to so many of the tasks that wait."""
        recogniser = self.analysis.recogniser
        assert recogniser is not None
        for _ in range(min(most, len(self.tasks))):
            found = recogniser.run(self.tasks.popleft())
            if found is not None:
                self.reports += self.analysis.take_recognised(found)

    def run(self, pieces: list[tuple[float, float]], efforts: list[int]) -> list[Any]:
        """Return what is final of noise made of (seconds, level) pieces.

        Args:
            pieces: the noise.
            efforts: tasks done after each chunk, in turn.
        """
        for number, chunk in enumerate(chunks(sound(*pieces), [1600])):
            self.reports += self.pipeline.push_audio(chunk)
            self.work(efforts[number % len(efforts)])
        events = list(self.pipeline.hearing.flush())
        self.reports += [one for event in events for one in self.analysis.handle(event)]
        self.work(len(self.tasks))
        self.reports += self.analysis.flush()
        return [
            (one.utterance_id, one.end_ns, one.transcript, one.fused.label, one.speaker_id)
            for one in self.reports
            if isinstance(one, EmotionReport) and one.trigger is Trigger.FINAL
        ]


spoken_and_silent = st.lists(
    st.tuples(st.floats(0.05, 1.5), st.booleans()).map(
        lambda one: (round(one[0], 2), 0.1 if one[1] else 0.0)
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(spoken_and_silent, st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_the_final_words_are_the_same_however_late_the_recogniser_is(
    pieces: list[tuple[float, float]], efforts: list[int]
) -> None:
    beside = Room(beside=True).run(pieces, efforts)
    assert beside == Room(beside=False).run(pieces, [0])


class Desk:
    """Transcripts whose tasks are done by hand, and a clock that is set by hand."""

    def __init__(self, config: Config | None = None) -> None:
        self.now = 0
        self.guard = Guard(Timings(lambda: self.now))
        self.recogniser = Recogniser(ScriptedTranscriber(['what was said'] * 9), self.guard)
        self.transcripts = RecognisedTranscripts(config or Config(), self.recogniser, self.guard)
        self.tasks: list[RecogniserTask] = []
        self.transcripts.send = self.tasks.append
        self.transcripts.drop()

    def hear(self, seconds: float, paused: bool = False, load: Load = Load.NORMAL) -> None:
        """Hear the next audio of u1, in pieces of 0.1 s, each in 0.1 s."""
        for audio in list(events(utterance(1, length_s=seconds)))[1:-1]:
            assert isinstance(audio, SpeechAudio)
            self.now += SECOND // 10
            self.transcripts.accept(SpeechAudio('u1', audio.stamp_ns, audio.samples, paused), load)

    def passes(self) -> list[str]:
        """Return the passes that were asked for."""
        return [
            type(one).__name__ for one in self.tasks if isinstance(one, PartialPass | FinalPass)
        ]

    def end_pass(self, took_ns: int, step_ns: int, words: str = 'so far') -> PartialPass:
        """End the last partial pass that was asked for."""
        (task,) = [one for one in self.tasks if isinstance(one, PartialPass)][-1:]
        transcript = Transcript(words, 0.5, 'en', final=False)
        self.transcripts.take_recognised(Recognised('u1', task, transcript, took_ns, step_ns))
        return task


def test_words_so_far_are_looked_for_after_a_moment_and_one_pass_at_a_time() -> None:
    desk = Desk()
    desk.hear(FIRST_AUDIO_S - 0.1)
    assert desk.passes() == []
    desk.hear(2.0)
    assert desk.passes() == ['PartialPass']
    assert desk.transcripts.partial('u1', 0).reason is Reason.NO_SPEECH_RECOGNISED
    desk.end_pass(100 * MS, 50 * MS)
    assert desk.transcripts.partial('u1', 0).text == 'so far'


def test_no_pass_begins_where_speech_has_paused_or_analysis_is_behind() -> None:
    desk = Desk()
    desk.hear(2.0, paused=True)
    desk.hear(2.0, load=Load.NO_INTERIM)
    assert desk.passes() == []
    desk.hear(0.1)
    assert desk.passes() == ['PartialPass']


def test_a_pass_under_way_is_given_up_when_speech_pauses() -> None:
    desk = Desk()
    desk.hear(1.0)
    (task,) = (one for one in desk.tasks if isinstance(one, PartialPass))
    assert task.wanted
    spoken = utterance()
    desk.transcripts.pause(spoken)
    assert not task.wanted
    assert desk.passes() == ['PartialPass', 'FinalPass']
    assert desk.recogniser.run(task) == Recognised('u1', task, None)
    desk.transcripts.pause(spoken)
    assert desk.passes() == ['PartialPass', 'FinalPass'], 'it is asked for once'


def test_speech_that_resumes_gives_up_the_final_pass() -> None:
    desk = Desk()
    desk.hear(0.3)
    desk.transcripts.pause(utterance())
    (task,) = (one for one in desk.tasks if isinstance(one, FinalPass))
    desk.hear(0.1)
    assert not task.wanted
    desk.transcripts.finish(utterance(length_s=2.0), Load.NORMAL)
    assert desk.passes() == ['FinalPass', 'FinalPass']
    assert desk.transcripts.ready() == []


def test_the_words_of_a_pause_that_has_become_the_end_are_there_at_once() -> None:
    desk = Desk()
    desk.hear(0.3)
    desk.transcripts.pause(utterance())
    (task,) = (one for one in desk.tasks if isinstance(one, FinalPass))
    words = Transcript('what was said', 0.9, 'en')
    desk.transcripts.take_recognised(Recognised('u1', task, words))
    desk.transcripts.finish(utterance(), Load.NORMAL)
    assert desk.transcripts.ready() == [('u1', words)]
    assert desk.passes() == ['FinalPass']


def test_a_pass_that_cannot_end_before_a_final_one_is_not_begun_but_tried_again_later() -> None:
    desk = Desk()
    desk.hear(1.0)
    desk.end_pass(900 * MS, 450 * MS)
    desk.hear(30.0)
    assert desk.passes() == ['PartialPass']
    for _ in range(5):
        desk.transcripts.drop()
    desk.hear(1.0)
    assert desk.passes() == ['PartialPass'] * 2


def test_one_pass_that_took_long_among_others_keeps_no_words_away() -> None:
    desk = Desk()
    for took_ns in (100 * MS, 900 * MS, 110 * MS):
        desk.hear(1.0)
        desk.end_pass(took_ns, took_ns // 2)
        desk.transcripts.drop()
    desk.hear(1.0)
    assert desk.passes() == ['PartialPass'] * 4


@pytest.mark.parametrize('share', [0.1, 0.25, 1.0])
@pytest.mark.parametrize('words', [True, False])
def test_partial_passes_take_no_more_than_their_share_of_a_core(share: float, words: bool) -> None:
    """Except for those that look for first words, in the first seconds of each utterance."""
    pace, now, spent, cost = PartialPace(share, 2, 200 * MS), 0, 0, 80 * MS
    first_s = FIRST_AUDIO_S if words else SEARCH_S
    while now < 60 * SECOND:
        if pace.allows(now, now):
            now, spent = now + cost, spent + 2 * cost
            pace.add(now, cost, cost // 2)
            if words:
                pace.found_words()
        now += 10 * MS
    first = 2 * cost * (1 + (first_s - FIRST_AUDIO_S) / SEARCH_GAP_S)
    assert 0.8 * share < spent / now < share + first / now


@given(st.integers(10, 300), st.integers(0, 8))
def test_the_first_words_wait_for_no_earlier_pass_and_are_paid_for_later(
    took_ms: int, without_words: int
) -> None:
    pace = PartialPace(0.25, 2, 200 * MS)
    took_ns, now, passes = took_ms * MS, 0, 0
    while now < SEARCH_S * SECOND:
        now += 32 * MS
        if pace.allows(now, now):
            passes += 1
            now += took_ns
            pace.add(now, took_ns, took_ns // 2)
            if passes > without_words:
                pace.found_words()
                break
    found_ns = FIRST_AUDIO_S * SECOND + without_words * (max(took_ns, SEARCH_GAP_S * SECOND))
    slack_ns = (passes + 1) * 32 * MS + took_ns
    assert now <= min(found_ns, SEARCH_S * SECOND) + slack_ns
    begun_ns = now - took_ns
    paid_ns = round(FIRST_AUDIO_S * SECOND) + passes * took_ns * 8
    if passes > without_words:
        assert not pace.allows(min(begun_ns + 8 * took_ns, paid_ns) - 1, 20 * SECOND)
        assert pace.allows(begun_ns + passes * 8 * took_ns + SECOND, 20 * SECOND)


def test_the_first_words_are_published_before_the_next_estimate_is_due() -> None:
    room = Room(beside=True)
    for chunk in chunks(sound((0.5, 0.0), (2.0, 0.1)), [320]):
        room.reports += room.pipeline.push_audio(chunk)
        room.work(len(room.tasks))
    interims = [
        one
        for one in room.reports
        if isinstance(one, EmotionReport) and one.trigger is Trigger.INTERIM
    ]
    silent = [one for one in interims if not one.transcript.text]
    worded = [one for one in interims if one.transcript.text]
    assert worded[0].end_ns - silent[-1].end_ns < 150 * MS
    assert worded[0].end_ns - interims[0].start_ns <= (FIRST_AUDIO_S + 0.05) * SECOND
    steps = [b.end_ns - a.end_ns for a, b in pairwise(worded)]
    assert min(steps) >= 180 * MS


def test_without_a_share_there_are_no_partial_words() -> None:
    desk = Desk(make_config({'transcriber.partial_share': 0.0}))
    desk.hear(10.0)
    assert desk.passes() == []


def test_words_that_come_too_late_are_absent_and_the_order_is_kept() -> None:
    desk = Desk()
    for number in (1, 2):
        desk.transcripts.finish(utterance(number, start_s=3.0 * number), Load.NORMAL)
    second = [one for one in desk.tasks if isinstance(one, FinalPass)][1]
    words = Transcript('what was said', 0.9, 'en')
    desk.transcripts.take_recognised(Recognised('u2', second, words))
    assert desk.transcripts.ready() == []
    desk.transcripts.time_out(utterance(1, start_s=3.0).decided_ns + 10 * SECOND)
    assert [(one, found.reason) for one, found in desk.transcripts.ready()] == [
        ('u1', Reason.TIMEOUT),
        ('u2', Reason.NONE),
    ]
    assert desk.guard.counters['transcripts_dropped'] == 1


def test_a_fault_in_a_late_pass_costs_only_its_own_utterance() -> None:
    desk = Desk()
    desk.transcripts.finish(utterance(1), Load.NORMAL)
    (task,) = (one for one in desk.tasks if isinstance(one, FinalPass))
    desk.transcripts.drop()
    desk.hear(1.0)
    absent = Transcript('', 0.0, '', reason=Reason.ERROR)
    desk.transcripts.take_recognised(Recognised('u0', task, absent, failed=True))
    assert desk.transcripts.partial('u1', 0).reason is Reason.NO_SPEECH_RECOGNISED


def test_a_pass_is_measured_between_the_moments_at_which_it_can_be_given_up() -> None:
    class Stepping(ScriptedTranscriber):
        def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
            for _ in range(4):
                wanted()
            return super().partial()

    recogniser = Recogniser(Stepping(['words']), Guard(Timings(Ticker())))
    found = recogniser.run(PartialPass('u1'))
    assert found is not None
    assert 0 < found.step_ns < found.took_ns
