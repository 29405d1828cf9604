"""Emotion from the voice by an audio classifier of Hugging Face's transformers, run by torch.

Such as of the wav2vec 2.0, HuBERT or WavLM kind. Both packages are optional.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from emotion_node.backends.transformers_classifier import (
    MIN_MAPPED,
    Kind,
    TransformersClassifier,
)
from emotion_node.backends.voice_features import is_silent
from emotion_node.backends.voice_input import voice_samples
from emotion_node.config import VoiceConfig
from emotion_node.datatypes import (
    SAMPLE_RATE,
    FloatArray,
    HeardVoice,
    ModalityEmotion,
    ModelInfo,
    Reason,
    Utterance,
    VoiceEstimate,
)
from emotion_node.errors import ModelError
from emotion_node.labels import Modality

KIND: Final = Kind(
    Modality.VOICE, 'an audio classifier', AutoModelForAudioClassification, AutoFeatureExtractor
)
_CHECKED_S: Final = 2


class TransformersVoiceEmotion:
    """An audio classifier over the samples of an utterance.

    Labels are mapped to the seven as `TransformersClassifier` does. It may be called from several
    threads.

    Args:
        config: parameters.
        log: takes a sentence about the emotions that it never answers.

    Raises:
        ModelError: as `TransformersClassifier` does; or the model is for another sample rate.
    """

    def __init__(self, config: VoiceConfig, log: Callable[[str], None]) -> None:
        self._classifier = TransformersClassifier(KIND, config, log)
        self._extract: Any = self._classifier.reader
        rate = getattr(self._extract, 'sampling_rate', SAMPLE_RATE)
        if rate != SAMPLE_RATE:
            raise ModelError(
                f'{config.transformers_model} is for a sample rate of {rate} Hz, expected '
                f'{SAMPLE_RATE}'
            )
        noise = np.random.default_rng(0).normal(0, 0.1, _CHECKED_S * SAMPLE_RATE)
        self._classifier.check(self._inputs(noise.astype(np.float32)), f'{_CHECKED_S} s of sound')

    @property
    def info(self) -> ModelInfo:
        """Name and, of a model from the hub, the beginning of its revision."""
        return self._classifier.info

    def estimate(self, utterance: Utterance, heard: HeardVoice | None = None) -> VoiceEstimate:
        """Return the emotion that the voice expresses; `heard` makes no difference.

        It has no features. It is absent when there is too little speech (`too_short`), and when
        the sound is silence or most of the probability lies on labels that are mapped to nothing
        (`low_confidence`).

        Raises:
            ValueError: some samples, or the model's output, are not finite.
        """
        samples = voice_samples(utterance)
        if samples is None:
            return VoiceEstimate.absent(Reason.TOO_SHORT, self.info)
        scores, mapped = np.zeros(0, np.float32), 0.0
        if not is_silent(samples):
            scores, mapped = self._classifier.emotions(self._inputs(samples))
        if mapped < MIN_MAPPED:
            return VoiceEstimate.absent(Reason.LOW_CONFIDENCE, self.info)
        scores = scores / np.float32(mapped)
        return VoiceEstimate(
            ModalityEmotion.from_scores(Modality.VOICE, scores, self.info, len(samples))
        )

    def _inputs(self, samples: FloatArray) -> dict[str, Any]:
        return dict(self._extract(samples, sampling_rate=SAMPLE_RATE, return_tensors='pt'))
