"""The environment the tests run in: a DDS domain of their own, on this machine alone."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import tempfile
from collections.abc import Generator

import pytest
from domain_coordinator import domain_id
from hypothesis import settings

SOURCE_ENV = (
    'emotion_msgs is not on the path. Run the tests with `make test`, or do `. ./env.sh` before '
    'pytest (in a ROS workspace: `. install/setup.bash`).'
)

# Nodes of other tests, runs and robots are neither heard nor disturbed. This has to stand in the
# environment before anything initialises rclpy, and reaches the processes that tests start.
_resources = contextlib.ExitStack()
_candidates = itertools.count(os.getpid())
os.environ['ROS_DOMAIN_ID'] = str(
    _resources.enter_context(domain_id(lambda: next(_candidates) % 100 + 1))
)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
for variable in ('ROS_LOCALHOST_ONLY', 'ROS_STATIC_PEERS', 'ROS_DISCOVERY_SERVER'):
    os.environ.pop(variable, None)
os.environ['ROS_LOG_DIR'] = _resources.enter_context(
    tempfile.TemporaryDirectory(prefix='emotion_node-log-')
)

settings.register_profile('repeatable', derandomize=True, deadline=None, print_blob=True)
settings.load_profile('repeatable')


def messages_found() -> bool:
    """Return whether the built emotion_msgs can be imported, not just its sources' folder."""
    spec = importlib.util.find_spec('emotion_msgs')
    return spec is not None and spec.origin is not None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--update-golden', action='store_true', help='keep the present results as the golden ones'
    )


def pytest_report_header() -> str:
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
