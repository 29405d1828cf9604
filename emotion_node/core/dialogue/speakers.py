"""Who speaks: known by face where one is seen, else by voice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from emotion_node.config import DialogueConfig
from emotion_node.core.voice.speaker_embedding import Array, embed_speaker
from emotion_node.datatypes import NS_PER_S, Utterance

SURE_FACE: Final = 0.6
"""Confidence that a face is the speaker's from which it tells who speaks."""
LEARN_NS: Final = NS_PER_S
"""Shorter speech does not make a speaker, and teaches nothing about one."""
MAX_SPEAKERS: Final = 12
"""Whoever was heard longest ago is forgotten beyond this."""
MEMORY: Final = 10
"""Utterances over which a speaker's signature is averaged."""


@dataclass(slots=True)
class _Speaker:
    speaker_id: str
    voice: Array | None = None
    utterances: int = 0
    faces: set[str] = field(default_factory=set)
    heard: int = 0

    def learn(self, signature: Array) -> None:
        """Take another signature into the mean."""
        self.utterances = min(self.utterances + 1, MEMORY)
        known = signature if self.voice is None else self.voice
        self.voice = known + (signature - known) / self.utterances


def similarity(one: Array, other: Array) -> float:
    """Return how alike two signatures are: 1 the same, below 0 very different.

    One unit of a signature is how much a speaker differs from one utterance to the next, so that
    two utterances of one speaker lie `2 * dimensions` apart on average, in squares.
    """
    return float(1 - np.mean(np.square(one - other)) / 4)


class Speakers:
    """Tells the speakers of one conversation apart and names them "s1", "s2", ...

    A face that is the speaker's with confidence tells who speaks. Where none is, a voice that is
    like one heard before does, and one that is like none is somebody new; in between, and where
    there is too little speech, the speaker is unknown. A face that was lost is another one when
    it is found again: a new face with a known voice is taken for that speaker's.

    Args:
        config: what tells them apart, and thresholds.
    """

    def __init__(self, config: DialogueConfig) -> None:
        self._on = config.speakers != 'off'
        self._listens = config.speakers == 'face_and_voice'
        self._same = config.known_voice_similarity
        self._new = config.new_voice_similarity
        self._speakers: list[_Speaker] = []
        self._count = 0
        self._clock = 0

    def identify(
        self, utterance: Utterance, face_id: str = '', confidence: float = 0.0, learn: bool = True
    ) -> str:
        """Return who speaks; empty when unknown.

        Args:
            utterance: what is heard of it.
            face_id: whose face goes with it; empty when unknown.
            confidence: 0..1, of that.
            learn: whether to remember what is heard; else nobody new is named.
        """
        if not self._on:
            return ''
        signature = self._sign(utterance)
        face_id = face_id if confidence >= SURE_FACE else ''
        long_enough = utterance.end_ns - utterance.start_ns >= LEARN_NS
        speaker = self._by_face(face_id) or self._by_voice(signature)
        if not learn:
            return '' if speaker is None else speaker.speaker_id
        if speaker is None and (face_id or (long_enough and self._is_new(signature))):
            speaker = self._add()
        if speaker is None:
            return ''
        self._clock += 1
        speaker.heard = self._clock
        if face_id:
            speaker.faces.add(face_id)
        if signature is not None and long_enough:
            speaker.learn(signature)
        return speaker.speaker_id

    def reset(self) -> None:
        """Forget everybody; names are not used again."""
        self._speakers.clear()

    def _sign(self, utterance: Utterance) -> Array | None:
        if not self._listens:
            return None
        return embed_speaker(utterance.speech)

    def _by_face(self, face_id: str) -> _Speaker | None:
        known = (one for one in self._speakers if face_id and face_id in one.faces)
        return next(known, None)

    def _by_voice(self, signature: Array | None) -> _Speaker | None:
        best = self._nearest(signature)
        return best[1] if best is not None and best[0] >= self._same else None

    def _is_new(self, signature: Array | None) -> bool:
        if signature is None:
            return False
        best = self._nearest(signature)
        return best is None or best[0] < self._new

    def _nearest(self, signature: Array | None) -> tuple[float, _Speaker] | None:
        if signature is None:
            return None
        found = [
            (similarity(signature, one.voice), one)
            for one in self._speakers
            if one.voice is not None
        ]
        return max(found, key=lambda pair: pair[0], default=None)

    def _add(self) -> _Speaker:
        self._count += 1
        if len(self._speakers) >= MAX_SPEAKERS:
            self._speakers.remove(min(self._speakers, key=lambda one: one.heard))
        speaker = _Speaker(f's{self._count}')
        self._speakers.append(speaker)
        return speaker
