"""Parameters as ROS shows them, and how wrong ones are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from domain_coordinator import domain_id
from rcl_interfaces.msg import ParameterType
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from support.robot import overrides

from emotion_node.cli.parameters import as_yaml
from emotion_node.config import PARAMETERS, Config, ConfigError, FoxgloveConfig, HriConfig
from emotion_node.ros.optional_messages import wants_annotations, wants_humans
from emotion_node.ros.parameters import Parameters

YAML = Path(__file__).parents[2] / 'config' / 'emotion_node.yaml'


@pytest.fixture(scope='module')
def context() -> Iterator[Context]:
    context = Context()
    with domain_id() as domain:
        rclpy.init(context=context, domain_id=domain)
        yield context
        rclpy.shutdown(context=context)


@pytest.fixture
def node(context: Context, request: pytest.FixtureRequest) -> Iterator[Node]:
    values: dict[str, Any] = getattr(request, 'param', {})
    node = Node(
        'test_parameters',
        context=context,
        parameter_overrides=overrides(values),
        automatically_declare_parameters_from_overrides=True,
    )
    yield node
    node.destroy_node()


def declare_config(node: Node) -> Config:
    """Declare the parameters of the node and return what they are."""
    return Parameters(node, lambda: False, lambda config: None).configure()


def given(**values: Any) -> pytest.MarkDecorator:
    """Start the node of a test with parameters; "__" stands for the dot in their names."""
    dotted = {name.replace('__', '.'): value for name, value in values.items()}
    return pytest.mark.parametrize('node', [dotted], indirect=True)


def test_parameter_file_is_the_one_the_code_makes() -> None:
    assert YAML.read_text(encoding='utf-8') == as_yaml(), (
        'write it again: python -m emotion_node parameters --yaml > config/emotion_node.yaml'
    )


def test_parameter_file_sets_the_defaults(context: Context) -> None:
    tree = yaml.safe_load(YAML.read_text(encoding='utf-8'))['/**']['ros__parameters']

    def flat(branch: dict[str, Any], prefix: str = '') -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in branch.items():
            if isinstance(value, dict):
                values |= flat(value, f'{prefix}{key}.')
            else:
                values[prefix + key] = value
        return values

    assert flat(tree) == {name: info.default for name, info in PARAMETERS.items()}


def test_everything_is_declared_with_its_default(node: Node) -> None:
    assert declare_config(node) == Config()
    for name, info in PARAMETERS.items():
        assert node.get_parameter(name).value == info.default


def test_descriptors_hold_range_unit_and_choices(node: Node) -> None:
    declare_config(node)
    silence = node.describe_parameter('segmenter.min_silence_duration')
    assert silence.type == ParameterType.PARAMETER_DOUBLE
    assert not silence.read_only
    assert silence.description.endswith('Unit: s. Takes effect when configured.')
    (span,) = silence.floating_point_range
    assert (span.from_value, span.to_value) == (0.1, 3.0)
    (span,) = node.describe_parameter('queue.frames').integer_range
    assert (span.from_value, span.to_value) == (1, 100)
    backend = node.describe_parameter('vad.backend')
    assert backend.additional_constraints == 'One of: silero, webrtc'
    assert node.describe_parameter('autostart').read_only


@given(segmenter__min_silence_duration=1, image__transport=False)
def test_yaml_is_converted_as_intended(node: Node) -> None:
    config = declare_config(node)
    assert config.segmenter.min_silence_duration == 1.0
    assert node.get_parameter('segmenter.min_silence_duration').type_ == Parameter.Type.DOUBLE
    assert config.image.transport == 'off'


@given(vad__backend='sillero', queue__frames=1000, fusion__text_weight='much')
def test_all_wrong_values_are_reported_at_once(node: Node) -> None:
    with pytest.raises(ConfigError) as caught:
        declare_config(node)
    assert str(caught.value).splitlines() == [
        "vad.backend: expected one of silero, webrtc, got 'sillero'",
        "fusion.text_weight: expected float, got str ('much')",
        'queue.frames: expected 1 to 100, got 1000',
    ]


@given(segmenter__paddin=0.1, fusion__text_weight=2.0)
def test_a_misspelt_name_is_an_error_with_the_nearest_names(node: Node) -> None:
    with pytest.raises(ConfigError) as caught:
        declare_config(node)
    first, second = str(caught.value).splitlines()
    assert first.startswith("there is no parameter 'segmenter.paddin'; did you mean")
    assert "'segmenter.padding'" in first
    assert second == 'fusion.text_weight: expected 0 to 1, got 2.0'


@given(qos_overrides__x=1, use_sim_time=False)
def test_parameters_of_ros_itself_are_not_unknown(node: Node) -> None:
    assert declare_config(node) == Config()


@given(transcriber__language=False)
def test_a_language_that_yaml_takes_for_a_truth_value_gets_a_hint(node: Node) -> None:
    with pytest.raises(ConfigError, match='put it in quotes'):
        declare_config(node)


@pytest.mark.parametrize(
    ('package', 'wants', 'config'),
    [
        ('hri_msgs', wants_humans, lambda choice: Config(hri=HriConfig(choice))),
        (
            'foxglove_msgs',
            wants_annotations,
            lambda choice: Config(foxglove=FoxgloveConfig(choice)),
        ),
    ],
)
def test_without_an_optional_message_package_only_on_is_an_error(
    package: str, wants: Callable[[Config], bool], config: Callable[[str], Config]
) -> None:
    if find_spec(package) is not None:
        pytest.skip(f'{package} is installed here')
    for choice in ('auto', 'off'):
        assert not wants(config(choice))
    name = package.replace('_', '-')
    with pytest.raises(ConfigError, match=f'"on", but {package} is not installed.*{name}'):
        wants(config('on'))
