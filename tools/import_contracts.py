"""Kinds of import contract that import-linter does not have; see the contracts in pyproject.toml.

Both check direct imports only: what a package outside the project imports does not matter, and
every module inside it has the contract itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


def _imports(graph: ImportGraph) -> Iterator[tuple[str, str]]:
    """Yield every direct import as (importer, imported), in alphabetical order."""
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            yield importer, imported


def _is_within(module: str, packages: set[str]) -> bool:
    """Return whether a module is one of the packages or lies in one."""
    return any(module == package or module.startswith(package + '.') for package in packages)


def _result(
    graph: ImportGraph, faults: list[tuple[str, str]], allowed_lines: set[str] | None = None
) -> ContractCheck:
    lines = [
        f'{importer} (line {details["line_number"]}) imports {imported}'
        for importer, imported in faults
        for details in graph.get_import_details(importer=importer, imported=imported)
        if details['line_contents'].strip() not in (allowed_lines or ())
    ]
    return ContractCheck(kept=not lines, metadata={'lines': lines})


class _LineByLine(Contract):
    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata['lines']:
            output.print_error(line)


class AllowedImports(_LineByLine):
    """The modules import only what is allowed, and the standard library.

    Options:
        modules: packages of the project, with everything below them.
        allowed: packages, of the project or from outside, with everything below them.
    """

    modules: set[str] = fields.SetField(fields.StringField())  # type: ignore[assignment]
    allowed: set[str] = fields.SetField(fields.StringField())  # type: ignore[assignment]

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return the imports that are not allowed."""
        return _result(
            graph,
            [
                (importer, imported)
                for importer, imported in _imports(graph)
                if _is_within(importer, self.modules)
                and not _is_within(imported, self.allowed)
                and imported not in sys.stdlib_module_names
            ],
        )


class ReservedImports(_LineByLine):
    """Some packages from outside are imported by these importers only.

    Options:
        packages: top-level packages; `*` stands for any characters.
        importers: packages of the project, with everything below them.
        allowed_lines: import statements allowed everywhere, such as a harmless part of one of
            the packages.
    """

    packages: set[str] = fields.SetField(fields.StringField())  # type: ignore[assignment]
    importers: set[str] = fields.SetField(fields.StringField())  # type: ignore[assignment]
    allowed_lines: set[str] = fields.SetField(  # type: ignore[assignment]
        fields.StringField(), required=False
    )

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return the imports by others."""
        return _result(
            graph,
            [
                (importer, imported)
                for importer, imported in _imports(graph)
                if any(fnmatchcase(imported.split('.')[0], name) for name in self.packages)
                and not _is_within(importer, self.importers)
            ],
            self.allowed_lines,
        )
