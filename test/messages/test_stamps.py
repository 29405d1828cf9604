"""Stamps of messages: seconds and nanoseconds in a message, whole nanoseconds in the package."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from emotion_node.messages.stamps import ns_to_stamp, stamp_or_receipt_ns, stamp_to_ns


@pytest.mark.parametrize(
    ('ns', 'fields'),
    [
        (0, (0, 0)),
        (1, (0, 1)),
        (1_764_000_000_123_456_789, (1_764_000_000, 123_456_789)),
        (-1, (-1, 999_999_999)),
    ],
)
def test_nanoseconds_become_fields_and_come_back(ns: int, fields: tuple[int, int]) -> None:
    assert ns_to_stamp(ns) == fields
    sec, nanosec = fields
    assert stamp_to_ns(SimpleNamespace(sec=sec, nanosec=nanosec)) == ns


def test_the_time_of_receipt_replaces_a_stamp_that_is_not_set() -> None:
    header = SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=0))
    assert stamp_or_receipt_ns(header, 7) == 7
    header.stamp.nanosec = 5
    assert stamp_or_receipt_ns(header, 7) == 5
