"""`python -m emotion_node parameters`: the node's parameters, from the place that defines them."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotion_node.config import PARAMETERS, as_markdown, as_yaml

DESCRIPTION = """\
List the node's parameters with defaults and meaning.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--yaml', action='store_true', help='as a ROS 2 parameter file')
    form.add_argument('--markdown', action='store_true', help="as the README's table")


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
