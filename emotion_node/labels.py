"""The seven emotion labels, in the one order used everywhere, on the circumplex.

The labels are MELD's (Poria et al., 2019): Ekman's six basic emotions and neutral.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

LABELS: Final = ('neutral', 'joy', 'sadness', 'anger', 'surprise', 'fear', 'disgust')
"""Every array of scores in this package has one entry per label, in this order."""

NEUTRAL: Final = LABELS[0]

CIRCUMPLEX: Final[Mapping[str, tuple[float, float]]] = {
    'neutral': (0.0, 0.0),
    'joy': (0.76, 0.48),
    'sadness': (-0.63, -0.27),
    'anger': (-0.51, 0.59),
    'surprise': (0.40, 0.67),
    'fear': (-0.64, 0.60),
    'disgust': (-0.60, 0.35),
}
"""(valence, arousal) per label, each in -1..1.

The mean pleasure and arousal ratings of the words joyful, sad, angry, surprised, fearful and
disgusted in Russell and Mehrabian, "Evidence for a three-factor theory of emotions", Journal of
Research in Personality 11 (1977), rounded to two digits. Neutral is the origin by definition.
"""

_POSITIONS: Final = np.array([CIRCUMPLEX[label] for label in LABELS])


class Modality(enum.StrEnum):
    """Where a piece of evidence comes from."""

    TEXT = 'text'
    VOICE = 'voice'
    FACE = 'face'


MODALITIES: Final = (Modality.TEXT, Modality.VOICE, Modality.FACE)
"""The order in which the modalities are listed everywhere."""


def valence_arousal(scores: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return the expected position on the circumplex for a distribution over the labels.

    Args:
        scores: (7,) probabilities in the order of `LABELS`.

    Returns:
        Valence and arousal, each in -1..1.
    """
    valence, arousal = scores @ _POSITIONS
    return float(valence), float(arousal)
