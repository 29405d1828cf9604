"""The formats that `annotate --export` knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from emotion_node.annotate.annotation import Annotation
from emotion_node.annotate.exports.tables import csv_table, rttm
from emotion_node.annotate.private_files import make_folder, open_output
from emotion_node.errors import UserError

Writer = Callable[[Path, Sequence[Annotation]], str]
"""Returns the text of a file about a recording and its final emotions."""
FolderWriter = Callable[[str, Path, Sequence[Annotation]], Mapping[str, str]]
"""The same for a folder: takes its name first, and returns the texts of its files by name."""


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


def _emissor(name: str, source: Path, emotions: Sequence[Annotation]) -> Mapping[str, str]:
    from emotion_node.annotate.exports.emissor import scenario

    return scenario(name, source, emotions)


# The packages of some are optional: they are imported when they are needed.
FORMATS: Final[Mapping[str, Writer]] = {
    'eaf': _eaf,
    'vtt': _vtt,
    'srt': _srt,
    'rttm': rttm,
    'csv': csv_table,
}
"""Formats by the ending of their files."""
FOLDERS: Final[Mapping[str, FolderWriter]] = {'emissor': _emissor}
"""Formats of whole folders, by the name of the folder that holds those of all recordings."""
NAMES: Final = (*FORMATS, *FOLDERS)
"""All formats."""
_EXTRAS: Final = {'emissor': 'emissor==0.0.dev7'}
_DEFAULT_EXTRA: Final = 'pympi-ling webvtt-py'


def export_path(form: str, target: Path) -> Path:
    """Return the file or folder of a format for a recording whose JSON lines are TARGET.jsonl."""
    return target.parent / form / target.name if form in FOLDERS else Path(f'{target}.{form}')


def write_export(form: str, path: Path, source: Path, emotions: Sequence[Annotation]) -> None:
    """Write a recording's emotions in a format.

    Args:
        form: its name.
        path: as `export_path` returns it.
        source: the recording.
        emotions: final emotions, in order.
    """
    if form in FOLDERS:
        make_folder(path)
    for place, text in _texts(form, path, source, emotions).items():
        with open_output(place) as file:
            file.write(text)


def _texts(form: str, path: Path, source: Path, emotions: Sequence[Annotation]) -> dict[Path, str]:
    if form in FORMATS:
        return {path: FORMATS[form](source, emotions)}
    files = FOLDERS[form](path.name, source, emotions)
    return {path / name: text for name, text in files.items()}


def read_formats(text: str) -> tuple[str, ...]:
    """Return the formats in a list such as "eaf,csv", each once.

    Raises:
        ExportError: one is not known, or needs a package that is not installed.
    """
    names = tuple(dict.fromkeys(one.strip().lower() for one in text.split(',') if one.strip()))
    for name in names:
        if name not in NAMES:
            raise ExportError(
                f'--export: there is no format {name!r}; expected some of {",".join(NAMES)}'
            )
        try:
            _texts(name, Path('none'), Path('none'), ())
        except ModuleNotFoundError as error:
            raise ExportError(
                f'--export {name} needs the Python package {error.name}: '
                f'pip install {_EXTRAS.get(name, _DEFAULT_EXTRA)}'
            ) from error
    return names
