"""What `annotate` writes, whatever the names, stamps and damage of its inputs."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.recordings import (
    CONVERSATION,
    START_NS,
    Samples,
    audio_rows,
    header,
    make,
    noise,
    write_bag,
    write_media,
)

from emotion_node.cli.main import main
from emotion_node.recordings.bag import Bag

SPEECH_ONLY = ('-q', '-p', 'transcriber.backend:=off', '-p', 'text.backend:=off')
BEYOND_2038_NS = 2_200_000_000 * 10**9


def annotate(*arguments: object) -> int:
    return main(['annotate', *SPEECH_ONLY, *map(str, arguments)])


@pytest.fixture(scope='module')
def beginning() -> Samples:
    """The first utterance of the recorded conversation."""
    with Bag(CONVERSATION) as bag:
        chunks = [bag.decode(one).data for one in bag.messages({'/audio'})]
    sound: Samples = np.concatenate(chunks)
    return sound[: 4 * 16_000]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_their_owner_may_read_the_words_and_images_of_people(
    tmp_path: Path, beginning: Samples
) -> None:
    bag = write_bag(tmp_path / 'talk', audio_rows(beginning))
    out, report = tmp_path / 'out', tmp_path / 'talk.html'
    assert annotate(bag, '-o', out, '--report', report) == 0
    assert mode(report) == mode(out / 'talk.jsonl') == 0o600
    assert mode(out / 'talk') == 0o700


def test_an_input_that_cannot_be_used_does_not_end_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beginning: Samples
) -> None:
    rubbish = tmp_path / 'rubbish.wav'
    rubbish.write_bytes(b'RIFF' + bytes(1000))
    good = write_media(tmp_path / 'good.wav', beginning)
    out = tmp_path / 'out.jsonl'
    assert annotate(rubbish, good, '-o', out) == 1
    assert 'rubbish.wav cannot be read as audio or video' in capsys.readouterr().err
    assert {json.loads(line)['source'] for line in out.read_text().splitlines()} == {str(good)}


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('name', [b'a#b', b'100%', b'caf\xe9'])
def test_outputs_may_have_any_name(
    tmp_path: Path, storage: str, name: bytes, beginning: Samples
) -> None:
    bag = write_bag(tmp_path / 'talk', audio_rows(beginning), storage)
    out = tmp_path / os.fsdecode(name)
    assert annotate(bag, '-o', out) == 0
    assert sorted(path.name for path in out.iterdir()) == ['talk', 'talk.jsonl']
    with Bag(out / 'talk') as copy:
        assert copy.damage == ''
        assert copy.topics['/emotion'].count == 1
    # The copy can be annotated again, and the line names it.
    lines = tmp_path / 'again.jsonl'
    assert annotate(out / 'talk', '-o', lines) == 0
    assert json.loads(lines.read_text())['source'].endswith('/talk')


@pytest.mark.parametrize(
    ('storage', 'compression'),
    [('mcap', 'storage'), ('mcap', 'file'), ('sqlite3', 'message'), ('sqlite3', 'file')],
)
def test_the_copy_of_a_compressed_bag_is_compressed(
    tmp_path: Path, storage: str, compression: str, beginning: Samples
) -> None:
    bag = write_bag(tmp_path / 'talk', audio_rows(beginning), storage, compression=compression)
    assert annotate(bag, '-o', tmp_path / 'out') == 0
    with Bag(tmp_path / 'out' / 'talk') as copy:
        assert (copy.storage, copy.compression, copy.damage) == (storage, compression, '')
        assert copy.topics['/audio'].count == 125


def test_stamps_beyond_2038_are_in_the_json_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beginning: Samples
) -> None:
    rows = [
        (topic, kind, time_ns - START_NS + BEYOND_2038_NS, replace(message, header=header(0)))
        for topic, kind, time_ns, message in audio_rows(beginning)
    ]
    bag = write_bag(tmp_path / 'talk', rows)
    arguments = [*SPEECH_ONLY[1:], str(bag), '-o', str(tmp_path / 'out')]
    assert main(['annotate', *arguments]) == 0
    assert 'after the year 2038' in ' '.join(capsys.readouterr().err.split())
    (line,) = map(json.loads, (tmp_path / 'out' / 'talk.jsonl').read_text().splitlines())
    assert line['start'] > BEYOND_2038_NS
    with Bag(tmp_path / 'out' / 'talk') as copy:
        assert copy.topics['/audio'].count == 125


def test_our_own_debug_image_is_not_a_camera(tmp_path: Path) -> None:
    kind = 'sensor_msgs/msg/Image'
    pixels = np.zeros(48, np.uint8)
    image = make(
        kind,
        header=header(START_NS),
        height=4,
        width=4,
        encoding='bgr8',
        is_bigendian=0,
        step=12,
        data=pixels,
    )
    topics = ('/robot/debug_image', '/camera/image_raw', '/debug_image')
    rows = [(topic, kind, START_NS, image) for topic in topics]
    bag = write_bag(tmp_path / 'talk', [*rows, *audio_rows(noise(1.0))])
    assert annotate(bag, '-o', tmp_path / 'out.jsonl') == 0
