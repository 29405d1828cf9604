"""The formats that `annotate --export` knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from emotion_node.annotate.annotation import Annotation
from emotion_node.annotate.exports.tables import csv_table, rttm
from emotion_node.errors import UserError

Writer = Callable[[Path, Sequence[Annotation]], str]
"""Returns the text of a file about a recording and its final emotions."""


class ExportError(UserError):
    """A format is not known, or what it needs is not installed."""

    exit_status = 2


def _eaf(source: Path, emotions: Sequence[Annotation]) -> str:
    from emotion_node.annotate.exports.eaf import eaf

    return eaf(source, emotions)


def _vtt(source: Path, emotions: Sequence[Annotation]) -> str:
    from emotion_node.annotate.exports.subtitles import vtt

    return vtt(emotions)


def _srt(source: Path, emotions: Sequence[Annotation]) -> str:
    from emotion_node.annotate.exports.subtitles import srt

    return srt(emotions)


# The packages of some are optional: they are imported when they are needed.
FORMATS: Final[Mapping[str, Writer]] = {
    'eaf': _eaf,
    'vtt': _vtt,
    'srt': _srt,
    'rttm': rttm,
    'csv': csv_table,
}
"""Formats by the ending of their files."""


def read_formats(text: str) -> tuple[str, ...]:
    """Return the formats in a list such as "eaf,csv", each once.

    Raises:
        ExportError: one is not known, or needs a package that is not installed.
    """
    names = tuple(dict.fromkeys(one.strip().lower() for one in text.split(',') if one.strip()))
    for name in names:
        if name not in FORMATS:
            raise ExportError(
                f'--export: there is no format {name!r}; expected some of {",".join(FORMATS)}'
            )
        try:
            FORMATS[name](Path('none'), ())
        except ModuleNotFoundError as error:
            raise ExportError(
                f'--export {name} needs the Python package {error.name}: '
                'pip install pympi-ling webvtt-py'
            ) from error
    return names
