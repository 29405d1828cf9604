"""The command line starts quickly, explains errors, and can be interrupted."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.recordings import CONVERSATION, noise, write_media

from emotion_node.cli.main import COMMANDS, main
from emotion_node.cli.parameter_options import add_arguments, read_config
from emotion_node.cli.parameters import as_markdown, as_yaml

HEAVY = ('numpy', 'rclpy', 'rosbags', 'av', 'onnxruntime', 'rich', 'yaml', 'torch')


def python(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_help_lists_the_commands_and_loads_nothing() -> None:
    code = (
        'import sys; from emotion_node.cli.main import main\n'
        'try: main(["--help"])\n'
        f'finally: print([name for name in {HEAVY} if name in sys.modules])'
    )
    process = python('-c', code)
    said, complaint = process.communicate()
    assert complaint == ''
    for name, command in COMMANDS.items():
        assert name in said
        assert command.help.split()[0] in said
    assert said.splitlines()[-1] == '[]'


@pytest.mark.parametrize(
    'command', [name for name, one in COMMANDS.items() if one.commands is None]
)
def test_every_command_has_a_help_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, '--help'])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


@pytest.mark.parametrize('arguments', [[], ['sing'], ['annotate'], ['replay', 'x', '--rate', '0']])
def test_a_wrong_command_line_is_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize('command', ['evaluate', 'bench', 'soak', 'train'])
def test_a_command_of_the_laboratory_is_found_there(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, 'text', '--json'])
    assert ended.value.code == 2
    expected = f'{command} is part of the laboratory: run "python -m emotion_lab {command}"'
    assert expected in capsys.readouterr().err


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['annotate', '/nowhere/talk.wav']) == 1
    said = capsys.readouterr()
    assert said.out == ''
    assert said.err == 'emotion_node: /nowhere/talk.wav does not exist\n'
    assert main(['--verbose', 'annotate', '/nowhere/talk.wav']) == 1
    assert 'Traceback' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('assignment', 'complaint'),
    [
        ('interim.period', 'expected NAME:=VALUE'),
        (
            'interim.perod:=1',
            "there is no parameter 'interim.perod'; did you mean 'interim.period'",
        ),
        ('interim.period:=60', 'interim.period: expected 0.1 to 10 s, got 60.0'),
        ('transcriber.backend:=ears', 'transcriber.backend: expected one of'),
        ('interim.enabled:=7', 'interim.enabled: expected bool'),
    ],
)
def test_a_wrong_parameter_is_status_2(
    assignment: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['annotate', str(CONVERSATION), '-p', assignment]) == 2
    assert complaint in capsys.readouterr().err


def test_parameters_come_from_files_and_from_the_command_line(tmp_path: Path) -> None:
    first, second = tmp_path / 'first.yaml', tmp_path / 'second.yaml'
    first.write_text(as_yaml())
    second.write_text(
        'other_node: {ros__parameters: {period: 3}}\n'
        '/robot/emotion_node:\n'
        '  ros__parameters:\n'
        '    use_sim_time: true\n'
        '    interim.period: 0.5\n'
        '    text: {backend: off}\n'
    )
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    files = ['--params-file', str(first), '--params-file', str(second)]
    config = read_config(parser.parse_args([*files, '-p', 'interim.enabled:=false']))
    assert config.interim.period == 0.5
    assert config.interim.enabled is False
    assert config.text.backend == 'off'
    config = read_config(parser.parse_args([*files, '-p', 'interim.period:=2']))
    assert config.interim.period == 2.0


@pytest.mark.parametrize(
    ('content', 'complaint'),
    [
        ('other_node: {ros__parameters: {}}', 'has no section'),
        ('1: {ros__parameters: {}}', 'has no section'),
        ('/**: {ros__parameters: 3}', 'ros__parameters of /** holds 3'),
        ('/**: {ros__parameters: {1: 2}}', "there is no parameter '1'"),
        ('/**: {ros__parameters: &a {x: *a}}', 'aliases (*NAME) are not supported'),
        ('[' * 2000, 'cannot be read'),
        ('/**: {ros__parameters: {transcriber: {language: no}}}', 'put it in quotes'),
        ('emotion_node: {interim: 3}', 'has no ros__parameters'),
        ('emotion_node: [', 'cannot be read'),
    ],
)
def test_a_wrong_parameter_file_is_status_2(
    tmp_path: Path, content: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'parameters.yaml'
    path.write_text(content)
    assert main(['annotate', str(CONVERSATION), '--params-file', str(path)]) == 2
    assert complaint in capsys.readouterr().err


def test_parameters_are_printed_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['parameters', '--yaml']) == 0
    assert capsys.readouterr().out == as_yaml()
    assert main(['parameters', '--markdown']) == 0
    assert capsys.readouterr().out == as_markdown()
    assert main(['parameters']) == 0
    assert 'segmenter.min_silence_duration' in capsys.readouterr().out


def test_an_interrupt_ends_a_command_silently(tmp_path: Path) -> None:
    sound = write_media(tmp_path / 'long.wav', noise(900.0))
    out = tmp_path / 'out.jsonl'
    process = python(
        *('-m', 'emotion_node', 'annotate', sound, '-o', out, '-q'),
        *('-p', 'transcriber.backend:=off', '-p', 'text.backend:=off'),
    )
    while not out.exists():  # it has begun
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=20)
    assert (process.returncode, said, complaint) == (130, '', '')


def test_a_closed_pipe_is_not_an_error() -> None:
    process = python('-m', 'emotion_node', 'parameters', '--yaml')
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    complaint = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == 141
    assert complaint == ''


def test_without_ros_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    code = (
        'import sys; sys.modules["rclpy"] = None\n'
        'from emotion_node.cli.main import main; sys.exit(main(["view"]))'
    )
    environment = {**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1
    assert 'source /opt/ros/jazzy/setup.bash' in done.stderr
    assert len(done.stderr.splitlines()) == 1
