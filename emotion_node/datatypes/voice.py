"""What a voice model says of an utterance, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from emotion_node.datatypes.emotion import ModalityEmotion
from emotion_node.datatypes.units import FloatArray


@dataclass(frozen=True, slots=True)
class VoiceEstimate:
    """What a voice model says of an utterance.

    Attributes:
        emotion: of the voice.
        features: (width,) float32 by which the utterance adds to what is usual for its speaker,
            see `HeardVoice`; None where the voice is absent, and from a model that does without.
    """

    emotion: ModalityEmotion
    features: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class HeardVoice:
    """What was heard of a speaker over this microphone before.

    Attributes:
        mean: (width,) float32 mean of `VoiceEstimate.features` over the utterances.
        count: number of utterances, 1 or more.
    """

    mean: FloatArray
    count: int
