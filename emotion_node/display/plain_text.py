"""Text from messages, made harmless for a terminal.

A transcript can hold anything that a peer sends: escape sequences that colour, delete or redefine
what is shown, line breaks that imitate further output, and marks that turn the direction of
writing (Boucher and Anderson, "Trojan Source", 2021).
"""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any, Final

_JOINERS: Final = '\u200c\u200d'
"""Format characters that the scripts of some languages need."""

_ACTING: Final = ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
"""Unicode categories: control, format, surrogate, line and paragraph separator."""

_REPLACEMENT: Final = '\ufffd'


def plain(value: Any) -> Any:
    """Return a record in which no text acts on a terminal.

    White space such as a line break becomes a space, any other such character U+FFFD.

    Args:
        value: a record as `json_records.as_record` returns it, or a part of it.
    """
    if isinstance(value, str):
        return ''.join(one if _is_plain(one) else _substitute(one) for one in value)
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def json_line(record: Any) -> str:
    """Return a record as a line of JSON that does not act on a terminal.

    Numbers that are not finite are null, as JSON has none of them.
    """
    line = json.dumps(_finite(record), ensure_ascii=False)
    return ''.join(one if _is_plain(one) else json.dumps(one)[1:-1] for one in line)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_plain(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _ACTING


def _substitute(character: str) -> str:
    return ' ' if character.isspace() else _REPLACEMENT
