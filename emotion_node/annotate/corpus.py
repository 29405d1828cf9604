"""Whole folders of recordings: which there are, and one of them annotated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from rich.console import Console

from emotion_node.annotate.annotator import Annotator, Options
from emotion_node.annotate.exports.formats import export_path
from emotion_node.annotate.plan import Job, OutputError
from emotion_node.errors import UserError, first_line
from emotion_node.factory import load_models
from emotion_node.recordings.bag import is_bag

MEDIA: Final = frozenset({
    '.3gp', '.aac', '.aif', '.aiff', '.avi', '.flac', '.flv', '.m4a', '.m4v', '.mka', '.mkv',
    '.mov', '.mp2', '.mp3', '.mp4', '.mpeg', '.mpg', '.mts', '.oga', '.ogg', '.ogv', '.opus',
    '.wav', '.webm', '.wma', '.wmv',
})  # fmt: skip
"""Endings of files that are taken for recordings within a folder, besides bags."""
PART: Final = '.part'
"""Behind the name of the JSON lines of a recording that is not finished."""


@dataclass(frozen=True, slots=True)
class Task:
    """One recording to annotate.

    Attributes:
        path: the recording.
        lines: file for its JSON lines; exists once it is finished.
        exports: files in other formats, by format.
    """

    path: Path
    lines: Path
    exports: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """How the annotation of one recording went.

    Attributes:
        path: the recording.
        utterances: how many emotions were found.
        audio_s: length of the audio that could be used.
        problems: descriptions of what could not be used or failed, with their counts.
        failures: why it could not be annotated, or what of it could not be read.
    """

    path: Path
    utterances: int = 0
    audio_s: float = 0.0
    problems: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[str] = ()


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder of recordings, not a recording itself."""
    return path.is_dir() and not is_bag(path)


def find_recordings(folder: Path) -> Iterator[Path]:
    """Yield the bags and media files below a folder, in the order of their names.

    Names that begin with a dot are left out.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith('.'):
            continue
        if path.is_dir():
            if is_bag(path):
                yield path
            else:
                yield from find_recordings(path)
        elif is_bag(path) or path.suffix.lower() in MEDIA:
            yield path


def expand(paths: Sequence[Path]) -> list[Path]:
    """Return the recordings that paths name: themselves, or those below a folder.

    Raises:
        OutputError: a path does not exist, or a folder has no recordings.
    """
    return [path for _, path in _named(paths)]


def plan_corpus(
    paths: Sequence[Path], folder: Path, force: bool, formats: Sequence[str] = ()
) -> tuple[list[Task], int]:
    """Return what is to be annotated, and the number of recordings that are finished already.

    Args:
        paths: recordings, and folders of them. What is below a folder keeps its place below the
            output; of several inputs, a folder's recordings are below its name.
        folder: for the outputs.
        force: annotate also what is finished.
        formats: of further files, one for each recording.

    Raises:
        OutputError: an input is missing, or two recordings would be written to the same file.
    """
    if folder.is_file():
        raise OutputError(f'{folder} is a file; recordings are annotated into a folder')
    found = list(_named(paths))
    plain = Counter(place.with_suffix('') for place, _ in found)
    tasks: dict[Path, Task] = {}
    finished = 0
    for place, path in found:
        # "a.wav" beside "a.mp4": both keep their endings.
        name = folder / (place if plain[place.with_suffix('')] > 1 else place.with_suffix(''))
        lines = Path(f'{name}.jsonl')
        if lines in tasks:
            raise OutputError(
                f'{tasks[lines].path} and {path} would both be written to {lines}; annotate them '
                'into different folders'
            )
        tasks[lines] = Task(path, lines, {one: export_path(one, name) for one in formats})
    todo = []
    for task in tasks.values():
        if not force and all(one.exists() for one in (task.lines, *task.exports.values())):
            finished += 1
        else:
            todo.append(task)
    return todo, finished


def annotate_one(task: Task, options: Options) -> Done:
    """Annotate one recording; models are loaded once in each process.

    A fault is in what is returned: it ends neither the process nor the other recordings.
    """
    part = task.lines.with_name(task.lines.name + PART)
    try:
        annotator = _annotator(options)
        known = Counter(annotator.faults)
        result = annotator.annotate(Job(task.path, part, exports=task.exports), None)
        part.replace(task.lines)
    except UserError as error:
        part.unlink(missing_ok=True)
        return Done(task.path, failures=(str(error),))
    except Exception as error:  # noqa: BLE001  reported at the end; the others go on
        return Done(task.path, failures=(f'{type(error).__name__}: {first_line(error)}',))
    failures = list(result.losses)
    if not result.audio_s:
        failures.append('no audio could be used')
    problems = {**result.problems, **(annotator.faults - known)}
    return Done(task.path, len(result.emotions), result.audio_s, problems, tuple(failures))


@lru_cache(maxsize=1)
def _annotator(options: Options) -> Annotator:
    models = load_models(options.config, lambda text: None)
    return Annotator(replace(options, progress=False), models, Console(quiet=True))


def _named(paths: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield where each recording belongs below the output, and the recording."""
    for path in paths:
        if not path.exists():
            raise OutputError(f'{path} does not exist')
        if not is_folder(path):
            yield Path(path.resolve().name), path
            continue
        recordings = list(find_recordings(path))
        if not recordings:
            raise OutputError(f'{path} has no recordings in it: neither bags nor media files')
        prefix = Path(path.resolve().name) if len(paths) > 1 else Path()
        for one in recordings:
            yield prefix / one.relative_to(path), one
