"""Starting and stopping the node as a process, and what stops it from starting."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from domain_coordinator import domain_id
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from support.robot import DEMO, RATE, Robot, audio_message, conversation, robot

from emotion_msgs.msg import AudioChunk, Emotion, SpeechActivity

CHUNK = RATE // 10
MODELS = Path(__file__).parents[2] / 'models'
RUN = 'import sys; from emotion_node.ros import entry_points as e; sys.exit(e.emotion_node())'


@pytest.fixture
def domain() -> Iterator[int]:
    with domain_id() as number:
        yield number


@contextmanager
def started(domain: int, *parameters: str) -> Iterator[subprocess.Popen[str]]:
    """Run the node with parameters in a process of its own."""
    arguments = [item for one in parameters for item in ('-p', one)]
    with started_with(domain, '--ros-args', *arguments) as process:
        yield process


@contextmanager
def started_with(
    domain: int, *arguments: str, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run the node with arguments in a process of its own; an empty variable is taken away."""
    variables = {**os.environ, 'ROS_DOMAIN_ID': str(domain), **environment}
    process = subprocess.Popen(
        [sys.executable, '-W', 'error', '-c', RUN, *arguments],
        env={name: value for name, value in variables.items() if value},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def state_of(robot: Robot) -> int:
    answer = robot.call(GetState, 'emotion_node/get_state', GetState.Request())
    return int(answer.current_state.id)


def received(robot: Robot) -> int:
    """Return how many messages of audio have arrived, by the diagnostics."""
    status = robot.status('audio')
    values = {} if status is None else {one.key: one.value for one in status.values}
    return int(values.get('messages', 0))


@pytest.mark.parametrize('stop', [signal.SIGINT, signal.SIGTERM])
def test_the_node_starts_by_itself_and_stops_cleanly_mid_sentence(
    domain: int, stop: signal.Signals
) -> None:
    with started(domain, 'transcriber.backend:=pocketsphinx') as process, robot(domain) as one:
        one.until(lambda: state_of(one) == State.PRIMARY_STATE_ACTIVE, 'the node is active')
        publisher = one.publisher(AudioChunk, 'audio')
        publisher.publish(audio_message(conversation()[: 2 * RATE], 1_700_000_000_000_000_000))
        one.until(lambda: one.status('hearing'), 'diagnostics')
        process.send_signal(stop)
        if stop == signal.SIGINT:
            process.send_signal(stop)  # as ros2 launch does, after the terminal has
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert 'Traceback' not in log
    assert 'ERROR' not in log


@pytest.mark.parametrize('stop', [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_stopped_mid_sentence_publishes_what_it_has_heard(
    domain: int, stop: signal.Signals
) -> None:
    with started(domain, 'transcriber.backend:=pocketsphinx') as process, robot(domain) as one:
        one.until(lambda: state_of(one) == State.PRIMARY_STATE_ACTIVE, 'the node is active')
        for kind, topic in ((Emotion, 'emotion'), (SpeechActivity, 'speech_activity')):
            one.listen(kind, topic)
        publisher = one.publisher(AudioChunk, 'audio')
        start_ns = 1_700_000_000_000_000_000
        samples = conversation()[: 5 * RATE // 2]  # it breaks off in the first sentence
        for first in range(0, len(samples), CHUNK):
            chunk = samples[first : first + CHUNK]
            publisher.publish(audio_message(chunk, start_ns + first * 1_000_000_000 // RATE))
        one.until(lambda: one.inbox['speech_activity'], 'speech has begun')
        # Stopped before, it would have heard too little for an utterance.
        one.until(lambda: received(one) * CHUNK == len(samples), 'the audio has arrived')
        process.send_signal(stop)
        emotion = one.until(lambda: one.inbox['emotion'], 'the emotion of what was heard')[0]
        one.until(lambda: len(one.inbox['speech_activity']) == 2, 'speech has ended')
        states = [activity.state for activity in one.inbox['speech_activity']]
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert emotion.end_reason == Emotion.END_REASON_END
    assert states == [SpeechActivity.STARTED, SpeechActivity.ENDED]


def test_without_autostart_the_node_waits_for_its_manager(domain: int) -> None:
    with started(domain, 'autostart:=false') as process, robot(domain) as one:
        assert state_of(one) == State.PRIMARY_STATE_UNCONFIGURED
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0


def failed_start(domain: int, parameter: str) -> str:
    """Start the node, which fails; return its log."""
    with started(domain, parameter) as process:
        _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert 'Traceback' not in log
    return log


def test_a_damaged_model_stops_the_start(domain: int, tmp_path: Path) -> None:
    damaged = shutil.copytree(MODELS, tmp_path / 'models')
    weights = next(damaged.glob('text/*.onnx'))
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    log = failed_start(domain, f'models_dir:={damaged}')
    assert f'model file {weights} is damaged: its sha256 is' in log


def test_missing_models_stop_the_start(domain: int, tmp_path: Path) -> None:
    log = failed_start(domain, f'models_dir:={tmp_path}')
    assert f'no manifest.toml in {tmp_path}' in log


def test_a_wrong_parameter_stops_the_start(domain: int) -> None:
    log = failed_start(domain, 'segmenter.padding:=7.0')
    assert 'segmenter.padding: expected 0 to 1 s, got 7.0' in log


def test_a_parameter_that_does_not_exist_stops_the_start(domain: int) -> None:
    log = failed_start(domain, 'segmenter.paddin:=0.1')
    assert "there is no parameter 'segmenter.paddin'; did you mean 'segmenter.padding'" in log


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['-p', 'segmenter.padding:=0.1'], 'emotion_node --ros-args -p NAME:=VALUE'),
        (['--ros-args', '-p', 'nonsense'], 'Expected -p NAME:=VALUE'),
        (['--ros-args', '--nonsense'], "unknown ROS arguments ['--nonsense']"),
        (['--ros-args', '--params-file', '/nowhere.yaml'], 'Error opening YAML file'),
    ],
)
def test_arguments_that_cannot_be_used_stop_the_start_with_what_is_expected(
    domain: int, arguments: list[str], expected: str
) -> None:
    with started_with(domain, *arguments) as process:
        _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert expected in log
    assert 'Traceback' not in log


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        ('a: [1\n b', 'A parameter file holds "/**:"'),
        ('/**:\n  ros__parameters: &a\n    x: *a\n', 'without aliases'),
        ('/**:\n  ros__parameters: 3\n', 'A parameter file holds "/**:"'),
        ('/**:\n  ros__parameters:\n    1: 2\n', "there is no parameter '1'"),
        (
            '/**:\n  ros__parameters:\n    transcriber:\n      language: no\n',
            'YAML reads an unquoted no, off, yes or on as a truth value; put it in quotes',
        ),
    ],
)
def test_a_parameter_file_that_cannot_be_read_stops_the_start(
    domain: int, content: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / 'parameters.yaml'
    file.write_text(content)
    with started_with(domain, '--ros-args', '--params-file', str(file)) as process:
        _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert expected in log
    assert 'Traceback' not in log


@pytest.mark.parametrize(
    ('home', 'reason'), [('', 'HOME is not set'), ('/proc/1', 'Failed to create log directory')]
)
def test_the_node_runs_where_no_log_file_can_be_written(
    domain: int, home: str, reason: str
) -> None:
    arguments = ['--ros-args', '-p', 'autostart:=false']
    places = {'HOME': home, 'ROS_HOME': '', 'ROS_LOG_DIR': ''}
    with started_with(domain, *arguments, **places) as process, robot(domain) as one:
        assert state_of(one) == State.PRIMARY_STATE_UNCONFIGURED
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f'no log file is written: {reason}' in log
    assert 'set ROS_LOG_DIR' in log


@pytest.mark.parametrize('name', ['emotion_node', 'view', 'replay'])
@pytest.mark.parametrize('after_s', [0.5, 1.0, 2.0])
def test_a_launch_file_that_is_interrupted_at_any_time_sees_no_error(
    domain: int, name: str, after_s: float
) -> None:
    run = f'import sys; from emotion_node.ros import entry_points as e; sys.exit(e.{name}())'
    arguments = {'replay': [str(DEMO)]}.get(name, [])
    process = subprocess.Popen(
        [sys.executable, '-c', run, *arguments],
        env={**os.environ, 'ROS_DOMAIN_ID': str(domain)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    time.sleep(after_s)
    for _ in range(10):  # the terminal sends one, and a launch system another some time later
        process.send_signal(signal.SIGINT)
        time.sleep(0.03)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert 'Traceback' not in log
