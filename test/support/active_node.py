"""A robot with an active emotion node, and helpers to play audio to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from emotion_msgs.msg import AudioChunk, Emotion, FaceArray, SpeechActivity, Transcript
from emotion_node.config import Value
from emotion_node.ros.node import EmotionNode
from support.robot import (
    NS_PER_S,
    Robot,
    Samples,
    active_node,
    audio_message,
    chunks,
)

WORDS = 'the job'
"""The last words of the sentence that the tests play."""

CHUNK = 2048
DAY_NS = 86_400 * NS_PER_S


class Bench:
    """A robot with an active emotion node."""

    def __init__(self, robot: Robot, node: EmotionNode) -> None:
        self.robot = robot
        self.node = node
        self.day = 0
        for kind, topic in (
            (Emotion, 'emotion'),
            (Emotion, 'emotion/interim'),
            (Transcript, 'transcript'),
            (SpeechActivity, 'speech_activity'),
            (FaceArray, 'faces'),
        ):
            robot.listen(kind, topic)
            robot.until(lambda: node.count_subscribers(topic), f'the robot listens to {topic}')  # noqa: B023

    def new_day(self) -> int:
        """Return a stamp that lies after all earlier ones."""
        self.day += 1
        return 1_700_000_000 * NS_PER_S + self.day * DAY_NS

    def play(self, samples: Samples, start_ns: int, size: int = CHUNK) -> None:
        """Publish audio as fast as the node processes it."""
        publisher = self.robot.publisher(AudioChunk, 'audio')
        for stamp_ns, chunk in chunks(samples, size, start_ns):
            received = self.received
            publisher.publish(audio_message(chunk, stamp_ns))
            self.robot.until(
                lambda: self.received > received and self.waiting < 0.5,  # noqa: B023
                'the audio is processed',
            )

    @property
    def received(self) -> int:
        assert self.node.state.audio is not None
        return self.node.state.audio.health.messages

    @property
    def waiting(self) -> float:
        engine = self.node.state.engine
        assert engine is not None
        return engine.audio_queue.waiting + engine.speech_queue.waiting

    def next(self, topic: str, since: int) -> Any:
        """Return the first message of a topic beyond the first `since`."""
        inbox = self.robot.inbox[topic]
        self.robot.until(lambda: len(inbox) > since, f'a message on {topic}')
        return inbox[since]

    def emotion(self, samples: Samples, start_ns: int, size: int = CHUNK) -> Emotion:
        """Publish speech and return the emotion of it."""
        before = len(self.robot.inbox['emotion'])
        self.play(samples, start_ns, size)
        return self.next('emotion', before)

    def fresh_status(self, part: str) -> DiagnosticStatus:
        """Return diagnostics of a part that are newer than this call."""
        since = len(self.robot.inbox['/diagnostics']) + 1
        status: DiagnosticStatus = self.robot.until(
            lambda: self.robot.status(part, since), f'diagnostics of {part}'
        )
        return status

    def status_at(self, part: str, level: bytes) -> DiagnosticStatus:
        """Return diagnostics of a part as soon as they have a level."""

        def found() -> DiagnosticStatus | None:
            status = self.robot.status(part)
            return status if status is not None and status.level == level else None

        status: DiagnosticStatus = self.robot.until(found, f'{part} at level {level!r}')
        return status


@contextmanager
def listening_node(changes: Mapping[str, Value] | None = None) -> Iterator[Bench]:
    """Run one node for all tests of a module, with changes of its parameters."""
    parameters: dict[str, Value] = {
        'transcriber.backend': 'pocketsphinx',
        'audio.timeout': 2.0,
        'diagnostics.period': 0.1,
    }
    with active_node(parameters | dict(changes or {})) as (one, node):
        yield Bench(one, node)
