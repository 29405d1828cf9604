"""Every error of the project is one that the user can fix, and is shown as one line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def error_classes() -> Iterator[tuple[str, set[str]]]:
    """Yield the names of the error classes of product and laboratory, and of their bases."""
    for package in ('emotion_node', 'emotion_lab'):
        for file in sorted((ROOT / package).rglob('*.py')):
            for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
                if isinstance(node, ast.ClassDef) and node.name.endswith('Error'):
                    yield node.name, {ast.unparse(base) for base in node.bases}


BASES = dict(error_classes())


def test_there_are_errors_to_check() -> None:
    assert {'UserError', 'ConfigError', 'ModelError', 'BagError', 'DatasetError'} <= set(BASES)


@pytest.mark.parametrize('name', sorted(set(BASES) - {'UserError'}))
def test_an_error_is_a_user_error(name: str) -> None:
    ancestors, pending = set[str](), {name}
    while pending:
        ancestors |= pending
        pending = {base for one in pending for base in BASES.get(one, ())} - ancestors
    assert 'UserError' in ancestors
