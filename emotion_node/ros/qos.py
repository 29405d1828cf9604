"""The quality of service of input topics: what their publishers offer, and what users override."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.topic_endpoint_info import TopicEndpointInfo

from emotion_node.config import ConfigError

_PREFIX: Final = 'qos_overrides.'
_POLICIES: Final = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY)
_CHOICES: Final = {
    kind: tuple(one.name.lower() for one in policy if one.name != 'UNKNOWN')
    for kind, policy in (
        (QoSPolicyKind.HISTORY, HistoryPolicy),
        (QoSPolicyKind.RELIABILITY, ReliabilityPolicy),
    )
}


def matching_qos(
    minimum: QoSProfile, publishers: Sequence[TopicEndpointInfo], latched: bool = False
) -> QoSProfile:
    """Return a copy of `minimum`, raised to reliable where every publisher offers that.

    Args:
        minimum: what is requested in any case.
        publishers: publishers of the topic.
        latched: whether to request earlier messages too (transient local), where every publisher
            offers that.
    """
    offered = [one.qos_profile for one in publishers]
    reliable = offered and all(one.reliability == ReliabilityPolicy.RELIABLE for one in offered)
    kept = (
        latched
        and reliable
        and all(one.durability == DurabilityPolicy.TRANSIENT_LOCAL for one in offered)
    )
    return QoSProfile(
        depth=minimum.depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else minimum.reliability,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if kept else minimum.durability,
    )


def takes_any(requested: QoSProfile | int) -> bool:
    """Return whether every publisher offers as much as is requested.

    Args:
        requested: quality of service of a subscription, or its depth, as in rclpy.
    """
    return (
        isinstance(requested, QoSProfile)
        and requested.reliability == ReliabilityPolicy.BEST_EFFORT
        and requested.durability == DurabilityPolicy.VOLATILE
    )


def override_options(node: Node, topic: str) -> QoSOverridingOptions:
    """Return what makes rclpy apply the `qos_overrides` that the user has set for a subscription.

    rclpy would declare the policies that the user has not set, read-only and with the values of
    the first subscription. A later one could then not follow its publishers.

    Args:
        node: node that subscribes.
        topic: fully qualified.
    """
    return QoSOverridingOptions(
        [kind for kind in _POLICIES if node.has_parameter(_parameter(topic, kind))]
    )


def check_overrides(node: Node, topics: Collection[str]) -> list[str]:
    """Check the `qos_overrides` of subscriptions.

    Args:
        node: node that subscribes.
        topics: topics that it will subscribe to with overrides, fully qualified.

    Returns:
        The names of overrides that have no effect.

    Raises:
        ConfigError: an override has an invalid value.
    """
    used = {_parameter(topic, kind): kind for topic in topics for kind in _POLICIES}
    unused = []
    for end in node.get_parameters_by_prefix(_PREFIX.rstrip('.')):
        name = _PREFIX + end
        if name not in used:
            unused.append(name)
            continue
        choices = _CHOICES.get(used[name])
        value = node.get_parameter(name).value
        if choices is None and (type(value) is not int or value < 1):
            raise ConfigError(f'{name}: expected a number of messages, got {value!r}')
        if choices is not None and value not in choices:
            raise ConfigError(f'{name}: expected one of {", ".join(choices)}, got {value!r}')
    return unused


def _parameter(topic: str, kind: QoSPolicyKind) -> str:
    return f'{_PREFIX}{topic}.subscription.{kind.name.lower()}'
