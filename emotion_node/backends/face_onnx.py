"""Emotion from a face's expression, by an ONNX model over single frames."""

from __future__ import annotations

from typing import Final

import numpy as np

from emotion_node.backends.face_image import SIDE, face_image
from emotion_node.backends.face_pooling import expression_row, pool_emotion
from emotion_node.backends.onnx import LABEL_COUNT, OnnxModel, Signature
from emotion_node.datatypes import NS_PER_S, FloatArray, ModalityEmotion
from emotion_node.faces import FaceMesh, FaceSequence, Image, KeptFace
from emotion_node.labels import LABELS

EXPRESSIONS: Final = (*LABELS, 'contempt')
"""Classes of the model. Contempt is none of the seven labels (see `pool_emotion`)."""

INPUT: Final = 'faces'
"""(batch, `SIDE`, `SIDE`) float32 brightness, 0..255, as `face_image` makes them."""
OUTPUT: Final = 'scores'
"""(batch, 8) probabilities in the order of `EXPRESSIONS`."""
SIGNATURE: Final = Signature(
    'face', {INPUT: ('batch', SIDE, SIDE)}, {OUTPUT: ('batch', LABEL_COUNT)}, EXPRESSIONS
)

PERIOD_NS: Final = NS_PER_S // 8
"""Expressions last for half a second and longer (Ekman, 2003)."""


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

    def keep(self, mesh: FaceMesh) -> Image:
        """Return the face as `face_image` does.

        Raises:
            ValueError: the landmarks are broken.
        """
        return face_image(mesh)

    def observe(self, kept: KeptFace) -> FloatArray:
        """Return (8,) logarithms of the probabilities of `EXPRESSIONS`."""
        return expression_row(self.run(kept))

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that a face shows over an utterance, as `pool_emotion` does."""
        return pool_emotion(seen, self.info)
