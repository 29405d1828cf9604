"""`python -m emotion_node parameters`: the node's parameters, from the place that defines them."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotion_node.config import PARAMETERS, Change, ParameterInfo, Value

DESCRIPTION = """\
List the node's parameters with defaults and meaning.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--yaml', action='store_true', help='as a ROS 2 parameter file')
    form.add_argument('--markdown', action='store_true', help='as docs/parameters.md')


def run(args: argparse.Namespace) -> int:
    """Print the parameters."""
    if args.yaml:
        print(as_yaml(), end='')
    elif args.markdown:
        print(as_markdown(), end='')
    else:
        table = Table(box=None, pad_edge=False)
        for column in ('parameter', 'default', 'unit', 'meaning'):
            table.add_column(column, no_wrap=column == 'parameter')
        for info in PARAMETERS.values():
            value = info.default
            default = str(value).lower() if isinstance(value, bool) else str(value)
            table.add_row(info.name, Text(default), info.unit, Text(info.description))
        Console(width=None if Console().is_terminal else 120).print(table)
    return 0


def as_yaml() -> str:
    """Return `config/emotion_node.yaml`: every parameter with its description and default."""
    lines = [
        '# Every parameter of emotion_node with its default.',
        '# Generated: python -m emotion_node parameters --yaml > config/emotion_node.yaml',
        '/**:',
        '  ros__parameters:',
    ]
    section: list[str] = []
    for info in PARAMETERS.values():
        *path, name = info.name.split('.')
        if path != section:
            lines.append('')
            lines.append('    ' + path[0] + ':')
            section = path
        indent = '    ' + '  ' * len(path)
        notes = info.description + _limits(info)
        lines.append(f'{indent}# {notes}')
        lines.append(f'{indent}{name}: {_yaml_value(info.default)}')
    return '\n'.join(lines) + '\n'


def as_markdown() -> str:
    """Return `docs/parameters.md`: a table of parameters for each section."""
    lines = [
        '<!-- Generated: python -m emotion_node parameters --markdown > docs/parameters.md -->',
        '',
        '# Parameters',
        '',
        'Set parameters in a YAML file (`params_file:=` of the launch file; all with their',
        'defaults are in [config/emotion_node.yaml](../config/emotion_node.yaml)) or with',
        '`--ros-args -p name:=value`. An unknown name or an invalid value stops the start with a',
        'clear error.',
        '',
        'The column "change" says when a new value takes effect (`ros2 param set`):',
        '',
        f'* {Change.RUNNING}: at any time, from the next utterance on;',
        f'* {Change.CONFIGURE}: set it while the node is unconfigured or inactive. It takes',
        '  effect when the node is configured the next time. An active node refuses it;',
        f'* {Change.START}: read when the process starts; it cannot be set later.',
    ]
    section = None
    for info in PARAMETERS.values():
        prefix = info.name.rpartition('.')[0]
        if prefix != section:
            section = prefix
            lines += ['', f'## {section or "General"}', '']
            lines += ['| parameter | default | change | description |', '|---|---|---|---|']
        default = _yaml_value(info.default)
        description = info.description + _limits(info)
        lines.append(f'| `{info.name}` | `{default}` | {info.change} | {description} |')
    return '\n'.join(lines) + '\n'


def _limits(info: ParameterInfo) -> str:
    if info.choices:
        return f' One of: {", ".join(info.choices)}.'
    if info.low is not None and info.high is not None:
        return f' {info.low:g} to {info.high:g}' + (f' {info.unit}.' if info.unit else '.')
    return f' In {info.unit}.' if info.unit else ''


def _yaml_value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}'"
    return str(value)
