"""The node's parameters as options of commands that run without ROS, in the notation of ROS."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from emotion_node.config import PARAMETERS, Config, ConfigError, make_config

_NODE = 'emotion_node'
_OF_ROS = ('use_sim_time', 'qos_overrides', 'start_type_description_service')
"""Parameters that every ROS node has; ignored here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `-p` and `--params-file`."""
    group = parser.add_argument_group('parameters of the node')
    add_assignments(group)
    group.add_argument(
        '--params-file', type=Path, action='append', default=[], help='ROS 2 parameter file (YAML)'
    )


def add_assignments(group: argparse._ActionsContainer) -> None:
    """Add `-p`."""
    group.add_argument(
        '-p',
        '--param',
        action='append',
        default=[],
        metavar='NAME:=VALUE',
        help='set a parameter, e.g. -p transcriber.backend:=off; repeatable '
        '("python -m emotion_node parameters" lists them)',
    )


def read_config(args: argparse.Namespace) -> Config:
    """Return the configuration given by the arguments of `add_arguments`.

    Raises:
        ConfigError: a name is not a parameter of the node, or a value is wrong.
    """
    values: dict[str, object] = {}
    for path in args.params_file:
        values.update(_read_file(path))
    for assignment in args.param:
        values.update([_assignment(assignment)])
    return make_config(values)


def _assignment(text: str) -> tuple[str, object]:
    name, separator, value = text.partition(':=')
    if not separator:
        raise ConfigError(f'-p {text}: expected NAME:=VALUE, such as interim.period:=0.5')
    info = PARAMETERS.get(name)
    if info is not None and isinstance(info.default, str):
        return name, value.strip('\'"')  # "off" and "1" are strings here, unlike in YAML
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f'-p {text}: the value cannot be read: {error}') from error


def _read_file(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding='utf-8')
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise ConfigError(
                f'parameter file {path}: aliases (*NAME) are not supported, as in ROS'
            )
        content = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f'parameter file {path}: {error.strerror}') from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f'parameter file {path} cannot be read: {error}') from error
    values: dict[str, object] = {}
    found = False
    for node, section in content.items() if isinstance(content, Mapping) else ():
        if str(node).rpartition('/')[2] not in ('**', '*', _NODE):
            continue
        if not isinstance(section, Mapping) or 'ros__parameters' not in section:
            raise ConfigError(f'parameter file {path}: {node} has no ros__parameters')
        found = True
        parameters = section['ros__parameters'] or {}
        if not isinstance(parameters, Mapping):
            raise ConfigError(
                f'parameter file {path}: ros__parameters of {node} holds {parameters!r}, expected '
                'parameters by name'
            )
        for name, value in _flatten(parameters, ''):
            if name.split('.')[0] not in _OF_ROS:
                values[name] = _undo_false(name, value)
    if not found:
        raise ConfigError(
            f'parameter file {path} has no section "/**:" or "{_NODE}:" with ros__parameters'
        )
    return values


def _flatten(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f'{prefix}{name}.')
        else:
            yield f'{prefix}{name}', value


def _undo_false(name: str, value: object) -> object:
    """Return "off" for the false that YAML makes of an unquoted off, as does ROS."""
    info = PARAMETERS.get(name)
    if info is not None and value is False and 'off' in info.choices:
        return 'off'
    return value
