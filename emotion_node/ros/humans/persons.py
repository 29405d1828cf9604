"""Who the faces and voices belong to, as a person manager publishes it below /humans/persons."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from emotion_node.messages.humans import (
    FACE_TYPE,
    IDS_LIST,
    IDS_MATCH,
    MATCHES,
    PERSON_TYPE,
    PERSONS,
    VOICE_TYPE,
)
from emotion_node.ros.humans.topics import usable
from emotion_node.ros.message_types import message_class
from emotion_node.ros.qos import matching_qos

MIN_CONFIDENCE: Final = 0.5
"""Confidence from which a candidate match counts: the default of REP-155."""
_MAX_CANDIDATES: Final = 256
_QOS: Final = QoSProfile(depth=10)
_ID_TOPICS: Final = {'face_id': FACE_TYPE, 'voice_id': VOICE_TYPE}

Feature = tuple[int, str]
"""A face or a voice: its type in `hri_msgs/IdsMatch`, and its id."""


class Persons:
    """Knows the persons of faces and voices.

    What a person manager has decided (/humans/persons/ID/face_id and voice_id) comes before the
    candidates (/humans/candidate_matches) that it decides from.

    Args:
        node: node that subscribes.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._candidates: dict[Feature, dict[str, float]] = {}
        self._decided: dict[str, dict[int, str]] = {}
        self._persons: dict[str, dict[str, Subscription]] = {}
        self._subscriptions = [
            node.create_subscription(
                message_class(IDS_MATCH), MATCHES, self._take_match, QoSProfile(depth=50)
            ),
            node.create_subscription(
                message_class(IDS_LIST), f'{PERSONS}/tracked', self._take_tracked, _QOS
            ),
        ]

    def find(self, face_id: str, voice_id: str) -> str:
        """Return the person whose voice or else whose face it is; empty when unknown.

        Args:
            face_id: the speaker's face; empty when unknown.
            voice_id: the speaker's voice; empty when unknown.
        """
        features = ((VOICE_TYPE, voice_id), (FACE_TYPE, face_id))
        with self._lock:
            for kind, one in features:
                for person_id, ids in self._decided.items():
                    if one and ids.get(kind) == one:
                        return person_id
            for feature in features:
                candidates = self._candidates.get(feature, {}) if feature[1] else {}
                best = max(candidates, key=lambda one: candidates[one], default='')
                if best and candidates[best] >= MIN_CONFIDENCE:
                    return best
        return ''

    def tick(self) -> None:
        """Subscribe to the faces and voices of persons, as soon as somebody publishes them."""
        for person_id, subscriptions in self._persons.items():
            for name, kind in _ID_TOPICS.items():
                topic = f'{PERSONS}/{person_id}/{name}'
                if name in subscriptions:
                    continue
                publishers = self._node.get_publishers_info_by_topic(topic)
                if publishers:
                    subscriptions[name] = self._node.create_subscription(
                        message_class('std_msgs/msg/String'),
                        topic,
                        self._decider(person_id, kind),
                        matching_qos(_QOS, publishers, latched=True),
                    )

    def destroy(self) -> None:
        """End all subscriptions."""
        for subscriptions in self._persons.values():
            self._subscriptions += subscriptions.values()
        self._persons.clear()
        for one in self._subscriptions:
            self._node.destroy_subscription(one)
        self._subscriptions.clear()

    def _take_tracked(self, message: Any) -> None:
        ids = usable(self._node, message.ids)
        for person_id in set(self._persons) - set(ids):
            for one in self._persons.pop(person_id).values():
                self._node.destroy_subscription(one)
            with self._lock:
                self._decided.pop(person_id, None)
        for person_id in ids:
            self._persons.setdefault(person_id, {})

    def _take_match(self, message: Any) -> None:
        ids = {message.id1_type: message.id1, message.id2_type: message.id2}
        person_id = ids.pop(PERSON_TYPE, '')
        if not person_id or not ids:
            return
        ((kind, one),) = ids.items()
        feature = kind, one
        with self._lock:
            candidates = self._candidates.setdefault(feature, {})
            candidates[person_id] = message.confidence
            if not message.confidence > 0.0:
                del candidates[person_id]
            if not candidates:
                del self._candidates[feature]
            while len(self._candidates) > _MAX_CANDIDATES:
                del self._candidates[next(iter(self._candidates))]

    def _decider(self, person_id: str, kind: int) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            with self._lock:
                self._decided.setdefault(person_id, {})[kind] = message.data

        return take
