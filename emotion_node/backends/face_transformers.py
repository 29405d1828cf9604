"""Emotion from a face by an image classifier of Hugging Face's transformers, run by torch.

Both packages are optional.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from transformers import AutoImageProcessor, AutoModelForImageClassification

from emotion_node.backends.face_image import face_colour_image
from emotion_node.backends.face_pooling import expression_row, pool_emotion
from emotion_node.backends.transformers_classifier import Kind, TransformersClassifier
from emotion_node.config import FaceConfig
from emotion_node.datatypes import NS_PER_S, FloatArray, ModalityEmotion, ModelInfo
from emotion_node.faces import FaceMesh, FaceSequence, KeptFace
from emotion_node.labels import LABELS, Modality

KIND: Final = Kind(
    Modality.FACE, 'an image classifier', AutoModelForImageClassification, AutoImageProcessor
)
SIDE: Final = 224
"""Width and height of the aligned face in pixels; the model's processor scales it."""


class TransformersFaceEmotion:
    """An image classifier over aligned faces; over an utterance, the mean of its frames.

    Labels are mapped to the seven as `TransformersClassifier` does; the others count as an
    expression that is none of the seven. It may be called from several threads.

    Args:
        config: parameters.
        log: takes a sentence about the emotions that it never answers.

    Raises:
        ModelError: as `TransformersClassifier` does.
    """

    width: Final = len(LABELS) + 1
    period_ns: Final = NS_PER_S // 5

    def __init__(self, config: FaceConfig, log: Callable[[str], None]) -> None:
        self._classifier = TransformersClassifier(KIND, config, log)
        self._process: Any = self._classifier.reader
        grey = np.full((SIDE, SIDE, 3), 127, np.uint8)
        self._classifier.check(self._inputs(grey), f'an image of {SIDE}x{SIDE} pixels')

    @property
    def info(self) -> ModelInfo:
        """Name and, of a model from the hub, the beginning of its revision."""
        return self._classifier.info

    def keep(self, mesh: FaceMesh) -> KeptFace:
        """Return the face as `face_colour_image` does.

        Raises:
            ValueError: the landmarks are broken.
        """
        return face_colour_image(mesh, SIDE)

    def observe(self, kept: KeptFace) -> FloatArray:
        """Return (8,) logarithms of the probabilities of the seven labels and of the rest.

        Raises:
            ValueError: the model's output is not finite.
        """
        scores, mapped = self._classifier.emotions(self._inputs(kept))
        return expression_row(np.append(scores, np.float32(max(1.0 - mapped, 0.0))))

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that a face shows over an utterance, as `pool_emotion` does."""
        return pool_emotion(seen, self.info)

    def _inputs(self, image: npt.NDArray[np.uint8]) -> dict[str, Any]:
        return dict(self._process(images=image, return_tensors='pt'))
