"""Work in pauses that may be the end changes when reports come, not what they say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.recordings import CONVERSATION
from support.scripted import (
    ScriptedText,
    ScriptedTranscriber,
    ScriptedVision,
    ScriptedVoice,
    scripted_analysis,
)
from support.speech import LoudnessVad, chunks, sound

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.cli.main import main
from emotion_node.config import Config, InterimConfig, SpeculationConfig
from emotion_node.core.analysis.load import Load
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.pipeline import Pipeline
from emotion_node.datatypes import EmotionReport, Report, SpeechPaused, Trigger

SENTENCES = ('so I was happy', 'well you know', 'that is it', 'and then', 'we left') * 4
STAGES = ('transcription_ns', 'processing_ns')


class Room:
    """A pipeline of scripted models, with speculation or without."""

    def __init__(self, speculate: bool, interim: bool = True, turns: tuple[str, ...] = ()) -> None:
        config = Config(
            speculation=SpeculationConfig(speculate), interim=InterimConfig(enabled=interim)
        )
        self.text, self.voice = ScriptedText(), ScriptedVoice()
        self.analysis = scripted_analysis(
            config,
            ScriptedTranscriber(list(SENTENCES)),
            self.text,
            self.voice,
            ScriptedVision(turns=turns),
        )
        hearing = Hearing(config.audio, config.segmenter, 0.3, LoudnessVad(), SoxrResampler)
        self.pipeline = Pipeline(hearing, self.analysis)

    def run(self, pieces: list[tuple[float, float]], size: int = 320) -> list[Report]:
        """Return the reports on noise made of (seconds, level) pieces."""
        reports: list[Report] = []
        for chunk in chunks(sound(*pieces), [size]):
            reports += self.pipeline.push_audio(chunk)
        return [*reports, *self.pipeline.flush()]


def as_values(reports: list[Report]) -> list[Any]:
    """Return reports as plain values, without how long anything took."""
    found = []
    for report in reports:
        values = dataclasses.asdict(report)
        for stage in STAGES:
            values.pop(stage, None)
        found.append(repr((type(report), values)))
    return found


pieces = st.lists(
    st.tuples(st.floats(0.05, 1.2), st.floats(0.0, 0.9)).map(
        lambda one: (round(one[0], 2), 0.1 if one[1] > 0.4 else 0.0)
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=40, deadline=None)
@given(pieces, st.integers(50, 8000))
def test_whatever_is_said_the_answers_are_the_same(
    said: list[tuple[float, float]], size: int
) -> None:
    plain, eager = Room(speculate=False), Room(speculate=True)
    assert as_values(plain.run(said)) == as_values(eager.run(said, size))


def test_an_end_that_was_speculated_on_asks_nothing_again() -> None:
    room = Room(speculate=True, interim=False)
    room.run([(0.5, 0.0), (1.0, 0.1), (1.0, 0.0)])
    counters = room.analysis.counters
    assert (counters['speculations_used'], counters['speculations_dropped']) == (1, 0)
    assert len(room.voice.given) == 1


def test_a_voice_is_analysed_once_even_where_people_take_turns() -> None:
    room = Room(speculate=True, interim=False, turns=('f1', 'f2'))
    room.run([(0.5, 0.0), *([(1.0, 0.1), (1.0, 0.0)] * 6)])
    assert room.analysis.counters['utterances'] == 6
    assert len(room.voice.given) == 6
    # Each of the two is compared with their own earlier utterances.
    assert [one.count if one else 0 for one in room.voice.heard] == [0, 0, 1, 1, 2, 2]


def test_speech_that_resumes_is_counted_and_analysed_to_its_end() -> None:
    room = Room(speculate=True)
    reports = room.run([(0.5, 0.0), (1.0, 0.1), (0.3, 0.0), (1.0, 0.1), (1.0, 0.0)])
    counters = room.analysis.counters
    assert (counters['speculations_used'], counters['speculations_dropped']) == (1, 1)
    finals = [
        one for one in reports if isinstance(one, EmotionReport) and one.trigger is Trigger.FINAL
    ]
    assert len(finals) == 1


def test_under_load_pauses_are_not_speculated_on() -> None:
    room = Room(speculate=True)
    hearing = room.pipeline.hearing
    for chunk in chunks(sound((0.5, 0.0), (1.0, 0.1), (1.0, 0.0))):
        for event in hearing.push(chunk):
            load = Load.NO_INTERIM if isinstance(event, SpeechPaused) else Load.NORMAL
            room.analysis.handle(event, load)
    assert room.analysis.counters['utterances'] == 1
    assert not room.analysis.counters['speculations_used']


def test_a_fault_in_a_pause_takes_out_what_it_would_have_taken_out_at_the_end() -> None:
    for speculate in (True, False):
        room = Room(speculate, interim=False)
        room.voice.broken = True
        room.run([(0.5, 0.0), (0.35, 0.1), (1.0, 0.0)])
        assert room.analysis.counters['faults_voice_emotion'] == 1
        assert room.analysis.counters['utterances'] == 1


def test_the_recorded_conversation_gives_the_same_with_it_and_without(tmp_path: Path) -> None:
    answers = []
    for speculate in ('true', 'false'):
        out = tmp_path / f'{speculate}.jsonl'
        flags = ('transcriber.backend:=off', 'face.backend:=off', 'interim.enabled:=false')
        parameters = [
            part for flag in (*flags, f'speculation.enabled:={speculate}') for part in ('-p', flag)
        ]
        assert main(['annotate', '-q', str(CONVERSATION), '-o', str(out), *parameters]) == 0
        records = [json.loads(line) for line in out.read_text(encoding='utf-8').splitlines()]
        assert len(records) > 8
        answers.append([without_durations(record) for record in records])
    assert answers[0] == answers[1]


def without_durations(value: Any) -> Any:
    """Return a record without what a clock measured."""
    if isinstance(value, dict):
        return {key: without_durations(one) for key, one in value.items() if 'latency' not in key}
    return [without_durations(one) for one in value] if isinstance(value, list) else value
