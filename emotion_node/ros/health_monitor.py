"""Checks the inputs while the node runs, and publishes diagnostics."""

from __future__ import annotations

import time
from typing import Final

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from emotion_node.datatypes import VisionHealth
from emotion_node.ros.diagnostics import Diagnostics
from emotion_node.ros.node_state import NodeState
from emotion_node.ros.node_status import (
    add_vision,
    analysis_status,
    hearing_status,
    input_status,
    other_topics,
    state_status,
)
from emotion_node.ros.periods import (
    CONNECTED_GRAPH_PERIOD_S,
    FIRST_REMINDER_S,
    GRAPH_PERIOD_S,
    LAST_REMINDER_S,
)

_CHECKS_WHEN_CONNECTED: Final = round(CONNECTED_GRAPH_PERIOD_S / GRAPH_PERIOD_S)

_WITHOUT: Final = {'image': ' If there is no camera, set image.transport to "off"'}
"""What to do where the robot lacks an input, by its name."""


class HealthMonitor:
    """Checks the inputs and publishes diagnostics, by the steady clock.

    Args:
        node: node that runs.
        state: its state.
        period_s: time between two messages on /diagnostics.
    """

    def __init__(self, node: Node, state: NodeState, period_s: float) -> None:
        self._node = node
        self._state = state
        self._diagnostics = Diagnostics(node)
        self._lost: set[str] = set()
        self._missing: dict[str, tuple[float, float]] = {}
        self._checks = 0
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(period_s, self.publish_diagnostics, clock=steady)
        node.create_timer(GRAPH_PERIOD_S, self.check_inputs, clock=steady)

    def check_inputs(self) -> None:
        """Look up who publishes the inputs, and warn about those that were lost."""
        node, state = self._node, self._state
        if state.engine is None:
            self._lost.clear()
            self._missing.clear()
            return
        self._checks += 1
        for one in state.inputs.values():
            if not one.health.type_name or self._checks % _CHECKS_WHEN_CONNECTED == 1:
                one.refresh()
        self._report_missing_publishers()
        self._report_lost_inputs()
        topic = node.resolve_topic_name('robot_speaking')
        if state.robot_speaking and not node.count_publishers(topic):
            node.get_logger().warning(f'{topic} has lost its publisher: listening again')
            state.set_robot_speaking(False)

    def _report_missing_publishers(self) -> None:
        now = time.monotonic()
        for name, one in self._state.inputs.items():
            if one.health.publishers:
                self._missing.pop(name, None)
                continue
            report_at, period_s = self._missing.setdefault(
                name, (now + FIRST_REMINDER_S, FIRST_REMINDER_S)
            )
            if now < report_at:
                continue
            next_s = min(2 * period_s, LAST_REMINDER_S)
            self._missing[name] = (now + next_s, next_s)
            hint = other_topics(self._node, name, one.health) or (
                '; does the driver run, in this ROS_DOMAIN_ID and under this topic name?'
                + _WITHOUT.get(name, '')
            )
            self._node.get_logger().warning(f'nobody publishes on {one.health.topic}{hint}')

    def _report_lost_inputs(self) -> None:
        logger, now = self._node.get_logger(), time.monotonic()
        for name, one in self._state.inputs.items():
            health = one.health
            if health.messages and health.age_s(now) > health.timeout_s:
                if name in self._lost:
                    continue
                self._lost.add(name)
                logger.warning(f'no {name} on {health.topic} for {health.timeout_s:g} s')
                if name == 'audio' and self._state.engine is not None:
                    self._state.engine.flush()
            elif name in self._lost:
                self._lost.remove(name)
                logger.info(f'{name} on {health.topic} is back')

    def publish_diagnostics(self) -> None:
        """Publish the status of every part."""
        state, now = self._state, time.monotonic()
        statuses = [state_status(state)]
        for name, one in state.inputs.items():
            health = one.health
            hint = '' if health.publishers else other_topics(self._node, name, health)
            status = input_status(name, health, now, hint)
            if name == 'image' and state.engine is not None:
                vision = state.engine.analysis.vision
                add_vision(status, VisionHealth() if vision is None else vision.health)
            statuses.append(status)
        if state.engine is not None:
            statuses.append(hearing_status(state.engine, state.audio_dropped_at, now))
            statuses.append(analysis_status(state.engine, state.faults.all(), now))
        self._diagnostics.publish(statuses)
