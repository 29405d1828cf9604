"""Find what documents name and the repository does not have.

Checked in every Markdown file: relative links with their anchors, paths, messages, Python modules
and their members, and parameters of the node; in docstrings, parameters of the node alone. Links
to other hosts are not followed. NAME stands for any name.

    python -m tools.check_documents
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from emotion_node.config import PARAMETERS

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ('emotion_node', 'emotion_lab')
PLACEHOLDER: Final = 'NAME'
SKIPPED: Final = ('build', 'install', 'log', 'runs')

_FENCE: Final = re.compile(r'^(```|~~~).*?^\1', re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r'`[^`\n]*`')
_LINK: Final = re.compile(r'!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)')
_REFERENCE: Final = re.compile(r'^\[[^\]]+\]:\s*(\S+)', re.MULTILINE)
_SCHEME: Final = re.compile(r'[a-z][a-z+.-]*:', re.IGNORECASE)
_HEADING: Final = re.compile(r'^#{1,6}\s+(.+?)\s*#*\s*$', re.MULTILINE)
_PATH: Final = re.compile(r'(?<![\w./<:-])((?:[\w-]+/)+[\w.-]*\w)')
_MODULE: Final = re.compile(rf'(?<![\w./-])((?:{"|".join(PACKAGES)})(?:\.\w+)+)')
_SECTIONS: Final = sorted({name.split('.')[0] for name in PARAMETERS if '.' in name})
_PARAMETER: Final = re.compile(
    rf'(?:`|(?<=-p )|(?<=--ros-args -p ))((?:{"|".join(_SECTIONS)})\.\w+)(?=[:`=\s])'
)
_FILE_ENDINGS: Final = ('json', 'md', 'npz', 'onnx', 'png', 'py', 'toml', 'tsv', 'yaml')


def documents(root: Path) -> list[Path]:
    """Return the Markdown files of a repository, without those of environments and builds."""
    return sorted(
        path
        for path in root.rglob('*.md')
        if not any(
            part.startswith('.') or part in SKIPPED for part in path.relative_to(root).parts
        )
    )


def problems(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Yield a line for everything that a document names and the repository does not have."""
    text = path.read_text(encoding='utf-8')
    prose = _CODE.sub('``', _FENCE.sub('', text))
    for target in (*_LINK.findall(prose), *_REFERENCE.findall(prose)):
        if not _SCHEME.match(target):
            yield from _link_problems(path, target, root)
    if path.name == 'CHANGELOG.md':
        return  # it names what is no longer there
    for name in sorted(set(_PATH.findall(text))):
        if PLACEHOLDER not in name and not _path_exists(name, path, root):
            yield f'there is no {name}'
    for name in sorted(set(_MODULE.findall(text))):
        if PLACEHOLDER not in name and not _module_exists(name, root):
            yield f'there is no module or member {name}'
    yield from _parameter_problems(text)


def docstring_problems(path: Path) -> Iterator[str]:
    """Yield a line for every parameter that a docstring names and the node does not have."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        # Attributes are documented by strings that stand alone, too.
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield from _parameter_problems(text)


def _parameter_problems(text: str) -> Iterator[str]:
    for name in sorted(set(_PARAMETER.findall(text))):
        if name not in PARAMETERS and name.rpartition('.')[2] not in _FILE_ENDINGS:
            yield f'there is no parameter {name}'


def _link_problems(path: Path, target: str, root: Path) -> Iterator[str]:
    file, _, anchor = target.partition('#')
    found = (path.parent / file).resolve() if file else path
    if not found.is_relative_to(root) or not found.exists():
        yield f'dead link: {target}'
    elif anchor and found.suffix == '.md' and anchor not in _anchors(found):
        yield f'dead anchor: {target}'


@cache
def _anchors(path: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub and MyST make them."""
    text = _FENCE.sub('', path.read_text(encoding='utf-8'))
    anchors: set[str] = set()
    for heading in _HEADING.findall(text):
        words = re.sub(r'!?\[([^\]]*)\]\([^)]*\)', r'\1', heading).lower()
        slug = re.sub(r'[^\w\- ]', '', words).replace(' ', '-')
        count = sum(1 for one in anchors if re.fullmatch(rf'{re.escape(slug)}(-\d+)?', one))
        anchors.add(f'{slug}-{count}' if count else slug)
    return anchors


def _path_exists(name: str, document: Path, root: Path) -> bool:
    """Return whether a path exists; one that does not begin in this repository counts as one."""
    first, *rest = name.split('/')
    if first == 'emotion_msgs' and rest[0] not in ('msg', 'srv'):
        return any((root / first / kind / f'{rest[0]}.{kind}').exists() for kind in ('msg', 'srv'))
    if first == 'emotion_msgs' and '.' not in name:
        return (root / f'{name}.{rest[0]}').exists() or (root / name).is_dir()
    for base in (root, root / 'emotion_node', root / 'emotion_lab', document.parent):
        if (base / first).is_dir() and first not in SKIPPED:
            return any(
                (other / name).exists()
                for other in (root, root / 'emotion_node', root / 'emotion_lab', document.parent)
            )
    return True


def _module_exists(name: str, root: Path) -> bool:
    """Return whether a dotted name is a module, a package, or a member of one."""
    parts = name.split('.')
    path = root / parts[0]
    for index, part in enumerate(parts[1:], 1):
        if (path / part).is_dir():
            path = path / part
        elif (file := path / f'{part}.py').is_file():
            rest = parts[index + 1 :]
            return not rest or rest[0] in _members(file)
        else:
            return part in _members(path / '__init__.py')
    return True


@cache
def _members(file: Path) -> frozenset[str]:
    """Return the names that a module defines at its top level."""
    if not file.is_file():
        return frozenset()
    names: set[str] = {'__version__'}
    for node in ast.parse(file.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return frozenset(names)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the problems of all documents; return 1 if there are any."""
    root = Path(argv[0]).resolve() if argv else ROOT
    found = [(path, problem) for path in documents(root) for problem in problems(path, root)]
    for package in PACKAGES:
        for path in sorted((root / package).rglob('*.py')):
            found += [(path, problem) for problem in docstring_problems(path)]
    for path, problem in found:
        print(f'{path.relative_to(root)}: {problem}', file=sys.stderr)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
