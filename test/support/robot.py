"""A robot around the node under test: real topics and services over DDS, in one process."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from domain_coordinator import domain_id
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.time import Time
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from emotion_msgs.msg import AudioChunk
from emotion_node.ros.node import EmotionNode

N = TypeVar('N', bound=Node)
Samples = npt.NDArray[np.int16]

DEMO = Path(__file__).parents[2] / 'demo' / 'conversation'
RATE = 16_000
NS_PER_S = 1_000_000_000
TIMEOUT_S = 20.0


class Robot:
    """A node that publishes in place of the sensors, and keeps the messages it receives.

    Attributes:
        inbox: messages by topic, oldest first.
    """

    def __init__(self, context: Context) -> None:
        self.node = Node('robot', context=context)
        self.executors = [SingleThreadedExecutor(context=context)]
        self.executors[0].add_node(self.node)
        self.inbox: defaultdict[str, list[Any]] = defaultdict(list)
        self._publishers: dict[tuple[str, type], Any] = {}
        self._clients: dict[tuple[str, type], Any] = {}

    def listen(self, kind: type, topic: str) -> None:
        """Keep the messages of a topic."""
        self.node.create_subscription(kind, topic, self.inbox[topic].append, QoSProfile(depth=100))

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> Any:
        """Spin all nodes until the condition holds; return its value."""
        deadline = time.monotonic() + timeout_s
        while not (result := condition()):
            assert time.monotonic() < deadline, f'never happened: {what}'
            for executor in self.executors:
                executor.spin_once(timeout_sec=0.01)
        return result

    def publisher(self, kind: type, topic: str) -> Any:
        """Return a publisher that has a subscriber."""
        key = (topic, kind)
        if key not in self._publishers:
            self._publishers[key] = self.node.create_publisher(kind, topic, QoSProfile(depth=100))
        publisher = self._publishers[key]
        self.until(lambda: publisher.get_subscription_count() > 0, f'a subscriber of {topic}')
        return publisher

    def forget(self, topic: str) -> None:
        """Take the publishers of a topic off the graph."""
        for key in [key for key in self._publishers if key[0] == topic]:
            self.node.destroy_publisher(self._publishers.pop(key))

    def call(self, kind: type, service: str, request: Any) -> Any:
        """Call a service and return its response; DDS discovers its client once."""
        key = (service, kind)
        if key not in self._clients:
            self._clients[key] = self.node.create_client(kind, service)
        client = self._clients[key]
        self.until(client.service_is_ready, f'service {service}')
        answers: list[Any] = []
        asked_at = float('-inf')

        def answered() -> bool:
            # DDS may lose the response to a client that the server has not discovered yet.
            nonlocal asked_at
            if time.monotonic() - asked_at > 1.0:
                asked_at = time.monotonic()
                client.call_async(request).add_done_callback(
                    lambda future: answers.append(future.result())
                )
            return bool(answers)

        self.until(answered, f'answer of {service}')
        return answers[0]

    def status(self, part: str, since: int = 0) -> DiagnosticStatus | None:
        """Return the last diagnostics of a part of the node."""
        for array in reversed(self.inbox['/diagnostics'][since:]):
            for status in array.status:
                if status.name.endswith(f': {part}'):
                    return status
        return None

    @contextmanager
    def beside(self, make: Callable[[Context], N]) -> Iterator[N]:
        """Run another node in a context of its own, as if in another process."""
        context = Context()
        rclpy.init(context=context, domain_id=self.node.context.get_domain_id())
        executor = SingleThreadedExecutor(context=context)
        try:
            node = make(context)
            executor.add_node(node)
            self.executors.append(executor)
            try:
                yield node
            finally:
                self.executors.remove(executor)
                node.destroy_node()
        finally:
            executor.shutdown()
            rclpy.shutdown(context=context)

    def close(self) -> None:
        """Leave the graph."""
        self.executors[0].shutdown()
        self.node.destroy_node()


@contextmanager
def robot(domain: int) -> Iterator[Robot]:
    """Yield a robot in a context of its own, listening to /diagnostics."""
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    one = Robot(context)
    one.listen(DiagnosticArray, '/diagnostics')
    try:
        yield one
    finally:
        one.close()
        rclpy.shutdown(context=context)


@functools.cache
def conversation() -> Samples:
    """Return the audio of the demo recording, 16 kHz mono."""
    pieces = []
    with AnyReader([DEMO], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        audio = [one for one in reader.connections if one.topic == '/audio']
        for connection, _, data in reader.messages(audio):
            message: Any = reader.deserialize(data, connection.msgtype)
            pieces.append(np.asarray(message.data, np.int16))
    return np.concatenate(pieces)


def overrides(values: dict[str, Any]) -> list[Parameter]:
    """Return parameters as a launch file passes them."""
    return [Parameter(name, value=value) for name, value in values.items()]


def audio_message(samples: Samples, stamp_ns: int, rate: int = RATE) -> AudioChunk:
    """Return a message of mono audio."""
    message = AudioChunk(sample_rate=rate, channels=1)
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    message.header.frame_id = 'microphone'
    message.data.frombytes(samples.tobytes())
    return message


def chunks(samples: Samples, size: int, start_ns: int) -> Iterator[tuple[int, Samples]]:
    """Yield stamps and chunks of at most `size` samples."""
    for begin in range(0, len(samples), size):
        yield start_ns + begin * NS_PER_S // RATE, samples[begin : begin + size]


def activate(node: Any) -> None:
    """Configure and activate a managed node."""
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS


@contextmanager
def active_node(parameters: dict[str, Any]) -> Iterator[tuple[Robot, EmotionNode]]:
    """Run a robot and an active emotion node in a domain of their own."""
    with (
        domain_id() as domain,
        robot(domain) as one,
        one.beside(
            lambda context: EmotionNode(context=context, parameter_overrides=overrides(parameters))
        ) as node,
    ):
        activate(node)
        yield one, node
