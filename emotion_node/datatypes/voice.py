"""What a voice model says of an utterance, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from emotion_node.datatypes.emotion import ModalityEmotion, ModelInfo, Reason
from emotion_node.datatypes.units import FloatArray
from emotion_node.labels import Modality


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

    @classmethod
    def absent(
        cls, reason: Reason, model: ModelInfo | None = None, reliability: float = 0.0
    ) -> VoiceEstimate:
        """Return an absent voice, with its reason."""
        return cls(
            ModalityEmotion.absent(Modality.VOICE, reason, model=model, reliability=reliability)
        )


@dataclass(frozen=True, slots=True)
class HeardVoice:
    """What was heard of a speaker over this microphone before.

    Attributes:
        mean: (width,) float32 mean of `VoiceEstimate.features` over the utterances.
        count: number of utterances, 1 or more.
    """

    mean: FloatArray
    count: int
