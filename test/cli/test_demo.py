"""The demo runs the real node, a player and a view, and cleans up after itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.emotions import emotion
from support.recordings import CONVERSATION

from emotion_node.messages.emotion import decode_emotion
from emotion_node.recordings.truth import TrueUtterance, common_words, read_truth, score, words_of


def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-m', 'emotion_node', 'demo', *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **variables},
    )


def test_the_conversation_is_shown_utterance_by_utterance(
    tmp_path: Path, whisper_base: Path
) -> None:
    kept = tmp_path / 'kept.jsonl'
    # Somewhat faster than real time, and less to do, so that a busy machine keeps up.
    speed = ('--rate', 2, '-p', 'interim.enabled:=false', '-p', 'queue.analysis_seconds:=60.0')
    process = start(
        *(*speed, '--keep', kept, '--domain', os.environ['ROS_DOMAIN_ID']),
        EMOTION_MODELS_CACHE=str(whisper_base.parent),
    )
    printed, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, printed + complaint
    truths = read_truth(CONVERSATION / 'truth.json')
    lines = kept.read_text(encoding='utf-8').splitlines()
    emotions = [decode_emotion(json.loads(line)) for line in lines]
    result = score(truths, emotions)
    assert result.found == len(truths)
    assert result.words_right >= 0.95 * result.words
    for one in emotions:
        assert one.transcript.text[:40] in printed
    assert f'for {len(truths)} of {len(truths)} utterances' in printed
    assert 'median latency' in printed
    assert 'Next:' in printed
    assert 'models fetch whisper-base' not in printed, 'it is here'


def children(pid: int) -> set[int]:
    """Return the processes that a process has started."""
    path = Path(f'/proc/{pid}/task/{pid}/children')
    return set(map(int, path.read_text().split())) if path.exists() else set()


def running(pid: int) -> bool:
    state = Path(f'/proc/{pid}/stat')
    return state.exists() and state.read_text().rpartition(')')[2].split()[0] != 'Z'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_running(number: signal.Signals) -> None:
    process = start()
    started: set[int] = set()
    deadline = time.monotonic() + 30
    while len(started) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        started |= children(process.pid)
        time.sleep(0.02)
    process.send_signal(number)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert 'Traceback' not in complaint
    assert not [pid for pid in started if running(pid)]


def test_a_node_that_cannot_start_ends_it_with_the_reason() -> None:
    process = start('-p', 'models_dir:=/nowhere')
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'the node ended with status' in complaint
    assert '/nowhere' in complaint


def test_recognised_words_and_emotions_are_counted() -> None:
    truths = [
        TrueUtterance(0, 10, "Oh my god! I can't believe it!", 'surprise', 'a'),
        TrueUtterance(20, 30, 'Okay.', 'neutral', 'b'),
    ]
    found = emotion(label='surprise', text="oh my i can't believe eat", start_ns=1, end_ns=9)
    result = score(truths, [found])
    assert (result.utterances, result.found, result.emotions_right) == (2, 1, 1)
    assert (result.words, result.words_right) == (8, 5)
    assert words_of("I'm here -- really!") == ["i'm", 'here', 'really']
    assert common_words('abcde', 'badce') == 3
