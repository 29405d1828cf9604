"""The environment of the tests: a DDS domain of their own, limited to this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings

from emotion_node.model_store.catalogue import FACES, WHISPER, cache_dir, fetch_command

SOURCE_ENV = (
    'emotion_msgs is not on the path. Run the tests with `make test`, or do `. ./env.sh` before '
    'pytest (in a ROS workspace: `. install/setup.bash`).'
)

ROS_FOUND = importlib.util.find_spec('rclpy') is not None
NEED_ROS = [
    'emotion_lab',
    'test/cli/test_demo.py',
    'test/messages/test_emotion.py',
    'test/ros',
    'test/test_network.py',
    'test/test_setup.py',
    'test/test_walls.py',
]
"""Tests of what needs ROS, or is done in the environment with ROS only."""

# A shell starts background jobs with SIGINT ignored, and the processes that tests start would
# inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Isolates the tests from nodes of other tests, runs and robots. This must be in the environment
# before anything initialises rclpy; processes that tests start inherit it.
_resources = contextlib.ExitStack()
if ROS_FOUND:
    from domain_coordinator import domain_id

    _candidates = itertools.count(os.getpid())
    os.environ['ROS_DOMAIN_ID'] = str(
        _resources.enter_context(domain_id(lambda: next(_candidates) % 100 + 1))
    )
else:
    collect_ignore = NEED_ROS
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
for variable in ('ROS_LOCALHOST_ONLY', 'ROS_STATIC_PEERS', 'ROS_DISCOVERY_SERVER'):
    os.environ.pop(variable, None)
os.environ['ROS_LOG_DIR'] = _resources.enter_context(
    tempfile.TemporaryDirectory(prefix='emotion_node-log-')
)
# Models that the user has fetched do not affect the tests, except the one that finds faces and
# those that tests request.
# A worker of pytest-xdist gets the environment of the run that started it.
_FETCHED = Path(os.environ.setdefault('EMOTION_TESTS_FETCHED', str(cache_dir())))
os.environ['EMOTION_MODELS_CACHE'] = _resources.enter_context(
    tempfile.TemporaryDirectory(prefix='emotion_node-models-')
)
if (_FETCHED / FACES).is_dir():
    (cache_dir() / FACES).symlink_to(_FETCHED / FACES)

settings.register_profile('repeatable', derandomize=True, deadline=None, print_blob=True)
settings.load_profile('repeatable')


def messages_found() -> bool:
    """Return whether the built emotion_msgs can be imported, not just its sources' folder."""
    spec = importlib.util.find_spec('emotion_msgs')
    return spec is not None and spec.origin is not None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--update-golden', action='store_true', help='store the present results as the golden ones'
    )


def pytest_report_header() -> str:
    if not ROS_FOUND:
        return 'ROS: there is no rclpy, so only the tests that need none run'
    return f'ROS: domain {os.environ["ROS_DOMAIN_ID"]}, this machine only' + (
        '' if messages_found() else f'\n{SOURCE_ENV}'
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.failed and 'emotion_msgs' in str(report.longrepr) and not messages_found():
        report.longrepr = SOURCE_ENV
    return report


def pytest_unconfigure() -> None:
    _resources.close()


@pytest.fixture(scope='session')
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make tiny Whisper models with random weights, each once."""
    from support import whisper_tiny

    folder = tmp_path_factory.mktemp('whisper')
    kinds: dict[str, dict[str, object]] = {
        'babble': {},
        'thanks': {'words': ['Thank', 'you']},
        'mumbled-thanks': {'words': ['Thank', 'you'], 'certainty': 1.4},
        'loop': {'words': ['over', 'and'] * 25},
        'nobody': {'certainty': 0.1, 'no_speech': 3000.0},
        'english': {'english_only': True},
    }

    def model(kind: str) -> Path:
        if not (folder / kind).exists():
            whisper_tiny.build(folder / kind, **kinds[kind])  # type: ignore[arg-type]
        return folder / kind

    return model


@pytest.fixture(scope='session')
def whisper_base() -> Path:
    """The folder of a fetched Whisper base, with its trained weights; `make test` fetches it."""
    folder = _FETCHED / WHISPER
    if not folder.is_dir():
        without = pytest.fail if os.environ.get('CI') else pytest.skip
        without(f'no {folder}: {fetch_command(WHISPER)}')
    return folder


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, and no way to the hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'hub'))
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'hub'
