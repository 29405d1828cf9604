"""Which face and which voice are of one person: /humans/candidate_matches."""

from __future__ import annotations

import threading
from collections.abc import Collection

from emotion_node.messages.humans import IDS_MATCH, MATCHES, HumansEncoder
from emotion_node.ros.humans.topics import Topics


class Matches:
    """Publishes matches of faces and voices, and revokes those that no longer hold.

    Args:
        topics: publishers.
        encoder: makes messages.
    """

    def __init__(self, topics: Topics, encoder: HumansEncoder) -> None:
        self._topics = topics
        self._encoder = encoder
        self._pairs: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()
        topics.open(MATCHES, IDS_MATCH)

    def add(self, voice_id: str, face_id: str, confidence: float) -> None:
        """Publish that a voice is of a face, unless that is known; revoke its former face."""
        with self._lock:
            old = self._pairs.get(voice_id)
            if old == (face_id, confidence):
                return
            if old is not None and old[0] != face_id:
                self._publish(voice_id, old[0], 0.0)
            self._pairs[voice_id] = face_id, confidence
            self._publish(voice_id, face_id, confidence)

    def revoke(self, voices: Collection[str] = (), faces: Collection[str] = ()) -> None:
        """Revoke the matches of voices and faces that are no longer tracked."""
        with self._lock:
            for voice_id, (face_id, _) in list(self._pairs.items()):
                if voice_id in voices or face_id in faces:
                    del self._pairs[voice_id]
                    self._publish(voice_id, face_id, 0.0)

    def repeat(self) -> None:
        """Publish all that hold, for those who subscribed later."""
        with self._lock:
            for voice_id, (face_id, confidence) in self._pairs.items():
                self._publish(voice_id, face_id, confidence)

    def _publish(self, voice_id: str, face_id: str, confidence: float) -> None:
        self._topics.send(MATCHES, self._encoder.match(face_id, voice_id, confidence))
