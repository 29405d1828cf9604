"""The messages of REP-155, for these tests alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.hri_messages import HRI_MSGS
from support.message_packages import importable


@pytest.fixture(scope='module')
def hri_msgs(request: pytest.FixtureRequest) -> Iterator[None]:
    cache = request.config.cache
    assert cache is not None
    with importable(HRI_MSGS, cache.mkdir('message_packages')):
        yield
