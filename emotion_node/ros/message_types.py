"""The classes of message types, found by name."""

from __future__ import annotations

import importlib
from typing import Any

from emotion_node.messages.audio import AUDIO_TYPES, MessageError


def message_class(type_name: str) -> Any:
    """Return the class of a message type such as "std_msgs/msg/Bool".

    Raises:
        MessageError: the name is no message type, or its package is not installed.
    """
    try:
        package, kind, name = type_name.split('/')
    except ValueError:
        package, kind, name = '', '', ''
    if kind != 'msg' or not package or not name:
        raise MessageError(
            f'{type_name!r} is not a message type; expected a name like "{AUDIO_TYPES[0]}"'
        )
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise MessageError(
            f'message type {type_name} is not installed here; install ros-$ROS_DISTRO-'
            f'{package.replace("_", "-")} or build its package in this workspace, and source it'
        ) from error
