"""Where `annotate` writes its outputs; nothing is overwritten without --force."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emotion_node.annotate.exports.formats import FOLDERS, export_path
from emotion_node.errors import UserError
from emotion_node.recordings.bag import is_bag


class OutputError(UserError):
    """The inputs cannot be annotated into the outputs that were asked for."""


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its outputs.

    Attributes:
        path: the input.
        jsonl: file for its JSON lines; None where all inputs share one.
        bag: folder for its copy with the emotion topics added; None where there is none.
        exports: files in other formats, by format.
    """

    path: Path
    jsonl: Path | None = None
    bag: Path | None = None
    exports: Mapping[str, Path] = field(default_factory=dict)


def plan(
    paths: Sequence[Path],
    output: str,
    force: bool,
    report: Path | None = None,
    formats: Sequence[str] = (),
) -> list[Job]:
    """Return the outputs of each input, after making way for them.

    Args:
        paths: inputs.
        output: "-", a name ending in .jsonl, or a folder.
        force: replace outputs that exist.
        report: file for the HTML report.
        formats: of further files, one for each input; `output` is a folder then.

    Raises:
        OutputError: an input is missing, or an output would replace something.
    """
    for path in paths:
        if not path.exists():
            raise OutputError(f'{path} does not exist')
    if report is not None:
        if report.is_dir():
            raise OutputError(f'{report} is a folder; the report is a file such as talk.html')
        _clear(report, force, paths)
    if output == '-' or output.endswith('.jsonl'):
        if formats:
            raise OutputError(
                f'--export writes a file for each recording: name a folder with -o, not {output}'
            )
        if output != '-':
            _clear(Path(output), force, paths)
        return [Job(path) for path in paths]
    folder = Path(output)
    if folder.is_file():
        raise OutputError(f'{folder} is a file; JSON lines go to a name ending in .jsonl')
    names = Counter(path.resolve().stem for path in paths)
    if len(names) < len(paths):
        twice = names.most_common(1)[0][0]
        raise OutputError(
            f'several inputs are called {twice}, so their outputs would collide; annotate them '
            'into different folders, or all into one .jsonl file'
        )
    jobs = []
    for path in paths:
        target = folder / path.resolve().stem
        exports = {one: export_path(one, target) for one in formats}
        job = Job(path, Path(f'{target}.jsonl'), target if is_bag(path) else None, exports)
        for written in filter(None, (job.jsonl, job.bag, *exports.values())):
            _clear(written, force, paths)
        jobs.append(job)
    folder.mkdir(parents=True, exist_ok=True)
    return jobs


def _clear(path: Path, force: bool, inputs: Iterable[Path]) -> None:
    """Delete an earlier output; inputs are never deleted."""
    if not path.exists():
        return
    if any(path.resolve() in (one.resolve(), *one.resolve().parents) for one in inputs):
        raise OutputError(f'{path} is an input (or contains one); choose another output')
    if not force:
        raise OutputError(f'{path} already exists; choose another output, or add --force')
    if path.is_dir():
        if path.parent.name in FOLDERS:
            return  # its files are overwritten, others in it stay
        if not is_bag(path):
            raise OutputError(f'{path} is a folder but not a recording; it is not replaced')
        shutil.rmtree(path)
    else:
        path.unlink()
