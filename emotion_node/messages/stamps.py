"""Stamps of messages as whole nanoseconds, and back."""

from __future__ import annotations

from typing import Any

from emotion_node.datatypes import NS_PER_S


def stamp_to_ns(stamp: Any) -> int:
    """Return a `builtin_interfaces/Time` in nanoseconds.

    Args:
        stamp: of rclpy, rosbags or any other record with the fields `sec` and `nanosec`.
    """
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def stamp_or_receipt_ns(header: Any, receipt_ns: int) -> int:
    """Return the stamp of a `std_msgs/Header`, or `receipt_ns` where it is zero: not set."""
    return stamp_to_ns(header.stamp) or receipt_ns


def ns_to_stamp(ns: int) -> tuple[int, int]:
    """Return the fields `sec` and `nanosec` of a `builtin_interfaces/Time`.

    A time before 1970 has a negative `sec`; `nanosec` is always 0 to 999,999,999.
    """
    return divmod(ns, NS_PER_S)
