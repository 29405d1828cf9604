"""What the node does about its own health while it runs: looking, warning, telling."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rclpy.clock import Clock
from rclpy.clock_type import ClockType

from emotion_node.ros.diagnostics import (
    Diagnostics,
    Status,
    analysis_status,
    audio_like_topics,
    hearing_status,
    image_like_topics,
    input_status,
    state_status,
)
from emotion_node.ros.periods import CONNECTED_GRAPH_PERIOD_S, GRAPH_PERIOD_S

if TYPE_CHECKING:
    from emotion_node.ros.node import EmotionNode

_LOOKS_WHEN_CONNECTED = round(CONNECTED_GRAPH_PERIOD_S / GRAPH_PERIOD_S)


class Watch:
    """Looks after the inputs and publishes diagnostics, by the steady clock.

    Args:
        node: whose.
        period_s: time between two messages on /diagnostics.
    """

    def __init__(self, node: EmotionNode, period_s: float) -> None:
        self._node = node
        self._diagnostics = Diagnostics(node)
        self._dead: set[str] = set()
        self._looks = 0
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(period_s, self.diagnose, clock=steady)
        node.create_timer(GRAPH_PERIOD_S, self.look, clock=steady)

    def look(self) -> None:
        """See who publishes the inputs, and whether anything still comes."""
        node = self._node
        if node.engine is None:
            self._dead.clear()
            return
        self._looks += 1
        for source in node.inputs.values():
            if not source.health.type_name or self._looks % _LOOKS_WHEN_CONNECTED == 1:
                source.look()
        self._notice_the_dead()
        topic = node.resolve_topic_name('robot_speaking')
        if node.robot_speaking and not node.count_publishers(topic):
            node.get_logger().warning(f'{topic} has lost its publisher: hearing again')
            node.set_robot_speaking(False)

    def _notice_the_dead(self) -> None:
        node, now = self._node, time.monotonic()
        for name, source in node.inputs.items():
            health = source.health
            if health.messages and health.age(now) > health.timeout_s:
                if name in self._dead:
                    continue
                self._dead.add(name)
                node.get_logger().warning(
                    f'no {name} on {health.topic} for {health.timeout_s:g} s'
                )
                if name == 'audio' and node.engine is not None:
                    node.engine.flush()
            elif name in self._dead:
                self._dead.remove(name)
                node.get_logger().info(f'{name} on {health.topic} is back')

    def diagnose(self) -> None:
        """Publish what is known."""
        node, now = self._node, time.monotonic()
        engine = node.engine
        state = 'unconfigured' if node.models is None else 'inactive'
        models = {} if node.models is None else node.models.describe()
        statuses: list[Status] = [
            state_status(
                state if engine is None else 'active', node.enabled, node.robot_speaking, models
            )
        ]
        for name, source in node.inputs.items():
            topic, wanted = source.health.topic, source.health.wanted[0]
            hint = (
                ''
                if source.health.publishers
                else (
                    audio_like_topics(node, topic)
                    if name == 'audio'
                    else image_like_topics(node, topic, wanted)
                )
            )
            statuses.append(input_status(name, source.health, now, hint))
        if engine is not None:
            statuses.append(hearing_status(engine, node.audio_given_up_at, now))
            statuses.append(analysis_status(engine, node.faults.all(), now))
        self._diagnostics.publish(statuses)
