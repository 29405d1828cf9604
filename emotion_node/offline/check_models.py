"""`python -m emotion_node models`: which models there are, and whether their files are whole."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotion_node.models import LIST_HEADER, list_models, verify_models

DESCRIPTION = """\
list: show the models of the manifest. verify: compare their files with their checksums.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('action', choices=('list', 'verify'))
    parser.add_argument('model', nargs='*', help='only these (verify)')
    parser.add_argument(
        '--models-dir', default='', help='folder with manifest.toml; the one installed by default'
    )


def run(args: argparse.Namespace) -> int:
    """Print a table.

    Returns:
        1 when a file is missing or damaged.
    """
    console = Console(width=None if Console().is_terminal else 120)
    if args.action == 'list':
        table = Table(*LIST_HEADER, box=None, pad_edge=False)
        for row in list_models(args.models_dir):
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
        return 0
    states = verify_models(args.models_dir, args.model)
    for state in states:
        sign = Text('damaged ', 'red') if state.problem else Text('whole   ', 'green')
        console.print(Text.assemble(sign, f'{state.key}  {state.problem or state.file.path}'))
    return 1 if any(state.problem for state in states) else 0
