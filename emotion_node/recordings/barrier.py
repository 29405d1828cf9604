"""The barrier around third-party parsers: rosbags, mcap, apsw, zstandard and PyAV.

Damaged bytes make them raise anything, from `struct.error` to `MemoryError`. Behind this barrier a
fault ends one message, one packet or one file, never the program. It is always reported: whoever
iterates passes a function that takes its description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from emotion_node.errors import UserError, first_line

T = TypeVar('T')
Report = Callable[[str], None]
"""Takes the description of a fault."""


def describe(error: BaseException) -> str:
    """Return one line about a parser's error."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError):
        return 'it states a size beyond the memory of this machine'
    if isinstance(error, KeyError):
        return f'unexpected value {error}'
    return first_line(error)


def until_fault(items: Iterable[T], report: Report) -> Iterator[T]:
    """Yield items until their source ends or raises.

    Args:
        items: from a third-party parser.
        report: called with a description of the error, if there is one.
    """
    iterator = iter(items)
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001  parsers raise anything; it is reported
            report(describe(error))
            return
        yield item


def attempt(parse: Callable[[], T], report: Report) -> T | None:
    """Return what a parser returns; None when it raises.

    Args:
        parse: calls a third-party parser.
        report: called with a description of the error, if there is one.
    """
    try:
        return parse()
    except Exception as error:  # noqa: BLE001  parsers raise anything; it is reported
        report(describe(error))
        return None
