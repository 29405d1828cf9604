"""Emotion from the voice by an ONNX model, run by onnxruntime and NumPy alone."""

from __future__ import annotations

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
)
from emotion_node.labels import Modality

INPUT: Final = 'spectra'
"""(batch, frames, `MELS`) float32 as `voice_features.log_mel` makes them."""
HEARD: Final = 'heard'
"""(batch, `MELS`) float32, the mean of the `voice_features.speech_mean` of what was heard of the
speaker before; 0 when nothing was."""
COUNT: Final = 'count'
"""(batch, 1) float32, number of utterances in it, from 0."""
OUTPUTS: Final = ('scores', 'affect', 'reliability')
"""(batch, 7) probabilities, (batch, 2) valence and arousal, each in -1..1, and (batch,) 0..1, how
far the label is right and the sound a voice. The lower it is, the flatter are the scores and the
nearer to 0 is the affect."""
SIGNATURE: Final = Signature(
    'voice',
    {INPUT: ('batch', 'frames', MELS), HEARD: ('batch', MELS), COUNT: ('batch', 1)},
    dict(zip(OUTPUTS, (('batch', LABEL_COUNT), ('batch', 2), ('batch',)), strict=True)),
)

MIN_RELIABILITY: Final = 0.1
"""Below this the sound is not taken for a voice."""


class OnnxVoiceEmotion(OnnxModel):
    """An ONNX model over the log-mel spectra of an utterance.

    Its arguments and errors are those of `OnnxModel`.
    """

    signature = SIGNATURE

    def warm_up(self) -> None:
        """Answer once about a second of noise."""
        self.run(np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32))

    def describe(self, utterance: Utterance) -> FloatArray | None:
        """Return the (`MELS`,) mean spectrum of the speech; None where there is too little.

        Raises:
            ValueError: some samples are not finite.
        """
        samples = voice_samples(utterance)
        if samples is None or is_silent(samples):
            return None
        return speech_mean(log_mel(samples))

    def estimate(self, utterance: Utterance, heard: HeardVoice | None = None) -> ModalityEmotion:
        """Return the emotion that the voice expresses, compared with how it usually sounds.

        It is absent when there is too little speech (`too_short`), and when the sound does not
        resemble the voices that the model knows, or is silence (`low_confidence`).

        Raises:
            ValueError: some samples are not finite.
        """
        samples = voice_samples(utterance)
        if samples is None:
            return ModalityEmotion.absent(Modality.VOICE, Reason.TOO_SHORT, model=self.info)
        reliability = 0.0
        if not is_silent(samples):
            scores, (valence, arousal), reliability = self.run(samples, heard)
        if reliability < MIN_RELIABILITY:
            return ModalityEmotion.absent(
                Modality.VOICE, Reason.LOW_CONFIDENCE, model=self.info, reliability=reliability
            )
        return ModalityEmotion(
            Modality.VOICE,
            scores=scores,
            valence=valence,
            arousal=arousal,
            reliability=reliability,
            model=self.info,
            samples_used=len(samples),
        )

    def run(
        self, samples: FloatArray, heard: HeardVoice | None = None
    ) -> tuple[FloatArray, tuple[float, float], float]:
        """Return scores (7,), valence and arousal, and reliability of a sound of any kind.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`, finite.
            heard: what was heard of the speaker before.
        """
        return self.answer(log_mel(samples), heard)

    def answer(
        self, spectra: FloatArray, heard: HeardVoice | None = None
    ) -> tuple[FloatArray, tuple[float, float], float]:
        """Return what `run` does, for the (frames, `MELS`) spectra of the samples."""
        mean = np.zeros(MELS, np.float32) if heard is None else heard.mean
        count = 0 if heard is None else heard.count
        scores, affect, reliability = self._call(
            {INPUT: spectra[None], HEARD: mean[None], COUNT: np.array([[count]], np.float32)}
        )
        return scores[0], (float(affect[0, 0]), float(affect[0, 1])), float(reliability[0])
