"""Everything in one command: what is missing is named, and nothing is left running."""

from __future__ import annotations

import os
import signal
import urllib.error
import urllib.request

import pytest
from support.processes import start

TOPICS = ('--audio-topic', '/sound', '--camera', 'off')


def test_a_camera_that_does_not_exist_is_named() -> None:
    process = start('live', '--camera', '/dev/video77')
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 1
    assert 'there is no camera or video file /dev/video77' in complaint


def test_a_machine_without_a_microphone_is_told_what_else_there_is() -> None:
    import sounddevice

    if any(one['max_input_channels'] > 0 for one in sounddevice.query_devices()):
        pytest.skip('this machine has a microphone')
    process = start('live')
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 1
    assert 'no microphone' in complaint
    assert '--audio-topic' in complaint


def test_node_and_page_start_and_end_together() -> None:
    domain = os.environ['ROS_DOMAIN_ID']
    process = start('live', *TOPICS, '--domain', domain, '-p', 'transcriber.backend:=off')
    try:
        assert process.stdout is not None
        line = ''
        while 'page: ' not in line:
            line = process.stdout.readline()
            assert line, 'no page'
        address = line.partition('page: ')[2].strip()
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert b'emotion_node' in answer.read()
    finally:
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=1)
