"""With `privacy.words` set to "hide", what was said leaves the node only as emotion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.logging import LoggingSeverity, set_logger_level
from support.active_node import Bench
from support.robot import RATE, Samples, active_node, conversation

from emotion_msgs.msg import ModalityEmotion
from emotion_node.datatypes import ModalityEmotion as ModalityEstimate
from emotion_node.datatypes import ModelInfo
from emotion_node.interfaces import TextEmotion, Turn

SPOKEN = {'offered', 'job'}
"""Words of the sentence that are in no message of the node otherwise."""


@pytest.fixture(scope='module')
def speech() -> Samples:
    return conversation()[: 4 * RATE]


@pytest.fixture(scope='module')
def bench() -> Iterator[Bench]:
    parameters = {
        'transcriber.backend': 'pocketsphinx',
        'privacy.words': 'hide',
        'diagnostics.period': 0.1,
    }
    with active_node(parameters) as (one, node):
        bench = Bench(one, node)
        for modality in ('text', 'voice', 'face'):
            topic = f'emotion/{modality}'
            one.listen(ModalityEmotion, topic)
            one.until(lambda: node.count_subscribers(topic), f'the robot listens to {topic}')  # noqa: B023
        yield bench


def spoken_in(text: str) -> set[str]:
    return SPOKEN & set(''.join(c if c.isalpha() else ' ' for c in text.lower()).split())


def test_no_message_has_the_words_and_the_emotion_of_the_text_remains(
    bench: Bench, speech: Samples, capfd: pytest.CaptureFixture[str]
) -> None:
    analysis = bench.node._analysis
    assert analysis is not None
    assert analysis.text.model is not None
    model: TextEmotion = analysis.text.model
    heard: list[str] = []

    class Recording:
        info = model.info
        languages = model.languages

        def estimate(
            self,
            text: str,
            history: Sequence[Turn] = (),
            speaker_id: str = '',
            real: TextEmotion = model,
        ) -> ModalityEstimate:
            heard.append(text)
            return real.estimate(text, history, speaker_id)

    analysis.text.model = Recording()
    set_logger_level('emotion_node', LoggingSeverity.DEBUG)
    try:
        emotion = bench.emotion(speech, bench.new_day())
        bench.fresh_status('analysis')
    finally:
        set_logger_level('emotion_node', LoggingSeverity.INFO)
        analysis.text.model = model
    assert spoken_in(' '.join(heard)), 'the text model got the words'
    text = emotion.modalities[0]
    assert (text.modality, text.available, emotion.text) == ('text', True, '')
    assert text.weight > 0.0
    assert bench.robot.inbox['transcript'] == []
    assert len(bench.robot.inbox['emotion/interim']) >= 2
    messages = [one for inbox in bench.robot.inbox.values() for one in inbox]
    assert spoken_in(' '.join(map(str, messages))) == set()
    assert spoken_in(''.join(capfd.readouterr())) == set()


def test_what_the_debug_image_shows_has_no_words(bench: Bench, speech: Samples) -> None:
    bench.emotion(speech, bench.new_day())
    outputs = bench.node.state.outputs
    assert outputs is not None
    assert outputs.latest.final is not None
    assert spoken_in(repr(outputs.latest)) == set()


def test_a_fault_that_quotes_the_words_is_reported_without_them(
    bench: Bench, speech: Samples, capfd: pytest.CaptureFixture[str]
) -> None:
    analysis = bench.node._analysis
    assert analysis is not None
    model = analysis.text.model

    class Faulty:
        info = ModelInfo()
        languages = ()

        def estimate(
            self, text: str, history: Sequence[Turn] = (), speaker_id: str = ''
        ) -> ModalityEstimate:
            raise ValueError(f'cannot read {text!r}')

    analysis.text.model = Faulty()
    set_logger_level('emotion_node', LoggingSeverity.DEBUG)
    try:
        emotion = bench.emotion(speech, bench.new_day())
        status = bench.status_at('analysis', DiagnosticStatus.ERROR)
    finally:
        set_logger_level('emotion_node', LoggingSeverity.INFO)
        analysis.text.model = model
    text = emotion.modalities[0]
    assert (text.available, text.reason, text.detail) == (
        False, 'error', 'hidden by privacy.words'
    )  # fmt: skip
    assert 'fault in text emotion' in status.message
    assert 'ValueError (its text is hidden by privacy.words)' in status.message
    logged = ''.join(capfd.readouterr())
    assert 'fault in text emotion' in logged
    assert spoken_in(logged + str(bench.robot.inbox)) == set()
