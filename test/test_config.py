"""Parameters: one table, checked."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from emotion_node.cli.parameters import as_markdown, as_yaml
from emotion_node.config import PARAMETERS, Config, ConfigError, make_config

ROOT = Path(__file__).parents[1]


def test_no_values_give_the_defaults() -> None:
    assert make_config({}) == Config()


def test_every_parameter_is_described_and_its_default_lies_in_its_range() -> None:
    for info in PARAMETERS.values():
        assert info.description.endswith('.'), info.name
        assert info.check(info.default) == info.default


@pytest.mark.parametrize(
    ('name', 'value', 'message'),
    [
        ('segmenter.padding', 7.0, 'expected 0 to 1 s'),
        ('segmenter.padding', math.nan, 'expected 0 to 1 s'),
        ('segmenter.padding', 'much', 'expected float, got str'),
        ('vad.backend', 'ears', 'expected one of silero, webrtc'),
        ('text.threads', 2.0, 'expected int, got float'),
        ('text.threads', True, 'expected int, got bool'),
        ('no.such', 1, "there is no parameter 'no.such'"),
        ('segmenter.paddin', 0.1, "did you mean 'segmenter.padding'"),
        ('robot.ssh', 5, "did you mean 'robot.mute_release'"),
        ('transcriber.language', False, 'YAML reads an unquoted no, off, yes or on as a truth'),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(
    name: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config({name: value})


def test_a_whole_number_serves_where_a_float_is_wanted() -> None:
    assert make_config({'segmenter.min_silence_duration': 1}).segmenter.min_silence_duration == 1.0


def test_thresholds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match='must not exceed'):
        make_config(
            {'segmenter.activation_threshold': 0.2, 'segmenter.deactivation_threshold': 0.4}
        )


def test_the_yaml_holds_every_default_and_is_the_one_in_the_repository() -> None:
    text = as_yaml()
    tree = yaml.safe_load(text)['/**']['ros__parameters']
    for info in PARAMETERS.values():
        node = tree
        for part in info.name.split('.'):
            node = node[part]
        assert node == info.default, info.name
    assert (ROOT / 'config' / 'emotion_node.yaml').read_text() == text


def test_the_tables_in_the_documents_are_generated_from_the_code() -> None:
    assert (ROOT / 'docs' / 'parameters.md').read_text() == as_markdown()
