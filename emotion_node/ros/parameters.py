"""Declares ROS parameters from their descriptions in the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from emotion_node.config import PARAMETERS, Config, ConfigError, ParameterInfo, Value, make_config

_ROS_PARAMETERS = ('use_sim_time', 'start_type_description_service', 'qos_overrides.')
_MAX_INTEGER = 2**63 - 1


def declare(node: Node, parameters: Mapping[str, ParameterInfo]) -> dict[str, Value]:
    """Declare parameters, read-only, and return their values by name.

    The node must have been made with `automatically_declare_parameters_from_overrides`. Then a
    value of the wrong type or out of range gets this package's own message, a misspelt name is
    noticed, and unquoted YAML is converted as intended: `1` to a float, `off` to a choice, `0` to
    the name of a device.

    Raises:
        ConfigError: values that are not allowed; all of them, one per line.
    """
    values: dict[str, Value] = {}
    errors: list[str] = []
    for name in list(node.get_parameters_by_prefix('')):
        if name not in parameters and not name.startswith(_ROS_PARAMETERS):
            close = difflib.get_close_matches(name, parameters, n=1)
            hint = f'; did you mean {close[0]!r}?' if close else ''
            node.get_logger().warning(f'there is no parameter {name!r}; it is ignored{hint}')
    for name, info in parameters.items():
        value: object = info.default
        if node.has_parameter(name):
            value = node.get_parameter(name).value
            node.undeclare_parameter(name)
        try:
            values[name] = info.check(_as_intended(info, value))
        except ConfigError as error:
            errors.append(str(error))
            continue
        node.declare_parameter(name, values[name], descriptor(info), ignore_override=True)
    if errors:
        raise ConfigError('\n'.join(errors))
    return values


def declare_config(node: Node) -> Config:
    """Declare the parameters of `config.PARAMETERS` and return the configuration they make.

    Raises:
        ConfigError: values that are not allowed.
    """
    return make_config(declare(node, PARAMETERS))


def _as_intended(info: ParameterInfo, value: object) -> object:
    if isinstance(info.default, str):
        if value is False and 'off' in info.choices:
            return 'off'
        if type(value) is int:
            return str(value)
    return value


def descriptor(info: ParameterInfo) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows of a parameter."""
    result = ParameterDescriptor(
        name=info.name,
        description=info.description + (f' Unit: {info.unit}.' if info.unit else ''),
        read_only=True,
    )
    if info.choices:
        result.additional_constraints = f'One of: {", ".join(info.choices)}'
    if info.low is None and info.high is None:
        return result
    low = float('-inf') if info.low is None else info.low
    high = float('inf') if info.high is None else info.high
    if isinstance(info.default, float):
        result.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    else:
        result.integer_range = [
            IntegerRange(
                from_value=-_MAX_INTEGER if info.low is None else int(low),
                to_value=_MAX_INTEGER if info.high is None else int(high),
            )
        ]
    return result
