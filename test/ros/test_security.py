"""Where security is demanded and cannot be had, the programs say so in one line and end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from support.robot import active_node

from emotion_node.messages.reports import OUTPUT_TOPICS

ROOT = Path(__file__).parents[2]
POLICY = ROOT / 'config' / 'emotion_node.policy.xml'
NODE = ('-c', 'import sys; from emotion_node.ros.node import main; sys.exit(main())')
VIEW = ('-m', 'emotion_node', 'view', '--timeout', '1')
ENCLAVE_FILES = (
    'identity_ca.cert.pem', 'cert.pem', 'key.pem', 'permissions_ca.cert.pem', 'governance.p7s',
    'permissions.p7s',
)  # fmt: skip


def run(*arguments: str, **environment: str) -> tuple[int, list[str]]:
    """Run a program; return its exit status and the lines of the product's own output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('ROS_SEC')}
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**kept, 'ROS_SECURITY_ENABLE': 'true', **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode, [line for line in lines if not re.match(r'\[INFO\] .*\[rcl\]', line)]


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    (tmp_path / 'enclaves').mkdir()
    for name in ENCLAVE_FILES:
        (tmp_path / 'enclaves' / name).write_text('')
    return tmp_path


@pytest.mark.parametrize('program', [NODE, VIEW], ids=['node', 'view'])
@pytest.mark.parametrize('strategy', ['Enforce', ''])
def test_without_a_keystore_nothing_starts_unprotected(
    program: tuple[str, ...], strategy: str
) -> None:
    status, lines = run(*program, ROS_SECURITY_STRATEGY=strategy)
    assert status == 1
    (line,) = lines
    assert 'ROS_SECURITY_KEYSTORE is not set: nothing would be protected' in line
    assert 'SECURITY.md' in line


@pytest.mark.parametrize('program', [NODE, VIEW], ids=['node', 'view'])
@pytest.mark.parametrize('strategy', ['Enforce', 'Permissive'])
def test_a_middleware_that_refuses_is_explained(
    program: tuple[str, ...], strategy: str, keystore: Path
) -> None:
    status, lines = run(
        *program, ROS_SECURITY_STRATEGY=strategy, ROS_SECURITY_KEYSTORE=str(keystore)
    )
    assert status == 1
    (line,) = lines
    assert 'ROS_SECURITY_ENABLE is true, and the node cannot start' in line
    assert 'SECURITY.md' in line


def test_an_enclave_that_is_missing_is_explained(tmp_path: Path) -> None:
    status, lines = run(
        *NODE, ROS_SECURITY_STRATEGY='Enforce', ROS_SECURITY_KEYSTORE=str(tmp_path)
    )
    assert status == 1
    assert 'ROS_SECURITY_ENABLE is true, and the node cannot start' in lines[-1]
    assert not any('Traceback' in line for line in lines)


def rules(kind: str, access: str) -> set[str]:
    """Return what the policy lets the node do, e.g. publish topics."""
    (profile,) = ET.parse(POLICY).getroot().iter('profile')
    assert profile.attrib == {'ns': '/', 'node': 'emotion_node'}
    return {
        (one.text or '').strip()
        for group in profile.iter(f'{kind}s')
        if group.attrib.get(access) == 'ALLOW'
        for one in group.iter(kind)
    }


def test_the_policy_allows_what_the_node_does_and_no_more() -> None:
    # Audio and images are subscribed once they are published, the clock when it is simulated.
    late = {'/audio', '/audio_info', '/image', '/image/compressed', '/clock', '/parameter_events'}
    subscriptions = {named(rule) for rule in rules('topic', 'subscribe')}
    assert late <= subscriptions
    allowed = {
        'publisher': {named(rule) for rule in rules('topic', 'publish')},
        'subscriber': subscriptions - late,
        'service': {named(rule) for rule in rules('service', 'reply')},
    }
    assert {f'/{topic}' for topic in OUTPUT_TOPICS} <= allowed['publisher']
    assert rules('service', 'request') == set()
    with active_node({'transcriber.backend': 'off', 'text.backend': 'off'}) as (_, node):
        # rcl itself makes the first two.
        used = {
            'publisher': {'/rosout', '/emotion_node/transition_event'}
            | {one.topic_name for one in node.publishers},
            'subscriber': {one.topic_name for one in node.subscriptions} - late,
            'service': {one.service_name for one in node.services},
        }
    assert used == allowed


def named(rule: str) -> str:
    """Return the full name of what a rule names."""
    name = rule.replace('~', '/emotion_node')
    return name if name.startswith('/') else f'/{name}'
