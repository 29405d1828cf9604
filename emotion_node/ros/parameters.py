"""Declares ROS parameters from their descriptions in the configuration, and takes new values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node

from emotion_node.config import (
    PARAMETERS,
    Change,
    Config,
    ConfigError,
    ParameterInfo,
    Value,
    make_config,
    unknown_parameter,
)

_ROS_PARAMETERS = ('use_sim_time', 'start_type_description_service', 'qos_overrides.')
_MAX_INTEGER = 2**63 - 1


def declare(node: Node, parameters: Mapping[str, ParameterInfo]) -> dict[str, Value]:
    """Declare parameters and return their values by name.

    The node must have been made with `automatically_declare_parameters_from_overrides`. Then a
    value of the wrong type or out of range gets this package's own message, a misspelt name is an
    error, and unquoted YAML is converted as intended: `1` to a float, `off` to a choice, `0` to
    the name of a device.

    Raises:
        ConfigError: names that do not exist and values that are not allowed; all, one per line.
    """
    values: dict[str, Value] = {}
    errors = [
        unknown_parameter(name, parameters)
        for name in node.get_parameters_by_prefix('')
        if name not in parameters and not name.startswith(_ROS_PARAMETERS)
    ]
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


class Parameters:
    """The parameters of the node, and when new values take effect (`config.Change`).

    Args:
        node: node that they are declared on.
        is_active: returns whether the node is active.
        apply: called with the new configuration when one that takes effect at once has changed.

    Raises:
        ConfigError: values that are not allowed.
    """

    def __init__(
        self, node: Node, is_active: Callable[[], bool], apply: Callable[[Config], None]
    ) -> None:
        self._node = node
        self._is_active = is_active
        self._apply = apply
        self._values = declare(node, PARAMETERS)
        self._in_use = dict(self._values)
        make_config(self._values)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._take)

    def configure(self) -> Config:
        """Take all values into use, and return the configuration that they make."""
        self._in_use = dict(self._values)
        return make_config(self._in_use)

    def _check(self, parameters: Sequence[Any]) -> SetParametersResult:
        new = self._own(parameters)
        try:
            self._refuse_while_active(new)
            make_config({**self._values, **new})
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _refuse_while_active(self, new: Mapping[str, object]) -> None:
        late = [name for name in new if PARAMETERS[name].change is not Change.RUNNING]
        late = [name for name in late if new[name] != self._values[name]]
        if not late or not self._is_active():
            return
        name = self._node.get_fully_qualified_name()
        raise ConfigError(
            f'{", ".join(late)}: cannot be changed while the node is active; do "ros2 lifecycle '
            f'set {name} deactivate" and "... cleanup", set it, then "... configure" and "... '
            'activate"'
        )

    def _take(self, parameters: Sequence[Any]) -> None:
        new = self._own(parameters)
        self._values.update({name: PARAMETERS[name].check(value) for name, value in new.items()})
        at_once = {
            name: self._values[name] for name in new if PARAMETERS[name].change is Change.RUNNING
        }
        if at_once:
            self._in_use.update(at_once)
            self._apply(make_config(self._in_use))

    @staticmethod
    def _own(parameters: Sequence[Any]) -> dict[str, object]:
        return {
            one.name: _as_intended(PARAMETERS[one.name], one.value)
            for one in parameters
            if one.name in PARAMETERS
        }


def _as_intended(info: ParameterInfo, value: object) -> object:
    if isinstance(info.default, str):
        if value is False and 'off' in info.choices:
            return 'off'
        if type(value) is int:
            return str(value)
    return value


def descriptor(info: ParameterInfo) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows of a parameter."""
    unit = f' Unit: {info.unit}.' if info.unit else ''
    result = ParameterDescriptor(
        name=info.name,
        description=f'{info.description}{unit} Takes effect {info.change}.',
        read_only=info.change is Change.START,
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
