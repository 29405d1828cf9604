"""Who speaks: identified by face where one is seen, otherwise by voice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from emotion_node.config import DialogueConfig
from emotion_node.core.voice.speaker_embedding import Array, embed_speaker
from emotion_node.datatypes import NS_PER_S, Utterance

MIN_FACE_CONFIDENCE: Final = 0.6
"""Confidence that a face is the speaker's from which it identifies who speaks."""
MIN_SPEECH_NS: Final = NS_PER_S
"""Shorter speech neither adds a speaker nor updates the voice of one."""
MAX_SPEAKERS: Final = 12
"""Beyond this, the speaker heard longest ago is forgotten."""
MEMORY: Final = 10
"""Utterances over which a speaker's embedding is averaged."""


@dataclass(slots=True)
class _Speaker:
    speaker_id: str
    voice: Array | None = None
    utterances: int = 0
    faces: set[str] = field(default_factory=set)
    last_heard: int = 0

    def learn(self, embedding: Array) -> None:
        """Add another embedding to the mean."""
        self.utterances = min(self.utterances + 1, MEMORY)
        known = embedding if self.voice is None else self.voice
        self.voice = known + (embedding - known) / self.utterances


def similarity(one: Array, other: Array) -> float:
    """Return the similarity of two embeddings: 1 when equal, below 0 when very different.

    One unit of an embedding is how much a speaker varies from one utterance to the next, so the
    squared distance of two utterances of one speaker is `2 * dimensions` on average.
    """
    return float(1 - np.mean(np.square(one - other)) / 4)


class Speakers:
    """Identifies the speakers of one conversation and names them "s1", "s2", ...

    A face that is the speaker's with enough confidence identifies the speaker. Without one, a
    voice similar to a known one does, and a voice similar to none is a new speaker; in between,
    and where there is too little speech, the speaker is unknown. A face that was lost and found
    again has a new id: a new face with a known voice is assigned to that speaker.

    Args:
        config: whether faces or also voices are used, and thresholds.
    """

    def __init__(self, config: DialogueConfig) -> None:
        self._enabled = config.speakers != 'off'
        self._use_voice = config.speakers == 'face_and_voice'
        self._same = config.known_voice_similarity
        self._new = config.new_voice_similarity
        self._speakers: list[_Speaker] = []
        self._count = 0
        self._order = 0

    def identify(
        self, utterance: Utterance, face_id: str = '', confidence: float = 0.0, learn: bool = True
    ) -> str:
        """Return the id of the speaker; empty when unknown.

        Args:
            utterance: complete, or as far as it has been heard.
            face_id: the speaker's face; empty when unknown.
            confidence: 0..1, that it is the speaker's face.
            learn: whether to remember face and voice; otherwise no new speaker is added.
        """
        if not self._enabled:
            return ''
        embedding = self._embed(utterance)
        face_id = face_id if confidence >= MIN_FACE_CONFIDENCE else ''
        long_enough = utterance.end_ns - utterance.start_ns >= MIN_SPEECH_NS
        speaker = self._by_face(face_id) or self._by_voice(embedding)
        if not learn:
            return '' if speaker is None else speaker.speaker_id
        if speaker is None and (face_id or (long_enough and self._is_new(embedding))):
            speaker = self._add()
        if speaker is None:
            return ''
        self._order += 1
        speaker.last_heard = self._order
        if face_id:
            speaker.faces.add(face_id)
        if embedding is not None and long_enough:
            speaker.learn(embedding)
        return speaker.speaker_id

    def reset(self) -> None:
        """Forget all speakers; ids are not used again."""
        self._speakers.clear()

    def _embed(self, utterance: Utterance) -> Array | None:
        if not self._use_voice:
            return None
        return embed_speaker(utterance.speech)

    def _by_face(self, face_id: str) -> _Speaker | None:
        known = (one for one in self._speakers if face_id and face_id in one.faces)
        return next(known, None)

    def _by_voice(self, embedding: Array | None) -> _Speaker | None:
        best = self._nearest(embedding)
        return best[1] if best is not None and best[0] >= self._same else None

    def _is_new(self, embedding: Array | None) -> bool:
        if embedding is None:
            return False
        best = self._nearest(embedding)
        return best is None or best[0] < self._new

    def _nearest(self, embedding: Array | None) -> tuple[float, _Speaker] | None:
        if embedding is None:
            return None
        found = [
            (similarity(embedding, one.voice), one)
            for one in self._speakers
            if one.voice is not None
        ]
        return max(found, key=lambda pair: pair[0], default=None)

    def _add(self) -> _Speaker:
        self._count += 1
        if len(self._speakers) >= MAX_SPEAKERS:
            self._speakers.remove(min(self._speakers, key=lambda one: one.last_heard))
        speaker = _Speaker(f's{self._count}')
        self._speakers.append(speaker)
        return speaker
