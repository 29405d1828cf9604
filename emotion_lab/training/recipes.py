"""Recipes of training runs: dataclasses whose fields are flags and keys of a TOML file."""

from __future__ import annotations

import argparse
import dataclasses
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

Recipe = TypeVar('Recipe')


def parse_recipe(
    kind: type[Recipe], program: str, description: str, args: Sequence[str] | None = None
) -> tuple[Recipe, bool]:
    """Return the recipe from the command line, over that of `--config`; and whether to resume.

    Args:
        kind: a dataclass all of whose fields have defaults of type bool, int, float or str.
        program: for the usage line.
        description: for `--help`.
        args: the command line; that of the process when None.
    """
    fields: Any = dataclasses.fields(kind)  # type: ignore[arg-type]
    parser = argparse.ArgumentParser(
        prog=program,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--config', type=Path, help='TOML file with any of the keys below')
    parser.add_argument('--resume', action='store_true', help='continue from the last checkpoint')
    for field in fields:
        parser.add_argument(
            '--' + field.name.replace('_', '-'),
            default=argparse.SUPPRESS,
            help=f'default {field.default!r}',
            **_flag(type(field.default)),
        )
    given = vars(parser.parse_args(args))
    file, resume = given.pop('config'), given.pop('resume')
    settings = tomllib.loads(file.read_text(encoding='utf-8')) if file else {}
    unknown = settings.keys() - {field.name for field in fields}
    if unknown:
        parser.error(f'{file} has unknown keys: {", ".join(sorted(unknown))}')
    return kind(**(settings | given)), resume


def _flag(kind: type) -> dict[str, Any]:
    return {'action': argparse.BooleanOptionalAction} if kind is bool else {'type': kind}
