"""Emotion from how something is said, by an ONNX model, run by onnxruntime and NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import onnxruntime as ort

from emotion_node.backends.onnx import PROCESSOR, check_labels, load_session
from emotion_node.backends.voice_features import MELS, is_silent, log_mel
from emotion_node.datatypes import (
    NS_PER_S,
    SAMPLE_RATE,
    FloatArray,
    ModalityEmotion,
    ModelInfo,
    Reason,
    Utterance,
)
from emotion_node.errors import ModelError
from emotion_node.labels import Modality
from emotion_node.model_store.manifest import ModelEntry

INPUT: Final = 'spectra'
"""(batch, frames, `MELS`) float32 as `voice_features.log_mel` makes them."""
OUTPUTS: Final = ('scores', 'affect', 'reliability')
"""(batch, 7) probabilities, (batch, 2) valence and arousal, each in -1..1, and (batch,) 0..1, how
much the voice resembles those of training. The lower it is, the flatter are the scores and the
nearer to 0 the affect."""

MIN_SPEECH_NS: Final = NS_PER_S // 2
"""Less speech than this says nothing."""
MAX_SAMPLES: Final = 15 * SAMPLE_RATE
"""Of longer utterances the end is listened to."""
MIN_RELIABILITY: Final = 0.1
"""Below this the sound is taken for nobody's voice."""


class OnnxVoiceEmotion:
    """An ONNX model over the log-mel spectra of an utterance.

    Holds no state between calls and may be called from several threads.

    Args:
        entry: the model; its file is checked against its checksum.
        threads: threads per call.
        clock: reads the time in ns, from any origin; measures how long a call takes.

    Raises:
        ModelError: a file is missing or damaged, or its inputs and outputs are not those of a
            voice model over the seven labels.
    """

    def __init__(
        self,
        entry: ModelEntry,
        threads: int = 1,
        *,
        clock: Callable[[], int],
        providers: Sequence[str] = PROCESSOR,
    ) -> None:
        self._info = entry.info
        self._clock = clock
        self._session = load_session(entry, threads, providers)
        _check_signature(self._session, entry)
        # The first call allocates, so it is made here and not while somebody waits.
        self.run(np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32))

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        return self._info

    def estimate(self, utterance: Utterance) -> ModalityEmotion:
        """Return the emotion that the voice expresses.

        It is absent when there is too little speech (`too_short`), and when the sound is nothing
        like the voices that the model knows, or nothing at all (`low_confidence`).

        Raises:
            ValueError: some samples are no numbers.
        """
        if utterance.end_ns - utterance.start_ns < MIN_SPEECH_NS or not len(utterance.samples):
            return ModalityEmotion.absent(Modality.VOICE, Reason.TOO_SHORT, model=self._info)
        begun = self._clock()
        samples = utterance.samples[-MAX_SAMPLES:]
        broken = int(np.count_nonzero(~np.isfinite(samples)))
        if broken:
            raise ValueError(
                f'{broken} of {len(samples)} audio samples are not finite; the driver or whatever '
                'filters the audio is broken'
            )
        reliability = 0.0
        if not is_silent(samples):
            scores, (valence, arousal), reliability = self.run(samples)
        if reliability < MIN_RELIABILITY:
            return ModalityEmotion.absent(
                Modality.VOICE, Reason.LOW_CONFIDENCE, model=self._info, reliability=reliability
            )
        return ModalityEmotion(
            Modality.VOICE,
            scores=scores,
            valence=valence,
            arousal=arousal,
            reliability=reliability,
            model=self._info,
            inference_ns=self._clock() - begun,
            samples_used=len(samples),
        )

    def run(self, samples: FloatArray) -> tuple[FloatArray, tuple[float, float], float]:
        """Return scores (7,), valence and arousal, and reliability of any sound.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`, finite.
        """
        scores, affect, reliability = self._session.run(
            list(OUTPUTS), {INPUT: log_mel(samples)[None]}
        )
        return scores[0], (float(affect[0, 0]), float(affect[0, 1])), float(reliability[0])


def _check_signature(session: ort.InferenceSession, entry: ModelEntry) -> None:
    path = entry.file('weights').path
    inputs = {value.name: value.shape for value in session.get_inputs()}
    if list(inputs) != [INPUT] or inputs[INPUT][2:] != [MELS]:
        raise ModelError(
            f'{path} takes {inputs}; a voice model takes {INPUT} of (batch, frames, {MELS})'
        )
    outputs = {value.name: value.shape[1:] for value in session.get_outputs()}
    expected = dict(zip(OUTPUTS, ([len(entry.labels)], [2], []), strict=True))
    if outputs != expected:
        raise ModelError(
            f'{path} gives {outputs} for each utterance; expected {expected}, the scores being '
            f'those of its label table ({", ".join(entry.labels)}); model and manifest do not '
            'belong together'
        )
    check_labels(entry)
