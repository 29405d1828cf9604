"""What `annotate` writes where, without overwriting anything unasked."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_node.recordings.bag import is_bag


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its outputs; `jsonl` is None where all inputs share one."""

    path: Path
    jsonl: Path | None = None
    bag: Path | None = None


def plan(paths: Sequence[Path], output: str, force: bool, report: Path | None = None) -> list[Job]:
    """Return what to write for which input, after making sure that it can be written.

    Args:
        paths: inputs.
        output: "-", a name ending in .jsonl, or a folder.
        force: whether outputs that exist may be replaced.
        report: one more file to write.

    Raises:
        FileNotFoundError: there is no such input.
        FileExistsError: something is there that must not be replaced.
    """
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f'{path} does not exist')
    if report is not None:
        if report.is_dir():
            raise FileExistsError(f'{report} is a folder; the report is a file such as talk.html')
        _clear(report, force, paths)
    if output == '-' or output.endswith('.jsonl'):
        if output != '-':
            _clear(Path(output), force, paths)
        return [Job(path) for path in paths]
    folder = Path(output)
    if folder.is_file():
        raise FileExistsError(f'{folder} is a file; JSON lines go to a name ending in .jsonl')
    names = Counter(path.resolve().stem for path in paths)
    if len(names) < len(paths):
        twice = names.most_common(1)[0][0]
        raise FileExistsError(
            f'several inputs are called {twice}, so their outputs would be one; annotate them '
            'into different folders, or all into one .jsonl file'
        )
    jobs = []
    for path in paths:
        target = folder / path.resolve().stem
        job = Job(path, Path(f'{target}.jsonl'), target if is_bag(path) else None)
        for written in filter(None, (job.jsonl, job.bag)):
            _clear(written, force, paths)
        jobs.append(job)
    folder.mkdir(parents=True, exist_ok=True)
    return jobs


def _clear(path: Path, force: bool, inputs: Iterable[Path]) -> None:
    """Make way for an output; inputs are never replaced."""
    if not path.exists():
        return
    if any(path.resolve() in (one.resolve(), *one.resolve().parents) for one in inputs):
        raise FileExistsError(f'{path} is an input (or holds one); choose another output')
    if not force:
        raise FileExistsError(f'{path} exists already; choose another output, or add --force')
    if path.is_dir():
        if not is_bag(path):
            raise FileExistsError(f'{path} is a folder, but no recording; it is not replaced')
        shutil.rmtree(path)
    else:
        path.unlink()
