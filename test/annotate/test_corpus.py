"""Folders of recordings, over processes and machines; finished ones are not done again."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.recordings import Samples, audio_rows, write_bag, write_media
from support.robot import conversation

from emotion_node.annotate.corpus import find_recordings, plan_corpus
from emotion_node.annotate.plan import OutputError
from emotion_node.cli.main import main

QUICK = ('-p', 'transcriber.backend:=off', '-p', 'text.backend:=off', '-p', 'face.backend:=off')
SECONDS = 8
DEADLINE_S = 90.0


def annotate(*arguments: object) -> int:
    return main(['annotate', *QUICK, *map(str, arguments)])


def beginning() -> Samples:
    return conversation()[: SECONDS * 16_000]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / 'corpus'
    (folder / 'day 1' / 'room').mkdir(parents=True)
    write_media(folder / 'a.wav', beginning())
    write_media(folder / 'day 1' / 'a.wav', beginning())
    write_media(folder / 'day 1' / 'room' / 'b.wav', beginning())
    write_bag(folder / 'day 1' / 'talk', audio_rows(beginning()), 'mcap')
    (folder / 'notes.txt').write_text('not a recording')
    (folder / '.hidden.wav').write_text('nor is this')
    return folder


ALL = {'a.jsonl', 'day 1/a.jsonl', 'day 1/room/b.jsonl', 'day 1/talk.jsonl'}


def written(out: Path) -> set[str]:
    return {str(one.relative_to(out)) for one in out.rglob('*') if one.is_file()}


def contents(out: Path) -> dict[str, str]:
    # What a model needed differs from run to run; ids and scores do not.
    return {
        name: re.sub(r'"(\w+_latency)": [\d.e-]+', '', (out / name).read_text())
        for name in sorted(written(out))
    }


def test_a_folder_keeps_its_shape_and_is_done_once(
    corpus: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'out'
    assert annotate(corpus, '-o', out, '--export', 'rttm') == 0
    assert written(out) == ALL | {name.replace('jsonl', 'rttm') for name in ALL}
    assert capfd.readouterr().err.startswith('4 recordings, ')
    before = {name: (out / name).stat().st_mtime_ns for name in written(out)}
    (out / 'day 1' / 'a.jsonl').unlink()
    assert annotate(corpus, '-o', out, '--export', 'rttm') == 0
    assert '1 recording, ' in (printed := capfd.readouterr().err)
    assert '3 finished before' in printed
    changed = {n for n, stamp in before.items() if (out / n).stat().st_mtime_ns != stamp}
    assert changed == {'day 1/a.jsonl', 'day 1/a.rttm'}


def test_one_file_for_all_is_possible_too(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / 'all.jsonl'
    assert annotate('-q', corpus, '-o', out) == 0
    sources = set(re.findall(r'"source": "([^"]*)"', out.read_text()))
    assert sources == {str(one) for one in find_recordings(corpus)}


def test_two_processes_find_what_one_does_and_failures_come_last(
    corpus: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / 'one', tmp_path / 'two'
    assert annotate(corpus, '-o', one) == 0
    (corpus / 'broken.wav').write_bytes(b'RIFF, but no sound')
    capfd.readouterr()
    assert annotate(corpus, '-o', two, '--jobs', '2') == 1
    assert contents(two) == contents(one)
    first, last = capfd.readouterr().err.splitlines()
    assert first.startswith('5 recordings, ')
    assert last.startswith(f'failed: {corpus / "broken.wav"}: ')
    # It is tried again, the others are not.
    assert annotate(corpus, '-o', two) == 1
    assert '1 recording, ' in (printed := capfd.readouterr().err)
    assert '4 finished before' in printed


@contextlib.contextmanager
def dask(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable,
        '-m',
        'distributed.cli.' + str(arguments[0]),
        *map(str, arguments[1:]),
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={**os.environ}
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_worker_that_is_killed_loses_nothing(corpus: Path, tmp_path: Path) -> None:
    for number in range(4):
        write_media(corpus / f'more{number}.wav', beginning())
    out, address_file = tmp_path / 'out', tmp_path / 'scheduler.json'
    alone = ('--nthreads', 1, '--no-nanny', '--no-dashboard', '--scheduler-file', address_file)
    with (
        dask('dask_scheduler', '--port', 0, '--no-dashboard', '--host', '127.0.0.1',
             '--scheduler-file', address_file),
        dask('dask_worker', *alone) as first,
        dask('dask_worker', *alone),
    ):  # fmt: skip
        deadline = time.monotonic() + DEADLINE_S
        while not address_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (address,) = re.findall(r'"address": "(tcp://127[^"]*)"', address_file.read_text())
        process = subprocess.Popen(
            [sys.executable, '-m', 'emotion_node', 'annotate', *QUICK, str(corpus), '-o', str(out),
             '--scheduler', address],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while len(list(out.rglob('*.jsonl'))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        _, log = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, log
    assert written(out) == ALL | {f'more{number}.jsonl' for number in range(4)}
    assert '8 recordings, ' in log, log  # after what Dask says of the lost worker
    assert len({(out / name).read_text().count('\n') for name in ('a.jsonl', 'more0.jsonl')}) == 1


def test_a_scheduler_that_is_not_there_is_one_line(
    corpus: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from emotion_node.annotate import cluster

    monkeypatch.setattr(cluster, '_CONNECT_S', 0.5)
    assert annotate(corpus, '-o', tmp_path / 'out', '--scheduler', 'tcp://127.0.0.1:9') == 1
    assert 'no Dask scheduler at tcp://127.0.0.1:9' in capfd.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (('--jobs', '2'), 'name a folder with -o, not -'),
        (('--jobs', '2', '-o', 'all.jsonl'), 'name a folder with -o, not all.jsonl'),
        (('--jobs', '2', '-o', 'out', '--timings'), '--report and --timings are about one'),
    ],
)
def test_what_does_not_go_together_is_said(
    corpus: Path, arguments: tuple[str, ...], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert annotate(corpus, *arguments) == 1
    assert text in capfd.readouterr().err


def test_names_do_not_collide(tmp_path: Path) -> None:
    for name in ('one/a.wav', 'one/a.mp3', 'two/a.wav', 'empty/notes.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('')
    tasks, finished = plan_corpus([tmp_path / 'one', tmp_path / 'two'], Path('out'), False)
    assert finished == 0
    assert [str(one.lines) for one in tasks] == [
        'out/one/a.mp3.jsonl', 'out/one/a.wav.jsonl', 'out/two/a.jsonl'
    ]  # fmt: skip
    with pytest.raises(OutputError, match=r'both be written to out/a\.wav\.jsonl'):
        plan_corpus([tmp_path / 'one' / 'a.wav', tmp_path / 'two' / 'a.wav'], Path('out'), False)
    with pytest.raises(OutputError, match='no recordings in it'):
        plan_corpus([tmp_path / 'empty'], Path('out'), False)
