"""`annotate` with `privacy.words:=hide` writes emotions without words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.recordings import CONVERSATION, START_NS, audio_rows, header, make, write_bag

from emotion_node.cli.main import main
from emotion_node.recordings.bag import Bag

HIDE = ('-p', 'privacy.words:=hide')
SAID = 'Oh my god, I am so happy for you!'


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A bag in which the robot's own recogniser says the same of every utterance."""
    kind = 'emotion_msgs/msg/Transcript'
    with Bag(CONVERSATION) as bag:
        samples = np.concatenate([bag.decode(one).data for one in bag.messages({'/audio'})])
    rows = audio_rows(samples[: 12 * 16_000])
    for stamp_ns in range(START_NS, rows[-1][2], 500_000_000):
        words = make(
            kind,
            header=header(stamp_ns),
            utterance_id='',
            text=SAID,
            confidence=0.9,
            locale='en',
            translation='',
            final=True,
            reason='',
        )
        rows.append(('/transcript_in', kind, stamp_ns, words))
    return write_bag(tmp_path / 'talk', sorted(rows, key=lambda row: row[2]))


def test_neither_lines_nor_report_nor_summary_nor_added_topics_have_words(
    tmp_path: Path, talk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'out'
    arguments = ['-p', 'transcriber.backend:=topic', *HIDE, '--report', str(out / 'r.html')]
    assert main(['annotate', *arguments, str(talk), '-o', str(out), '--interim']) == 0
    found = [json.loads(line) for line in (out / 'talk.jsonl').read_text().splitlines()]
    assert {one['text'] for one in found} == {''}
    with_text = [one for one in found if one['modalities'][0]['available']]
    assert with_text, 'the emotion of the words is there'
    assert {one['modalities'][0]['label'] for one in with_text} == {'joy'}
    assert SAID not in (out / 'talk.jsonl').read_text()
    report = (out / 'r.html').read_text()
    assert 'words hidden' in report
    assert SAID not in report
    printed = ''.join(capfd.readouterr())
    assert '(words hidden)' in printed
    assert SAID not in printed
    with Bag(out / 'talk') as bag:
        added = set(bag.topics) - {'/audio', '/transcript_in'}
        messages = list(bag.messages(added))
        assert any(one.topic == '/emotion' for one in messages)
        assert not any(one.topic == '/transcript' for one in messages)
        assert not any(SAID.encode() in bytes(one.data) for one in messages)
