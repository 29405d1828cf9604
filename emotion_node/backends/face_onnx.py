"""Emotion from a face's expression, by an ONNX model over single frames."""

from __future__ import annotations

import dataclasses
from typing import Final, NamedTuple

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
COVERED: Final = 'covered'
"""(batch, 2) shares of the eyes and of the mouth that something hides, 0..1."""
SIGNATURE: Final = Signature(
    'face',
    {INPUT: ('batch', SIDE, SIDE)},
    {OUTPUT: ('batch', LABEL_COUNT), COVERED: ('batch', 2)},
    EXPRESSIONS,
)

PERIOD_NS: Final = NS_PER_S // 8
"""Expressions last for half a second and longer (Ekman, 2003)."""


LOSSES: Final = np.array([0.6, 0.85])
"""Share of its quality that a frame loses where the eyes or the mouth are hidden. Of the faces of
FER+ that are recognised, half still are with something before the mouth, and seven of eight with
something before the eyes (docs/face_experiments.md)."""


class FaceAnswer(NamedTuple):
    """What the model finds in one image.

    Attributes:
        scores: (8,) probabilities of `EXPRESSIONS`.
        covered: (2,) shares of the eyes and of the mouth that something hides, 0..1.
    """

    scores: FloatArray
    covered: FloatArray

    @property
    def shown(self) -> float:
        """Share of its quality that the frame keeps, 0..1: 1 where nothing is hidden."""
        return float(np.prod(1 - LOSSES * self.covered))


class OnnxFaceEmotion(OnnxModel):
    """An ONNX model over single frames of a face; over an utterance, their geometric mean.

    Its arguments and errors are those of `OnnxModel`.
    """

    signature = SIGNATURE
    width: Final = len(EXPRESSIONS) + 1
    period_ns: Final = PERIOD_NS

    def warm_up(self) -> None:
        """Answer once about a black image."""
        self.run(np.zeros((SIDE, SIDE), np.uint8))

    def run(self, image: Image) -> FaceAnswer:
        """Return what an image of `face_image` shows."""
        scores, covered = self._call({INPUT: image[None].astype(np.float32)})
        return FaceAnswer(np.asarray(scores[0], np.float32), np.asarray(covered[0], np.float32))

    def keep(self, mesh: FaceMesh) -> Image:
        """Return the face as `face_image` does.

        Raises:
            ValueError: the landmarks are broken.
        """
        return face_image(mesh)

    def observe(self, kept: KeptFace) -> FloatArray:
        """Return (9,) logarithms of the probabilities of `EXPRESSIONS`, and the share shown."""
        answer = self.run(kept)
        return np.append(expression_row(answer.scores), np.float32(answer.shown))

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that a face shows over an utterance, as `pool_emotion` does.

        A frame in which eyes or mouth are hidden counts less, and so does the whole where they
        are hidden in most of them.
        """
        uncovered = dataclasses.replace(
            seen, rows=seen.rows[:, :-1], quality=seen.quality * seen.rows[:, -1]
        )
        return pool_emotion(uncovered, self.info)
