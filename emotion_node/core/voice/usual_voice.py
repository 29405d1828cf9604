"""What is usual of a speaker over this microphone: the mean of what was heard before."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

import numpy as np

from emotion_node.datatypes import NS_PER_S, FloatArray, HeardVoice

MEMORY: Final = 20
"""Past utterances of a speaker that define the usual."""
MAX_AGE_NS: Final = 600 * NS_PER_S
"""Utterances older than this no longer count."""
MAX_SPEAKERS: Final = 64
"""Beyond this, the speaker heard longest ago is forgotten."""


class UsualVoice:
    """Keeps the features of each speaker's recent utterances.

    Shifting all stamps by a constant changes nothing.
    """

    def __init__(self) -> None:
        self._past: OrderedDict[str, deque[tuple[int, FloatArray]]] = OrderedDict()

    def of(self, speaker_id: str, end_ns: int) -> HeardVoice | None:
        """Return what was heard of a speaker before; None when there is nothing.

        Args:
            speaker_id: who speaks; the empty id of unknown speakers counts as a speaker too.
            end_ns: end of the utterance that is to be compared with it.
        """
        past = self._past.get(speaker_id, ())
        recent = [features for stamp, features in past if stamp >= end_ns - MAX_AGE_NS]
        if not recent:
            return None
        return HeardVoice(np.mean(recent, axis=0, dtype=np.float32), len(recent))

    def add(self, features: FloatArray, speaker_id: str, end_ns: int) -> None:
        """Add an utterance.

        Args:
            features: (width,) that it adds to the usual, `VoiceEstimate.features`.
            speaker_id: who spoke.
            end_ns: end of the utterance.
        """
        self._past.setdefault(speaker_id, deque(maxlen=MEMORY)).append((end_ns, features))
        self._past.move_to_end(speaker_id)
        if len(self._past) > MAX_SPEAKERS:
            self._past.popitem(last=False)

    def reset(self) -> None:
        """Forget all speakers."""
        self._past.clear()
