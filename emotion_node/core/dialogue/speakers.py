"""Who speaks: identified by the face that is the speaker's."""

from __future__ import annotations

from typing import Final

from emotion_node.config import DialogueConfig

MIN_FACE_CONFIDENCE: Final = 0.6
"""Confidence that a face is the speaker's from which it identifies who speaks."""
MAX_SPEAKERS: Final = 12
"""Beyond this, the speaker heard longest ago is forgotten."""


class Speakers:
    """Identifies the speakers of one conversation and names them "s1", "s2", ...

    A face that is the speaker's with enough confidence identifies the speaker; without one the
    speaker is unknown.

    Args:
        config: whether speakers are identified.
    """

    def __init__(self, config: DialogueConfig) -> None:
        self._enabled = config.speakers != 'off'
        self._by_face: dict[str, str] = {}
        self._count = 0

    def identify(self, face_id: str, confidence: float, learn: bool = True) -> str:
        """Return the id of the speaker; empty when unknown.

        Args:
            face_id: the speaker's face; empty when unknown.
            confidence: 0..1, that it is the speaker's face.
            learn: whether to add a speaker who is not known yet.
        """
        if not self._enabled or not face_id or confidence < MIN_FACE_CONFIDENCE:
            return ''
        if not learn:
            return self._by_face.get(face_id, '')
        speaker_id = self._by_face.pop(face_id, '')
        if not speaker_id:
            self._count += 1
            speaker_id = f's{self._count}'
            if len(self._by_face) >= MAX_SPEAKERS:
                del self._by_face[next(iter(self._by_face))]
        # The dictionary is in the order in which speakers were last heard.
        self._by_face[face_id] = speaker_id
        return speaker_id

    def reset(self) -> None:
        """Forget all speakers; ids are not used again."""
        self._by_face.clear()
