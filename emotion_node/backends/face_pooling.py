"""From the expressions in single frames to the emotion that a face shows over an utterance."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from emotion_node.datatypes import FloatArray, ModalityEmotion, ModelInfo, Reason
from emotion_node.faces import FaceSequence
from emotion_node.labels import Modality

MIN_FRAMES: Final = 2
MIN_VISIBILITY: Final = 0.05
"""Mean visibility below which the face is too far away or turned too far."""
FLOOR: Final = 1e-4
"""Minimum probability of an expression in one frame."""


def expression_row(probabilities: FloatArray) -> FloatArray:
    """Return what is kept of a frame: (8,) logarithms of probabilities of at least `FLOOR`.

    Args:
        probabilities: (8,) of the seven labels, and of any other expression.
    """
    return np.asarray(np.log(np.maximum(probabilities, FLOOR)), np.float32)


def pool_emotion(seen: FaceSequence, info: ModelInfo) -> ModalityEmotion:
    """Return the emotion that a face shows over an utterance.

    It is absent when there are too few frames (`too_short`), and when the face is too small or
    turned too far in them, or shows an expression that is none of the seven (`low_confidence`):
    the share of that is left out and lowers the reliability, and above one half there is no
    answer.

    Args:
        seen: rows as `expression_row` makes them.
        info: the model.
    """
    if len(seen.rows) < MIN_FRAMES:
        return ModalityEmotion.absent(Modality.FACE, Reason.TOO_SHORT, model=info)
    visible = float(seen.quality.mean())
    if visible < MIN_VISIBILITY:
        return ModalityEmotion.absent(
            Modality.FACE, Reason.LOW_CONFIDENCE, model=info, reliability=visible
        )
    pooled = pool_expressions(seen)
    other = float(pooled[-1])
    reliability = visible * (1 - other)
    if other > 0.5:
        return ModalityEmotion.absent(
            Modality.FACE, Reason.LOW_CONFIDENCE, model=info, reliability=reliability
        )
    scores = pooled[:-1] / (1 - pooled[-1])
    emotion = ModalityEmotion.from_scores(Modality.FACE, scores, info, len(seen.rows))
    return dataclasses.replace(emotion, reliability=reliability)


def pool_expressions(seen: FaceSequence) -> FloatArray:
    """Return (8,) probabilities over the frames of an utterance.

    They are the geometric mean over the frames, weighted by their quality.
    """
    weights = seen.quality / seen.quality.sum()
    logits = weights @ seen.rows
    scores = np.exp(logits - logits.max())
    return np.asarray(scores / scores.sum(), np.float32)
