"""Emotion from a face's expression, by an ONNX model over single frames."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from emotion_node.backends.face_image import SIDE, face_image
from emotion_node.backends.onnx import LABEL_COUNT, OnnxModel, Signature
from emotion_node.datatypes import NS_PER_S, FloatArray, ModalityEmotion, Reason
from emotion_node.faces import FaceMesh, FaceSequence, Image
from emotion_node.labels import LABELS, Modality

EXPRESSIONS: Final = (*LABELS, 'contempt')
"""Classes of the model. Contempt is none of the seven labels: its share is left out and
lowers the reliability, and where it is above one half there is no answer."""

INPUT: Final = 'faces'
"""(batch, `SIDE`, `SIDE`) float32 brightness, 0..255, as `face_image` makes them."""
OUTPUT: Final = 'scores'
"""(batch, 8) probabilities in the order of `EXPRESSIONS`."""
SIGNATURE: Final = Signature(
    'face', {INPUT: ('batch', SIDE, SIDE)}, {OUTPUT: ('batch', LABEL_COUNT)}, EXPRESSIONS
)

PERIOD_NS: Final = 2 * NS_PER_S // 25
"""Expressions last for half a second and longer (Ekman, 2003): 12.5 frames per second suffice."""
MIN_FRAMES: Final = 2
MIN_VISIBILITY: Final = 0.05
"""Mean visibility below which the face is too far away or turned too far."""
FLOOR: Final = 1e-4
"""Minimum probability of an expression in one frame."""


class OnnxFaceEmotion(OnnxModel):
    """An ONNX model over single frames of a face; over an utterance, their geometric mean.

    Its arguments and errors are those of `OnnxModel`.
    """

    signature = SIGNATURE
    width: Final = len(EXPRESSIONS)
    period_ns: Final = PERIOD_NS

    def warm_up(self) -> None:
        """Answer once about a black image."""
        self.run(np.zeros((SIDE, SIDE), np.uint8))

    def run(self, image: Image) -> FloatArray:
        """Return (8,) probabilities of `EXPRESSIONS` in an image of `face_image`."""
        (scores,) = self._call({INPUT: image[None].astype(np.float32)})
        return np.asarray(scores[0], np.float32)

    def observe(self, mesh: FaceMesh) -> FloatArray:
        """Return (8,) logarithms of the probabilities of `EXPRESSIONS`."""
        scores = np.maximum(self.run(face_image(mesh)), FLOOR)
        return np.asarray(np.log(scores), np.float32)

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that a face shows over an utterance.

        It is absent when there are too few frames (`too_short`), and when the face is too
        small or turned too far in them, or shows contempt (`low_confidence`).
        """
        if len(seen.rows) < MIN_FRAMES:
            return ModalityEmotion.absent(Modality.FACE, Reason.TOO_SHORT, model=self.info)
        visible = float(seen.quality.mean())
        if visible < MIN_VISIBILITY:
            return ModalityEmotion.absent(
                Modality.FACE, Reason.LOW_CONFIDENCE, model=self.info, reliability=visible
            )
        pooled = pool_expressions(seen)
        contempt = float(pooled[-1])
        reliability = visible * (1 - contempt)
        if contempt > 0.5:
            return ModalityEmotion.absent(
                Modality.FACE, Reason.LOW_CONFIDENCE, model=self.info, reliability=reliability
            )
        scores = pooled[:-1] / (1 - pooled[-1])
        emotion = ModalityEmotion.from_scores(Modality.FACE, scores, self.info, len(seen.rows))
        return dataclasses.replace(emotion, reliability=reliability)


def pool_expressions(seen: FaceSequence) -> FloatArray:
    """Return (8,) probabilities over the frames of an utterance, weighted by their quality."""
    weights = seen.quality / seen.quality.sum()
    logits = weights @ seen.rows
    scores = np.exp(logits - logits.max())
    return np.asarray(scores / scores.sum(), np.float32)
