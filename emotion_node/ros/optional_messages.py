"""Message packages that the node uses where they are installed."""

from __future__ import annotations

import importlib.util

from emotion_node.config import Config, ConfigError
from emotion_node.messages.foxglove_types import PACKAGE as FOXGLOVE_MSGS


def check_optional_messages(config: Config) -> None:
    """Raise ConfigError where messages are asked for that are not installed."""
    wants_humans(config)
    wants_annotations(config)


def wants_humans(config: Config) -> bool:
    """Return whether the node takes part in REP-155.

    Raises:
        ConfigError: it is asked to, and `hri_msgs` is not installed.
    """
    return _wants('hri.publish', config.hri.publish, 'hri_msgs')


def wants_annotations(config: Config) -> bool:
    """Return whether the node publishes annotations of images for Foxglove.

    Raises:
        ConfigError: it is asked to, and `foxglove_msgs` is not installed.
    """
    return _wants('foxglove.publish', config.foxglove.publish, FOXGLOVE_MSGS)


def _wants(parameter: str, choice: str, package: str) -> bool:
    installed = importlib.util.find_spec(package) is not None
    if choice == 'on' and not installed:
        raise ConfigError(
            f'{parameter} is "on", but {package} is not installed here: install '
            f'ros-$ROS_DISTRO-{package.replace("_", "-")}, or set {parameter} to "auto" or "off"'
        )
    return choice != 'off' and installed
