"""Emotion from the voice by an ONNX model, run by onnxruntime and NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_node.backends.onnx import LABEL_COUNT, OnnxModel, Signature
from emotion_node.backends.voice_features import MELS, is_silent, log_mel, speech_mean
from emotion_node.backends.voice_input import voice_samples
from emotion_node.datatypes import (
    SAMPLE_RATE,
    FloatArray,
    HeardVoice,
    ModalityEmotion,
    Reason,
    Utterance,
    VoiceEstimate,
)
from emotion_node.labels import LABELS, Modality

INPUT: Final = 'spectra'
"""(batch, frames, `MELS`) float32 as `voice_features.log_mel` makes them."""
ANSWER: Final = len(LABELS) + 1
"""Width of an answer before it is compared with what is usual: log scores and arousal."""
FEATURES: Final = MELS + ANSWER
"""Width of what an utterance adds to what is usual: `voice_features.speech_mean` and answer."""
HEARD: Final = 'heard'
"""(batch, `FEATURES`) float32, their mean over what was heard of the speaker before; 0 when
nothing was."""
COUNT: Final = 'count'
"""(batch, 1) float32, number of utterances in it, from 0."""
OUTPUTS: Final = ('scores', 'affect', 'reliability', 'answer')
"""(batch, 7) probabilities; (batch, 2) valence and arousal, each in -1..1; (batch,) 0..1, how
likely the label is right and the sound a voice: the lower it is, the flatter are the scores and
the nearer to 0 is valence; and (batch, `ANSWER`) before it is compared with what is usual."""
SIGNATURE: Final = Signature(
    'voice',
    {INPUT: ('batch', 'frames', MELS), HEARD: ('batch', FEATURES), COUNT: ('batch', 1)},
    dict(
        zip(
            OUTPUTS,
            (('batch', LABEL_COUNT), ('batch', 2), ('batch',), ('batch', ANSWER)),
            strict=True,
        )
    ),
)

MIN_RELIABILITY: Final = 0.1
"""Below this the sound is not taken for a voice."""


@dataclass(frozen=True, slots=True)
class VoiceAnswer:
    """What the model answers to a sound of any kind.

    Attributes:
        scores: (7,) probabilities.
        valence, arousal: -1..1.
        reliability: 0..1.
        features: (`FEATURES`,) that it adds to what is usual.
    """

    scores: FloatArray
    valence: float
    arousal: float
    reliability: float
    features: FloatArray


class OnnxVoiceEmotion(OnnxModel):
    """An ONNX model over the log-mel spectra of an utterance.

    Its arguments and errors are those of `OnnxModel`.
    """

    signature = SIGNATURE

    def warm_up(self) -> None:
        """Answer once about a second of noise."""
        self.run(np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32))

    def estimate(self, utterance: Utterance, heard: HeardVoice | None = None) -> VoiceEstimate:
        """Return the emotion that the voice expresses, compared with what is usual for it.

        It is absent when there is too little speech (`too_short`), and when the sound does not
        resemble the voices that the model knows, or is silence (`low_confidence`).

        Raises:
            ValueError: some samples are not finite.
        """
        samples = voice_samples(utterance)
        if samples is None:
            return VoiceEstimate.absent(Reason.TOO_SHORT, self.info)
        if is_silent(samples):
            return VoiceEstimate.absent(Reason.LOW_CONFIDENCE, self.info)
        answer = self.run(samples, heard)
        if answer.reliability < MIN_RELIABILITY:
            return VoiceEstimate.absent(Reason.LOW_CONFIDENCE, self.info, answer.reliability)
        emotion = ModalityEmotion(
            Modality.VOICE,
            scores=answer.scores,
            valence=answer.valence,
            arousal=answer.arousal,
            reliability=answer.reliability,
            model=self.info,
            samples_used=len(samples),
        )
        return VoiceEstimate(emotion, answer.features)

    def run(self, samples: FloatArray, heard: HeardVoice | None = None) -> VoiceAnswer:
        """Return the answer to a sound of any kind.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`, finite.
            heard: what was heard of the speaker before.
        """
        return self.answer(log_mel(samples), heard)

    def answer(self, spectra: FloatArray, heard: HeardVoice | None = None) -> VoiceAnswer:
        """Return what `run` does, for the (frames, `MELS`) spectra of the samples."""
        mean = np.zeros(FEATURES, np.float32) if heard is None else heard.mean
        count = 0 if heard is None else heard.count
        scores, affect, reliability, answer = self._call(
            {INPUT: spectra[None], HEARD: mean[None], COUNT: np.array([[count]], np.float32)}
        )
        return VoiceAnswer(
            scores[0],
            float(affect[0, 0]),
            float(affect[0, 1]),
            float(reliability[0]),
            np.concatenate([speech_mean(spectra), answer[0]]),
        )
