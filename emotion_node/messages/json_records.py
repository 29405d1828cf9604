"""Messages as JSON: the form in which `annotate` writes emotions and `view --json` prints them.

A record has the fields of its message under their own names. Times, `{sec, nanosec}` in the
message, are whole nanoseconds. Floating-point numbers are rounded to six decimals, about the
precision of a float32. Everything else is unchanged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from emotion_node.messages.stamps import stamp_to_ns

Record = dict[str, Any]

_TIME_FIELDS = {'sec', 'nanosec'}


def as_record(message: Any) -> Any:
    """Return a message in values that JSON can hold: a `Record`, without its constants.

    Args:
        message: of rclpy or of rosbags, a dictionary made by `reports.plain`, or a record, which
            is returned unchanged.
    """
    fields = _fields(message)
    if fields is not None:
        if set(fields) == _TIME_FIELDS:
            return stamp_to_ns(SimpleNamespace(**fields))
        return {name: as_record(value) for name, value in fields.items()}
    if hasattr(message, 'item') and message.ndim == 0:  # a scalar of NumPy
        message = message.item()
    if isinstance(message, float):
        return round(message, 6)
    if isinstance(message, str | bool | int):
        return message
    return [as_record(value) for value in message]


def _fields(message: Any) -> Mapping[str, Any] | None:
    if isinstance(message, Mapping):
        return message
    if hasattr(message, 'get_fields_and_field_types'):  # rclpy
        return {name: getattr(message, name) for name in message.get_fields_and_field_types()}
    if hasattr(message, '__msgtype__'):  # rosbags, where constants are fields with a default
        fields = [one for one in dataclasses.fields(message) if one.default is dataclasses.MISSING]
        names = [one.name for one in fields]
        return {name: getattr(message, name) for name in names}
    return None
