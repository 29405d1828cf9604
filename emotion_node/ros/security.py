"""ROS 2 security (SROS 2): what is wrong with its set-up, in one line instead of a traceback."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import rclpy
from rclpy.impl.implementation_singleton import rclpy_implementation

from emotion_node.errors import UserError, first_line

RCLError = rclpy_implementation.RCLError

_ENABLE: Final = 'ROS_SECURITY_ENABLE'
_KEYSTORE: Final = 'ROS_SECURITY_KEYSTORE'
_STRATEGY: Final = 'ROS_SECURITY_STRATEGY'
_REMEDY: Final = 'SECURITY.md shows how to set security up'
_BUILT_WITHOUT: Final = 'security libraries'


class SecurityError(UserError):
    """Security is demanded and cannot be had."""


@contextmanager
def security_explained() -> Iterator[None]:
    """Say why ROS 2 cannot be initialised, or a node made, while security is enabled.

    Raises:
        SecurityError: there is no keystore, so that nothing would be protected; or the middleware
            refuses.
    """
    if os.environ.get(_ENABLE) != 'true':  # as rcl reads it
        yield
        return
    _check_keystore()
    running = rclpy.ok()
    try:
        with warnings.catch_warnings():
            # A node that cannot be made leaves a warning about its log topic.
            warnings.simplefilter('ignore', RuntimeWarning)
            yield
    except RCLError as error:
        if running and not rclpy.ok():
            raise  # interrupted
        why = first_line(error)
        if _BUILT_WITHOUT in str(error):
            why = (
                'the Fast DDS of this ROS 2 is built without security (that of the wheels from '
                "PyPI is; Ubuntu's packages have it)"
            )
        raise SecurityError(
            f'{_ENABLE} is true, and the node cannot start: {why}; {_REMEDY}'
        ) from (error)


def _check_keystore() -> None:
    keystore = os.environ.get(_KEYSTORE, '')
    if os.environ.get(_STRATEGY) == 'Permissive' or (keystore and Path(keystore).is_dir()):
        return
    found = f'is no folder ({keystore})' if keystore else 'is not set'
    raise SecurityError(
        f'{_ENABLE} is true, but {_KEYSTORE} {found}: nothing would be protected; {_REMEDY}, and '
        f'{_STRATEGY}=Permissive starts the node without'
    )
