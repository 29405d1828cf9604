"""Parameters of a running node are set over ROS, as `ros2 param set` does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import ParameterEvent, SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from support.active_node import Bench
from support.robot import RATE, Samples, active_node, conversation

PARAMETERS = {
    'transcriber.backend': 'off',
    'text.backend': 'off',
    'face.backend': 'off',
    'diagnostics.period': 0.1,
}


@pytest.fixture(scope='module')
def bench() -> Iterator[Bench]:
    with active_node(PARAMETERS) as (one, node):
        yield Bench(one, node)


@pytest.fixture(scope='module')
def speech() -> Samples:
    """The first sentence of the demo recording, with room noise before and after it."""
    return conversation()[: 4 * RATE]


def set_parameter(bench: Bench, name: str, value: object) -> SetParametersResult:
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    answer = bench.robot.call(SetParameters, 'emotion_node/set_parameters', request)
    return answer.results[0]


def change_state(bench: Bench, *transitions: int) -> None:
    for one in transitions:
        request = ChangeState.Request(transition=Transition(id=one))
        assert bench.robot.call(ChangeState, 'emotion_node/change_state', request).success


def test_the_least_confidence_is_changed_while_the_node_runs(
    bench: Bench, speech: Samples
) -> None:
    assert bench.emotion(speech, bench.new_day()).label
    assert set_parameter(bench, 'fusion.min_confidence', 1.0).successful
    emotion = bench.emotion(speech, bench.new_day())
    assert emotion.label == ''
    assert 0 < emotion.confidence < 1
    assert set_parameter(bench, 'fusion.min_confidence', 0.0).successful
    assert bench.emotion(speech, bench.new_day()).label


def test_a_modality_gets_weight_nought_while_the_node_runs(bench: Bench, speech: Samples) -> None:
    assert set_parameter(bench, 'fusion.voice_weight', 0.0).successful
    assert len(bench.emotion(speech, bench.new_day()).scores) == 0
    assert set_parameter(bench, 'fusion.voice_weight', 0.6).successful
    assert len(bench.emotion(speech, bench.new_day()).scores) == 7


def test_interim_estimates_are_switched_off_and_on_while_the_node_runs(
    bench: Bench, speech: Samples
) -> None:
    interim = bench.robot.inbox['emotion/interim']
    assert set_parameter(bench, 'interim.enabled', False).successful
    before = len(interim)
    bench.emotion(speech, bench.new_day())
    assert len(interim) == before
    assert set_parameter(bench, 'interim.enabled', True).successful
    bench.emotion(speech, bench.new_day())
    assert len(interim) > before


def test_what_needs_new_models_is_refused_while_the_node_runs_with_what_to_do(
    bench: Bench,
) -> None:
    answer = set_parameter(bench, 'vad.backend', 'webrtc')
    assert not answer.successful
    assert 'vad.backend: cannot be changed while the node is active' in answer.reason
    assert 'ros2 lifecycle set /emotion_node deactivate' in answer.reason
    assert set_parameter(bench, 'vad.backend', 'silero').successful  # as it is: nothing changes


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('fusion.text_weight', 2.0),
        ('fusion.text_weight', 'much'),
        ('interim.period', 0.0),
        ('autostart', False),
        ('no.such', 1),
    ],
)
def test_a_wrong_value_is_refused(bench: Bench, name: str, value: object) -> None:
    before = bench.node.config
    answer = set_parameter(bench, name, value)
    assert not answer.successful
    assert answer.reason
    assert bench.node.config == before


def test_values_that_contradict_each_other_are_refused(bench: Bench) -> None:
    change_state(bench, Transition.TRANSITION_DEACTIVATE)
    answer = set_parameter(bench, 'segmenter.deactivation_threshold', 0.9)
    change_state(bench, Transition.TRANSITION_ACTIVATE)
    assert not answer.successful
    assert 'must not exceed segmenter.activation_threshold' in answer.reason


def test_what_is_set_while_inactive_takes_effect_when_configured(
    bench: Bench, speech: Samples
) -> None:
    change_state(bench, Transition.TRANSITION_DEACTIVATE)
    assert set_parameter(bench, 'segmenter.min_silence_duration', 0.8).successful
    change_state(bench, Transition.TRANSITION_ACTIVATE)
    latency_s = bench.emotion(speech, bench.new_day()).endpointing_latency
    assert latency_s == pytest.approx(0.4, abs=0.1)
    change_state(
        bench,
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_ACTIVATE,
    )
    latency_s = bench.emotion(speech, bench.new_day()).endpointing_latency
    assert latency_s == pytest.approx(0.8, abs=0.1)


def test_a_change_is_announced_as_every_node_does(bench: Bench) -> None:
    bench.robot.listen(ParameterEvent, '/parameter_events')
    events = bench.robot.inbox['/parameter_events']
    set_parameter(bench, 'fusion.temperature', 1.5)
    bench.robot.until(
        lambda: any(
            one.name == 'fusion.temperature' and one.value.double_value == 1.5
            for event in events
            for one in event.changed_parameters
        ),
        'the event',
    )
