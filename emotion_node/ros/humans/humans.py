"""Everything of REP-155 that the node publishes and takes, while it is active."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Final

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from emotion_node.config import Config
from emotion_node.datatypes import EmotionReport, FacesReport, Report, VideoFrame
from emotion_node.messages.humans import LIVE_SPEECH, HumansEncoder
from emotion_node.ros.engine import Engine
from emotion_node.ros.humans.faces import TRACKED as FACES_TRACKED
from emotion_node.ros.humans.faces import Faces
from emotion_node.ros.humans.matches import Matches
from emotion_node.ros.humans.persons import MIN_CONFIDENCE, Persons
from emotion_node.ros.humans.topics import Topics
from emotion_node.ros.humans.voices import TRACKED as VOICES_TRACKED
from emotion_node.ros.humans.voices import Voices
from emotion_node.ros.humans.words import Words
from emotion_node.ros.message_types import message_class
from emotion_node.ros.outputs import Outputs, make_message

_TICK_S: Final = 0.2


class Humans:
    """The faces, voices and persons below /humans.

    Voices are published unless the words come from outside (`transcriber.backend` "topic"): then
    they are those of whoever recognises the words. Faces are published if there are any to track.

    Args:
        node: active node.
        config: parameters.
        outputs: its other topics.
        engine: tells what faces express, and takes words from outside.
    """

    def __init__(self, node: Node, config: Config, outputs: Outputs, engine: Engine) -> None:
        self._node = node
        self._outputs = outputs
        fields = message_class(LIVE_SPEECH).get_fields_and_field_types()
        self._encoder = HumansEncoder(make_message, fields)
        self._topics = Topics(node)
        self._matches = Matches(self._topics, self._encoder)
        self._persons = Persons(node)
        outside = config.transcriber.backend == 'topic'
        self._words = Words(node, engine.put_transcript) if outside else None
        self._voices = None if outside else Voices(self._topics, self._encoder, self._matches)
        vision = engine.analysis.vision
        self._faces = None
        if vision is not None and config.image.transport != 'off':
            self._faces = Faces(self._topics, self._encoder, self._matches, vision.look)
        self._found: FacesReport | None = None
        self._repeat_s = float('-inf')
        self._timer = node.create_timer(
            _TICK_S, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def identify(self, report: Report) -> Report:
        """Return a report with the person who spoke, where a person manager knows who it is."""
        if not isinstance(report, EmotionReport):
            return report
        sure = report.speaker_confidence >= MIN_CONFIDENCE
        person_id = self._persons.find(report.face_id if sure else '', report.speaker_id)
        return dataclasses.replace(report, person_id=person_id) if person_id else report

    def take(self, report: Report) -> None:
        """Publish a report, after all has been left out of it that may not leave the node."""
        if isinstance(report, FacesReport):
            self._found = report
        elif self._voices is not None:
            self._encoder.frame_id = self._outputs.encoder.frame_id
            self._voices.take(report, time.monotonic())

    def take_frame(self, frame: VideoFrame, header: Any) -> None:
        """Publish the faces in a frame, after the report on it."""
        found = self._found
        if self._faces is not None and found is not None and found.stamp_ns == frame.stamp_ns:
            self._faces.take(found, frame, header, time.monotonic())

    def destroy(self) -> None:
        """Publish what has waited, and leave the graph."""
        self._node.destroy_timer(self._timer)
        if self._voices is not None:
            self._voices.flush()
        if self._words is not None:
            self._words.destroy()
        self._persons.destroy()
        self._topics.close_all()

    def _tick(self) -> None:
        now_s = time.monotonic()
        self._persons.tick()
        if self._voices is not None:
            self._voices.tick(now_s)
        if self._faces is not None:
            self._faces.tick(now_s)
        if now_s - self._repeat_s >= 1.0:
            self._repeat_s = now_s
            self._matches.repeat()
            self._warn_of_others()

    def _warn_of_others(self) -> None:
        published = {VOICES_TRACKED: self._voices, FACES_TRACKED: self._faces}
        for topic, part in published.items():
            if part is not None and self._node.count_publishers(topic) > 1:
                self._node.get_logger().warning(
                    f'another node publishes {topic} too, and the lists contradict each other: '
                    'let one of them do it (here: hri.publish "off")',
                    once=True,
                )
