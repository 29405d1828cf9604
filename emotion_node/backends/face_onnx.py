"""Emotion from a face's expression, by an ONNX model over single images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import onnxruntime as ort

from emotion_node.backends.face_image import SIDE, face_image
from emotion_node.backends.onnx import PROCESSOR, check_labels, load_session
from emotion_node.datatypes import FloatArray, ModalityEmotion, ModelInfo, Reason
from emotion_node.errors import ModelError
from emotion_node.faces import FaceMesh, FaceSequence, Image
from emotion_node.labels import LABELS, Modality
from emotion_node.model_store.manifest import ModelEntry

EXPRESSIONS: Final = (*LABELS, 'contempt')
"""What the model tells apart. Contempt has no place among the seven labels: its share is left out
and lowers the reliability, and where it is the larger part there is no answer."""

INPUT: Final = 'faces'
"""(batch, `SIDE`, `SIDE`) float32 brightness, 0..255, as `face_image` makes them."""
OUTPUT: Final = 'scores'
"""(batch, 8) probabilities in the order of `EXPRESSIONS`."""

PERIOD_NS: Final = 80_000_000
"""Expressions last for half a second and longer (Ekman, 2003): 12 looks a second are plenty."""
MIN_IMAGES: Final = 2
MIN_VISIBILITY: Final = 0.05
"""On average over the images; below it the face is too far away or turned too far."""
FLOOR: Final = 1e-4
"""Least probability of an expression in one image."""


class OnnxFaceEmotion:
    """An ONNX model over images of a face; over an utterance, their geometric mean.

    Holds no state between calls and may be called from several threads.

    Args:
        entry: the model; its file is checked against its checksum.
        threads: threads per call.
        clock: reads the time in ns, from any origin; measures how long a call takes.

    Raises:
        ModelError: a file is missing or damaged, or its inputs and outputs are not those of a
            face model.
    """

    width: Final = len(EXPRESSIONS)
    period_ns: Final = PERIOD_NS

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
        self.run(np.zeros((SIDE, SIDE), np.uint8))

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        return self._info

    def run(self, image: Image) -> FloatArray:
        """Return (8,) probabilities of `EXPRESSIONS` in an image of `face_image`."""
        (scores,) = self._session.run([OUTPUT], {INPUT: image[None].astype(np.float32)})
        return np.asarray(scores[0], np.float32)

    def observe(self, mesh: FaceMesh) -> FloatArray:
        """Return (8,) logarithms of the probabilities of `EXPRESSIONS`."""
        scores = np.maximum(self.run(face_image(mesh)), FLOOR)
        return np.asarray(np.log(scores), np.float32)

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that a face shows over an utterance.

        It is absent when there are too few images (`too_short`), and when the face is too
        small or turned too far in them, or shows contempt (`low_confidence`).
        """
        if len(seen.rows) < MIN_IMAGES:
            return ModalityEmotion.absent(Modality.FACE, Reason.TOO_SHORT, model=self._info)
        begun = self._clock()
        visible = float(seen.quality.mean())
        if visible < MIN_VISIBILITY:
            return ModalityEmotion.absent(
                Modality.FACE, Reason.LOW_CONFIDENCE, model=self._info, reliability=visible
            )
        shown = shown_over(seen)
        contempt = float(shown[-1])
        reliability = visible * (1 - contempt)
        if contempt > 0.5:
            return ModalityEmotion.absent(
                Modality.FACE, Reason.LOW_CONFIDENCE, model=self._info, reliability=reliability
            )
        scores = shown[:-1] / (1 - shown[-1])
        emotion = ModalityEmotion.from_scores(
            Modality.FACE, scores, self._info, self._clock() - begun, len(seen.rows)
        )
        return dataclasses.replace(emotion, reliability=reliability)


def shown_over(seen: FaceSequence) -> FloatArray:
    """Return (8,) probabilities over the images of an utterance."""
    weights = seen.quality / seen.quality.sum()
    logits = weights @ seen.rows
    scores = np.exp(logits - logits.max())
    return np.asarray(scores / scores.sum(), np.float32)


def _check_signature(session: ort.InferenceSession, entry: ModelEntry) -> None:
    path = entry.file('weights').path
    inputs = {value.name: value.shape[1:] for value in session.get_inputs()}
    if inputs != {INPUT: [SIDE, SIDE]}:
        raise ModelError(
            f'{path} takes {inputs}; a face model takes {INPUT} of (batch, {SIDE}, {SIDE})'
        )
    outputs = {value.name: value.shape[1:] for value in session.get_outputs()}
    if outputs != {OUTPUT: [len(entry.labels)]}:
        raise ModelError(
            f'{path} gives {outputs} for each face; expected {OUTPUT} of {len(entry.labels)}, its '
            f'label table ({", ".join(entry.labels)}); model and manifest do not belong together'
        )
    check_labels(entry, EXPRESSIONS)
