"""The launch files, as `ros2 launch` reads them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from domain_coordinator import domain_id

LAUNCH = Path(__file__).parents[2] / 'launch'
needs_launch = pytest.mark.skipif(
    not importlib.util.find_spec('launch_ros'),
    reason='launch_ros comes with a ROS 2 installation; it is not on PyPI',
)
pytestmark = needs_launch


def description(name: str) -> Any:
    spec = importlib.util.spec_from_file_location('launch_file', LAUNCH / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


@pytest.mark.parametrize('name', ['emotion.launch.py', 'replay.launch.py'])
def test_every_argument_is_described_and_has_a_default(name: str) -> None:
    arguments = description(name).get_launch_arguments()
    assert arguments
    for argument in arguments:
        assert len(argument.description) > 10, argument.name
        assert argument.default_value is not None, argument.name


def test_what_a_robot_needs_can_be_set() -> None:
    names = {one.name for one in description('emotion.launch.py').get_launch_arguments()}
    assert names >= {
        'image_topic',
        'audio_topic',
        'params_file',
        'namespace',
        'use_sim_time',
        'log_level',
        'with_microphone',
        'with_camera',
    }


@pytest.mark.skipif(not shutil.which('ros2'), reason='there is no ros2 command')
def test_node_runs_and_stops_under_ros2_launch() -> None:
    with domain_id() as domain:
        process = subprocess.Popen(
            ['ros2', 'launch', 'emotion_node', 'emotion.launch.py', 'transcriber:=off'],
            env={**os.environ, 'ROS_DOMAIN_ID': str(domain)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        log = ''
        for line in process.stdout:
            log += line
            if 'waiting for audio on /audio' in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        log += process.communicate(timeout=30)[0]
    assert process.returncode == 0, log
    assert re.search(r'\[emotion_node-1\]: process has finished cleanly', log), log


SERVICE = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

file, *arguments = sys.argv[1:]
service = LaunchService()
include = IncludeLaunchDescription(
    PythonLaunchDescriptionSource(file),
    launch_arguments=[one.split(':=', 1) for one in arguments],
)
service.include_launch_description(LaunchDescription([include]))
sys.exit(service.run())
"""
"""What `ros2 launch` does with a launch file."""


def launched(domain: int, name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-c', SERVICE, str(LAUNCH / name), *arguments],
        env={**os.environ, 'ROS_DOMAIN_ID': str(domain), 'PYTHONUNBUFFERED': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_recording_that_does_not_exist_is_an_error() -> None:
    with domain_id() as domain:
        process = launched(domain, 'replay.launch.py', 'bag:=/nowhere')
        log = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert 'bag: there is no file or folder /nowhere' in log
    assert 'process started' not in log


def test_a_recording_that_cannot_be_played_is_an_error(tmp_path: Path) -> None:
    with domain_id() as domain:
        process = launched(domain, 'replay.launch.py', f'bag:={tmp_path}', 'grace:=0.1')
        log = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert 'is not a rosbag2 recording' in log
    assert 'replay ended with status 1' in log
    assert '[emotion_node-1]: process has finished cleanly' in log


@pytest.mark.parametrize('line', ['process started', 'waiting for audio'])
def test_a_replay_that_is_interrupted_is_no_error(line: str) -> None:
    with domain_id() as domain:
        process = launched(domain, 'replay.launch.py', 'view:=true')
        assert process.stdout is not None
        log = ''
        for number, printed in enumerate(process.stdout):
            log += printed
            if line in printed or number > 20:
                break
        time.sleep(1.0)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        log += process.communicate(timeout=30)[0]
    assert process.returncode == 0, log
    assert 'ERROR' not in log
    assert log.count('process has finished cleanly') == 3
